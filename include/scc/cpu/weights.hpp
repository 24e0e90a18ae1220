// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Weights of any type and layout to blocks of numbers in [0, 2) (estimator/weights.hpp), and the pass over the weights
/// that comes before those over the pixels.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../estimator/weights.hpp"
#include "../image_batch.hpp"
#include "lanes.hpp"
#include "parallel.hpp"
#include "pixels.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// The weights of a block of pixels; those beyond the last pixel are 0.
template <class Real>
struct WeightBlock {
  /// As wide as a Real.
  using Flag = typename PixelBlock<Real>::Flag;

  alignas(64) Real w[block_size];        ///< Scaled weights. One that is not 0 may be too small for a Real.
  alignas(64) Flag is_zero[block_size];  ///< 1 where the weight itself is 0, else 0.
  std::int64_t zero_count;               ///< How many are.

  /// Whether no pixel of the block enters.
  bool is_empty() const { return zero_count == block_size; }

  /// Multiplies numbers [block_size] by the weights. What has weight 0 becomes 0, whatever it was.
  void multiply(Instructions instructions, Real* numbers) const {
    with_instructions(instructions, [&](auto) SCC_INLINE_LAMBDA {
      for (int k = 0; k < block_size; ++k) {  // without branches, which a mask would have mispredicted
        Real const number = numbers[k];
        Real const kept = is_zero[k] != 0 ? Real(0) : number;
        numbers[k] = kept * w[k];
      }
    });
  }
};

/// Reads the weights of a batch, block by block, whatever the type of its elements.
class WeightReader {
public:
  /// @param view  A valid batch, whose weights must outlive this.
  template <class W>
  explicit WeightReader(ImageBatch<W> const& view)
      : runs_(view),
        data_(view.data),
        is_double_(std::is_same_v<WeightNumber<W>, double>),
        is_number_(std::is_same_v<WeightNumber<W>, std::remove_const_t<W>>),
        read_(&read<std::remove_const_t<W>>) {}

  /// Reads the weights of pixels [start, start + count) of an image.
  ///
  /// @param instructions  Instructions to use; the processor must have them.
  /// @param image         Which image.
  /// @param start         Its first pixel.
  /// @param count         Number of pixels, at most block_size.
  /// @param scale         What they are multiplied by. 0, of an image with an invalid weight, makes all of them 0; `is_zero`
  ///                      still tells which of them were.
  /// @param block         Receives them.
  template <class Real>
  void load(Instructions instructions, std::int64_t image, std::int64_t start, std::int64_t count, double scale,
            WeightBlock<Real>& block) const {
    with_numbers(image, start, count, [&](auto const* numbers) {
      with_instructions(instructions, [&](auto) SCC_INLINE_LAMBDA { scale_block(numbers, scale, block); });
    });
  }

  /// What is to be known of the weights of pixels [start, start + count) of an image.
  WeightSummary summary(Instructions instructions, std::int64_t image, std::int64_t start, std::int64_t count) const {
    WeightSummary result;
    for (std::int64_t offset = 0; offset < count; offset += block_size) {
      with_numbers(image, start + offset, std::min<std::int64_t>(block_size, count - offset), [&](auto const* numbers) {
        with_instructions(instructions, [&](auto) SCC_INLINE_LAMBDA { summarise_block(numbers, result); });
      });
    }
    return result;
  }

  /// What the passes over the pixels need of an image whose weights, all valid, have this summary.
  ImageWeights scaled(WeightSummary const& summary, std::int64_t pixels) const {
    double const scale = is_double_ ? weight_scale(summary.largest)
                                    : static_cast<double>(weight_scale(static_cast<float>(summary.largest)));
    // The sum of doubles may have overflown; that of scaled ones is no more than this.
    double const sum = std::min(summary.sum * scale, 2 * static_cast<double>(pixels));
    return {scale, summary.largest * scale, sum, 0};
  }

private:
  template <class W>
  static void read(void const* data, std::int64_t first, std::int64_t step, std::int64_t length, void* out) {
    W const* const weights = static_cast<W const*>(data) + first;
    auto* const numbers = static_cast<WeightNumber<W>*>(out);
    for (std::int64_t k = 0; k < length; ++k) {
      numbers[k] = static_cast<WeightNumber<W>>(weights[k * step]);
    }
  }

