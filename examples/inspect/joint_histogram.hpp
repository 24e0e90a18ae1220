// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the joint plot shows: the counts of pairs of pixel values, and the fitted density ratio over them.

#pragma once

#include <cstdint>
#include <vector>

#include "../drawing/canvas.hpp"
#include "inspection.hpp"

namespace inspect {

/// Counts of pairs (input value, translation value) over a grid of equal cells.
struct JointHistogram {
  static constexpr int cells = 128;  ///< Per axis: two byte values each.
  std::vector<std::int64_t> counts;  ///< [translation, input]
  std::vector<std::int64_t> input_counts, translation_counts;
  std::int64_t largest = 0;  ///< Of `counts`.

  std::int64_t at(int input, int translation) const {
    return counts[static_cast<std::size_t>(translation) * cells + static_cast<std::size_t>(input)];
  }
};

/// Of the pixels that the mask does not leave out.
JointHistogram joint_histogram(ImagePair const& pair);

/// The colour of a cell with `count` pairs on a background that shows where there are none: the darker the more.
drawing::Color count_color(JointHistogram const& histogram, std::int64_t count, drawing::Color background);

/// Samples of r(u, v) = sum_l alpha_l phi_l(u, v) on a square grid over the range of the pixel values, ends included.
struct RatioMap {
  static constexpr int points = 129;  ///< Per axis.
  std::vector<double> samples;        ///< [v, u]
  double smallest = 0, largest = 0;

  double at(int u, int v) const { return samples[static_cast<std::size_t>(v) * points + static_cast<std::size_t>(u)]; }
};

RatioMap ratio_map(scc::Options const& options, scc::Statistics const& statistics, ValueRange values);

/// The lines r = level, in units of the grid: (0, 0) is the smallest u and v, (points - 1, points - 1) the largest.
std::vector<drawing::Segment> contour(RatioMap const& ratio, double level);

}  // namespace inspect
