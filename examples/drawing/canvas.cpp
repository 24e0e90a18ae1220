// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "canvas.hpp"

namespace drawing {

namespace {

template <std::size_t N>
Color interpolated(std::array<Color, N> const& stops, double t) {
  double const bounded = t > 0 ? std::min(t, 1.0) : 0;  // 0 for NaN, too
  double const position = bounded * static_cast<double>(N - 1);
  auto const first = std::min(static_cast<std::size_t>(position), N - 2);
  return mix(stops[first], stops[first + 1], position - static_cast<double>(first));
}

cairo_status_t append(void* bytes, unsigned char const* data, unsigned size) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<char const*>(data), size);
  return CAIRO_STATUS_SUCCESS;
}

cairo_surface_t* make_surface(int width, int height, Format format, std::string& bytes) {
  if (format == Format::png) {
    return cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  }
  if (format == Format::pdf) {
    return cairo_pdf_surface_create_for_stream(append, &bytes, width, height);
  }
  auto* const surface = cairo_svg_surface_create_for_stream(append, &bytes, width, height);
  cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
  return surface;
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

Format format_of(std::filesystem::path const& file) {
  auto const extension = file.extension();
  if (extension != ".png" && extension != ".svg" && extension != ".pdf") {
    throw std::invalid_argument("'" + file.string() + "' must end in .png, .svg or .pdf");
  }
  return extension == ".png" ? Format::png : (extension == ".svg" ? Format::svg : Format::pdf);
}

std::vector<double> round_numbers(double low, double high, int count) {
  double const rough = (high - low) / count;
  if (!(rough > 0) || !std::isfinite(rough)) {
    return {};
  }
  double const power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double const factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= 0.999 * rough) {
      step = factor * power;
    }
  }
  std::vector<double> numbers;
  auto const first = static_cast<std::int64_t>(std::ceil(low / step - 1e-6));
  auto const last = static_cast<std::int64_t>(std::floor(high / step + 1e-6));
  for (auto k = first; k <= last; ++k) {
    numbers.push_back(static_cast<double>(k) * step);
  }
  return numbers;
}

Canvas::Canvas(int width, int height, Format format)
    : format_(format),
      bytes_(std::make_unique<std::string>()),
      surface_(make_surface(width, height, format, *bytes_)),
      context_(cairo_create(surface_.get())) {
  if (cairo_status(context_.get()) != CAIRO_STATUS_SUCCESS) {
    throw std::runtime_error(std::string("cannot draw: ") + cairo_status_to_string(cairo_status(context_.get())));
  }
  cairo_set_line_cap(context_.get(), CAIRO_LINE_CAP_ROUND);
  // The same letters wherever the picture is drawn, whatever the settings of a desktop are.
  auto* const options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(context_.get(), options);
  cairo_font_options_destroy(options);
  fill({0, 0, width, height}, colors::white);
}

void Canvas::set_color(Color color) {
  cairo_set_source_rgb(context_.get(), color.red / 255.0, color.green / 255.0, color.blue / 255.0);
}

void Canvas::fill(Box const& box, Color color) {
  set_color(color);
  cairo_rectangle(context_.get(), box.left, box.top, box.width, box.height);
  cairo_fill(context_.get());
}

void Canvas::frame(Box const& box, Color color) {
  set_color(color);
  cairo_set_line_width(context_.get(), 1);
  cairo_rectangle(context_.get(), box.left - 0.5, box.top - 0.5, box.width + 1, box.height + 1);
  cairo_stroke(context_.get());
}

void Canvas::lines(std::vector<Segment> const& segments, double thickness, Color color) {
  set_color(color);
  cairo_set_line_width(context_.get(), thickness);
  for (auto [from, to] : segments) {
    if (thickness == 1 && from.x == to.x) {
      from.x = to.x = std::floor(from.x) + 0.5;
    }
    if (thickness == 1 && from.y == to.y) {
      from.y = to.y = std::floor(from.y) + 0.5;
    }
    cairo_move_to(context_.get(), from.x, from.y);
    cairo_line_to(context_.get(), to.x, to.y);
  }
  cairo_stroke(context_.get());
}

