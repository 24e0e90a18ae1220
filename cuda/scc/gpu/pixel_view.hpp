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

/// The weights of the pixels of a batch. They have axes of their own, as one mask for all channels would keep the axes of
/// the images from collapsing.
struct WeightView {
  PixelView view;        ///< is_vectorizable: as in PixelView, wherever the first one of a group lies
  CollapsedShape shape;  ///< The order of the pixels is that of the images.
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

/// An order of the axes C, H and W, the last one innermost.
using AxisOrder = std::array<std::size_t, 3>;

/// The order that walks a view as it lies in memory: by its strides.
inline AxisOrder axis_order(std::array<std::int64_t, 4> const& extents, PixelView const& leading) {
  AxisOrder axes{0, 1, 2};
  std::stable_sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) {
    // An axis of one pixel has a stride that means nothing, and belongs anywhere.
    auto const reach = [&](std::size_t axis) {
      return extents[axis + 1] == 1 ? INT64_MAX : detail::stride_size(leading.stride[axis]);
    };
    return reach(a) > reach(b);
  });
  return axes;
}

/// Collapses the axes of views of the same extents, in an order of theirs, as far as all views allow, and rewrites the
/// strides of the views.
template <std::size_t Count>
CollapsedShape collapse_views(std::array<std::int64_t, 4> const& extents, AxisOrder const& axes,
                              std::array<PixelView*, Count> const& views) {
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

/// Collapses the axes of weights, in an order of those of the images.
inline WeightView collapse_weights(std::array<std::int64_t, 4> const& extents, AxisOrder const& axes,
                                   PixelView const& weight) {
  WeightView result{weight, {}};
  PixelView& view = result.view;
  result.shape = collapse_views(extents, axes, std::array<PixelView*, 1>{&view});
  auto const are_whole_groups = [](std::int64_t length) { return length % group_size == 0; };
  auto const alignment = static_cast<std::uintptr_t>(group_size * element_bytes(view.type));
  view.is_vectorizable =
    view.is_vectorizable ||
    (view.stride[2] == 1 && are_whole_groups(result.shape.extent[2]) && are_whole_groups(view.stride[0]) &&
     are_whole_groups(view.stride[1]) && (are_whole_groups(view.image_stride) || extents[0] == 1) &&
     reinterpret_cast<std::uintptr_t>(view.data) % alignment == 0);
  return result;
}

}  // namespace scc::gpu
