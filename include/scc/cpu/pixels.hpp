// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Pixels of any type and layout to blocks of numbers t in [-1, 1], and gradients back.

#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "../diagnostics.hpp"
#include "../element_type.hpp"
#include "../estimator/domain_map.hpp"
#include "../image_batch.hpp"
#include "../options.hpp"
#include "lanes.hpp"

namespace scc {

template <>
struct ElementTypeOf<Eigen::half> : std::integral_constant<ElementType, ElementType::float16> {};
template <>
struct ElementTypeOf<Eigen::bfloat16> : std::integral_constant<ElementType, ElementType::bfloat16> {};

}  // namespace scc

namespace scc::cpu {

/// Pixels are worked on in blocks of this many; the tables of a block fit the first-level cache.
inline constexpr int block_size = 128;

/// A block of consecutive pixels of one image. Entries beyond the last pixel are at the lower end of the domain.
template <class Real>
struct PixelBlock {
  /// As wide as a Real.
  using Flag = typename MappedPixel<Real>::Flag;

  alignas(64) Real t[block_size];         ///< Pixel values clamped and mapped to [-1, 1], of a NaN the lower end.
  alignas(64) Flag outside[block_size];   ///< 1 where the pixel was outside the domain.
  std::int64_t outside_count, nan_count;  ///< Pixels outside the domain, and NaN pixels
};

/// Steps through the pixels of one image in the order c, h, w, in runs of equally spaced pixels as long as the strides
/// allow.
template <class T>
class PixelRuns {
public:
  /// @param view   A batch, whose pixels must outlive this.
  /// @param image  Which image, 0 <= image < images.
  PixelRuns(ImageBatch<T> const& view, std::int64_t image)
      : first_(view.data + image * view.image_stride),
        view_(view),
        run_length_(view.width) {
    if (view.row_stride == view.width * view.column_stride || view.height == 1) {
      run_length_ *= view.height;
      rows_are_joined_ = true;
      if (view.channel_stride == run_length_ * view.column_stride || view.channels == 1) {
        run_length_ *= view.channels;
      }
    }
  }

  /// Calls body(first, step, offset, length) for each run of the pixels [start, start + count): `length` elements at
  /// first, first + step, ..., the first of them number `offset` of the range.
  template <class Body>
  void for_each(std::int64_t start, std::int64_t count, Body const& body) const {
    std::int64_t run = start / run_length_;
    std::int64_t within = start % run_length_;
    for (std::int64_t offset = 0; offset < count; ++run, within = 0) {
      std::int64_t const length = std::min(run_length_ - within, count - offset);
      body(first_ + run_offset(run) + within * view_.column_stride, view_.column_stride, offset, length);
      offset += length;
    }
  }

private:
  std::int64_t run_offset(std::int64_t run) const {
    if (rows_are_joined_) {
      return run * view_.channel_stride;
    }
    return run / view_.height * view_.channel_stride + run % view_.height * view_.row_stride;
  }

