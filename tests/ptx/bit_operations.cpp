// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Copies, and operations on the bits of registers and on predicates.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "decoder.hpp"

namespace ptx {
namespace {

// ---------------------------------------------------------------------------------------------------------- predicates

/// Lanes in which the nth source is true
Lanes predicate(Warp const& warp, Instruction const& instruction, int n) {
  return warp.predicates[static_cast<std::size_t>(instruction.predicate_sources[n])];
}

void set_predicate(Warp& warp, Instruction const& instruction, Lanes lanes, Lanes values) {
  Lanes& destination = warp.predicates[static_cast<std::size_t>(instruction.predicate_destination)];
  destination = (destination & ~lanes) | (values & lanes);
}

struct And {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct Exclusive {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};

template <class Operation>
void combine_predicates(Warp& warp, Instruction const& instruction, Lanes lanes) {
  Lanes const a = predicate(warp, instruction, 0), b = predicate(warp, instruction, 1);
  set_predicate(warp, instruction, lanes, Operation::apply(a, b));
}

void negate_predicate(Warp& warp, Instruction const& instruction, Lanes lanes) {
  set_predicate(warp, instruction, lanes, ~predicate(warp, instruction, 0));
}

void copy_predicate(Warp& warp, Instruction const& instruction, Lanes lanes) {
  set_predicate(warp, instruction, lanes, predicate(warp, instruction, 0));
}

void decode_predicates(Decoder& decoder, std::size_t sources, Handler handler) {
  Instruction& instruction = decoder.instruction;
  instruction.predicate_destination = decoder.registers.predicate(decoder.operand(0));
  for (std::size_t n = 1; n <= sources; ++n) {
    decoder.add_predicate_source(decoder.operand(n));
  }
  instruction.run = handler;
}

// --------------------------------------------------------------------------------------------------------------- logic

template <class Operation, class T>
void combine_bits(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_two<T, T>(warp, instruction, lanes, [](T a, T b) { return Operation::apply(a, b); });
}

template <class Operation>
void decode_logic(Decoder& decoder) {
  if (decoder.instruction.type == Type::predicate) {
    decode_predicates(decoder, 2, combine_predicates<Operation>);
  } else {
    decoder.set_operands(3, for_bits(decoder.instruction.bytes,
                                     [](auto value) -> Handler { return combine_bits<Operation, decltype(value)>; }));
  }
}

template <class T>
void negate_bits(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<T, T>(warp, instruction, lanes, [](T a) { return static_cast<T>(~a); });
}

void decode_not(Decoder& decoder) {
  if (decoder.instruction.type == Type::predicate) {
    decode_predicates(decoder, 1, negate_predicate);
  } else {
    decoder.set_operands(
      2, for_bits(decoder.instruction.bytes, [](auto value) -> Handler { return negate_bits<decltype(value)>; }));
  }
}

/// lop3: bit 4 a + 2 b + c of the table is the result for these bits.
void combine_three(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto const table = static_cast<std::uint32_t>(warp.registers[instruction.sources[3]][0]);
  apply_to_three<std::uint32_t, std::uint32_t, std::uint32_t>(
    warp, instruction, lanes, [=](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
      std::uint32_t result = 0;
      for (std::uint32_t row = 0; row < 8; ++row) {
        if ((table >> row & 1) != 0) {
          result |= ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) & ((row & 1) != 0 ? c : ~c);
        }
      }
      return result;
    });
}

void decode_lop3(Decoder& decoder) {
  decoder.set_operands(5, decoder.instruction.bytes == 4 ? combine_three : nullptr);
}

// -------------------------------------------------------------------------------------------------------------- shifts

/// Distances beyond the size shift everything out.
template <class T>
void shift_left(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_two<T, std::uint64_t>(warp, instruction, lanes, [](std::uint64_t a, std::uint64_t b) {
    auto const distance = static_cast<std::uint32_t>(b);
    return static_cast<T>(distance >= 8 * sizeof(T) ? 0 : a << distance);
  });
}

template <class T>
void shift_right(Warp& warp, Instruction const& instruction, Lanes lanes) {
  constexpr std::uint32_t most = 8 * sizeof(T) - 1;
  apply_to_two<T, std::uint64_t>(warp, instruction, lanes, [](std::uint64_t a, std::uint64_t b) {
    auto const distance = static_cast<std::uint32_t>(b);
    T const value = value_of<T>(a);
    if (distance > most) {
      return static_cast<T>(value < 0 ? -1 : 0);
    }
    return static_cast<T>(value >> distance);
  });
}

void decode_shift_left(Decoder& decoder) {
  decoder.set_operands(
    3, for_bits(decoder.instruction.bytes, [](auto value) -> Handler { return shift_left<decltype(value)>; }));
}

void decode_shift_right(Decoder& decoder) {
  decoder.set_operands(
    3, for_integer(decoder.instruction.type, [](auto value) -> Handler { return shift_right<decltype(value)>; }));
}

/// shf: 32 of the 64 bits of b:a.
template <bool is_left, bool clamps>
void funnel_shift(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_three<std::uint32_t, std::uint32_t, std::uint32_t>(
    warp, instruction, lanes, [](std::uint32_t low, std::uint32_t high, std::uint32_t distance) {
      std::uint64_t const both = std::uint64_t{high} << 32 | low;
      std::uint32_t const by = clamps ? std::min(distance, std::uint32_t{32}) : distance & 31;
      return static_cast<std::uint32_t>(is_left ? both << by >> 32 : both >> by);
    });
}

void decode_funnel_shift(Decoder& decoder) {
  bool const is_left = decoder.take("l"), clamps = decoder.take("clamp");
  if (!is_left) {
    decoder.require({"r"});
  }
  if (!clamps) {
    decoder.require({"wrap"});
  }
  Handler const left = clamps ? funnel_shift<true, true> : funnel_shift<true, false>;
  Handler const right = clamps ? funnel_shift<false, true> : funnel_shift<false, false>;
  decoder.set_operands(4, is_left ? left : right);
}

// ----------------------------------------------------------------------------------------------------- fields and counts

/// bfi: puts `length` bits of a into b from `position` on.
template <class T>
void insert_bits(Warp& warp, Instruction const& instruction, Lanes lanes) {
  constexpr std::uint32_t size = 8 * sizeof(T);
  auto const& sources = instruction.sources;
  for_each_lane(lanes, [&](int lane) {
    auto const a = value_of<T>(warp.registers[sources[0]][lane]), b = value_of<T>(warp.registers[sources[1]][lane]);
    std::uint32_t const position = warp.registers[sources[2]][lane] & 0xff;
    std::uint32_t const length = warp.registers[sources[3]][lane] & 0xff;
    T result = b;
    if (position < size) {
      T const field = length >= size ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1);
      T const mask = static_cast<T>(field << position);
      result = static_cast<T>((b & ~mask) | (static_cast<T>(a << position) & mask));
    }
    warp.registers[instruction.destinations[0]][lane] = bits_of(result);
  });
}

/// bfe: `length` bits of a from `position` on, the upper ones filled with the sign.
template <class T>
void extract_bits(Warp& warp, Instruction const& instruction, Lanes lanes) {
  constexpr int size = 8 * sizeof(T);
  auto const& sources = instruction.sources;
  for_each_lane(lanes, [&](int lane) {
    T const a = value_of<T>(warp.registers[sources[0]][lane]);
    int const position = static_cast<int>(warp.registers[sources[1]][lane] & 0xff);
    int const length = static_cast<int>(warp.registers[sources[2]][lane] & 0xff);
    auto const bit = [&](int n) { return static_cast<std::uint64_t>(a) >> n & 1; };
    std::uint64_t result = 0;
    if (length > 0) {
      std::uint64_t const sign = std::is_signed_v<T> ? bit(std::min(position + length - 1, size - 1)) : 0;
      for (int n = 0; n < size; ++n) {
        result |= (n < length && position + n < size ? bit(position + n) : sign) << n;
      }
    }
    warp.registers[instruction.destinations[0]][lane] = result;
  });
}

void decode_insert(Decoder& decoder) {
  decoder.set_operands(5, decoder.instruction.bytes == 8   ? insert_bits<std::uint64_t>
                          : decoder.instruction.bytes == 4 ? insert_bits<std::uint32_t>
                                                           : nullptr);
}

void decode_extract(Decoder& decoder) {
  decoder.set_operands(
    4, decoder.instruction.bytes < 4 ? nullptr : for_integer(decoder.instruction.type, [](auto value) -> Handler {
      return extract_bits<decltype(value)>;
    }));
}

/// prmt: each 4 bits of the selector choose one of the 8 bytes of b:a, or its sign.
void permute_bytes(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_three<std::uint32_t, std::uint32_t, std::uint32_t>(
    warp, instruction, lanes, [](std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
      std::uint64_t const both = std::uint64_t{b} << 32 | a;
      std::uint32_t result = 0;
      for (std::uint32_t n = 0; n < 4; ++n) {
        std::uint32_t const choice = selector >> (4 * n) & 15;
        std::uint32_t byte = static_cast<std::uint32_t>(both >> (8 * (choice & 7))) & 0xff;
        if ((choice & 8) != 0) {
          byte = (byte & 0x80) != 0 ? 0xff : 0;
        }
        result |= byte << (8 * n);
      }
      return result;
    });
}

void decode_permute(Decoder& decoder) {
  decoder.set_operands(4, decoder.instruction.bytes == 4 ? permute_bytes : nullptr);
}

template <class T>
int leading_zeros(T value) {
  return value == 0 ? static_cast<int>(8 * sizeof(T)) : __builtin_clzll(value) - static_cast<int>(64 - 8 * sizeof(T));
}

template <class T>
void count_ones(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<std::uint32_t, T>(warp, instruction, lanes,
                                 [](T a) { return static_cast<std::uint32_t>(__builtin_popcountll(a)); });
}

template <class T>
void count_leading_zeros(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<std::uint32_t, T>(warp, instruction, lanes,
                                 [](T a) { return static_cast<std::uint32_t>(leading_zeros(a)); });
}

template <class T>
void reverse_bits(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<T, T>(warp, instruction, lanes, [](T a) {
    T result = 0;
    for (std::size_t n = 0; n < 8 * sizeof(T); ++n) {
      result = static_cast<T>(result << 1 | (a >> n & 1));
    }
    return result;
  });
}

/// bfind: position of the highest bit that differs from the sign, -1 if there is none; or how far to shift it up.
template <class T, bool is_distance>
void find_leading_bit(Warp& warp, Instruction const& instruction, Lanes lanes) {
  using Unsigned = std::make_unsigned_t<T>;
  constexpr int top = 8 * sizeof(T) - 1;
  apply_to_one<std::uint32_t, T>(warp, instruction, lanes, [](T a) {
    auto const bits = static_cast<Unsigned>(a < 0 ? ~a : a);
    int const position = top - leading_zeros(bits);
    return static_cast<std::uint32_t>(position < 0 ? -1 : is_distance ? top - position : position);
  });
}

void decode_count_ones(Decoder& decoder) {
  decoder.set_operands(2, decoder.instruction.bytes == 8   ? count_ones<std::uint64_t>
                          : decoder.instruction.bytes == 4 ? count_ones<std::uint32_t>
                                                           : nullptr);
}

void decode_count_leading_zeros(Decoder& decoder) {
  decoder.set_operands(2, decoder.instruction.bytes == 8   ? count_leading_zeros<std::uint64_t>
                          : decoder.instruction.bytes == 4 ? count_leading_zeros<std::uint32_t>
                                                           : nullptr);
}

void decode_reverse(Decoder& decoder) {
  decoder.set_operands(2, decoder.instruction.bytes == 8   ? reverse_bits<std::uint64_t>
                          : decoder.instruction.bytes == 4 ? reverse_bits<std::uint32_t>
                                                           : nullptr);
}

void decode_find(Decoder& decoder) {
  bool const is_distance = decoder.take("shiftamt");
  decoder.set_operands(2, for_integer(decoder.instruction.type, [=](auto value) -> Handler {
                         using T = decltype(value);
                         return is_distance ? find_leading_bit<T, true> : find_leading_bit<T, false>;
                       }));
}

// -------------------------------------------------------------------------------------------------------------- copies

template <class T>
void copy(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<T, T>(warp, instruction, lanes, [](T a) { return a; });
}

std::uint64_t low_bits(int count) { return count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1; }

/// mov.b64 {a, b}, c
void unpack(Warp& warp, Instruction const& instruction, Lanes lanes) {
  int const bits = instruction.bytes * 8 / instruction.destination_count;
  for_each_lane(lanes, [&](int lane) {
    std::uint64_t const whole = warp.registers[instruction.sources[0]][lane];
    for (int n = 0; n < instruction.destination_count; ++n) {
      warp.registers[instruction.destinations[n]][lane] = whole >> (bits * n) & low_bits(bits);
    }
  });
}

/// mov.b64 c, {a, b}
void pack(Warp& warp, Instruction const& instruction, Lanes lanes) {
  int const bits = instruction.bytes * 8 / instruction.source_count;
  for_each_lane(lanes, [&](int lane) {
    std::uint64_t whole = 0;
    for (int n = 0; n < instruction.source_count; ++n) {
      whole |= (warp.registers[instruction.sources[n]][lane] & low_bits(bits)) << (bits * n);
    }
    warp.registers[instruction.destinations[0]][lane] = whole;
  });
}

void decode_move(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (instruction.type == Type::predicate) {
    decode_predicates(decoder, 1, copy_predicate);
    return;
  }
  instruction.passes_undefined = true;
  auto const destinations = decoder.vector(0), sources = decoder.vector(1);
  for (std::string_view const name : destinations) {
    decoder.add_destination(name);
  }
  for (std::string_view const name : sources) {
    decoder.add_source(name);
  }
  if (destinations.size() > 1 && sources.size() == 1) {
    instruction.run = unpack;
  } else if (destinations.size() == 1 && sources.size() > 1) {
    instruction.run = pack;
  } else if (destinations.size() == 1 && sources.size() == 1) {
    instruction.run = for_bits(instruction.bytes, [](auto value) -> Handler { return copy<decltype(value)>; });
  }
}

}  // namespace

void add_bit_operations(DecodeTable& table) {
  table["and"] = decode_logic<And>;
  table["or"] = decode_logic<Or>;
  table["xor"] = decode_logic<Exclusive>;
  table["not"] = decode_not;
  table["lop3"] = decode_lop3;
  table["shl"] = decode_shift_left;
  table["shr"] = decode_shift_right;
  table["shf"] = decode_funnel_shift;
  table["bfi"] = decode_insert;
  table["bfe"] = decode_extract;
  table["prmt"] = decode_permute;
  table["popc"] = decode_count_ones;
  table["clz"] = decode_count_leading_zeros;
  table["brev"] = decode_reverse;
  table["bfind"] = decode_find;
  table["mov"] = decode_move;
}

}  // namespace ptx
