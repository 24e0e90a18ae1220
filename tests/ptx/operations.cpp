// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What lanes do each for themselves: arithmetic, bits, comparisons, conversions and copies. Built without contraction: a
/// product and a sum are not fused unless the PTX says so.

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>

#include "decoder.hpp"

namespace ptx {
namespace {

using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;
template <class T>
using Wide = std::conditional_t<std::is_signed_v<T>, int128, uint128>;
template <class T>
constexpr int bits_in = 8 * sizeof(T);

constexpr auto numbers = Integers{} + Floats{};

// ---------------------------------------------------------------------------------------------------------- arithmetic

/// Integers wrap around: their sums and products are taken in unsigned 64 bits.
template <class T>
auto wrapping(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return value;
  } else {
    return static_cast<u64>(value);
  }
}

/// -0 of 0.0, and the least integer of itself
template <class T>
auto negative(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return -value;
  } else {
    return 0 - wrapping(value);
  }
}

constexpr auto product = [](auto a, auto b) { return wrapping(a) * wrapping(b); };
constexpr auto product_sum = [](auto a, auto b, auto c) { return wrapping(a) * wrapping(b) + wrapping(c); };
constexpr auto high_product = [](auto a, auto b) {
  using W = Wide<decltype(a)>;
  return static_cast<decltype(a)>(static_cast<W>(a) * static_cast<W>(b) >> bits_in<decltype(a)>);
};

constexpr auto quotient = [](auto a, auto b) {
  using T = decltype(a);
  if constexpr (std::is_floating_point_v<T>) {
    return a / b;
  } else {
    bool const is_negation = std::is_signed_v<T> && b == static_cast<T>(-1);  // which may overflow
    return b == 0 ? ~u64{0} : is_negation ? negative(a) : wrapping<T>(static_cast<T>(a / b));
  }
};

constexpr auto remainder = [](auto a, auto b) {
  using T = decltype(a);
  bool const is_of_negation = std::is_signed_v<T> && b == static_cast<T>(-1);
  return b == 0 ? a : is_of_negation ? T{0} : static_cast<T>(a % b);
};

/// The one that is_before(a, b) prefers; of a number and a NaN the number; -0 is less than 0.
template <class T, class Compare>
T extreme(T a, T b, Compare is_before) {
  if constexpr (std::is_floating_point_v<T>) {
    return b != b || is_before(a, b) || (a == b && is_before(std::signbit(b), std::signbit(a))) ? a : b;
  } else {
    return is_before(a, b) ? a : b;
  }
}

template <class T, std::size_t>
using Same = T;
using One = std::index_sequence<0>;
using Two = std::index_sequence<0, 1>;
using Three = std::index_sequence<0, 1, 2>;

/// Decoder of opcodes for the types of a list: make(T{}) is the handler for T.
template <class List, class Make>
Decode for_types(std::size_t operands, List list, Make make) {
  return [=](Decoder& decoder) { decoder.set_operands(operands, handler_for(decoder.instruction.type, list, make)); };
}

/// All operands are of the opcode's type. Rounds to the nearest.
template <class List, class Operation, std::size_t... n>
Decode of_one_type(std::index_sequence<n...>, List list, Operation operation) {
  auto const decode = for_types(1 + sizeof...(n), list, [=](auto value) {
    return lanewise<decltype(value), Same<decltype(value), n>...>(operation);
  });
  return [=](Decoder& decoder) {
    if (decoder.instruction.type.is_float()) {
      decoder.take("rn");
    }
    decode(decoder);
  };
}

/// A device's approximations differ in the last bits. Of a double they have no more digits than a float.
template <class Operation>
Decode reciprocal_of(Operation operation) {
  return [=](Decoder& decoder) {
    if (decoder.take("approx")) {
      decoder.take(decoder.instruction.type.bytes == 8 ? "ftz" : "approx");  // a double has .ftz always
      of_one_type(One{}, Floats{}, [=](auto a) { return static_cast<float>(1 / operation(a)); })(decoder);
    } else {
      of_one_type(One{}, Floats{}, [=](auto a) { return 1 / operation(a); })(decoder);
    }
  };
}

