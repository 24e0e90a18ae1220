// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The basis for narrow kernels: uniform cubic B-splines on the pixel domain mapped to t in [-1, 1]. The joint moments
/// are then a smooth joint histogram, in which every pixel touches 4 x 4 bins.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "../config.hpp"

namespace scc::spline {

/// A histogram over I intervals has I + 3 bins per axis: the number of splines that are not zero on [-1, 1].
inline constexpr int extra_bins = 3;
/// Fewest intervals that are tried; each step doubles them.
inline constexpr int min_intervals = 16;
/// Most intervals that are tried.
inline constexpr int max_intervals = 512;

/// Where t lies: its first bin (it touches bins first .. first + 3) and its place in the interval, in [0, 1].
template <class Real>
struct Location {
  int first;      ///< Number of the first bin
  Real fraction;  ///< Place in the interval
};

/// Finds the location of t in [-1, 1]. The first bin is inside the table for every t, even NaN.
template <class Real>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE Location<Real> locate(Real t, int intervals) {
  Real const half = static_cast<Real>(intervals) * Real(0.5), position = t * half + half;
  // Written so that a NaN fails all comparisons and ends in bin 0; the second clamp holds where a user's compiler flags
  // promise that there are no NaNs.
  Real const end = static_cast<Real>(intervals);
  int first = static_cast<int>(position > 0 ? (position < end ? position : end) : 0);
  first = first < intervals - 1 ? first : intervals - 1;
  first = first > 0 ? first : 0;
  // Not position - first, which has lost the digits that the position has before the point.
  Real const fraction = t * half + (half - static_cast<Real>(first));
  return {first, fraction > 0 ? (fraction < 1 ? fraction : 1) : 0};
}

/// The four splines at a location. One of them is what is missing to 1, so that rounding adds no pixels and loses none.
template <class Real>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void weights(Real f, Real* w) {
  Real const sixth = Real(1.0 / 6), two_thirds = Real(2.0 / 3), half = Real(0.5);
  Real const g = 1 - f;
  w[0] = g * g * g * sixth;
  w[2] = two_thirds - g * g * (1 - half * g);
  w[3] = f * f * f * sixth;
  w[1] = 1 - w[0] - w[2] - w[3];
}

/// The three quadratic splines q of the derivative, which sum to 1:
///
///     d/df sum_i c_i w_i(f) = sum_{i < 3} q_i(f) (c_{i+1} - c_i),    dt = (2 / intervals) df.
///
/// Neighbouring coefficients are nearly equal; taking their differences first keeps the digits.
template <class Real>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void difference_weights(Real f, Real* q) {
  Real const half = Real(0.5);
  Real const g = 1 - f;
  q[0] = half * g * g;
  q[1] = half + f * g;
  q[2] = half * f * f;
}

/// What 1 counts in a histogram of fixed-point numbers: as much as leaves the splines of a pixel, which sum to its weight,
/// below 2^(most_bits + 1), and those of all pixels at no more than 2^61 before they are rounded.
///
/// @param sum        Of the weights of all pixels, > 0.
/// @param largest    Of these weights, > 0.
/// @param most_bits  Of the number that a weight of 1 may count.
inline double fixed_point_unit(double sum, double largest, int most_bits) {
  int sum_bits = 0;  // the least power of two that holds the sum
  sum_bits -= std::frexp(sum, &sum_bits) == 0.5 ? 1 : 0;
  return std::ldexp(1.0, std::min(most_bits - std::ilogb(largest), 61 - sum_bits));
}
/// For pixels of weight 1: 2^most_bits, or less where their sum could pass 2^61.
inline double fixed_point_unit(std::int64_t pixels, int most_bits) {
  return fixed_point_unit(static_cast<double>(pixels), 1, most_bits);
}

}  // namespace scc::spline
