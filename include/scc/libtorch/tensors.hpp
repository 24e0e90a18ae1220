// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Tensors as batches of images: which ones the loss takes, and their views without copies.

#pragma once

#include <ATen/ATen.h>
#include <array>
#include <cstdint>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "../element_type.hpp"
#include "../image_batch.hpp"

namespace scc {

template <>
struct ElementTypeOf<c10::Half> : std::integral_constant<ElementType, ElementType::float16> {};
template <>
struct ElementTypeOf<c10::BFloat16> : std::integral_constant<ElementType, ElementType::bfloat16> {};

namespace libtorch {

/// "float [8, 3, 32, 32] on cpu" for error messages.
inline std::string tensor_text(at::Tensor const& tensor) {
  if (!tensor.defined()) {
    return "undefined";
  }
  std::ostringstream text;
  text << c10::toString(tensor.scalar_type()) << ' ' << tensor.sizes() << " on " << tensor.device();
  return text.str();
}

/// Throws std::invalid_argument, naming the tensor, unless it can hold the pixels of images.
inline void require_pixels(at::Tensor const& tensor, char const* name, bool may_be_bytes) {
  auto const reject = [&](char const* wanted) {
    throw std::invalid_argument(std::string("scc: ") + name + " is " + tensor_text(tensor) + ", must be " + wanted);
  };
  if (!tensor.defined()) {
    reject("a tensor");
  }
  auto const type = tensor.scalar_type();
  bool const is_pixel = type == at::kFloat || type == at::kDouble || type == at::kHalf || type == at::kBFloat16 ||
                        (type == at::kByte && may_be_bytes);
  if (!is_pixel) {
    reject(may_be_bytes ? "float, double, half, bfloat16 or uint8 (0..255)" : "float, double, half or bfloat16");
  }
  if (tensor.layout() != at::kStrided) {
    reject("dense; this one is sparse or of a library's own layout");
  }
  if (tensor.dim() < 3 || tensor.dim() > 5) {
    reject("[N, C, H, W], [C, H, W] or [N, C, D, H, W]");
  }
}

/// Throws std::invalid_argument unless the two can be compared pixel by pixel: the same shape, or one of them with one
/// channel, on the same device.
inline void require_pair(at::Tensor const& input, at::Tensor const& translation) {
  require_pixels(input, "the input", true);
  require_pixels(translation, "the translation", false);
  bool fits = input.dim() == translation.dim() && input.device() == translation.device();
  std::int64_t const channel_axis = input.dim() == 3 ? 0 : 1;
  for (std::int64_t axis = 0; fits && axis < input.dim(); ++axis) {
    bool const repeats = axis == channel_axis && (input.size(axis) == 1 || translation.size(axis) == 1);
    fits = input.size(axis) == translation.size(axis) || repeats;
  }
  if (!fits) {
    throw std::invalid_argument("scc: the input is " + tensor_text(input) + " but the translation is " +
                                tensor_text(translation) +
                                "; they must be on one device and agree in shape, where one may have a single channel");
  }
}

/// `tensor` with its single channel repeated, as a view, to the number of channels of `other`.
inline at::Tensor with_channels_of(at::Tensor const& other, at::Tensor const& tensor) {
  std::int64_t const axis = tensor.dim() == 3 ? 0 : 1;
  if (tensor.size(axis) != 1 || other.size(axis) == 1) {
    return tensor;
  }
  auto sizes = tensor.sizes().vec();
  sizes[static_cast<std::size_t>(axis)] = other.size(axis);
  return tensor.expand(sizes);
}

/// Throws std::invalid_argument unless `weight` can weight the pixels of `images`: all of them, those of one channel or image
/// for the others too, or [H, W] ([D, H, W] for volumes) for all.
inline void require_weight(at::Tensor const& images, at::Tensor const& weight) {
  auto const type = weight.scalar_type();
  bool const is_weight = type == at::kBool || type == at::kByte || type == at::kFloat || type == at::kDouble ||
                         type == at::kHalf || type == at::kBFloat16;
  if (!is_weight || weight.layout() != at::kStrided) {
    throw std::invalid_argument("scc: the weight is " + tensor_text(weight) +
                                ", must be dense, and bool, uint8, float, double, half or bfloat16");
  }
  if (weight.requires_grad()) {
    throw std::invalid_argument("scc: the weight requires a gradient, which the loss does not have; pass its detach()");
  }
  std::int64_t const dimensions = images.dim(), first_of_pixels = dimensions == 3 ? 1 : 2;
  std::int64_t const missing = dimensions - weight.dim();
  bool fits = (missing == 0 || missing == first_of_pixels) && weight.device() == images.device();
  for (std::int64_t axis = missing; fits && axis < dimensions; ++axis) {
    std::int64_t const extent = weight.size(axis - missing);
    fits = extent == images.size(axis) || (axis < first_of_pixels && extent == 1);
  }
  if (!fits) {
    throw std::invalid_argument(
      "scc: the weight is " + tensor_text(weight) + " but the images are " + tensor_text(images) +
      "; it must be on their device and have their shape, where N and C may be 1, or the shape "
      "of their pixels, [H, W] or [D, H, W]");
  }
}

/// A weight that require_weight() accepts in the shape of the images, as a view; in a type that is read where it is: a bool
/// as bytes, and what has 16 bits as float.
inline at::Tensor with_shape_of(at::Tensor const& images, at::Tensor const& weight) {
  at::Tensor result = weight;
  if (weight.scalar_type() == at::kBool) {
    result = weight.view(at::kByte);
  } else if (weight.element_size() == 2) {
    result = weight.to(at::kFloat);
  }
  return result.resolve_neg().expand(images.sizes());
}

/// The axis of volumes [N, C, D, H, W] that can be stepped through as one with the next in all tensors, of which the
/// weight may be undefined, as an ImageBatch has only C, H and W; none if there is no such axis.
inline std::optional<std::int64_t> collapsible_axis(at::Tensor const& a, at::Tensor const& b,
                                                    at::Tensor const& weight) {
  auto const fits = [](at::Tensor const& tensor, std::int64_t axis) {
    std::int64_t const inner = tensor.size(axis + 1);
    return tensor.size(axis) <= 1 || inner <= 1 || tensor.stride(axis) == inner * tensor.stride(axis + 1);
  };
  for (std::int64_t const axis : {2, 3, 1}) {
    if (fits(a, axis) && fits(b, axis) && (!weight.defined() || fits(weight, axis))) {
      return axis;
    }
  }
  return std::nullopt;
}

/// Images, translations and weights as a Pass takes them.
struct Batch {
  at::Tensor x;       ///< The input
  at::Tensor y;       ///< The translation, in the shape of the input
  at::Tensor weight;  ///< As with_shape_of() makes it, or undefined
};

/// The batch of tensors that users pass: what they hold, where it is, unless its type or layout must change.
///
/// @param input, translation, weight  As SccLoss takes them.
/// @throws std::invalid_argument as SccLoss does.
inline Batch make_batch(at::Tensor const& input, at::Tensor const& translation, at::Tensor const& weight) {
  require_pair(input, translation);
  Batch batch{
    with_channels_of(translation, input).resolve_neg(), with_channels_of(input, translation).resolve_neg(), {}};
  if (weight.defined()) {
    require_weight(batch.y, weight);
    batch.weight = with_shape_of(batch.y, weight);
  }
  if (batch.y.device().is_cpu() && batch.x.scalar_type() != at::kByte) {
    auto const type = at::promote_types(batch.x.scalar_type(), batch.y.scalar_type());
    batch.x = batch.x.to(type);
    batch.y = batch.y.to(type);
  }
  if (batch.x.dim() == 5 && !collapsible_axis(batch.x, batch.y, batch.weight)) {
    batch.x = batch.x.contiguous();
    batch.y = batch.y.contiguous();
    batch.weight = batch.weight.defined() ? batch.weight.contiguous() : batch.weight;
  }
  return batch;
}

/// Views [N, C, H, W] of the memory of tensors of any of the shapes that the loss takes.
///
/// The sample of an image is the set of its pixel pairs, so any split of the axes will do that is the same in all tensors.
class ImageAxes {
public:
  /// @param a, b    Of the same shape; volumes must have a collapsible_axis().
  /// @param weight  Likewise, or undefined.
  /// @throws std::logic_error if they have none: hooks on saved tensors can bring them back with other strides.
  ImageAxes(at::Tensor const& a, at::Tensor const& b, at::Tensor const& weight)
      : dimensions_(a.dim()),
        collapsed_(a.dim() == 5 ? collapsible_axis(a, b, weight) : std::nullopt) {
    if (dimensions_ == 5 && !collapsed_) {
      throw std::logic_error("scc: no two axes of the volumes can be stepped through as one");
    }
  }

