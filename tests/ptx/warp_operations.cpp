// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Barriers, and instructions in which lanes see each other. When the handlers here are called, all lanes that the mask
/// asks for are there; execution.cpp sees to it.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "decoder.hpp"
#include "report.hpp"

namespace ptx {
namespace {

enum class ShuffleMode { exclusive, index, up, down };
enum class VoteMode { all, any, uniform, ballot };

void set_lanes(Lanes& destination, Lanes lanes, Lanes values) {
  destination = (destination & ~lanes) | (values & lanes);
}

/// shfl: the clamp holds the first or last lane of a segment in bits 0 to 4, and the segments' mask in bits 8 to 12.
void shuffle(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto const& values = warp.registers[instruction.sources[0]];
  auto const mode = static_cast<ShuffleMode>(instruction.mode);
  RegisterValues results;
  Lanes in_range = 0;
  for_each_lane(lanes, [&](int lane) {
    int const distance = static_cast<int>(warp.registers[instruction.sources[1]][lane] & 31);
    int const clamp = static_cast<int>(warp.registers[instruction.sources[2]][lane]);
    int const segment = clamp >> 8 & 31;
    int const limit = (lane & segment) | (clamp & 31 & ~segment);
    int source = lane;
    bool is_in_range = true;
    switch (mode) {
      case ShuffleMode::exclusive:
        source = lane ^ distance;
        is_in_range = source <= limit;
        break;
      case ShuffleMode::index:
        source = (lane & segment) | (distance & ~segment);
        is_in_range = source <= limit;
        break;
      case ShuffleMode::up:
        source = lane - distance;
        is_in_range = source >= limit;
        break;
      case ShuffleMode::down:
        source = lane + distance;
        is_in_range = source <= limit;
        break;
    }
    if (!is_in_range) {
      source = lane;
    }
    if ((lanes >> source & 1) == 0) {
      report(Check::shuffle, "lane " + std::to_string(lane) + " takes the value of lane " + std::to_string(source) +
                               ", which does not take part" + where(warp));
    }
    results[lane] = values[source];
    in_range |= Lanes{is_in_range} << lane;
  });
  for_each_lane(lanes, [&](int lane) { warp.registers[instruction.destinations[0]][lane] = results[lane]; });
  if (instruction.predicate_destination >= 0) {
    set_lanes(warp.predicates[static_cast<std::size_t>(instruction.predicate_destination)], lanes, in_range);
  }
}

void vote(Warp& warp, Instruction const& instruction, Lanes lanes) {
  Lanes values = warp.predicates[static_cast<std::size_t>(instruction.predicate_sources[0])];
  values = (instruction.combined_is_negated ? ~values : values) & lanes;
  auto const mode = static_cast<VoteMode>(instruction.mode);
  if (mode == VoteMode::ballot) {
    for_each_lane(lanes, [&](int lane) { warp.registers[instruction.destinations[0]][lane] = values; });
    return;
  }
  bool const result = mode == VoteMode::all   ? values == lanes
                      : mode == VoteMode::any ? values != 0
                                              : values == lanes || values == 0;
  set_lanes(warp.predicates[static_cast<std::size_t>(instruction.predicate_destination)], lanes,
            result ? lanes : Lanes{0});
}

template <class T>
Lanes lanes_with(Warp const& warp, Instruction const& instruction, Lanes lanes, T value) {
  Lanes equal = 0;
  for_each_lane(lanes, [&](int lane) {
    equal |= Lanes{value_of<T>(warp.registers[instruction.sources[0]][lane]) == value} << lane;
  });
  return equal;
}

/// For each lane those that have its value; match.all: none if not all have the same.
template <class T, bool is_all>
void match(Warp& warp, Instruction const& instruction, Lanes lanes) {
  RegisterValues results;
  for_each_lane(lanes, [&](int lane) {
    Lanes const equal =
      lanes_with<T>(warp, instruction, lanes, value_of<T>(warp.registers[instruction.sources[0]][lane]));
    results[lane] = is_all && equal != lanes ? 0 : equal;
  });
  Lanes const first = static_cast<Lanes>(results[__builtin_ctz(lanes)]);
  for_each_lane(lanes, [&](int lane) { warp.registers[instruction.destinations[0]][lane] = results[lane]; });
  if (instruction.predicate_destination >= 0) {
    set_lanes(warp.predicates[static_cast<std::size_t>(instruction.predicate_destination)], lanes,
              first != 0 ? lanes : Lanes{0});
  }
}

struct Sum {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
  }
};
struct Least {
  template <class T>
  static T apply(T a, T b) {
    return std::min(a, b);
  }
};
struct Greatest {
  template <class T>
  static T apply(T a, T b) {
    return std::max(a, b);
  }
};
struct BitAnd {
  template <class T>
  static T apply(T a, T b) {
    return a & b;
  }
};
struct BitOr {
  template <class T>
  static T apply(T a, T b) {
    return a | b;
  }
};
struct BitExclusive {
  template <class T>
  static T apply(T a, T b) {
    return a ^ b;
  }
};

template <class Operation, class T>
void reduce(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto const& values = warp.registers[instruction.sources[0]];
  int const first = __builtin_ctz(lanes);
  T result = value_of<T>(values[first]);
  for_each_lane(lanes & ~(Lanes{1} << first),
                [&](int lane) { result = Operation::apply(result, value_of<T>(values[lane])); });
  for_each_lane(lanes, [&](int lane) { warp.registers[instruction.destinations[0]][lane] = bits_of(result); });
}

void get_active_lanes(Warp& warp, Instruction const& instruction, Lanes lanes) {
  for_each_lane(lanes, [&](int lane) { warp.registers[instruction.destinations[0]][lane] = lanes; });
}

void decode_shuffle(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::warp_exchange;
  decoder.require({"sync"});
  ShuffleMode const mode = decoder.take("bfly")  ? ShuffleMode::exclusive
                           : decoder.take("idx") ? ShuffleMode::index
                           : decoder.take("up")  ? ShuffleMode::up
                                                 : ShuffleMode::down;
  if (mode == ShuffleMode::down) {
    decoder.require({"down"});
  }
  instruction.mode = static_cast<int>(mode);
  auto const [destination, predicate] = decoder.pair(0);
  decoder.add_destination(destination);
  if (!predicate.empty()) {
    instruction.predicate_destination = decoder.registers.predicate(predicate);
  }
  for (std::size_t n = 1; n <= 4; ++n) {
    decoder.add_source(decoder.operand(n));
  }
  instruction.run = instruction.bytes == 4 ? shuffle : nullptr;
}

void decode_vote(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::warp_exchange;
  decoder.require({"sync"});
  VoteMode const mode = decoder.take("all")   ? VoteMode::all
                        : decoder.take("any") ? VoteMode::any
                        : decoder.take("uni") ? VoteMode::uniform
                                              : VoteMode::ballot;
  if (mode == VoteMode::ballot) {
    decoder.require({"ballot"});
    decoder.add_destination(decoder.operand(0));
  } else {
    instruction.predicate_destination = decoder.registers.predicate(decoder.operand(0));
  }
  instruction.mode = static_cast<int>(mode);
  decoder.add_combined_predicate(decoder.operand(1));
  decoder.add_source(decoder.operand(2));
  instruction.run = vote;
}

void decode_match(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::warp_exchange;
  decoder.require({"sync"});
  bool const is_all = decoder.take("all");
  if (!is_all) {
    decoder.require({"any"});
  }
  auto const [destination, predicate] = decoder.pair(0);
  decoder.add_destination(destination);
  if (!predicate.empty()) {
    instruction.predicate_destination = decoder.registers.predicate(predicate);
  }
  decoder.add_source(decoder.operand(1));
  decoder.add_source(decoder.operand(2));
  if (instruction.bytes == 8) {
    instruction.run = is_all ? match<std::uint64_t, true> : match<std::uint64_t, false>;
  } else if (instruction.bytes == 4) {
    instruction.run = is_all ? match<std::uint32_t, true> : match<std::uint32_t, false>;
  }
}

template <class Operation>
Handler reduction(Type type) {
  return type == Type::s32 ? reduce<Operation, std::int32_t> : reduce<Operation, std::uint32_t>;
}

void decode_reduction(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  Type const type = instruction.type;
  decoder.require({"sync"});
  Handler handler = decoder.take("add")   ? reduction<Sum>(type)
                    : decoder.take("min") ? reduction<Least>(type)
                    : decoder.take("max") ? reduction<Greatest>(type)
                    : decoder.take("and") ? reduction<BitAnd>(type)
                    : decoder.take("or")  ? reduction<BitOr>(type)
                    : decoder.take("xor") ? reduction<BitExclusive>(type)
                                          : nullptr;
  decoder.set_operands(3, instruction.bytes == 4 && type != Type::f32 ? handler : nullptr);
  instruction.kind = Kind::warp_exchange;
}

void decode_active_mask(Decoder& decoder) { decoder.set_operands(1, get_active_lanes); }

/// bar.sync a{, b}; bar.red.operation.type result, a{, b}, p; bar.arrive a, b; bar.warp.sync mask
void decode_barrier(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (decoder.take("warp")) {
    decoder.require({"sync"});
    instruction.kind = Kind::warp_barrier;
    decoder.add_source(decoder.operand(0));
    return;
  }
  instruction.kind = Kind::block_barrier;
  decoder.take_any({"cta", "aligned"});
  std::size_t operand = 0, end = decoder.operand_count();
  instruction.combination = Combination::none;
  if (decoder.take("red")) {
    instruction.combination = decoder.take("and")    ? Combination::conjunction
                              : decoder.take("or")   ? Combination::disjunction
                              : decoder.take("popc") ? Combination::count
                                                     : Combination::none;
    if (instruction.combination == Combination::none) {
      throw std::runtime_error("unknown reduction of a barrier");
    }
    if (instruction.combination == Combination::count) {
      decoder.add_destination(decoder.operand(operand++));
    } else {
      instruction.predicate_destination = decoder.registers.predicate(decoder.operand(operand++));
    }
    decoder.add_combined_predicate(decoder.operand(--end));
  } else if (decoder.take("arrive")) {
    instruction.mode = 1;
  } else {
    decoder.require({"sync"});
  }
  for (; operand < end; ++operand) {
    decoder.add_source(decoder.operand(operand));
  }
  if (instruction.source_count < 1 || instruction.source_count > 2) {
    throw std::runtime_error("unknown operands of a barrier");
  }
}

}  // namespace

void add_warp_operations(DecodeTable& table) {
  table["shfl"] = decode_shuffle;
  table["vote"] = decode_vote;
  table["match"] = decode_match;
  table["redux"] = decode_reduction;
  table["activemask"] = decode_active_mask;
  table["bar"] = decode_barrier;
  table["barrier"] = decode_barrier;
}

}  // namespace ptx
