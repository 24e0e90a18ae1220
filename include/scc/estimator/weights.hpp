// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Weights of pixels, for both backends. With W = sum_j w_j over an image, its moments are
///
///     M_ab = sum_j w_j b_a(x_j) b_b(y_j) / W
///
/// and the gradient of pixel j carries w_j / W in place of 1 / M. Only the ratios of weights matter, so that they are
/// scaled by a power of two, which loses no digit, to below 2: sums in float and in fixed point then hold whatever the
/// weights are.

#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../config.hpp"
#include "domain_map.hpp"

namespace scc {

/// What weights of type W are read as: uint8 as the number itself, bool as 0 or 1.
template <class W>
using WeightNumber = std::conditional_t<std::is_same_v<std::remove_const_t<W>, double>, double, float>;

/// Whether a weight is >= 0 and finite, by its bits, as is_nan() tells.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE bool is_valid_weight(float weight) {
  std::int32_t const bits = bits_of(weight);
  return (bits >= 0 && bits < 0x7f800000) || bits == INT32_MIN;  // -0 is 0
}
/// Likewise.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE bool is_valid_weight(double weight) {
  std::int64_t const bits = bits_of(weight);
  return (bits >= 0 && bits < 0x7ff0000000000000) || bits == INT64_MIN;
}

/// The power of two that weights are multiplied by: the largest one of an image, valid, comes to lie in [1, 2), or below 1 if
/// it is subnormal or 0.
SCC_HOST_DEVICE inline float weight_scale(float largest) {
  std::int32_t const exponent = 254 - (bits_of(largest) >> 23);
  std::int32_t const bits = exponent == 0 ? std::int32_t{1} << 22 : exponent << 23;  // 2^-127 is subnormal
  float scale;
  std::memcpy(&scale, &bits, sizeof(scale));
  return scale;
}
/// Likewise.
SCC_HOST_DEVICE inline double weight_scale(double largest) {
  std::int64_t const exponent = 2046 - (bits_of(largest) >> 52);
  std::int64_t const bits = exponent == 0 ? std::int64_t{1} << 51 : exponent << 52;
  double scale;
  std::memcpy(&scale, &bits, sizeof(scale));
  return scale;
}

}  // namespace scc