/// Products of narrow integers with twice the bits, and sums of such with a third source
Handler wide_product(Type type) {
  return handler_for(type, TypeList<u16, std::int16_t, u32, std::int32_t>{},
                     [](auto value) { return lanewise<u64, decltype(value), decltype(value)>(product); });
}
Handler wide_product_sum(Type type) {
  return handler_for(type, TypeList<u16, std::int16_t, u32, std::int32_t>{}, [](auto value) {
    return lanewise<u64, decltype(value), decltype(value), u64>(product_sum);  // of whose low bits 32 or all count
  });
}

void decode_multiply(Decoder& decoder) {
  if (decoder.take("wide")) {
    decoder.set_operands(3, wide_product(decoder.instruction.type));
  } else if (decoder.take("hi")) {
    of_one_type(Two{}, Integers{}, high_product)(decoder);
  } else {
    require(decoder.instruction.type.is_float() || decoder.take("lo"), "unknown variant of an opcode");
    of_one_type(Two{}, numbers, product)(decoder);
  }
}

/// std::fma is a call where the compiler may not count on the processor to have the instruction. This is inlined where it
/// may.
template <class T>
__attribute__((always_inline)) inline void fuse_in_lanes(Warp& warp, Instruction const& instruction, Lanes lanes) {
  std::uint64_t* const result = warp.registers[instruction.destinations[0]].values;
  std::uint64_t const* const a = warp.registers[instruction.sources[0]].values;
  std::uint64_t const* const b = warp.registers[instruction.sources[1]].values;
  std::uint64_t const* const c = warp.registers[instruction.sources[2]].values;
  for (int lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1) != 0) {
      result[lane] = bits_of<T>(std::fma(value_of<T>(a[lane]), value_of<T>(b[lane]), value_of<T>(c[lane])));
    }
  }
}
template <class T>
void fused_multiply_add(Warp& warp, Instruction const& instruction, Lanes lanes) {
  fuse_in_lanes<T>(warp, instruction, lanes);
}
#ifdef __x86_64__
template <class T>
__attribute__((target("fma"))) void fused_multiply_add_of_processor(Warp& warp, Instruction const& instruction,
                                                                    Lanes lanes) {
  fuse_in_lanes<T>(warp, instruction, lanes);
}
#endif

void decode_fused_multiply_add(Decoder& decoder) {
  decoder.take_required("rn");
  Handler const handler = handler_for(decoder.instruction.type, Floats{}, [](auto value) -> Handler {
    using T = decltype(value);
#ifdef __x86_64__
    return __builtin_cpu_supports("fma") != 0 ? fused_multiply_add_of_processor<T> : fused_multiply_add<T>;
#else
    return fused_multiply_add<T>;
#endif
  });
  decoder.set_operands(4, handler);
}

void decode_multiply_add(Decoder& decoder) {
  if (decoder.take("wide")) {
    decoder.set_operands(4, wide_product_sum(decoder.instruction.type));
  } else {
    decoder.take_required("lo");
    of_one_type(Three{}, Integers{}, product_sum)(decoder);
  }
}

// ---------------------------------------------------------------------------------------------------------------- bits

/// Logic of bits, or of predicates
template <class Operation, std::size_t... n>
Decode logic(std::index_sequence<n...> sources, Operation operation) {
  return [=](Decoder& decoder) {
    Instruction& instruction = decoder.instruction;
    if (instruction.type.kind != Type::predicate) {
      of_one_type(sources, Bits{}, operation)(decoder);
      return;
    }
    static Operation const kept = operation;
    decoder.add_predicate_destination(decoder.operand(0));
    (decoder.add_predicate_source(decoder.operand(n + 1)), ...);
    require(!instruction.predicate_is_negated, "unknown operands of an opcode");
    instruction.run = [](Warp& warp, Instruction const& of, Lanes lanes) {
      Lanes const result = kept(warp.predicates[of.predicate_sources[static_cast<int>(n)]].values...);
      warp.predicates[of.predicate_destinations[0]].set(lanes, result);
    };
  };
}

