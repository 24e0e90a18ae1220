// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "../drawing/canvas.hpp"
#include "scene.hpp"

namespace inspect {

namespace {

using drawing::Color, drawing::mix;

constexpr int size = 256;

// Repeatable noise in [-1, 1], smooth over about 1 / frequency.
double noise(double x, double y, double frequency) {
  auto const lattice = [](int i, int j) {
    auto bits = static_cast<std::uint32_t>(i) * 374761393U + static_cast<std::uint32_t>(j) * 668265263U;
    bits = (bits ^ (bits >> 13U)) * 1274126177U;
    return static_cast<double>((bits ^ (bits >> 16U)) & 0xFFFFU) / 32767.5 - 1;
  };
  auto const u = x * frequency, v = y * frequency;
  int const i = static_cast<int>(std::floor(u)), j = static_cast<int>(std::floor(v));
  auto const ease = [](double t) { return t * t * (3 - 2 * t); };
  double const s = ease(u - i), t = ease(v - j);
  return (1 - t) * ((1 - s) * lattice(i, j) + s * lattice(i + 1, j)) +
         t * ((1 - s) * lattice(i, j + 1) + s * lattice(i + 1, j + 1));
}

bool is_within(double x, double y, double left, double top, double right, double bottom) {
  return x >= left && x < right && y >= top && y < bottom;
}

Color shaded(Color color, double light) {
  return light < 0 ? mix(color, {0, 0, 0}, -light) : mix(color, {255, 255, 255}, light);
}

// The landscape at (x, y) in [0, 1]^2, y down.
Color landscape(double x, double y, bool has_house) {
  if (has_house && is_within(x, y, 0.56, 0.52, 0.80, 0.72)) {
    bool const is_window = is_within(x, y, 0.60, 0.57, 0.65, 0.63) || is_within(x, y, 0.71, 0.57, 0.76, 0.63);
    bool const is_door = is_within(x, y, 0.655, 0.62, 0.70, 0.72);
    return is_window ? Color{70, 100, 130} : (is_door ? Color{95, 60, 40} : shaded({232, 214, 186}, 0.1 * (0.6 - y)));
  }
  if (has_house && y >= 0.40 && y < 0.52 && std::abs(x - 0.68) < 0.06 + 0.8 * (y - 0.40)) {
    return shaded({168, 62, 48}, 0.15 * noise(x, 4 * y, 20));
  }
  if (std::hypot(x - 0.22, (y - 0.56) * 0.9) < 0.11 + 0.012 * noise(x, y, 30)) {
    return shaded({52, 104, 48}, 0.35 * noise(x, y, 35));
  }
  if (is_within(x, y, 0.205, 0.62, 0.235, 0.78)) {
    return shaded({92, 68, 46}, 0.2 * noise(8 * x, y, 20));
  }
  if (y > 0.66 + 0.03 * std::sin(7 * x)) {
    return shaded({118, 158, 72}, 0.5 * (0.72 - y) + 0.15 * noise(x, y, 60));
  }
  if (y > 0.50 + 0.10 * std::sin(4 * x + 1) + 0.02 * noise(x, 0, 16)) {
    return shaded({96, 128, 140}, 0.15 * noise(x, y, 18));
  }
  if (std::hypot(x - 0.80, y - 0.16) < 0.07) {
    return {255, 244, 200};
  }
  double const cloud = std::max(0.0, noise(x, 2.5 * y, 5) + 0.4 * noise(x, 2.5 * y, 13) - 0.1);
  return mix(mix({86, 148, 222}, {206, 228, 244}, y / 0.55), {252, 252, 252}, cloud);
}

// Darker and bluer, each channel by its own increasing curve: the structure stays.
Color by_night(Color day) {
  auto const curve = [](std::uint8_t value, double gain, double power) {
    return static_cast<std::uint8_t>(std::lround(255 * gain * std::pow(value / 255.0, power)));
  };
  return {curve(day.red, 0.62, 1.7), curve(day.green, 0.68, 1.6), curve(day.blue, 0.86, 1.35)};
}

template <class ColorAt>
drawing::Image sampled(ColorAt const& color_at) {
  drawing::Image image{size, size, 3, {}, false};
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      Color const color = color_at((x + 0.5) / size, (y + 0.5) / size);
      image.pixels.insert(image.pixels.end(), {color.red, color.green, color.blue});
    }
  }
  return image;
}

}  // namespace

ImagePair synthetic_pair() {
  return {"built-in scene, day",
          "built-in scene, night",
          sampled([](double x, double y) { return landscape(x, y, true); }),
          sampled([](double x, double y) { return by_night(landscape(x, y, false)); }),
          "",
          {}};
}

}  // namespace inspect
