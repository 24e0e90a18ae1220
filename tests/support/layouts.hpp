// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The same images in memory in other orders, forwards and backwards, with gaps between their pixels.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <scc/image_batch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "images.hpp"

namespace scc_test {

/// The strides [N, C, H, W], in elements, of one way to lay out a batch.
struct Layout {
  std::string name;
  std::array<std::int64_t, 4> strides;
};

/// Ways of slicing, transposing and flipping memory.
inline std::vector<Layout> layouts(Shape const& shape) {
  std::int64_t const c = shape.channels, h = shape.height, w = shape.width;
  return {
    {"contiguous", {c * h * w, h * w, w, 1}},
    {"channels last", {c * h * w, 1, w * c, c}},
    {"rows and columns exchanged", {c * h * w, h * w, 1, h}},
    {"images innermost", {1, h * w * shape.images, w * shape.images, shape.images}},
    {"columns reversed", {c * h * w, h * w, w, -1}},
    {"rows reversed", {c * h * w, h * w, -w, 1}},
    {"all reversed", {-c * h * w, -h * w, -w, -1}},
    {"channels last, channels reversed", {c * h * w, -1, w * c, c}},
    {"left part of wider rows", {c * h * (w + 3), h * (w + 3), w + 3, 1}},
    {"upper part of higher images", {c * (h + 2) * w, (h + 2) * w, w, 1}},
    {"every second column and third row", {c * h * w * 6 + 5, h * w * 6, w * 6, 2}},
    {"one of two images in turn", {2 * c * h * w, h * w, w, 1}},
  };
}

/// A batch in memory of the given layout; what lies between its pixels is `gap`.
template <class T>
class Arranged {
public:
  Arranged(Shape const& shape, Layout const& layout, T gap) : shape_(shape), strides_(layout.strides), gap_(gap) {
    std::array<std::int64_t, 4> const extents{shape.images, shape.channels, shape.height, shape.width};
    std::int64_t size = 1;
    for (std::size_t axis = 0; axis < 4; ++axis) {
      std::int64_t const reach = (extents[axis] - 1) * strides_[axis];
      first_ += reach < 0 ? -reach : 0;
      size += reach < 0 ? -reach : reach;
    }
    memory_.assign(static_cast<std::size_t>(size), gap);
  }

  /// Copies pixels [N, C, H, W] in.
  void fill(std::vector<T> const& dense) {
    std::size_t k = 0;
    for_each_offset([&](std::size_t offset) { memory_[offset] = dense[k++]; });
  }

  /// The pixels [N, C, H, W].
  std::vector<T> dense() const {
    std::vector<T> pixels;
    for_each_offset([&](std::size_t offset) { pixels.push_back(memory_[offset]); });
    return pixels;
  }

  /// What lies between the pixels.
  std::vector<T> gaps() const {
    std::vector<bool> is_pixel(memory_.size(), false);
    for_each_offset([&](std::size_t offset) { is_pixel[offset] = true; });
    std::vector<T> values;
    for (std::size_t k = 0; k < memory_.size(); ++k) {
      if (!is_pixel[k]) {
        values.push_back(memory_[k]);
      }
    }
    return values;
  }

  bool gaps_are_untouched() const {
    std::vector<T> const values = gaps();
    return std::all_of(values.begin(), values.end(), [&](T const& value) { return value == gap_; });
  }

  scc::ImageBatch<T> view() {
    return {memory_.data() + first_,
            shape_.images,
            shape_.channels,
            shape_.height,
            shape_.width,
            strides_[0],
            strides_[1],
            strides_[2],
            strides_[3]};
  }

private:
  template <class Visit>
  void for_each_offset(Visit const& visit) const {
    for (std::int64_t n = 0; n < shape_.images; ++n) {
      for (std::int64_t c = 0; c < shape_.channels; ++c) {
        for (std::int64_t h = 0; h < shape_.height; ++h) {
          for (std::int64_t w = 0; w < shape_.width; ++w) {
            visit(
              static_cast<std::size_t>(first_ + n * strides_[0] + c * strides_[1] + h * strides_[2] + w * strides_[3]));
          }
        }
      }
    }
  }

  Shape shape_;
  std::array<std::int64_t, 4> strides_;
  T gap_;
  std::int64_t first_ = 0;
  std::vector<T> memory_;
};

}  // namespace scc_test
