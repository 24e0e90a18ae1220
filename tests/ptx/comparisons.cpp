// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// setp, which compares, and selp, which chooses.

#include <cstdint>
#include <type_traits>

#include "decoder.hpp"

namespace ptx {
namespace {

// With a NaN, the comparisons of two letters are false and those that end with u are true.
struct Equal {
  template <class T>
  static bool apply(T a, T b) {
    return a == b;
  }
};
struct Unequal {
  template <class T>
  static bool apply(T a, T b) {
    return a < b || a > b;
  }
};
struct Less {
  template <class T>
  static bool apply(T a, T b) {
    return a < b;
  }
};
struct LessOrEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  static bool apply(T a, T b) {
    return a > b;
  }
};
struct GreaterOrEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a >= b;
  }
};
struct BothNumbers {
  template <class T>
  static bool apply(T a, T b) {
    return a == a && b == b;
  }
};
template <class Operation>
struct Not {
  template <class T>
  static bool apply(T a, T b) {
    return !Operation::apply(a, b);
  }
};

Lanes combined(Combination combination, Lanes comparison, Lanes other) {
  switch (combination) {
    case Combination::conjunction:
      return comparison & other;
    case Combination::disjunction:
      return comparison | other;
    case Combination::exclusive:
      return comparison ^ other;
    default:
      return comparison;
  }
}

template <class Operation, class T>
void compare(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto const& a = warp.registers[instruction.sources[0]];
  auto const& b = warp.registers[instruction.sources[1]];
  Lanes comparison = 0;
  for_each_lane(lanes, [&](int lane) {
    bool const is_true = Operation::apply(value_of<T>(a[lane]), value_of<T>(b[lane]));
    comparison |= Lanes{is_true} << lane;
  });
  Lanes other = 0;
  if (instruction.combination != Combination::none) {
    other = warp.predicates[static_cast<std::size_t>(instruction.predicate_sources[0])];
    other = instruction.combined_is_negated ? ~other : other;
  }
  auto const set = [&](int predicate, Lanes values) {
    Lanes& destination = warp.predicates[static_cast<std::size_t>(predicate)];
    destination = (destination & ~lanes) | (combined(instruction.combination, values, other) & lanes);
  };
  set(instruction.predicate_destination, comparison);
  if (instruction.complement_destination >= 0) {
    set(instruction.complement_destination, ~comparison);
  }
}

template <class T>
Handler comparison_of(std::string_view name) {
  struct Entry {
    std::string_view name;
    Handler handler;
  };
  if constexpr (std::is_floating_point_v<T>) {
    static constexpr Entry entries[] = {{"eq", compare<Equal, T>},
                                        {"ne", compare<Unequal, T>},
                                        {"lt", compare<Less, T>},
                                        {"le", compare<LessOrEqual, T>},
                                        {"gt", compare<Greater, T>},
                                        {"ge", compare<GreaterOrEqual, T>},
                                        {"equ", compare<Not<Unequal>, T>},
                                        {"neu", compare<Not<Equal>, T>},
                                        {"ltu", compare<Not<GreaterOrEqual>, T>},
                                        {"leu", compare<Not<Greater>, T>},
                                        {"gtu", compare<Not<LessOrEqual>, T>},
                                        {"geu", compare<Not<Less>, T>},
                                        {"num", compare<BothNumbers, T>},
                                        {"nan", compare<Not<BothNumbers>, T>}};
    for (Entry const& entry : entries) {
      if (entry.name == name) {
        return entry.handler;
      }
    }
  } else {
    static constexpr Entry entries[] = {{"eq", compare<Equal, T>},          {"ne", compare<Unequal, T>},
                                        {"lt", compare<Less, T>},           {"lo", compare<Less, T>},
                                        {"le", compare<LessOrEqual, T>},    {"ls", compare<LessOrEqual, T>},
                                        {"gt", compare<Greater, T>},        {"hi", compare<Greater, T>},
                                        {"ge", compare<GreaterOrEqual, T>}, {"hs", compare<GreaterOrEqual, T>}};
    for (Entry const& entry : entries) {
      if (entry.name == name) {
        return entry.handler;
      }
    }
  }
  return nullptr;
}

void decode_setp(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  std::string_view const name = decoder.take_first();
  auto const [predicate, complement] = decoder.pair(0);
  instruction.predicate_destination = decoder.registers.predicate(predicate);
  if (!complement.empty()) {
    instruction.complement_destination = decoder.registers.predicate(complement);
  }
  decoder.add_source(decoder.operand(1));
  decoder.add_source(decoder.operand(2));
  if (decoder.take("and")) {
    instruction.combination = Combination::conjunction;
  } else if (decoder.take("or")) {
    instruction.combination = Combination::disjunction;
  } else if (decoder.take("xor")) {
    instruction.combination = Combination::exclusive;
  }
  if (instruction.combination != Combination::none) {
    decoder.add_combined_predicate(decoder.operand(3));
  }
  auto const choose = [name = name](auto value) { return comparison_of<decltype(value)>(name); };
  instruction.run = decoder.is_float() ? for_float(instruction.type, choose) : for_integer(instruction.type, choose);
}

template <class T>
void select(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto& result = warp.registers[instruction.destinations[0]];
  auto const& a = warp.registers[instruction.sources[0]];
  auto const& b = warp.registers[instruction.sources[1]];
  Lanes const chosen = warp.predicates[static_cast<std::size_t>(instruction.predicate_sources[0])];
  for_each_lane(lanes,
                [&](int lane) { result[lane] = bits_of(value_of<T>((chosen >> lane & 1) != 0 ? a[lane] : b[lane])); });
}

void decode_selp(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  decoder.add_destination(decoder.operand(0));
  decoder.add_source(decoder.operand(1));
  decoder.add_source(decoder.operand(2));
  decoder.add_predicate_source(decoder.operand(3));
  instruction.run = for_bits(instruction.bytes, [](auto value) -> Handler { return select<decltype(value)>; });
}

}  // namespace

void add_comparisons(DecodeTable& table) {
  table["setp"] = decode_setp;
  table["selp"] = decode_selp;
}

}  // namespace ptx
