// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A picture to draw on: rectangles, smooth lines, text, colour maps.

#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "font.hpp"
#include "image_file.hpp"

namespace inspect {

struct Color {
  std::uint8_t red, green, blue;
};

namespace colors {
inline constexpr Color white{255, 255, 255};
inline constexpr Color ink{28, 32, 40};
inline constexpr Color grey{105, 112, 124};
inline constexpr Color light_grey{222, 225, 230};
}  // namespace colors

/// The colour `share` of the way from a to b.
Color mix(Color a, Color b, double share);

/// Dark to bright for t from 0 to 1: magnitudes.
Color heat(double t);

/// Blue over white to red for t from -1 over 0 to 1: less and more than a middle value.
Color diverging(double t);

/// A rectangle in pixels.
struct Box {
  int left, top, width, height;
  int right() const { return left + width; }
  int bottom() const { return top + height; }
};

enum class Align { left, center, right };
enum class Direction { right, up };

/// An RGB picture. Everything drawn outside it is cut off.
class Canvas {
public:
  Canvas(int width, int height);

  Image const& image() const { return image_; }

  void fill(Box const& box, Color color);

  /// Draws a frame one pixel wide just outside the box.
  void frame(Box const& box, Color color);

  /// Draws lines with round ends; where they cross, the colour is not doubled.
  void lines(std::vector<Segment> const& segments, double thickness, Color color);

  /// Draws one line of text. `at` is on its base line; `height` is that of its capitals, in pixels.
  void text(Point at, std::string_view text, double height, Color color, Align align = Align::left,
            Direction direction = Direction::right);

  /// Fills the box with color(u, v), where 0 <= u, v < 1 run over it from its left upper corner.
  void shade(Box const& box, std::function<Color(double, double)> const& color);

  /// Draws an image resized to the box: averages where it shrinks, repeats pixels where it grows. A grey image is drawn
  /// in the colours of `map` if there is one.
  void picture(Box const& box, Image const& image, Color (*map)(double) = nullptr);

private:
  void blend(int x, int y, Color color, double opacity);

  Image image_;
};

}  // namespace inspect
