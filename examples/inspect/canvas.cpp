// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "canvas.hpp"

namespace inspect {

namespace {

template <std::size_t N>
Color interpolated(std::array<Color, N> const& stops, double t) {
  double const bounded = t > 0 ? std::min(t, 1.0) : 0;  // 0 for NaN, too
  double const position = bounded * static_cast<double>(N - 1);
  auto const first = std::min(static_cast<std::size_t>(position), N - 2);
  return mix(stops[first], stops[first + 1], position - static_cast<double>(first));
}

double distance(Point p, Segment const& s) {
  double const dx = s.to.x - s.from.x, dy = s.to.y - s.from.y;
  double const length = dx * dx + dy * dy;
  double const along = length > 0 ? ((p.x - s.from.x) * dx + (p.y - s.from.y) * dy) / length : 0;
  double const t = std::clamp(along, 0.0, 1.0);
  return std::hypot(p.x - s.from.x - t * dx, p.y - s.from.y - t * dy);
}

std::size_t offset(Image const& image, int x, int y) {
  return (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x)) *
         static_cast<std::size_t>(image.channels);
}

// The pixels of `size` that the k-th of `cells` equal parts covers, at least one.
struct Span {
  int begin, end;
};

Span span(int k, int cells, int size) {
  auto const at = [&](int cell) { return static_cast<int>(static_cast<std::int64_t>(cell) * size / cells); };
  return {at(k), std::max(at(k + 1), at(k) + 1)};
}

Color average(Image const& image, Span columns, Span rows) {
  std::array<double, 3> sum{};
  for (int y = rows.begin; y < rows.end; ++y) {
    for (int x = columns.begin; x < columns.end; ++x) {
      auto const* const pixel = image.pixels.data() + offset(image, x, y);
      for (std::size_t channel = 0; channel < 3; ++channel) {
        sum[channel] += pixel[image.channels == 3 ? channel : 0];
      }
    }
  }
  double const count = static_cast<double>(columns.end - columns.begin) * (rows.end - rows.begin);
  auto const rounded = [&](double value) { return static_cast<std::uint8_t>(std::lround(value / count)); };
  return {rounded(sum[0]), rounded(sum[1]), rounded(sum[2])};
}

}  // namespace

Color mix(Color a, Color b, double share) {
  auto const channel = [&](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + (to - from) * std::clamp(share, 0.0, 1.0)));
  };
  return {channel(a.red, b.red), channel(a.green, b.green), channel(a.blue, b.blue)};
}

Color heat(double t) {
  // Stops of increasing lightness, so that the map also reads in black and white.
  static constexpr std::array<Color, 9> stops{{{0, 0, 4},
                                               {31, 12, 72},
                                               {85, 15, 109},
                                               {136, 34, 106},
                                               {186, 54, 85},
                                               {227, 89, 51},
                                               {249, 140, 10},
                                               {249, 201, 50},
                                               {252, 255, 164}}};
  return interpolated(stops, t);
}

Color diverging(double t) {
  static constexpr std::array<Color, 7> stops{
    {{24, 79, 162}, {67, 134, 199}, {167, 203, 232}, {250, 250, 250}, {248, 190, 160}, {222, 108, 83}, {170, 25, 45}}};
  return interpolated(stops, (t + 1) / 2);
}

Canvas::Canvas(int width, int height) {
  image_.width = width;
  image_.height = height;
  image_.channels = 3;
  image_.pixels.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, 255);
}

void Canvas::blend(int x, int y, Color color, double opacity) {
  if (x < 0 || y < 0 || x >= image_.width || y >= image_.height) {
    return;
  }
  auto* const pixel = image_.pixels.data() + offset(image_, x, y);
  auto const mixed = mix({pixel[0], pixel[1], pixel[2]}, color, opacity);
  pixel[0] = mixed.red;
  pixel[1] = mixed.green;
  pixel[2] = mixed.blue;
}

