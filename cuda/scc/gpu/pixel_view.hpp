// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Batches as the kernels see them: their element type a value, not a template parameter, and their axes collapsed.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <scc/config.hpp>
#include <scc/detail/collapsed_shape.hpp>
#include <scc/element_type.hpp>
#include <scc/image_batch.hpp>
#include <type_traits>

#include "tuning.hpp"

namespace scc::gpu {

/// One batch in device memory. Plain data, an argument of a kernel.
struct PixelView {
  void* data;                 ///< First pixel
  ElementType type;           ///< of the elements
  std::int64_t image_stride;  ///< From image to image, in elements
  std::int64_t stride[3];     ///< along the axes of a CollapsedShape, in elements
  bool is_vectorizable;       ///< Aligned groups of group_size pixels lie side by side and may be read in one piece.
};

/// Bytes of an element.
SCC_HOST_DEVICE constexpr int element_bytes(ElementType type) {
  switch (type) {
    case ElementType::float64:
      return 8;
    case ElementType::float32:
      return 4;
    case ElementType::uint8:
    case ElementType::boolean:
      return 1;
    default:
      return 2;
  }
}

/// Whether a kernel may take its images for whole groups of floats side by side.
inline bool is_dense(PixelView const& view, std::int64_t pixels) {
  return view.is_vectorizable && view.type == ElementType::float32 && pixels % group_size == 0;
}

/// The view with C, H and W as its axes.
template <class T>
PixelView pixel_view(ImageBatch<T> const& batch) {
  return {const_cast<std::remove_const_t<T>*>(batch.data),
          element_type<T>,
          batch.image_stride,
          {batch.channel_stride, batch.row_stride, batch.column_stride},
          false};
}

/// Chooses an order of the axes for views of the same extents, collapses them as far as all views allow, and rewrites
/// the strides of the views: the axes are sorted by the strides of the last view, so that any dense layout is walked
/// as it lies in memory.
template <std::size_t Count>
CollapsedShape collapse_views(std::array<std::int64_t, 4> const& extents, std::array<PixelView*, Count> const& views) {
  PixelView const& leading = *views.back();
  std::array<std::size_t, 3> axes{0, 1, 2};
  std::stable_sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) {
    // An axis of one pixel has a stride that means nothing, and belongs anywhere.
    auto const reach = [&](std::size_t axis) {
      return extents[axis + 1] == 1 ? INT64_MAX : detail::stride_size(leading.stride[axis]);
    };
    return reach(a) > reach(b);
  });
  std::array<std::int64_t, 3> sorted_extents{};
  std::array<AxisStrides, Count> strides{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    sorted_extents[axis] = extents[axes[axis] + 1];
    for (std::size_t v = 0; v < Count; ++v) {
      strides[v][axis] = views[v]->stride[axes[axis]];
    }
  }
  CollapsedShape const shape = collapse(sorted_extents, strides);
  for (std::size_t v = 0; v < Count; ++v) {
    PixelView& view = *views[v];
    std::copy(strides[v].begin(), strides[v].end(), view.stride);
    // A single pixel has any stride.
    bool const is_dense = shape.extent[0] == 1 && shape.extent[1] == 1 && (view.stride[2] == 1 || shape.extent[2] == 1);
    auto const alignment = static_cast<std::uintptr_t>(group_size * element_bytes(view.type));
    view.is_vectorizable = is_dense && reinterpret_cast<std::uintptr_t>(view.data) % alignment == 0 &&
                           (view.image_stride % group_size == 0 || extents[0] == 1);
  }
  return shape;
}

}  // namespace scc::gpu
