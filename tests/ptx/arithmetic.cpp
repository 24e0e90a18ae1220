// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Arithmetic on integers and floating-point numbers. Built without contraction: a product and a sum are not fused
/// unless the PTX says so.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "decoder.hpp"

namespace ptx {
namespace {

__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

/// The integer type with twice the bits.
template <class T>
struct Wide;
template <>
struct Wide<std::int16_t> {
  using type = std::int32_t;
};
template <>
struct Wide<std::uint16_t> {
  using type = std::uint32_t;
};
template <>
struct Wide<std::int32_t> {
  using type = std::int64_t;
};
template <>
struct Wide<std::uint32_t> {
  using type = std::uint64_t;
};
template <>
struct Wide<std::int64_t> {
  using type = int128;
};
template <>
struct Wide<std::uint64_t> {
  using type = uint128;
};

/// Integers wrap around: their sums and products are taken in unsigned 64 bits.
template <class T>
std::uint64_t wrapping(T value) {
  return static_cast<std::uint64_t>(value);
}

struct Add {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a + b;
    } else {
      return static_cast<T>(wrapping(a) + wrapping(b));
    }
  }
};

struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a - b;
    } else {
      return static_cast<T>(wrapping(a) - wrapping(b));
    }
  }
};

struct Multiply {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a * b;
    } else {
      return static_cast<T>(wrapping(a) * wrapping(b));
    }
  }
};

struct MultiplyHigh {
  template <class T>
  static T apply(T a, T b) {
    using W = typename Wide<T>::type;
    return static_cast<T>((static_cast<W>(a) * static_cast<W>(b)) >> (8 * sizeof(T)));
  }
};

struct Divide {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a / b;
    } else {
      if (b == 0) {
        return static_cast<T>(~T{0});
      }
      if (std::is_signed_v<T> && b == static_cast<T>(-1)) {
        return static_cast<T>(0 - wrapping(a));
      }
      return static_cast<T>(a / b);
    }
  }
};

struct Remainder {
  template <class T>
  static T apply(T a, T b) {
    if (b == 0) {
      return a;
    }
    return std::is_signed_v<T> && b == static_cast<T>(-1) ? T{0} : static_cast<T>(a % b);
  }
};

/// Of a number and a NaN the number; -0 is less than 0.
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (a != a || b != b) {
        return a != a ? b : a;
      }
      if (a == 0 && b == 0) {
        return std::signbit(a) ? a : b;
      }
    }
    return a < b ? a : b;
  }
};

struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (a != a || b != b) {
        return a != a ? b : a;
      }
      if (a == 0 && b == 0) {
        return std::signbit(a) ? b : a;
      }
    }
    return a > b ? a : b;
  }
};

struct Negate {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_floating_point_v<T>) {
      return -a;
    } else {
      return static_cast<T>(0 - wrapping(a));
    }
  }
};

struct Absolute {
  template <class T>
  static T apply(T a) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fabs(a);
    } else {
      return a < 0 ? static_cast<T>(0 - wrapping(a)) : a;
    }
  }
};

struct SquareRoot {
  template <class T>
  static T apply(T a) {
    return std::sqrt(a);
  }
};

struct Reciprocal {
  template <class T>
  static T apply(T a) {
    return 1 / a;
  }
};

/// Of the upper half of a double's bits, and no more bits than that: denormal numbers are 0.
struct ApproximateReciprocal {
  template <class T>
  static T apply(T a) {
    auto const upper_half = [](T value) {
      std::uint64_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      bits &= 0xffffffff00000000;
      std::memcpy(&value, &bits, sizeof(bits));
      return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(T(0), value) : value;
    };
    static_assert(sizeof(T) <= sizeof(std::uint64_t));
    if constexpr (sizeof(T) == sizeof(std::uint64_t)) {
      return std::isnan(a) ? a : upper_half(1 / upper_half(a));
    } else {
      return 1 / a;
    }
  }
};

/// A device's approximation differs in the last bits. Of a double it has no more digits than a float.
struct ReciprocalSquareRoot {
  template <class T>
  static T apply(T a) {
    return static_cast<T>(static_cast<float>(1 / std::sqrt(a)));
  }
};

template <class Operation, class T>
void unary(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<T, T>(warp, instruction, lanes, [](T a) { return Operation::template apply<T>(a); });
}

