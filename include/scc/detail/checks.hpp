// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The checks of arguments that the losses of both backends make before they write anything.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <type_traits>

#include "../element_type.hpp"
#include "../image_batch.hpp"

namespace scc::detail {

/// Throws std::invalid_argument unless x and y are valid views of the same shape.
template <class X, class Y>
void require_images(ImageBatch<X> const& x, ImageBatch<Y> const& y) {
  static_assert(is_pixel_type<X> && is_pixel_type<Y>,
                "pixels must be float, double, 16-bit half or bfloat16, or std::uint8_t");
  require_valid(x, "x");
  require_valid(y, "y");
  require_same_shape(x, "x", y, "y");
}

/// Throws std::invalid_argument unless the weights are a valid view of the images' shape.
template <class X, class W>
void require_weight(ImageBatch<X> const& x, ImageBatch<W> const& weight) {
  static_assert(is_weight_type<W>, "weights must be float, double, 16-bit half or bfloat16, std::uint8_t or bool");
  require_valid(weight, "weight");
  require_same_shape(x, "x", weight, "weight");
}

/// Throws std::invalid_argument unless `gradient` can be written as the gradient of `image`.
template <class Image, class G>
void require_gradient(ImageBatch<Image> const& image, char const* image_name, ImageBatch<G> const& gradient,
                      char const* name) {
  static_assert(is_gradient_type<G>, "gradients must be float, double, or 16-bit half or bfloat16, not const");
  static_assert(!std::is_same_v<std::remove_const_t<Image>, std::uint8_t>, "uint8 images have no gradient");
  require_valid(gradient, name);
  require_same_shape(image, image_name, gradient, name);
  require_no_overlap(gradient, name);
}

/// Throws std::invalid_argument if both gradients of a batch with pixels start at the same address.
template <class GX, class GY>
void require_distinct(ImageBatch<GX> const& dloss_dx, ImageBatch<GY> const& dloss_dy) {
  bool const has_pixels = dloss_dx.images > 0 && dloss_dx.pixels() > 0;
  if (has_pixels && static_cast<void const*>(dloss_dx.data) == static_cast<void const*>(dloss_dy.data)) {
    throw std::invalid_argument("scc: dloss_dx and dloss_dy are the same memory");
  }
}

}  // namespace scc::detail
