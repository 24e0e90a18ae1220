// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Pixels of any type and layout to blocks of numbers t in [-1, 1], and gradients back.

#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "../detail/collapsed_shape.hpp"
#include "../element_type.hpp"
#include "../estimator/domain_map.hpp"
#include "../gradient_mode.hpp"
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
  using Flag = typename NormalizedPixel<Real>::Flag;

  alignas(64) Real t[block_size];        ///< Pixel values clamped and mapped to [-1, 1], of a NaN the lower end.
  alignas(64) Flag outside[block_size];  ///< 1 where the pixel was outside the domain; not set if outside_count is 0.
  std::int64_t outside_count;            ///< Pixels outside the domain
  std::int64_t nan_count;                ///< NaN pixels

  /// `outside`, or null if no pixel was.
  Flag const* outside_flags() const { return outside_count > 0 ? outside : nullptr; }
};

/// The places in memory of the pixels of a batch: those of one image in the order c, h, w, in runs of equally spaced
/// elements as long as the strides allow.
class PixelRuns {
public:
  /// @param view  Any batch.
  template <class T>
  explicit PixelRuns(ImageBatch<T> const& view) : image_stride_(view.image_stride) {
    std::array<AxisStrides, 1> strides{{{view.channel_stride, view.row_stride, view.column_stride}}};
    shape_ = collapse({view.channels, view.height, view.width}, strides);
    strides_ = strides[0];
  }

  /// Calls body(first, step, offset, length) for each run of the pixels [start, start + count) of an image: the
  /// elements number first, first + step, ... of the batch's memory are `length` pixels, the first of them number
  /// `offset` of the range.
  template <class Body>
  void for_each(std::int64_t image, std::int64_t start, std::int64_t count, Body const& body) const {
    std::int64_t const run_length = shape_.extent[2], step = strides_[2];
    if (start + count <= run_length) {  // no division
      body(image * image_stride_ + start * step, step, 0, count);
      return;
    }
    std::int64_t run = start / run_length;
    std::int64_t within = start % run_length;
    for (std::int64_t offset = 0; offset < count; ++run, within = 0) {
      std::int64_t const length = std::min(run_length - within, count - offset);
      std::int64_t const outer = run / shape_.extent[1] * strides_[0] + run % shape_.extent[1] * strides_[1];
      body(image * image_stride_ + outer + within * step, step, offset, length);
      offset += length;
    }
  }

private:
  std::int64_t image_stride_;
  CollapsedShape shape_{};
  AxisStrides strides_{};
};

/// Maps values [block_size] to block.t in [-1, 1], and flags and counts the out-of-domain and NaN pixels.
///
/// @param domain_map  Of the type of the pixels.
/// @param values      Of the pixels; may be block.t.
/// @param block       Out.
template <class Real>
SCC_ALWAYS_INLINE void normalize_block(DomainMap<Real> const& domain_map, Real const* values, PixelBlock<Real>& block) {
  // A copy, which the stores below cannot touch, so that the loops can be vectorised.
  DomainMap<Real> const domain = domain_map;
  using Flag = typename PixelBlock<Real>::Flag;
  block.outside_count = 0;
  block.nan_count = 0;
  // Most blocks have neither kind, and are done here.
  Flag clamped_bits = 0, magnitude = 0;
  for (int k = 0; k < block_size; ++k) {
    Flag const bits = bits_of(values[k]);
    clamped_bits |= bits ^ bits_of(domain.clamp(values[k]));
    magnitude = std::max(magnitude, static_cast<Flag>(bits & std::numeric_limits<Flag>::max()));
  }
  if (clamped_bits == 0 && !is_nan(magnitude)) {
    for (int k = 0; k < block_size; ++k) {
      block.t[k] = domain.map(values[k]);
    }
    return;
  }
  Flag outside_count = 0, nan_count = 0;
  for (int k = 0; k < block_size; ++k) {
    NormalizedPixel<Real> const pixel = domain.normalize(values[k]);
    block.t[k] = pixel.t;
    block.outside[k] = pixel.outside;
    outside_count += pixel.outside;
    nan_count += pixel.nan;
  }
  block.outside_count = outside_count;
  block.nan_count = nan_count;
}

/// Reads the pixels of a batch, block by block. What the passes over the pixels see of the type of its elements: they are
/// compiled once for all types.
template <class Real>
class PixelReader {
public:
  /// @param options  Domain of the pixels.
  /// @param view     A valid batch, whose pixels must outlive this.
  template <class T>
  PixelReader(Options const& options, ImageBatch<T> const& view)
      : domain_(make_domain_map<Real>(options, element_type<T>)),
        runs_(view),
        data_(view.data),
        is_real_(std::is_same_v<std::remove_const_t<T>, Real>),
        read_(&read<std::remove_const_t<T>>) {}