  T* first_;
  ImageBatch<T> view_;
  std::int64_t run_length_;
  bool rows_are_joined_ = false;
};

/// Maps the raw values in block.t to [-1, 1], and flags and counts the odd ones.
template <class Real>
SCC_ALWAYS_INLINE void map_block(DomainMap<Real> const& domain_map, PixelBlock<Real>& block) {
  // A copy, which the stores below cannot touch, so that the loop can be vectorised.
  DomainMap<Real> const domain = domain_map;
  using Flag = typename PixelBlock<Real>::Flag;
  Flag outside_count = 0, nan_count = 0;
  for (int k = 0; k < block_size; ++k) {
    MappedPixel<Real> const pixel = domain.locate(block.t[k]);
    block.t[k] = pixel.t;
    block.outside[k] = pixel.outside;
    outside_count += pixel.outside;
    nan_count += pixel.nan;
  }
  block.outside_count = outside_count;
  block.nan_count = nan_count;
}

/// map_block() for processors that have AVX2.
template <class Real>
SCC_TARGET_AVX2 void map_block_avx2(DomainMap<Real> const& domain, PixelBlock<Real>& block) {
  map_block(domain, block);
}

/// Reads pixels [start, start + count) of an image, count <= block_size.
template <class Real, class T>
void load_block(Instructions instructions, PixelRuns<T> const& pixels, DomainMap<Real> const& domain,
                std::int64_t start, std::int64_t count, PixelBlock<Real>& block) {
  if (count < block_size) {
    std::fill(block.t + count, block.t + block_size, domain.lowest);
  }
  pixels.for_each(start, count, [&](T* first, std::int64_t step, std::int64_t offset, std::int64_t length) {
    Real* const out = block.t + offset;
    auto const read = [&](std::int64_t stride) {
      for (std::int64_t k = 0; k < length; ++k) {
        if constexpr (std::is_same_v<std::remove_const_t<T>, std::uint8_t>) {
          out[k] = domain.byte_value(first[k * stride]);
        } else {
          out[k] = static_cast<Real>(first[k * stride]);
        }
      }
    };
    step == 1 ? read(1) : read(step);
  });
  if (instructions == Instructions::avx2) {
    map_block_avx2(domain, block);
  } else {
    map_block(domain, block);
  }
}

/// Calls body(x_block, y_block, first, length) for the pixels [start, start + count) of one image of both batches, a block
/// at a time, and counts the odd ones.
template <class Real, class X, class Y, class Body>
Diagnostics for_each_block(Instructions instructions, Options const& options, ImageBatch<X> const& x,
                           ImageBatch<Y> const& y, std::int64_t image, std::int64_t start, std::int64_t count,
                           Body const& body) {
  DomainMap<Real> const x_domain = DomainMap<Real>::of(options, element_type<X>);
  DomainMap<Real> const y_domain = DomainMap<Real>::of(options, element_type<Y>);
  PixelRuns<X> const x_pixels(x, image);
  PixelRuns<Y> const y_pixels(y, image);
  PixelBlock<Real> x_block, y_block;
  Diagnostics found;
  for (std::int64_t offset = 0; offset < count; offset += block_size) {
    std::int64_t const length = std::min<std::int64_t>(block_size, count - offset);
    load_block(instructions, x_pixels, x_domain, start + offset, length, x_block);
    load_block(instructions, y_pixels, y_domain, start + offset, length, y_block);
    found += {x_block.outside_count, x_block.nan_count, y_block.outside_count, y_block.nan_count};
    body(x_block, y_block, start + offset, static_cast<int>(length));
  }
  return found;
}

/// Writes, or adds, gradients [count] to pixels [start, start + count). A pixel outside the domain has gradient 0.
template <class Real, class G>
void store_gradient(PixelRuns<G> const& pixels, std::int64_t start, std::int64_t count, Real const* gradient,
                    typename PixelBlock<Real>::Flag const* outside, bool accumulate) {
  // A double buffer keeps its digits and its range whatever the pixels are.
  using Sum = std::conditional_t<std::is_same_v<G, double>, double, Real>;
  pixels.for_each(start, count, [&](G* first, std::int64_t step, std::int64_t offset, std::int64_t length) {
    auto const write = [&](std::int64_t stride) {
      for (std::int64_t k = 0; k < length; ++k) {
        Real const value = outside[offset + k] != 0 ? Real(0) : gradient[offset + k];
        G& target = first[k * stride];
        auto const result = accumulate ? static_cast<Sum>(target) + static_cast<Sum>(value) : static_cast<Sum>(value);
        if constexpr (sizeof(G) < sizeof(float)) {
          // 16-bit types are made from float alone.
          target = static_cast<G>(static_cast<float>(result));
        } else {
          target = static_cast<G>(result);
        }
      }
    };
    step == 1 ? write(1) : write(step);
  });
}

}  // namespace scc::cpu
