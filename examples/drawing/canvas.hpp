// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A picture to draw on with cairo: rectangles, lines, text, colour maps, images. The same code makes PNG, SVG and PDF.

#pragma once

#include <cairo.h>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace drawing {

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

/// In pixels, from the left upper corner of the picture.
struct Point {
  double x, y;
};

struct Segment {
  Point from, to;
};

/// A rectangle in pixels.
struct Box {
  int left, top, width, height;
  int right() const { return left + width; }
  int bottom() const { return top + height; }
};

/// An 8-bit image that somebody else keeps: [height, width, channels], with 1 channel (grey) or 3 (red, green, blue).
struct ImageView {
  std::uint8_t const* pixels;
  int width, height, channels;
};

enum class Align { left, center, right };
enum class Direction { right, up };
enum class Weight { normal, bold };
enum class Format { png, svg, pdf };

/// The format that a file's name ends in.
///
/// @throws std::invalid_argument if it is none of .png, .svg and .pdf.
Format format_of(std::filesystem::path const& file);

/// `count` equal steps of round numbers that lie in [low, high], or about so many.
std::vector<double> round_numbers(double low, double high, int count);

/// A white page. Everything drawn outside it is cut off.
class Canvas {
public:
  /// @throws std::runtime_error if cairo cannot make one.
  Canvas(int width, int height, Format format);

  void fill(Box const& box, Color color);

  /// Draws a frame one pixel wide just outside the box.
  void frame(Box const& box, Color color);

  /// Draws lines with round ends. Level and upright ones of thickness 1 are moved to whole pixels.
  void lines(std::vector<Segment> const& segments, double thickness, Color color);

  /// Draws one line of text in DejaVu Sans. `at` is on its base line; `height` is that of its capitals, in pixels.
  void text(Point at, std::string const& text, double height, Color color, Align align = Align::left,
            Direction direction = Direction::right, Weight weight = Weight::normal);

  /// The width of text of that height, in pixels.
  double text_width(std::string const& text, double height, Weight weight = Weight::normal);

  /// Fills the box with color(u, v) for each pixel, where 0 < u, v < 1 run over it from its left upper corner.
  void shade(Box const& box, std::function<Color(double, double)> const& color);

  /// Draws an image resized to the box: averages where it shrinks, repeats pixels where it grows. A grey image is drawn
  /// in the colours of `map` if there is one.
  void picture(Box const& box, ImageView const& image, Color (*map)(double) = nullptr);

  /// The bytes of the file. Nothing can be drawn afterwards.
  ///
  /// @throws std::runtime_error if cairo reports an error of this or an earlier call.
  std::string finish();

private:
  struct Free {
    void operator()(cairo_t* context) const { cairo_destroy(context); }
    void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  };
  using Surface = std::unique_ptr<cairo_surface_t, Free>;

  void set_color(Color color);
  void set_font(double height, Weight weight);
  void paint(Box const& box, int width, int height, std::function<Color(int, int)> const& color);

  Format format_;
  std::unique_ptr<std::string> bytes_;  // where cairo writes to, also after a move
  Surface surface_;
  std::unique_ptr<cairo_t, Free> context_;
};

}  // namespace drawing
