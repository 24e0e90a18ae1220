// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The axes of an image, collapsed: neighbouring axes that memory steps through as one are one.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace scc {

/// The order in which the pixels of an image are counted: up to three axes, the last one innermost. Plain data, part
/// of the arguments of kernels.
struct CollapsedShape {
  std::int64_t extent[3];  ///< Unused outer ones are 1.
  double inverse[3];       ///< 1 / extent: a GPU has no instruction for the division of integers
};

/// Strides of a view along three axes, in elements.
using AxisStrides = std::array<std::int64_t, 3>;

/// Collapses the axes of views of the same extents, as far as all of them allow.
///
/// @param extents  Of three axes, the last one innermost; at least 1.
/// @param strides  Of each view along these axes; rewritten to those of the result.
template <std::size_t Views>
CollapsedShape collapse(std::array<std::int64_t, 3> const& extents, std::array<AxisStrides, Views>& strides) {
  CollapsedShape shape{{1, 1, 1}, {1, 1, 1}};
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
  for (std::size_t axis = 0; axis < 3; ++axis) {
    shape.inverse[axis] = 1 / static_cast<double>(shape.extent[axis]);
  }
  strides = collapsed;
  return shape;
}

}  // namespace scc