// Distances beyond the size shift everything out.
constexpr auto shift_left = [](auto value) {
  using T = decltype(value);
  return lanewise<T, T, u32>([](T a, u32 by) { return by >= bits_in<T> ? 0 : static_cast<u64>(a) << by; });
};
constexpr auto shift_right = [](auto value) {
  using T = decltype(value);
  return lanewise<T, T, u32>([](T a, u32 by) { return by < bits_in<T> ? a >> by : a < 0 ? T(-1) : T(0); });
};

/// shf: 32 of the 64 bits of b:a.
void decode_funnel_shift(Decoder& decoder) {
  decoder.take_required("wrap");
  decoder.set_operands(
    4,
    decoder.choose<Handler>(
      {{"l", lanewise<u32, u32, u32, u32>([](u32 a, u32 b, u32 by) { return (u64{b} << 32 | a) << (by & 31) >> 32; })},
       {"r", lanewise<u32, u32, u32, u32>([](u32 a, u32 b, u32 by) { return (u64{b} << 32 | a) >> (by & 31); })}}));
}

/// bfi: puts `length` bits of a into b from `position` on.
constexpr auto insert_bits = [](auto value) {
  using T = decltype(value);
  return lanewise<T, T, T, u32, u32>([](T a, T b, u32 position, u32 length) {
    u32 const shift = std::min(position & 0xff, 64u);
    auto const mask = ((uint128{1} << std::min(length & 0xff, 64u)) - 1) << shift;
    return (b & ~mask) | (uint128{a} << shift & mask);
  });
};

constexpr auto count_ones = [](auto a) { return __builtin_popcountll(a); };
constexpr auto leading_zeros = [](auto a) {
  return a == 0 ? bits_in<decltype(a)> : __builtin_clzll(a) - 64 + bits_in<decltype(a)>;
};

/// prmt: each 4 bits of the selector choose one of the 8 bytes of b:a, or its sign.
u32 permuted(u32 a, u32 b, u32 selector) {
  u32 result = 0;
  for (u32 n = 0; n < 32; n += 8, selector >>= 4) {
    u32 const byte = static_cast<u32>((u64{b} << 32 | a) >> (8 * (selector & 7))) & 0xff;
    result |= ((selector & 8) == 0 ? byte : byte >= 0x80 ? 0xff : 0) << n;
  }
  return result;
}

// --------------------------------------------------------------------------------------------------------- comparisons

Lanes combined(Combination combination, Lanes comparison, Lanes other) {
  return combination == Combination::conjunction   ? comparison & other
         : combination == Combination::disjunction ? comparison | other
         : combination == Combination::exclusive   ? comparison ^ other
                                                   : comparison;
}

// The relations that two numbers may have. A comparison is the set of those for which it is true.
enum Relation : int { less = 1, equal = 2, greater = 4, unordered = 8 };

template <class T>
void compare(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto const& a = warp.registers[instruction.sources[0]].values;
  auto const& b = warp.registers[instruction.sources[1]].values;
  Lanes comparison = 0;
  for_each_lane(lanes, [&](int lane) {
    T const x = value_of<T>(a[lane]), y = value_of<T>(b[lane]);
    int const relation = x < y ? less : x == y ? equal : x > y ? greater : unordered;
    comparison |= Lanes{(instruction.mode & relation) != 0} << lane;
  });
  bool const combines = instruction.combination != Combination::none;
  Lanes const other = combines ? warp.predicate_source(instruction) : 0;
  for (Index const destination : instruction.predicate_destinations) {
    warp.predicates[destination].set(lanes, combined(instruction.combination, comparison, other));
    comparison = ~comparison;
  }
}