void Canvas::fill(Box const& box, Color color) {
  shade(box, [color](double, double) { return color; });
}

void Canvas::frame(Box const& box, Color color) {
  fill({box.left - 1, box.top - 1, box.width + 2, 1}, color);
  fill({box.left - 1, box.bottom(), box.width + 2, 1}, color);
  fill({box.left - 1, box.top, 1, box.height}, color);
  fill({box.right(), box.top, 1, box.height}, color);
}

void Canvas::lines(std::vector<Segment> const& segments, double thickness, Color color) {
  if (segments.empty()) {
    return;
  }
  double const reach = thickness / 2 + 0.5;
  Point low{std::numeric_limits<double>::max(), std::numeric_limits<double>::max()};
  Point high{std::numeric_limits<double>::lowest(), std::numeric_limits<double>::lowest()};
  for (auto const& segment : segments) {
    for (auto const& point : {segment.from, segment.to}) {
      low = {std::min(low.x, point.x), std::min(low.y, point.y)};
      high = {std::max(high.x, point.x), std::max(high.y, point.y)};
    }
  }
  auto const floor_int = [](double value) { return static_cast<int>(std::floor(value)); };
  Box const all{floor_int(low.x - reach), floor_int(low.y - reach), floor_int(high.x - low.x + 2 * reach) + 2,
                floor_int(high.y - low.y + 2 * reach) + 2};
  std::vector<double> coverage(static_cast<std::size_t>(all.width) * static_cast<std::size_t>(all.height), 0.0);
  auto const covered = [&](int x, int y) -> double& {
    return coverage[static_cast<std::size_t>(y - all.top) * static_cast<std::size_t>(all.width) +
                    static_cast<std::size_t>(x - all.left)];
  };
  for (auto const& s : segments) {
    for (int y = floor_int(std::min(s.from.y, s.to.y) - reach); y <= std::max(s.from.y, s.to.y) + reach; ++y) {
      for (int x = floor_int(std::min(s.from.x, s.to.x) - reach); x <= std::max(s.from.x, s.to.x) + reach; ++x) {
        double const share = std::clamp(reach - distance({x + 0.5, y + 0.5}, s), 0.0, 1.0);
        covered(x, y) = std::max(covered(x, y), share);
      }
    }
  }
  for (int y = all.top; y < all.bottom(); ++y) {
    for (int x = all.left; x < all.right(); ++x) {
      blend(x, y, color, covered(x, y));
    }
  }
}

void Canvas::text(Point at, std::string_view text, double height, Color color, Align align, Direction direction) {
  double const width = text_width(text) * height;
  double const shift = align == Align::left ? 0 : (align == Align::center ? width / 2 : width);
  auto const placed = [&](Point p) -> Point {
    double const along = p.x * height - shift, across = p.y * height;
    return direction == Direction::right ? Point{at.x + along, at.y + across} : Point{at.x + across, at.y - along};
  };
  auto strokes = text_strokes(text);
  for (auto& stroke : strokes) {
    stroke = {placed(stroke.from), placed(stroke.to)};
  }
  lines(strokes, std::max(1.1, 0.125 * height), color);
}

void Canvas::shade(Box const& box, std::function<Color(double, double)> const& color) {
  for (int y = 0; y < box.height; ++y) {
    for (int x = 0; x < box.width; ++x) {
      blend(box.left + x, box.top + y, color((x + 0.5) / box.width, (y + 0.5) / box.height), 1);
    }
  }
}

void Canvas::picture(Box const& box, Image const& image, Color (*map)(double)) {
  for (int y = 0; y < box.height; ++y) {
    auto const rows = span(y, box.height, image.height);
    for (int x = 0; x < box.width; ++x) {
      auto const color = average(image, span(x, box.width, image.width), rows);
      blend(box.left + x, box.top + y, map != nullptr ? map(color.red / 255.0) : color, 1);
    }
  }
}

}  // namespace inspect
