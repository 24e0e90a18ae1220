// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Generated images, the same in every run, and the measure by which gradients are compared.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <scc/image_batch.hpp>
#include <vector>

namespace scc_test {

/// Extents of a batch.
struct Shape {
  std::int64_t images, channels, height, width;

  std::int64_t pixels() const { return channels * height * width; }
  std::size_t size() const { return static_cast<std::size_t>(images * pixels()); }
};

/// A densely packed batch that owns its pixels.
template <class T>
struct Batch {
  Shape shape;
  std::vector<T> pixels;

  explicit Batch(Shape extents, T value = T(0)) : shape(extents), pixels(extents.size(), value) {}
  Batch(Shape extents, std::vector<double> const& values) : shape(extents) {
    for (double const value : values) {
      pixels.push_back(static_cast<T>(value));
    }
  }

  scc::ImageBatch<T> view() {
    return scc::ImageBatch<T>::contiguous(pixels.data(), shape.images, shape.channels, shape.height, shape.width);
  }
  scc::ImageBatch<T const> view() const {
    return scc::ImageBatch<T const>::contiguous(pixels.data(), shape.images, shape.channels, shape.height, shape.width);
  }
};

/// A batch seen as one of the shape: an extent of 1 is repeated by stride 0.
template <class T>
scc::ImageBatch<T> repeated(scc::ImageBatch<T> view, Shape const& shape) {
  auto const repeat = [](std::int64_t& extent, std::int64_t& stride, std::int64_t wanted) {
    stride = extent == 1 ? 0 : stride;
    extent = extent == 1 ? wanted : extent;
  };
  repeat(view.images, view.image_stride, shape.images);
  repeat(view.channels, view.channel_stride, shape.channels);
  repeat(view.height, view.row_stride, shape.height);
  repeat(view.width, view.column_stride, shape.width);
  return view;
}

/// Numbers in [lowest, highest) that depend on the seed alone, on every standard library.
inline std::vector<double> random_values(std::size_t count, unsigned seed, double lowest = -1, double highest = 1) {
  std::mt19937 generator(seed);
  std::vector<double> values(count);
  for (double& value : values) {
    value = lowest + (highest - lowest) * static_cast<double>(generator()) / 4294967296.0;
  }
  return values;
}

/// A translation that shows the same as `x`, somewhat changed, inside [lowest, highest].
inline std::vector<double> translated(std::vector<double> const& x, unsigned seed, double lowest = -1,
                                      double highest = 1) {
  std::vector<double> const noise = random_values(x.size(), seed);
  std::vector<double> y(x.size());
  for (std::size_t k = 0; k < x.size(); ++k) {
    double const t = 2 * (x[k] - lowest) / (highest - lowest) - 1;
    y[k] = lowest + (highest - lowest) * 0.5 * (1 + std::tanh(1.3 * t * t - 0.6 + 0.2 * noise[k]));
  }
  return y;
}

/// |actual - expected| / |expected| in the Euclidean norm, of signed values; infinite if they differ in number.
template <class A, class B>
double relative_error(std::vector<A> const& actual, std::vector<B> const& expected) {
  if (actual.size() != expected.size()) {
    return std::numeric_limits<double>::infinity();
  }
  double difference = 0, norm = 0;
  for (std::size_t k = 0; k < actual.size(); ++k) {
    double const e = static_cast<double>(expected[k]);
    double const d = static_cast<double>(actual[k]) - e;
    difference += d * d;
    norm += e * e;
  }
  return std::sqrt(difference / norm);
}

}  // namespace scc_test
