// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The number formats that pixels, gradients and weights may have.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace scc {

/// Format of the elements of an image, of a gradient or of weights.
/// @ingroup data
enum class ElementType {
  float32,   ///< IEEE 754, 32 bits.
  float64,   ///< IEEE 754, 64 bits.
  float16,   ///< IEEE 754, 16 bits.
  bfloat16,  ///< The upper half of a float32.
  uint8,     ///< 0..255, which stand for the domain; as weights, for themselves.
  boolean,   ///< bool, of one byte: 0 or 1. Weights only.
};

/// The ElementType of T as its member `value`. Types of 16 bits are added by the headers that know them, such as
/// cpu/pixels.hpp for Eigen's; specialise it for a type of your own that has one of these formats.
/// @ingroup data
template <class T>
struct ElementTypeOf {};
template <>
struct ElementTypeOf<float> : std::integral_constant<ElementType, ElementType::float32> {};
template <>
struct ElementTypeOf<double> : std::integral_constant<ElementType, ElementType::float64> {};
template <>
struct ElementTypeOf<std::uint8_t> : std::integral_constant<ElementType, ElementType::uint8> {};
template <>
struct ElementTypeOf<bool> : std::integral_constant<ElementType, ElementType::boolean> {};

/// The ElementType of T, or of T const.
template <class T>
inline constexpr ElementType element_type = ElementTypeOf<std::remove_const_t<T>>::value;

namespace detail {

template <class T, class = void>
struct HasElementType : std::false_type {};
template <class T>
struct HasElementType<T, std::void_t<decltype(ElementTypeOf<T>::value)>> : std::true_type {};

}  // namespace detail

/// Whether T, or T const, can be an element of an image.
template <class T>
inline constexpr bool is_pixel_type =
  detail::HasElementType<std::remove_const_t<T>>::value && !std::is_same_v<std::remove_const_t<T>, bool>;

/// Whether T, or T const, can be a weight.
template <class T>
inline constexpr bool is_weight_type = detail::HasElementType<std::remove_const_t<T>>::value;

/// Whether T can be an element of a gradient.
template <class T>
inline constexpr bool is_gradient_type = is_pixel_type<T> && !std::is_const_v<T> && !std::is_same_v<T, std::uint8_t>;

/// The number nearest to `value` that an element of this format can hold, within its finite range. uint8 elements, which
/// stand for the domain and not for themselves, have no rounding.
inline double nearest_element(ElementType type, double value) {
  constexpr auto largest_float = static_cast<double>(std::numeric_limits<float>::max());
  // Digits of the significand, smallest exponent of its last digit, and largest number.
  auto const round_to = [&](int digits, int smallest_exponent, double largest) {
    double const single = static_cast<float>(std::clamp(value, -largest_float, largest_float));
    int exponent = 0;
    std::frexp(single, &exponent);
    int const last_digit = std::max(exponent - digits, smallest_exponent);
    double const rounded = std::ldexp(std::nearbyint(std::ldexp(single, -last_digit)), last_digit);
    return std::clamp(rounded, -largest, largest);
  };
  switch (type) {
    case ElementType::float32:
      return static_cast<float>(std::clamp(value, -largest_float, largest_float));
    case ElementType::float16:
      return round_to(11, -24, 65504.0);
    case ElementType::bfloat16:
      return round_to(8, -133, std::ldexp(255.0, 120));
    default:
      return value;
  }
}

}  // namespace scc