void Canvas::set_font(double height, Weight weight) {
  constexpr double capitals = 0.729;  // of DejaVu Sans, in units of the size of the font
  cairo_select_font_face(context_.get(), "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                         weight == Weight::bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context_.get(), height / capitals);
}

double Canvas::text_width(std::string const& text, double height, Weight weight) {
  set_font(height, weight);
  cairo_text_extents_t extents;
  cairo_text_extents(context_.get(), text.c_str(), &extents);
  return extents.x_advance;
}

void Canvas::text(Point at, std::string const& text, double height, Color color, Align align, Direction direction,
                  Weight weight) {
  double const width = text_width(text, height, weight);
  set_color(color);
  cairo_save(context_.get());
  cairo_translate(context_.get(), at.x, at.y);
  if (direction == Direction::up) {
    cairo_rotate(context_.get(), -std::acos(0.0));
  }
  cairo_move_to(context_.get(), align == Align::left ? 0 : (align == Align::center ? -width / 2 : -width), 0);
  cairo_show_text(context_.get(), text.c_str());
  cairo_restore(context_.get());
}

void Canvas::paint(Box const& box, int width, int height, std::function<Color(int, int)> const& color) {
  Surface const image(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
  if (auto* const row = cairo_image_surface_get_data(image.get())) {
    auto const stride = static_cast<std::size_t>(cairo_image_surface_get_stride(image.get()));
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        auto const [red, green, blue] = color(x, y);
        auto const pixel = std::uint32_t{red} << 16U | std::uint32_t{green} << 8U | blue;
        reinterpret_cast<std::uint32_t*>(row + static_cast<std::size_t>(y) * stride)[x] = pixel;
      }
    }
    cairo_surface_mark_dirty(image.get());
  }
  cairo_save(context_.get());
  cairo_rectangle(context_.get(), box.left, box.top, box.width, box.height);
  cairo_clip(context_.get());
  cairo_translate(context_.get(), box.left, box.top);
  cairo_scale(context_.get(), static_cast<double>(box.width) / width, static_cast<double>(box.height) / height);
  cairo_set_source_surface(context_.get(), image.get(), 0, 0);
  bool const shrinks = box.width < width || box.height < height;
  cairo_pattern_set_filter(cairo_get_source(context_.get()), shrinks ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
  cairo_pattern_set_extend(cairo_get_source(context_.get()), CAIRO_EXTEND_PAD);
  cairo_paint(context_.get());
  cairo_restore(context_.get());
}

void Canvas::shade(Box const& box, std::function<Color(double, double)> const& color) {
  paint(box, box.width, box.height, [&](int x, int y) { return color((x + 0.5) / box.width, (y + 0.5) / box.height); });
}

void Canvas::picture(Box const& box, ImageView const& image, Color (*map)(double)) {
  paint(box, image.width, image.height, [&](int x, int y) -> Color {
    auto const channels = static_cast<std::size_t>(image.channels);
    auto const* const pixel =
      image.pixels +
      (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x)) * channels;
    if (map != nullptr && channels == 1) {
      return map(pixel[0] / 255.0);
    }
    return {pixel[0], pixel[channels == 3 ? 1 : 0], pixel[channels == 3 ? 2 : 0]};
  });
}

std::string Canvas::finish() {
  auto status = cairo_status(context_.get());
  if (format_ == Format::png) {
    status =
      status != CAIRO_STATUS_SUCCESS ? status : cairo_surface_write_to_png_stream(surface_.get(), append, bytes_.get());
  } else {
    cairo_surface_finish(surface_.get());
    status = status != CAIRO_STATUS_SUCCESS ? status : cairo_surface_status(surface_.get());
  }
  if (status != CAIRO_STATUS_SUCCESS) {
    throw std::runtime_error(std::string("cannot encode the picture: ") + cairo_status_to_string(status));
  }
  return *bytes_;
}

}  // namespace drawing
