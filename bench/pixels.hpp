// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Sizes of benchmarked images, and the numbers that pixels of any type stand for.

#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

namespace scc_bench {

struct Size {
  int height, width, channels;
  std::int64_t pixels() const { return std::int64_t{height} * width * channels; }
};

/// The pixel nearest to `value` in [-1, 1]; uint8 pixels span that range.
template <class T>
T pixel_from(float value) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return static_cast<T>(std::lround((value + 1) * 127.5F));
  } else {
    return static_cast<T>(value);
  }
}

/// The number that a pixel stands for.
template <class T>
double value_of(T pixel) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return -1 + pixel / 127.5;
  } else {
    return static_cast<double>(pixel);
  }
}

}  // namespace scc_bench