  /// Calls body(numbers [block_size]) with the weights as floats or doubles, 0 beyond the last one.
  template <class Body>
  void with_numbers(std::int64_t image, std::int64_t start, std::int64_t count, Body const& body) const {
    is_double_ ? with_numbers_of<double>(image, start, count, body) : with_numbers_of<float>(image, start, count, body);
  }
  template <class Number, class Body>
  void with_numbers_of(std::int64_t image, std::int64_t start, std::int64_t count, Body const& body) const {
    alignas(64) Number copies[block_size];
    Number const* numbers = copies;
    std::fill(copies + count, copies + block_size, Number(0));
    runs_.for_each(image, start, count,
                   [&](std::int64_t first, std::int64_t step, std::int64_t offset, std::int64_t length) {
                     if (is_number_ && step == 1 && length == block_size) {
                       numbers = static_cast<Number const*>(data_) + first;
                     } else {
                       read_(data_, first, step, length, copies + offset);
                     }
                   });
    body(numbers);
  }

  template <class Number, class Real>
  static SCC_ALWAYS_INLINE void scale_block(Number const* numbers, double scale, WeightBlock<Real>& block) {
    using Flag = typename WeightBlock<Real>::Flag;
    auto const factor = static_cast<Number>(scale);
    Flag zero_count = 0;
    for (int k = 0; k < block_size; ++k) {
      Flag const is_zero = numbers[k] == 0 ? 1 : 0;
      block.w[k] = static_cast<Real>(numbers[k] * factor);
      block.is_zero[k] = is_zero;
      zero_count += is_zero;
    }
    block.zero_count = zero_count;
    if (scale == 0) {
      std::fill(block.w, block.w + block_size, Real(0));
    }
  }

  template <class Number>
  static SCC_ALWAYS_INLINE void summarise_block(Number const* numbers, WeightSummary& summary) {
    // The larger a valid weight, the larger its bits, which are not negative but for -0.
    using Bits = decltype(bits_of(Number()));
    constexpr Bits infinity = static_cast<Bits>(sizeof(Number) == 4 ? 0x7f800000 : 0x7ff0000000000000);
    Bits largest = 0, all = 0;
    for (int k = 0; k < block_size; ++k) {
      Bits const bits = bits_of(numbers[k]);
      largest = std::max(largest, bits);
      all |= bits;
    }
    if (all < 0 || largest >= infinity) {
      std::int64_t invalid = 0;
      for (int k = 0; k < block_size; ++k) {
        invalid += is_valid_weight(numbers[k]) ? 0 : 1;
      }
      summary.invalid += invalid;
      if (invalid > 0) {
        return;
      }
    }
    Number largest_number;
    std::memcpy(&largest_number, &largest, sizeof(largest));
    constexpr int lanes = 8;  // sums side by side
    double sums[lanes] = {};
    for (int k = 0; k < block_size; k += lanes) {
      for (int lane = 0; lane < lanes; ++lane) {
        sums[lane] += static_cast<double>(numbers[k + lane]);
      }
    }
    summary += {0, static_cast<double>(largest_number),
                ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))};
  }

  PixelRuns runs_;
  void const* data_;
  bool is_double_;  // numbers are doubles, else floats
  bool is_number_;  // weights are numbers, and need not be copied
  void (*read_)(void const*, std::int64_t, std::int64_t, std::int64_t, void*);
};

/// The pass over the weights of a batch: finds the scale of each image, and counts invalid weights.
///
/// @param instructions  Instructions to use; the processor must have them.
/// @param reader        The weights.
/// @param pixels        Of each image, at least 1.
/// @param scratch       Working memory.
/// @param results       Prepared for the batch; `weights` is written but for its totals, and
///                      the invalid weights of `diagnostics`.
inline void weigh_images(Instructions instructions, WeightReader const& reader, std::int64_t pixels,
                         ForwardScratch& scratch, ImageResults& results) {
  Chunks const chunks(pixels);
  auto const tasks = static_cast<std::int64_t>(results.rsmi.size()) * chunks.count();
  scratch.chunk_weights.resize(static_cast<std::size_t>(tasks));
  parallel_for(tasks, thread_count(), [&](std::int64_t task, int) {
    std::int64_t const chunk = task % chunks.count();
    scratch.chunk_weights[static_cast<std::size_t>(task)] =
      reader.summary(instructions, task / chunks.count(), chunks.start(chunk), chunks.length(chunk));
  });
  WeightSummary const* of_chunk = scratch.chunk_weights.data();
  for (std::size_t image = 0; image < results.rsmi.size(); ++image) {
    WeightSummary summary;
    for (std::int64_t chunk = 0; chunk < chunks.count(); ++chunk) {
      summary += *of_chunk++;
    }
    if (summary.invalid > 0) {
      results.weights[image] = {0, 0, 0, 0};
      results.diagnostics[image].weight_invalid = summary.invalid;
    } else {
      results.weights[image] = reader.scaled(summary, pixels);
    }
  }
}

}  // namespace scc::cpu
