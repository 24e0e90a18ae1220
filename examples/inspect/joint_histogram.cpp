// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <scc/plan/kernel_grid.hpp>

#include "joint_histogram.hpp"

namespace inspect {

using drawing::Color, drawing::Point, drawing::Segment;

JointHistogram joint_histogram(ImagePair const& pair) {
  constexpr auto cells = static_cast<std::size_t>(JointHistogram::cells);
  JointHistogram result;
  result.counts.assign(cells * cells, 0);
  result.input_counts.assign(cells, 0);
  result.translation_counts.assign(cells, 0);
  auto const x_channels = static_cast<std::size_t>(pair.input.channels);
  auto const y_channels = static_cast<std::size_t>(pair.translation.channels);
  auto const places = pair.input.pixels.size() / x_channels;
  auto const channels = std::max(x_channels, y_channels);
  for (std::size_t place = 0; place < places; ++place) {
    if (pair.weight(place) == 0) {
      continue;
    }
    for (std::size_t channel = 0; channel < channels; ++channel) {
      std::size_t const x = pair.input.pixels[place * x_channels + channel % x_channels] * cells / 256;
      std::size_t const y = pair.translation.pixels[place * y_channels + channel % y_channels] * cells / 256;
      ++result.counts[y * cells + x];
      ++result.input_counts[x];
      ++result.translation_counts[y];
    }
  }
  result.largest = *std::max_element(result.counts.begin(), result.counts.end());
  return result;
}

Color count_color(JointHistogram const& histogram, std::int64_t count, Color background) {
  if (count == 0) {
    return background;
  }
  double const share = std::log1p(static_cast<double>(count)) / std::log1p(static_cast<double>(histogram.largest));
  return mix(background, drawing::colors::ink, 0.18 + 0.82 * share);
}

RatioMap ratio_map(scc::Options const& options, scc::Statistics const& statistics, ValueRange values) {
  constexpr int points = RatioMap::points;
  scc::KernelGrid const grid(options);
  Eigen::MatrixXd kernels(grid.size(), points);  // [p, i]: k_p at the i-th value
  for (int i = 0; i < points; ++i) {
    double const value = values.low + (values.high - values.low) * i / (points - 1);
    for (int p = 0; p < grid.size(); ++p) {
      kernels(p, i) = grid.value(p, std::clamp(value, options.domain_min, options.domain_max));
    }
  }
  // alpha has the centre of the input running fastest, as a column-major matrix [p, q].
  auto const alpha = statistics.alpha.reshaped(grid.size(), grid.size());
  Eigen::MatrixXd const ratio = kernels.transpose() * alpha * kernels;  // [u, v]
  RatioMap result;
  result.samples.assign(ratio.data(), ratio.data() + ratio.size());
  result.smallest = ratio.minCoeff();
  result.largest = ratio.maxCoeff();
  return result;
}

std::vector<Segment> contour(RatioMap const& ratio, double level) {
  struct Corner {
    Point at;
    double value;
  };
  std::vector<Segment> lines;
  // Each cell is cut into two triangles, in which the line is unambiguous.
  auto const cut = [&](std::array<Corner, 3> const& corners) {
    std::array<Point, 3> crossings{};
    std::size_t count = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      auto const& a = corners[k];
      auto const& b = corners[(k + 1) % 3];
      if ((a.value < level) != (b.value < level)) {
        double const t = (level - a.value) / (b.value - a.value);
        crossings[count++] = {a.at.x + t * (b.at.x - a.at.x), a.at.y + t * (b.at.y - a.at.y)};
      }
    }
    if (count == 2) {
      lines.push_back({crossings[0], crossings[1]});
    }
  };
  auto const corner = [&](int u, int v) -> Corner {
    return {{static_cast<double>(u), static_cast<double>(v)}, ratio.at(u, v)};
  };
  for (int v = 0; v + 1 < RatioMap::points; ++v) {
    for (int u = 0; u + 1 < RatioMap::points; ++u) {
      cut({corner(u, v), corner(u + 1, v), corner(u + 1, v + 1)});
      cut({corner(u, v), corner(u, v + 1), corner(u + 1, v + 1)});
    }
  }
  return lines;
}

}  // namespace inspect