template <class Operation, class T>
void binary(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_two<T, T>(warp, instruction, lanes, [](T a, T b) { return Operation::template apply<T>(a, b); });
}

template <class T>
void multiply_wide(Warp& warp, Instruction const& instruction, Lanes lanes) {
  using W = typename Wide<T>::type;
  apply_to_two<W, T>(warp, instruction, lanes, [](T a, T b) {
    return static_cast<W>(wrapping(static_cast<W>(a)) * wrapping(static_cast<W>(b)));
  });
}

template <class T>
void multiply_add(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_three<T, T, T>(warp, instruction, lanes,
                          [](T a, T b, T c) { return static_cast<T>(wrapping(a) * wrapping(b) + wrapping(c)); });
}

template <class T>
void multiply_add_high(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_three<T, T, T>(warp, instruction, lanes, [](T a, T b, T c) {
    return static_cast<T>(wrapping(MultiplyHigh::apply(a, b)) + wrapping(c));
  });
}

template <class T>
void multiply_add_wide(Warp& warp, Instruction const& instruction, Lanes lanes) {
  using W = typename Wide<T>::type;
  apply_to_three<W, T, W>(warp, instruction, lanes, [](T a, T b, W c) {
    return static_cast<W>(wrapping(static_cast<W>(a)) * wrapping(static_cast<W>(b)) + wrapping(c));
  });
}

template <class T>
void absolute_difference(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_three<T, T, T>(warp, instruction, lanes, [](T a, T b, T c) {
    return static_cast<T>(wrapping(c) + (a < b ? wrapping(b) - wrapping(a) : wrapping(a) - wrapping(b)));
  });
}

template <class T>
void fused_multiply_add(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_three<T, T, T>(warp, instruction, lanes, [](T a, T b, T c) { return std::fma(a, b, c); });
}

// std::fma is a call where the compiler may not count on the processor to have the instruction.
#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__) && !defined(__FMA__)
#define SCC_PTX_CHOOSES_FMA 1
template <class T>
__attribute__((target("fma"))) void fused_multiply_add_by_processor(Warp& warp, Instruction const& instruction,
                                                                    Lanes lanes) {
  auto& result = warp.registers[instruction.destinations[0]];
  auto const& a = warp.registers[instruction.sources[0]];
  auto const& b = warp.registers[instruction.sources[1]];
  auto const& c = warp.registers[instruction.sources[2]];
  for (int lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1) != 0) {
      T const product_a = value_of<T>(a[lane]), product_b = value_of<T>(b[lane]), sum = value_of<T>(c[lane]);
      if constexpr (sizeof(T) == 4) {
        result[lane] = bits_of<T>(__builtin_fmaf(product_a, product_b, sum));
      } else {
        result[lane] = bits_of<T>(__builtin_fma(product_a, product_b, sum));
      }
    }
  }
}
#endif

template <class Operation>
struct Unary {
  template <class T>
  Handler operator()(T /*type*/) const {
    return unary<Operation, T>;
  }
};

template <class Operation>
struct Binary {
  template <class T>
  Handler operator()(T /*type*/) const {
    return binary<Operation, T>;
  }
};

/// An operation on numbers of any type, rounded to the nearest.
template <class Operation>
void decode_binary(Decoder& decoder) {
  if (decoder.is_float()) {
    decoder.take("rn");
    decoder.set_operands(3, for_float(decoder.instruction.type, Binary<Operation>{}));
  } else {
    decoder.set_operands(3, for_integer(decoder.instruction.type, Binary<Operation>{}));
  }
}

template <class Operation>
void decode_unary(Decoder& decoder) {
  Type const type = decoder.instruction.type;
  decoder.set_operands(
    2, decoder.is_float() ? for_float(type, Unary<Operation>{}) : for_integer(type, Unary<Operation>{}));
}

/// Exact to the last bit: the approximations of a device are not known.
template <class Operation>
void decode_rounded(Decoder& decoder) {
  decoder.require({"rn"});
  decoder.set_operands(2, for_float(decoder.instruction.type, Unary<Operation>{}));
}

void decode_reciprocal_square_root(Decoder& decoder) {
  decoder.require({"approx"});
  decoder.take("ftz");
  decoder.set_operands(2, for_float(decoder.instruction.type, Unary<ReciprocalSquareRoot>{}));
}