  /// Reads pixels [start, start + count) of an image.
  ///
  /// @param instructions  Instructions to use; the processor must have them.
  /// @param image         Which image.
  /// @param start         Its first pixel to read.
  /// @param count         Number of pixels, at most block_size.
  /// @param left_out      [block_size] not 0 where a pixel does not enter, and so counts as one inside the domain; or null.
  /// @param block         Receives them.
  void load(Instructions instructions, std::int64_t image, std::int64_t start, std::int64_t count,
            typename PixelBlock<Real>::Flag const* left_out, PixelBlock<Real>& block) const {
    if (count < block_size) {
      std::fill(block.t + count, block.t + block_size, domain_.lowest);
    }
    Real const* values = block.t;
    runs_.for_each(image, start, count,
                   [&](std::int64_t first, std::int64_t step, std::int64_t offset, std::int64_t length) {
                     if (is_real_ && step == 1 && length == block_size) {
                       values = static_cast<Real const*>(data_) + first;
                     } else {
                       read_(domain_, data_, first, step, length, block.t + offset);
                     }
                   });
    if (left_out != nullptr) {
      with_instructions(instructions, [&](auto) SCC_INLINE_LAMBDA {
        // Neither at an end nor between two intervals of a histogram: the branches there would be mispredicted.
        Real const inside = domain_.clamp(Real(0.7) * domain_.lowest + Real(0.3) * domain_.highest);
        for (int k = 0; k < block_size; ++k) {
          Real const value = values[k];
          block.t[k] = left_out[k] != 0 ? inside : value;
        }
      });
      values = block.t;
    }
    with_instructions(instructions, [&](auto) SCC_INLINE_LAMBDA { normalize_block(domain_, values, block); });
  }

private:
  template <class T>
  static void read(DomainMap<Real> const& domain, void const* data, std::int64_t first, std::int64_t step,
                   std::int64_t length, Real* out) {
    T const* const pixels = static_cast<T const*>(data) + first;
    auto const read_every = [&](std::int64_t stride) {
      for (std::int64_t k = 0; k < length; ++k) {
        if constexpr (std::is_same_v<T, std::uint8_t>) {
          out[k] = domain.byte_value(pixels[k * stride]);
        } else {
          out[k] = static_cast<Real>(pixels[k * stride]);
        }
      }
    };
    step == 1 ? read_every(1) : read_every(step);
  }

  DomainMap<Real> domain_;
  PixelRuns runs_;
  void const* data_;
  bool is_real_;  // pixels are Reals, and need not be copied
  void (*read_)(DomainMap<Real> const&, void const*, std::int64_t, std::int64_t, std::int64_t, Real*);
};

/// Writes gradients to the pixels of a batch, or adds them, whatever the type of its elements.
template <class Real>
class GradientWriter {
public:
  /// As wide as a Real.
  using Flag = typename PixelBlock<Real>::Flag;

  /// @param view  A valid batch whose elements do not overlap, and must outlive this.
  /// @param mode  Overwrite the elements or add to them.
  template <class G>
  GradientWriter(ImageBatch<G> const& view, GradientMode mode)
      : runs_(view),
        data_(view.data),
        write_(mode == GradientMode::accumulate ? &write<G, true> : &write<G, false>) {}

  /// Stores gradients in pixels [start, start + count) of an image. A pixel outside the domain has gradient 0.
  ///
  /// @param image     Which image.
  /// @param start     Its first pixel to write.
  /// @param count     Number of pixels.
  /// @param gradient  [count]
  /// @param outside   [count] not 0 where a pixel is outside the domain; or null.
  void store(std::int64_t image, std::int64_t start, std::int64_t count, Real const* gradient,
             Flag const* outside) const {
    runs_.for_each(
      image, start, count, [&](std::int64_t first, std::int64_t step, std::int64_t offset, std::int64_t length) {
        write_(data_, first, step, length, gradient + offset, outside == nullptr ? nullptr : outside + offset);
      });
  }

private:
  template <class G, bool Accumulates>
  static void write(void* data, std::int64_t first, std::int64_t step, std::int64_t length, Real const* gradient,
                    Flag const* outside) {
    // A double buffer keeps its digits and its range whatever the pixels are.
    using Sum = std::conditional_t<std::is_same_v<G, double>, double, Real>;
    G* const elements = static_cast<G*>(data) + first;
    auto const write_every = [&](std::int64_t stride, auto is_outside) {
      for (std::int64_t k = 0; k < length; ++k) {
        G& target = elements[k * stride];
        auto result = static_cast<Sum>(is_outside(k) ? Real(0) : gradient[k]);
        if constexpr (Accumulates) {
          result = static_cast<Sum>(target) + result;
        }
        if constexpr (sizeof(G) < sizeof(float)) {
          // 16-bit types are made from float alone.
          target = static_cast<G>(static_cast<float>(result));
        } else {
          target = static_cast<G>(result);
        }
      }
    };
    auto const write_all = [&](auto is_outside) {
      step == 1 ? write_every(1, is_outside) : write_every(step, is_outside);
    };
    outside == nullptr ? write_all([](std::int64_t) { return false; })
                       : write_all([&](std::int64_t k) { return outside[k] != 0; });
  }

  PixelRuns runs_;
  void* data_;
  void (*write_)(void*, std::int64_t, std::int64_t, std::int64_t, Real const*, Flag const*);
};

}  // namespace scc::cpu
