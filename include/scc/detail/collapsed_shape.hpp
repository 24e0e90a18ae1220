// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The axes of an image, collapsed: neighbouring axes that memory steps through as one are one.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "divisor.hpp"

namespace scc {

/// The order in which the pixels of an image are counted: up to three axes, the last one innermost. Plain data, part
/// of the arguments of kernels.
struct CollapsedShape {
  std::int64_t extent[3];  ///< Unused outer ones are 1.
  bool is_small;           ///< Whether there are fewer than 2^31 pixels
  Divisor divisor[3];      ///< The extents, if it is small
};

/// Strides of a view along three axes, in elements.
using AxisStrides = std::array<std::int64_t, 3>;

/// Collapses the axes of views of the same extents, as far as all of them allow.
///
/// @param extents  Of three axes, the last one innermost; at least 1.
/// @param strides  Of each view along these axes; rewritten to those of the result.
template <std::size_t Views>
CollapsedShape collapse(std::array<std::int64_t, 3> const& extents, std::array<AxisStrides, Views>& strides) {
  CollapsedShape shape{{1, 1, 1}, true, {}};
  std::array<AxisStrides, Views> collapsed{};
  std::size_t innermost = 3;
  for (std::size_t axis = 3; axis-- > 0;) {
    if (extents[axis] == 1) {
      continue;
    }
    bool is_one = innermost < 3;
    for (std::size_t v = 0; v < Views; ++v) {
      is_one = is_one && strides[v][axis] == collapsed[v][innermost] * shape.extent[innermost];
    }
    if (is_one) {
      shape.extent[innermost] *= extents[axis];
      continue;
    }
    --innermost;
    shape.extent[innermost] = extents[axis];
    for (std::size_t v = 0; v < Views; ++v) {
      collapsed[v][innermost] = strides[v][axis];
    }
  }
  std::int64_t pixels = 1;
  for (std::int64_t const extent : shape.extent) {
    pixels *= extent;
  }
  shape.is_small = pixels <= INT32_MAX;
  for (std::size_t axis = 0; axis < 3 && shape.is_small; ++axis) {
    shape.divisor[axis] = Divisor(static_cast<std::uint32_t>(shape.extent[axis]));
  }
  strides = collapsed;
  return shape;
}

}  // namespace scc
