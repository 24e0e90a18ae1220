// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A view of a batch of images in memory, and the checks that both backends make of the views they are given.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace scc {

namespace detail {

/// a * b; wraps around where that overflows, which only extents that no view may have can make it do.
inline std::int64_t wrapping_product(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

}  // namespace detail

/// A view of `images` images of `channels` x `height` x `width` pixels; it never owns memory.
///
/// Pixel (n, c, h, w) is data[n * image_stride + c * channel_stride + h * row_stride + w * column_stride]. Strides count
/// elements, may be negative, and 0 repeats (broadcasts) the same pixels along that extent. A volume is an image whose
/// height * width is the number of its voxels. The estimator treats all C * H * W pixels of one image as one sample.
/// @ingroup data
template <class T>
struct ImageBatch {
  T* data = nullptr;                ///< First pixel; may be null if there are no pixels.
  std::int64_t images = 0;          ///< N >= 0
  std::int64_t channels = 0;        ///< C >= 0
  std::int64_t height = 0;          ///< H >= 0
  std::int64_t width = 0;           ///< W >= 0
  std::int64_t image_stride = 0;    ///< From image to image, in elements.
  std::int64_t channel_stride = 0;  ///< From channel to channel.
  std::int64_t row_stride = 0;      ///< From row to row.
  std::int64_t column_stride = 0;   ///< From pixel to pixel of a row.

  /// View of densely packed memory [images, channels, height, width].
  static ImageBatch contiguous(T* data, std::int64_t images, std::int64_t channels, std::int64_t height,
                               std::int64_t width) {
    std::int64_t const plane = detail::wrapping_product(height, width);
    return {data, images, channels, height, width, detail::wrapping_product(channels, plane), plane, width, 1};
  }

  /// View of densely packed memory [images, height, width, channels].
  static ImageBatch channels_last(T* data, std::int64_t images, std::int64_t channels, std::int64_t height,
                                  std::int64_t width) {
    std::int64_t const row = detail::wrapping_product(width, channels);
    return {data, images, channels, height, width, detail::wrapping_product(height, row), 1, row, channels};
  }

  /// Number of pixels of one image, C * H * W.
  std::int64_t pixels() const { return detail::wrapping_product(channels, detail::wrapping_product(height, width)); }

  /// A view through which pixels can be read but not written.
  template <class U = T, class = std::enable_if_t<std::is_same_v<U, T> && !std::is_const_v<U>>>
  operator ImageBatch<U const>() const {  // NOLINT(google-explicit-constructor): as T* converts to T const*
    return {data, images, channels, height, width, image_stride, channel_stride, row_stride, column_stride};
  }
};

namespace detail {

template <class T>
std::array<std::int64_t, 4> extents(ImageBatch<T> const& view) {
  return {view.images, view.channels, view.height, view.width};
}

template <class T>
std::array<std::int64_t, 4> strides(ImageBatch<T> const& view) {
  return {view.image_stride, view.channel_stride, view.row_stride, view.column_stride};
}

/// "[N, C, H, W]" for error messages.
template <class T>
std::string shape_text(ImageBatch<T> const& view) {
  std::ostringstream text;
  text << '[' << view.images << ", " << view.channels << ", " << view.height << ", " << view.width << ']';
  return text.str();
}

/// a * b, saturated at the largest int64, for a, b >= 0.
inline std::int64_t saturating_product(std::int64_t a, std::int64_t b) {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  return (a != 0 && b > largest / a) ? largest : a * b;
}

/// a + b, saturated at the largest int64, for a, b >= 0.
inline std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  return a > largest - b ? largest : a + b;
}

/// Largest count of pixels, and of bytes between two pixels, that a view may have: far above any memory, far below
/// the overflow of the 64-bit arithmetic on them.
inline constexpr std::int64_t largest_extent = std::int64_t{1} << 56;

/// |stride|, saturated (the smallest int64 has no positive twin).
inline std::int64_t stride_size(std::int64_t stride) {
  return stride == std::numeric_limits<std::int64_t>::min() ? std::numeric_limits<std::int64_t>::max()
                                                            : (stride < 0 ? -stride : stride);
}

/// Throws std::invalid_argument, naming the view, unless extents are >= 0, sizes stay addressable, and data is not null
/// where there are pixels.
template <class T>
void require_valid(ImageBatch<T> const& view, char const* name) {
  bool is_empty = false;
  std::int64_t count = 1;
  for (auto const extent : extents(view)) {
    if (extent < 0) {
      throw std::invalid_argument(std::string("scc: ") + name + " has a negative extent: " + shape_text(view));
    }
    is_empty = is_empty || extent == 0;
    count = saturating_product(count, std::max<std::int64_t>(extent, 1));
  }
  std::int64_t reach = 0;
  for (std::size_t axis = 0; axis < 4 && !is_empty; ++axis) {
    reach = saturating_sum(reach, saturating_product(extents(view)[axis] - 1, stride_size(strides(view)[axis])));
  }
  if (count > largest_extent || reach > largest_extent / static_cast<std::int64_t>(sizeof(T))) {
    throw std::invalid_argument(std::string("scc: ") + name + " is larger than any memory: " + shape_text(view));
  }
  if (!is_empty && view.data == nullptr) {
    throw std::invalid_argument(std::string("scc: ") + name + " has pixels but its data is null: " + shape_text(view));
  }
}

/// Throws std::invalid_argument, naming both views and their shapes, unless the extents agree.
template <class A, class B>
void require_same_shape(ImageBatch<A> const& a, char const* a_name, ImageBatch<B> const& b, char const* b_name) {
  if (extents(a) != extents(b)) {
    throw std::invalid_argument(std::string("scc: ") + a_name + " is " + shape_text(a) + " but " + b_name + " is " +
                                shape_text(b) + "; use stride 0 to repeat a channel or an image");
  }
}

/// Throws std::invalid_argument unless every pixel of a view that is written has an address of its own. Accepts all that
/// slicing, transposing and flipping of dense memory can make: each stride steps over all that lies within it.
template <class T>
void require_no_overlap(ImageBatch<T> const& view, char const* name) {
  struct Axis {
    std::int64_t step, extent;
  };
  std::array<Axis, 4> axes{};
  for (std::size_t axis = 0; axis < 4; ++axis) {
    axes[axis] = {stride_size(strides(view)[axis]), extents(view)[axis]};
  }
  if (std::any_of(axes.begin(), axes.end(), [](Axis const& axis) { return axis.extent == 0; })) {
    return;
  }
  std::sort(axes.begin(), axes.end(), [](Axis const& a, Axis const& b) { return a.step < b.step; });
  std::int64_t reach = 0;
  for (auto const& axis : axes) {
    if (axis.extent <= 1) {
      continue;
    }
    if (axis.step <= reach) {
      throw std::invalid_argument(std::string("scc: ") + name + " is written but its elements overlap (a stride is " +
                                  std::to_string(axis.step) + ", needs at least " + std::to_string(reach + 1) + ")");
    }
    reach += axis.step * (axis.extent - 1);
  }
}

}  // namespace detail

}  // namespace scc
