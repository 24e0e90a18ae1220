// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// cvt: between the types of numbers. Rounds to the nearest, ties to even; to integers as the opcode says.

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "decoder.hpp"

namespace ptx {
namespace {

enum class Rounding { nearest, to_zero, down, up };

template <class T>
T rounded(T value, Rounding rounding) {
  switch (rounding) {
    case Rounding::to_zero:
      return std::trunc(value);
    case Rounding::down:
      return std::floor(value);
    case Rounding::up:
      return std::ceil(value);
    default:
      return std::nearbyint(value);
  }
}

/// What is out of range becomes the limit that it is beyond. A NaN becomes 0, or the highest bit alone if one of the
/// types has 64 bits.
template <class Integer, class Float>
Integer to_integer(Float value, Rounding rounding) {
  constexpr bool is_64_bits = sizeof(Float) == 8 || sizeof(Integer) == 8;
  constexpr int bits = std::numeric_limits<Integer>::digits;
  if (value != value) {
    return is_64_bits ? static_cast<Integer>(std::uint64_t{1} << (8 * sizeof(Integer) - 1)) : Integer{0};
  }
  Float const integer = rounded(value, rounding);
  if (integer <= static_cast<Float>(std::numeric_limits<Integer>::min())) {
    return std::numeric_limits<Integer>::min();
  }
  return integer >= std::ldexp(Float{1}, bits) ? std::numeric_limits<Integer>::max() : static_cast<Integer>(integer);
}

/// Integers of less than 32 bits fill a wider destination with their sign.
template <class T>
auto widened(T value) {
  if constexpr (std::is_integral_v<T> && sizeof(T) < 4) {
    return static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>(value);
  } else {
    return value;
  }
}

template <class Result, class Source>
Result saturated(Source value) {
  using Limits = std::numeric_limits<Result>;
  if constexpr (std::is_signed_v<Source>) {
    if (value < 0 &&
        (!std::is_signed_v<Result> || static_cast<std::int64_t>(value) < static_cast<std::int64_t>(Limits::min()))) {
      return Limits::min();
    }
    if (value < 0) {
      return static_cast<Result>(value);
    }
  }
  return static_cast<std::uint64_t>(value) > static_cast<std::uint64_t>(Limits::max()) ? Limits::max()
                                                                                       : static_cast<Result>(value);
}

template <class Result, class Source>
void convert(Warp& warp, Instruction const& instruction, Lanes lanes) {
  if constexpr (std::is_integral_v<Result> && std::is_floating_point_v<Source>) {
    auto const rounding = static_cast<Rounding>(instruction.mode);
    apply_to_one<decltype(widened(Result{})), Source>(
      warp, instruction, lanes, [=](Source a) { return widened(to_integer<Result>(a, rounding)); });
  } else {
    apply_to_one<decltype(widened(Result{})), Source>(warp, instruction, lanes,
                                                      [](Source a) { return widened(static_cast<Result>(a)); });
  }
}

template <class Result, class Source>
void convert_saturated(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<decltype(widened(Result{})), Source>(warp, instruction, lanes,
                                                    [](Source a) { return widened(saturated<Result>(a)); });
}

/// A float to a float of the same type with an integral value.
template <class T>
void round_to_integer(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto const rounding = static_cast<Rounding>(instruction.mode);
  apply_to_one<T, T>(warp, instruction, lanes, [=](T a) { return rounded(a, rounding); });
}

constexpr std::uint16_t canonical_nan = 0x7fff;

void half_to_float(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<float, std::uint16_t>(warp, instruction, lanes, [](std::uint16_t a) {
    return Eigen::half_impl::half_to_float(Eigen::half_impl::raw_uint16_to_half(a));
  });
}

void float_to_half(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<std::uint16_t, float>(warp, instruction, lanes, [](float a) {
    return a != a ? canonical_nan : static_cast<std::uint16_t>(Eigen::half_impl::float_to_half_rtne(a).x);
  });
}

void bfloat16_to_float(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<std::uint32_t, std::uint16_t>(warp, instruction, lanes,
                                             [](std::uint16_t a) { return std::uint32_t{a} << 16; });
}

void float_to_bfloat16(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<std::uint16_t, float>(warp, instruction, lanes, [](float a) {
    auto const bits = static_cast<std::uint32_t>(bits_of(a));
    std::uint32_t const is_odd = bits >> 16 & 1;
    return a != a ? canonical_nan : static_cast<std::uint16_t>((bits + 0x7fff + is_odd) >> 16);
  });
}

/// Calls choose(T{}) for the C++ type of a type that can be converted.
template <class Choose>
Handler for_number(Type type, Choose choose) {
  switch (type) {
    case Type::u8:
      return choose(std::uint8_t{});
    case Type::s8:
      return choose(std::int8_t{});
    case Type::f32:
    case Type::f64:
      return for_float(type, choose);
    case Type::b16:
    case Type::b32:
    case Type::b64:
      return nullptr;
    default:
      return for_integer(type, choose);
  }
}

Handler sixteen_bit_conversion(Type result, Type source) {
  if (source == Type::f32) {
    return result == Type::f16 ? float_to_half : float_to_bfloat16;
  }
  if (result == Type::f32) {
    return source == Type::f16 ? half_to_float : bfloat16_to_float;
  }
  return nullptr;
}

bool is_sixteen_bit_float(Type type) { return type == Type::f16 || type == Type::bf16; }
bool is_float(Type type) { return type == Type::f32 || type == Type::f64; }

/// cvt[.rounding][.sat].result.source
void decode_convert(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  Type const source = instruction.type;
  Type result{};
  std::string_view const opcode = instruction.opcode;
  auto const last_dot = opcode.rfind('.');
  auto const result_dot = opcode.rfind('.', last_dot - 1);
  std::string_view const result_name = opcode.substr(result_dot + 1, last_dot - result_dot - 1);
  if (!find_type(result_name, result)) {
    throw std::runtime_error("unknown type " + std::string(result_name));
  }
  decoder.take(result_name);
  bool const rounds_to_integer = is_float(source) && (!is_float(result) || result == source);
  bool const saturates = !is_float(source) && !is_float(result) && decoder.take("sat");
  Handler handler = nullptr;
  if (is_sixteen_bit_float(source) || is_sixteen_bit_float(result)) {
    if (is_sixteen_bit_float(result)) {
      decoder.require({"rn"});
    }
    handler = sixteen_bit_conversion(result, source);
  } else if (rounds_to_integer) {
    Rounding const rounding = decoder.take("rzi")   ? Rounding::to_zero
                              : decoder.take("rmi") ? Rounding::down
                              : decoder.take("rpi") ? Rounding::up
                                                    : Rounding::nearest;
    if (rounding == Rounding::nearest) {
      decoder.require({"rni"});
    }
    instruction.mode = static_cast<int>(rounding);
  } else {
    decoder.take("rn");
  }
  if (handler == nullptr && !is_sixteen_bit_float(source) && !is_sixteen_bit_float(result)) {
    handler = for_number(result, [=](auto result_value) {
      using Result = decltype(result_value);
      return for_number(source, [=](auto source_value) -> Handler {
        using Source = decltype(source_value);
        if constexpr (std::is_floating_point_v<Result> && std::is_same_v<Result, Source>) {
          return round_to_integer<Result>;
        } else if constexpr (std::is_integral_v<Result> && std::is_integral_v<Source>) {
          return saturates ? convert_saturated<Result, Source> : convert<Result, Source>;
        } else {
          return convert<Result, Source>;
        }
      });
    });
  }
  decoder.set_operands(2, handler);
}

}  // namespace

void add_conversions(DecodeTable& table) { table["cvt"] = decode_convert; }

}  // namespace ptx
