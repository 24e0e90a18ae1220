// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Batches as the kernels see them: their element type a value, not a template parameter, and their axes merged.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <scc/element_type.hpp>
#include <scc/image_batch.hpp>
#include <type_traits>

#include "tile_partition.hpp"

namespace scc::gpu {

/// One batch in device memory. Plain data, an argument of a kernel.
struct PixelView {
  void* data;                 ///< First pixel
  ElementType type;           ///< of the elements
  std::int64_t image_stride;  ///< From image to image, in elements
  std::int64_t stride[3];     ///< along the axes of a PixelOrder, in elements
  bool in_groups;             ///< Aligned groups of group_size pixels lie side by side and may be read in one piece.
};

/// The order in which the pixels of an image are counted: up to three axes, the last one innermost.
struct PixelOrder {
  std::int64_t extent[3];  ///< Unused outer ones are 1.
  double inverse[3];       ///< 1 / extent: a GPU has no instruction for the division of integers
};

/// Bytes of an element.
SCC_HOST_DEVICE constexpr int element_bytes(ElementType type) {
  switch (type) {
    case ElementType::float64:
      return 8;
    case ElementType::float32:
      return 4;
    case ElementType::uint8:
      return 1;
    default:
      return 2;
  }
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

/// Chooses an order for views of the same extents and rewrites their strides to it: the axes sorted by the strides of the
/// last view, so that any dense layout is walked as it lies in memory, then merged as far as all views allow.
template <std::size_t Count>
PixelOrder order_pixels(std::array<std::int64_t, 4> const& extents, std::array<PixelView*, Count> const& views) {
  PixelView const& leading = *views.back();
  std::array<int, 3> axes{0, 1, 2};
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) {
    // An axis of one pixel has a stride that means nothing, and belongs anywhere.
    auto const reach = [&](int axis) {
      return extents[static_cast<std::size_t>(axis) + 1] == 1 ? INT64_MAX : detail::stride_size(leading.stride[axis]);
    };
    return reach(a) > reach(b);
  });
  auto const extent = [&](int axis) { return extents[static_cast<std::size_t>(axis) + 1]; };

  PixelOrder order{{1, 1, 1}, {1, 1, 1}};
  std::array<std::array<std::int64_t, 3>, Count> strides{};
  int innermost = 3;
  for (int k = 2; k >= 0; --k) {
    int const axis = axes[static_cast<std::size_t>(k)];
    if (extent(axis) == 1) {
      continue;
    }
    bool const merges = innermost < 3 && std::all_of(views.begin(), views.end(), [&](PixelView* view) {
                          auto const v =
                            static_cast<std::size_t>(std::find(views.begin(), views.end(), view) - views.begin());
                          auto const inner = static_cast<std::size_t>(innermost);
                          return view->stride[axis] == strides[v][inner] * order.extent[innermost];
                        });
    if (merges) {
      order.extent[innermost] *= extent(axis);
      continue;
    }
    --innermost;
    order.extent[innermost] = extent(axis);
    for (std::size_t v = 0; v < Count; ++v) {
      strides[v][static_cast<std::size_t>(innermost)] = views[v]->stride[axis];
    }
  }
  for (int axis = 0; axis < 3; ++axis) {
    order.inverse[axis] = 1 / static_cast<double>(order.extent[axis]);
  }
  for (std::size_t v = 0; v < Count; ++v) {
    PixelView& view = *views[v];
    std::copy(strides[v].begin(), strides[v].end(), view.stride);
    // A single pixel has any stride.
    bool const is_dense = order.extent[0] == 1 && order.extent[1] == 1 && (view.stride[2] == 1 || order.extent[2] == 1);
    auto const alignment = static_cast<std::uintptr_t>(group_size * element_bytes(view.type));
    view.in_groups = is_dense && reinterpret_cast<std::uintptr_t>(view.data) % alignment == 0 &&
                     (view.image_stride % group_size == 0 || extents[0] == 1);
  }
  return order;
}

}  // namespace scc::gpu