void decode_set_predicate(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  for (std::string_view const name : split(decoder.operand(0), '|')) {
    decoder.add_predicate_destination(name);
  }
  decoder.add_sources(1, 3);
  if (decoder.operand_count() > 3) {
    instruction.combination = decoder.choose<Combination>(
      {{"and", Combination::conjunction}, {"or", Combination::disjunction}, {"xor", Combination::exclusive}});
    decoder.add_predicate_source(decoder.operand(3));
  }
  instruction.mode = decoder.choose<int>({{"eq", equal},
                                          {"ne", less | greater},
                                          {"lt", less},
                                          {"lo", less},
                                          {"le", less | equal},
                                          {"ls", less | equal},
                                          {"gt", greater},
                                          {"hi", greater},
                                          {"ge", greater | equal},
                                          {"hs", greater | equal},
                                          {"num", less | equal | greater},
                                          {"equ", equal | unordered},
                                          {"neu", less | greater | unordered},
                                          {"ltu", less | unordered},
                                          {"leu", less | equal | unordered},
                                          {"gtu", greater | unordered},
                                          {"geu", greater | equal | unordered},
                                          {"nan", unordered}});
  instruction.run =
    handler_for(instruction.type, numbers, [](auto value) -> Handler { return compare<decltype(value)>; });
}

void decode_select(Decoder& decoder) {
  decoder.add_destination(decoder.operand(0));
  decoder.add_sources(1, 3);
  decoder.add_predicate_source(decoder.operand(3));
  decoder.instruction.run = [](Warp& warp, Instruction const& instruction, Lanes lanes) {
    Lanes const chosen = warp.predicate_source(instruction);
    auto const& a = warp.registers[instruction.sources[0]].values;
    auto const& b = warp.registers[instruction.sources[1]].values;
    auto& result = warp.registers[instruction.destinations[0]].values;
    for_each_lane(lanes, [&](int lane) { result[lane] = (chosen >> lane & 1) != 0 ? a[lane] : b[lane]; });
  };
}

// --------------------------------------------------------------------------------------------------------- conversions

/// What is out of range becomes the limit that it is beyond. A NaN becomes 0, or the highest bit alone if one of the
/// types has 64 bits.
template <class Integer, class Float>
Integer to_integer(Float integral) {
  using Limits = std::numeric_limits<Integer>;
  if (integral != integral) {
    bool const is_64_bits = sizeof(Float) == 8 || sizeof(Integer) == 8;
    return is_64_bits ? static_cast<Integer>(u64{1} << (bits_in<Integer> - 1)) : Integer{0};
  }
  return integral <= static_cast<Float>(Limits::min())      ? Limits::min()
         : integral >= std::ldexp(Float{1}, Limits::digits) ? Limits::max()
                                                            : static_cast<Integer>(integral);
}

/// Integers fill a wider register with their sign.
template <class T>
using Widened =
  std::conditional_t<std::is_floating_point_v<T>, T, std::conditional_t<std::is_signed_v<T>, std::int64_t, u64>>;

constexpr auto convertible_integers = TypeList<std::uint8_t, std::int8_t>{} + Integers{};
constexpr auto convertible = convertible_integers + Floats{};

/// cvt.rzi: of a float to an integer, or to a float of the same type with an integral value
template <class Round>
Handler rounding_conversion(Type result, Type source, Round round) {
  return handler_for(source, Floats{}, [=](auto of_source) {
    using Source = decltype(of_source);
    if (result.is_float()) {
      return result.bytes == source.bytes ? lanewise<Source, Source>(round) : nullptr;
    }
    return handler_for(result, convertible_integers, [=](auto of_result) {
      using Result = decltype(of_result);
      return lanewise<Widened<Result>, Source>([=](Source a) { return to_integer<Result>(round(a)); });
    });
  });
}