void decode_reciprocal(Decoder& decoder) {
  if (decoder.instruction.type == Type::f64 && decoder.take("approx")) {
    decoder.require({"ftz"});
    decoder.set_operands(2, for_float(Type::f64, Unary<ApproximateReciprocal>{}));
  } else {
    decode_rounded<Reciprocal>(decoder);
  }
}

void decode_divide(Decoder& decoder) {
  if (decoder.is_float()) {
    decoder.require({"rn"});
  }
  decode_binary<Divide>(decoder);
}

void decode_remainder(Decoder& decoder) {
  decoder.set_operands(3, for_integer(decoder.instruction.type, Binary<Remainder>{}));
}

Handler wide_product(Type type) {
  switch (type) {
    case Type::s16:
      return multiply_wide<std::int16_t>;
    case Type::u16:
      return multiply_wide<std::uint16_t>;
    case Type::s32:
      return multiply_wide<std::int32_t>;
    case Type::u32:
      return multiply_wide<std::uint32_t>;
    default:
      return nullptr;
  }
}

Handler wide_product_sum(Type type) {
  switch (type) {
    case Type::s16:
      return multiply_add_wide<std::int16_t>;
    case Type::u16:
      return multiply_add_wide<std::uint16_t>;
    case Type::s32:
      return multiply_add_wide<std::int32_t>;
    case Type::u32:
      return multiply_add_wide<std::uint32_t>;
    default:
      return nullptr;
  }
}

void decode_multiply(Decoder& decoder) {
  Type const type = decoder.instruction.type;
  if (decoder.is_float() || decoder.take("lo")) {
    decode_binary<Multiply>(decoder);
  } else if (decoder.take("wide")) {
    decoder.set_operands(3, wide_product(type));
  } else {
    decoder.require({"hi"});
    decoder.set_operands(3, for_integer(type, Binary<MultiplyHigh>{}));
  }
}

void decode_fused_multiply_add(Decoder& decoder) {
  decoder.require({"rn"});
  Type const type = decoder.instruction.type;
  Handler handler = type == Type::f32   ? fused_multiply_add<float>
                    : type == Type::f64 ? fused_multiply_add<double>
                                        : nullptr;
#ifdef SCC_PTX_CHOOSES_FMA
  static bool const has_instruction = __builtin_cpu_supports("fma") != 0;
  if (handler != nullptr && has_instruction) {
    handler = type == Type::f32 ? fused_multiply_add_by_processor<float> : fused_multiply_add_by_processor<double>;
  }
#endif
  decoder.set_operands(4, handler);
}

void decode_multiply_add(Decoder& decoder) {
  Type const type = decoder.instruction.type;
  if (decoder.is_float()) {
    decode_fused_multiply_add(decoder);
  } else if (decoder.take("lo")) {
    decoder.set_operands(4, for_integer(type, [](auto value) -> Handler { return multiply_add<decltype(value)>; }));
  } else if (decoder.take("wide")) {
    decoder.set_operands(4, wide_product_sum(type));
  } else {
    decoder.require({"hi"});
    decoder.set_operands(4,
                         for_integer(type, [](auto value) -> Handler { return multiply_add_high<decltype(value)>; }));
  }
}

void decode_absolute_difference(Decoder& decoder) {
  decoder.set_operands(4, for_integer(decoder.instruction.type,
                                      [](auto value) -> Handler { return absolute_difference<decltype(value)>; }));
}

}  // namespace

void add_arithmetic(DecodeTable& table) {
  table["add"] = decode_binary<Add>;
  table["sub"] = decode_binary<Subtract>;
  table["mul"] = decode_multiply;
  table["mad"] = decode_multiply_add;
  table["fma"] = decode_fused_multiply_add;
  table["div"] = decode_divide;
  table["rem"] = decode_remainder;
  table["min"] = decode_binary<Minimum>;
  table["max"] = decode_binary<Maximum>;
  table["neg"] = decode_unary<Negate>;
  table["abs"] = decode_unary<Absolute>;
  table["sad"] = decode_absolute_difference;
  table["sqrt"] = decode_rounded<SquareRoot>;
  table["rcp"] = decode_reciprocal;
  table["rsqrt"] = decode_reciprocal_square_root;
}

}  // namespace ptx