  /// A view of the pixels as elements of type T, which is T or T const of the tensor's type.
  template <class T>
  ImageBatch<T> view(at::Tensor const& tensor) const {
    std::array<std::int64_t, 4> extents{1, 1, 1, 1}, strides{0, 0, 0, 0};
    std::size_t out = dimensions_ == 3 ? 1 : 0;
    for (std::int64_t axis = 0; axis < dimensions_; ++axis, ++out) {
      extents[out] = tensor.size(axis);
      strides[out] = tensor.stride(axis);
      if (axis == collapsed_) {
        std::int64_t const inner = tensor.size(axis + 1);
        extents[out] *= inner;
        strides[out] = inner == 1 ? strides[out] : tensor.stride(axis + 1);
        ++axis;
      }
    }
    return {static_cast<T*>(tensor.data_ptr()),
            extents[0],
            extents[1],
            extents[2],
            extents[3],
            strides[0],
            strides[1],
            strides[2],
            strides[3]};
  }

  /// Calls body(a view of the weights), or body() if `weight` is undefined; that is as with_shape_of() makes it.
  template <class Body>
  void with_weights(at::Tensor const& weight, Body const& body) const {
    if (!weight.defined()) {
      body();
    } else if (weight.scalar_type() == at::kDouble) {
      body(view<double const>(weight));
    } else if (weight.scalar_type() == at::kFloat) {
      body(view<float const>(weight));
    } else {
      body(view<std::uint8_t const>(weight));
    }
  }

  /// Uninitialised memory for the gradient of `tensor`: in its layout if that is dense, otherwise contiguous.
  at::Tensor empty_gradient(at::Tensor const& tensor) const {
    bool const keeps_layout = tensor.is_non_overlapping_and_dense();
    return keeps_layout ? at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options())
                        : at::empty(tensor.sizes(), tensor.options());
  }

private:
  std::int64_t dimensions_;
  std::optional<std::int64_t> collapsed_;
};

/// Calls body(T()) for the element type T of a tensor of pixels.
template <class Body>
void with_element_type(at::ScalarType type, Body const& body) {
  switch (type) {
    case at::kDouble:
      return body(double());
    case at::kHalf:
      return body(c10::Half());
    case at::kByte:
      return body(std::uint8_t());
    case at::kBFloat16:
      return body(c10::BFloat16());
    default:
      return body(float());
  }
}

/// The type of the loss of images of these types: double if one of them is, otherwise float, which holds what a sum
/// over many pixels of half is worth.
inline at::ScalarType loss_type(at::ScalarType input, at::ScalarType translation) {
  return input == at::kDouble || translation == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace libtorch

}  // namespace scc