Handler rounding_conversion(Decoder& decoder, Type result, Type source) {
  return decoder.choose<Handler>(
    {{"rzi", rounding_conversion(result, source, [](auto a) { return std::trunc(a); })},
     {"rmi", rounding_conversion(result, source, [](auto a) { return std::floor(a); })},
     {"rpi", rounding_conversion(result, source, [](auto a) { return std::ceil(a); })},
     {"rni", rounding_conversion(result, source, [](auto a) { return std::nearbyint(a); })}});
}

/// Between integers, of integers to floats, and between floats of different sizes
Handler plain_conversion(Type result, Type source, bool saturates) {
  return handler_for(result, convertible, [=](auto of_result) {
    using Result = decltype(of_result);
    return handler_for(source, convertible, [=](auto of_source) -> Handler {
      using Source = decltype(of_source);
      if constexpr (std::is_floating_point_v<Source> && !std::is_floating_point_v<Result>) {
        return nullptr;
      } else if constexpr (std::is_floating_point_v<Result>) {
        return saturates ? nullptr : lanewise<Result, Source>([](Source a) { return static_cast<Result>(a); });
      } else {
        using Limits = std::numeric_limits<Result>;
        return saturates ? lanewise<Widened<Result>, Source>(
                             [](Source a) { return std::clamp<int128>(a, Limits::min(), Limits::max()); })
                         : lanewise<Widened<Result>, Source>([](Source a) { return static_cast<Result>(a); });
      }
    });
  });
}

constexpr u16 canonical_nan = 0x7fff;
constexpr auto to_half = [](float a) -> u32 {
  return a != a ? canonical_nan : static_cast<u16>(Eigen::half_impl::float_to_half_rtne(a).x);
};
constexpr auto from_half = [](u16 a) {
  return Eigen::half_impl::half_to_float(Eigen::half_impl::raw_uint16_to_half(a));
};
constexpr auto to_bfloat = [](float a) -> u32 {
  auto const bits = static_cast<u32>(bits_of(a));
  return a != a ? canonical_nan : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;  // ties to even
};
constexpr auto from_bfloat = [](u16 a) { return value_of<float>(u64{a} << 16); };

/// cvt.rn.f16x2.f32 puts its first source into the upper half.
template <class Convert>
Handler narrowing_conversion(Type result, Convert convert) {
  return result.count == 2
           ? lanewise<u32, float, float>([=](float a, float b) { return convert(a) << 16 | convert(b); })
           : lanewise<u32, float>(convert);
}

bool is_narrow_float(Type type) {
  return type.kind == Type::bfloat || (type.kind == Type::floating && !type.is_float());
}

/// cvt[.rounding][.sat].result.source
void decode_convert(Decoder& decoder) {
  Type const source = decoder.instruction.type;
  Type const result = decoder.take_result_type();
  bool const is_of_float = source.is_float() && source.bytes == 4, is_to_float = result.is_float() && result.bytes == 4;
  Handler handler = nullptr;
  if (is_narrow_float(result) && is_of_float) {
    decoder.take_required("rn");
    handler =
      result.kind == Type::bfloat ? narrowing_conversion(result, to_bfloat) : narrowing_conversion(result, to_half);
  } else if (is_narrow_float(source) && is_to_float && source.count == 1) {
    handler = source.kind == Type::bfloat ? lanewise<float, u16>(from_bfloat) : lanewise<float, u16>(from_half);
  } else if (source.is_float() && (!result.is_float() || result.bytes == source.bytes)) {
    handler = rounding_conversion(decoder, result, source);
  } else {
    decoder.take("rn");
    handler = plain_conversion(result, source, decoder.take("sat"));
  }
  decoder.set_operands(result.count == 2 ? 3 : 2, handler);
}

// -------------------------------------------------------------------------------------------------------------- copies

u64 low_bits(int count) { return count == 64 ? ~u64{0} : (u64{1} << count) - 1; }

