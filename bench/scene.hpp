// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A made-up picture and its translation: the same on every machine, with the spectrum of a natural image.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace scc_bench {

/// Pixels of an input and of its translation, [channels, height, width], inside (-1, 1).
struct Scene {
  std::vector<float> x, y;
};

namespace detail {

/// A number in [0, 1); the distributions of <random> differ between libraries, the engine does not.
inline double uniform(std::mt19937& random) { return static_cast<double>(random()) / 4294967296.0; }

/// cos(2 pi frequency k / size + phase) for k < size.
inline std::vector<double> wave(int size, double frequency, double phase) {
  std::vector<double> values(static_cast<std::size_t>(size));
  for (int k = 0; k < size; ++k) {
    values[static_cast<std::size_t>(k)] = std::cos(2 * std::acos(-1.0) * frequency * k / size + phase);
  }
  return values;
}

}  // namespace detail

/// Waves of all directions whose amplitude falls like 1 / frequency, in colours that mostly agree. The translation has
/// another tone curve per channel, another light across the picture, and a little noise.
inline Scene make_scene(int channels, int height, int width) {
  using detail::uniform;
  std::mt19937 random(20220619);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same picture every time
  auto const plane = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  std::vector<double> sum(plane * static_cast<std::size_t>(channels), 0.0);
  for (int k = 0; k < 32; ++k) {
    double const frequency = 0.5 * std::exp2(5 * uniform(random));
    double const direction = 2 * std::acos(-1.0) * uniform(random);
    auto const across = detail::wave(width, frequency * std::cos(direction), 7 * uniform(random));
    auto const down = detail::wave(height, frequency * std::sin(direction), 7 * uniform(random));
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
      double const amplitude = (0.6 + 0.5 * uniform(random)) / std::sqrt(1 + frequency * frequency);
      for (std::size_t row = 0; row < down.size(); ++row) {
        for (std::size_t column = 0; column < across.size(); ++column) {
          sum[c * plane + row * across.size() + column] += amplitude * down[row] * across[column];
        }
      }
    }
  }
  Scene scene;
  for (std::size_t k = 0; k < sum.size(); ++k) {
    double const x = std::tanh(0.8 * sum[k]);
    double const light = static_cast<double>(k % static_cast<std::size_t>(width)) / width - 0.5;
    std::size_t const channel = k / plane;
    double const contrast = 0.9 - 0.25 * static_cast<double>(channel);
    double const y = contrast * x + 0.4 * x * x - 0.3 + 0.3 * light + 0.2 * (uniform(random) - 0.5);
    scene.x.push_back(static_cast<float>(x));
    scene.y.push_back(static_cast<float>(std::tanh(y)));
  }
  return scene;
}

}  // namespace scc_bench