/// mov.b64 {a, b}, c and mov.b64 c, {a, b}
void repack(Warp& warp, Instruction const& instruction, Lanes lanes) {
  int const bits = 8 * instruction.type.bytes;
  int const source_bits = bits / instruction.sources.count, result_bits = bits / instruction.destinations.count;
  for_each_lane(lanes, [&](int lane) {
    u64 whole = 0;
    for (int n = 0; n < instruction.sources.count; ++n) {
      whole |= (warp.registers[instruction.sources[n]].values[lane] & low_bits(source_bits)) << (source_bits * n);
    }
    for (int n = 0; n < instruction.destinations.count; ++n) {
      warp.registers[instruction.destinations[n]].values[lane] = whole >> (result_bits * n) & low_bits(result_bits);
    }
  });
}

void decode_move(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (instruction.type.kind == Type::predicate) {
    logic(One{}, [](auto a) { return a; })(decoder);
    return;
  }
  instruction.passes_undefined = true;
  for (std::string_view const name : decoder.vector(0)) {
    decoder.add_destination(name);
  }
  for (std::string_view const name : decoder.vector(1)) {
    decoder.add_source(name);
  }
  bool const is_copy = instruction.destinations.count == 1 && instruction.sources.count == 1;
  require(instruction.type.bytes > 0, "unknown type of an opcode");
  instruction.run = is_copy ? lanewise<u64, u64>([](u64 a) { return a; }) : repack;
}

}  // namespace

void add_operations(DecodeTable& table) {
  auto const words = TypeList<u32, u64>{};
  table.insert({
    {"add", of_one_type(Two{}, numbers, [](auto a, auto b) { return wrapping(a) + wrapping(b); })},
    {"sub", of_one_type(Two{}, numbers, [](auto a, auto b) { return wrapping(a) - wrapping(b); })},
    {"mul", decode_multiply},
    {"mad", decode_multiply_add},
    {"fma", decode_fused_multiply_add},
    {"div", of_one_type(Two{}, numbers, quotient)},
    {"rem", of_one_type(Two{}, Integers{}, remainder)},
    {"min", of_one_type(Two{}, numbers, [](auto a, auto b) { return extreme(a, b, std::less<>{}); })},
    {"max", of_one_type(Two{}, numbers, [](auto a, auto b) { return extreme(a, b, std::greater<>{}); })},
    {"neg", of_one_type(One{}, numbers, [](auto a) { return negative(a); })},
    {"abs", of_one_type(One{}, numbers,
                        [](auto a) { return std::signbit(static_cast<double>(a)) ? negative(a) : wrapping(a); })},
    {"sqrt", of_one_type(One{}, Floats{}, [](auto a) { return std::sqrt(a); })},
    {"rcp", reciprocal_of([](auto a) { return a; })},
    {"rsqrt", reciprocal_of([](auto a) { return std::sqrt(a); })},
    {"and", logic(Two{}, [](auto a, auto b) { return a & b; })},
    {"or", logic(Two{}, [](auto a, auto b) { return a | b; })},
    {"xor", logic(Two{}, [](auto a, auto b) { return a ^ b; })},
    {"not", logic(One{}, [](auto a) { return ~a; })},
    {"shl", for_types(3, Bits{}, shift_left)},
    {"shr", for_types(3, Integers{}, shift_right)},
    {"shf", decode_funnel_shift},
    {"bfi", for_types(5, words, insert_bits)},
    {"prmt", for_types(4, words, [](auto /*value*/) { return lanewise<u32, u32, u32, u32>(permuted); })},
    {"popc", for_types(2, words, [](auto value) { return lanewise<u32, decltype(value)>(count_ones); })},
    {"clz", for_types(2, words, [](auto value) { return lanewise<u32, decltype(value)>(leading_zeros); })},
    {"setp", decode_set_predicate},
    {"selp", decode_select},
    {"cvt", decode_convert},
    {"mov", decode_move},
  });
}

}  // namespace ptx
