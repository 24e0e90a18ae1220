// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// First pass, histogram basis: M_ab = sum_j w_j b_a(x_j) b_b(y_j) / W with cubic B-splines; each pixel touches 4 x 4 bins.
///
/// Bins, and W, are integers, so that their sums do not depend on the order of the pixels or on the number of threads.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../diagnostics.hpp"
#include "../estimator/spline.hpp"
#include "aligned_buffer.hpp"
#include "blocks.hpp"
#include "lanes.hpp"
#include "parallel.hpp"
#include "pixels.hpp"
#include "weights.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// Fixed-point sums of spline weights over the pixels of one image.
class HistogramBins {
public:
  /// @param instructions  Instructions to use; the processor must have them.
  /// @param basis_size    B
  /// @param unit          Units of a weight of 1: see unit().
  /// @param bins          [size(B)] working memory, set to 0 here; receives the sums [B, B], and W in units.
  HistogramBins(Instructions instructions, int basis_size, double unit, std::int64_t* bins)
      : instructions_(instructions),
        basis_size_(basis_size),
        bins_(bins),
        unit_(unit) {
    std::fill(bins, bins + size(basis_size), std::int64_t{0});
  }

  /// Number of integers, B^2 + 1.
  static std::size_t size(int basis_size) {
    return static_cast<std::size_t>(basis_size) * static_cast<std::size_t>(basis_size) + 1;
  }

  /// Units of a weight of 1: 2^50, or what keeps the sums of all pixels below 2^62 and each pixel of small weight precise.
  static double unit(ImageWeights const& weights) {
    return weights.sum > 0 ? spline::fixed_point_unit(weights.sum, weights.largest, 50) : 1;
  }

  /// Adds the first `count` pixels of two blocks, with weights or, if that is null, without.
  void add(PixelBlock<double> const& x, PixelBlock<double> const& y, WeightBlock<double> const* weights, int count) {
    std::int64_t& total = bins_[size(basis_size_) - 1];
    if (weights == nullptr) {
      total += count * static_cast<std::int64_t>(unit_);
      double const unit = unit_;
      with_instructions(instructions_,
                        [&](auto) SCC_INLINE_LAMBDA { add_pixels(x.t, y.t, count, [=](int) { return unit; }); });
    } else if (!weights->is_empty()) {
      alignas(64) double units[block_size];
      for (int k = 0; k < count; ++k) {
        units[k] = weights->w[k] * unit_;
        total += static_cast<std::int64_t>(units[k] + 0.5);  // NOLINT(bugprone-incorrect-roundings): not negative
      }
      with_instructions(instructions_,
                        [&](auto) SCC_INLINE_LAMBDA { add_pixels(x.t, y.t, count, [&](int k) { return units[k]; }); });
    }
  }

private:
  template <class Units>
  SCC_ALWAYS_INLINE void add_pixels(double const* x, double const* y, int count, Units const& units_of) {
    // Adding this constant to a double below 2^51 leaves its nearest integer in the low bits of the sum.
    double const shift = 6755399441055744.0;  // 1.5 * 2^52
    std::int64_t shift_bits;
    std::memcpy(&shift_bits, &shift, sizeof(shift));
    int const intervals = basis_size_ - spline::extra_bins;
    for (int k = 0; k < count; ++k) {
      auto const at_x = spline::locate(x[k], intervals);
      auto const at_y = spline::locate(y[k], intervals);
      double wx[4], wy[4];
      spline::weights(at_x.fraction, wx);
      spline::weights(at_y.fraction, wy);
      std::int64_t* const corner = bins_ + static_cast<std::ptrdiff_t>(at_x.first) * basis_size_ + at_y.first;
      SCC_UNROLL
      for (int i = 0; i < 4; ++i) {
        double const weight = wx[i] * units_of(k);
        std::int64_t* const row = corner + static_cast<std::ptrdiff_t>(i) * basis_size_;
        SCC_UNROLL
        for (int j = 0; j < 4; ++j) {
          double const shifted = weight * wy[j] + shift;
          std::int64_t bits;
          std::memcpy(&bits, &shifted, sizeof(bits));
          row[j] += bits - shift_bits;
        }
      }
    }
  }

  Instructions instructions_;
  int basis_size_;
  std::int64_t* bins_;
  double unit_;
};

/// First pass over the images of a batch: M_ab of each image, and the counts of its out-of-domain and NaN pixels.
///
/// @param instructions  Instructions to use; the processor must have them.
/// @param basis_size    B
/// @param x, y          The two batches.
/// @param weights       Of their pixels; null without.
/// @param pixels        Of each image, at least 1.
/// @param scratch       Working memory.
/// @param results       Prepared for the batch and weighed; `moments`, totals of `weights` and `diagnostics` are written.
inline void histogram_moments(Instructions instructions, int basis_size, PixelReader<double> const& x,
                              PixelReader<double> const& y, WeightReader const* weights, std::int64_t pixels,
                              ForwardScratch& scratch, ImageResults& results) {
  int const threads = thread_count();
  auto const images = static_cast<std::int64_t>(results.rsmi.size());
  auto const moment_count = static_cast<std::size_t>(basis_size) * static_cast<std::size_t>(basis_size);
  auto const bin_count = aligned_size<std::int64_t>(HistogramBins::size(basis_size));
  scratch.bins.reserve(bin_count * static_cast<std::size_t>(threads));
  scratch.chunk_diagnostics.resize(static_cast<std::size_t>(threads));
  std::int64_t* const all_bins = scratch.bins.data();

  auto const fill = [&](std::int64_t image, std::int64_t start, std::int64_t count, std::size_t part) {
    ImageWeights const& of_image = results.weights[static_cast<std::size_t>(image)];
    HistogramBins bins(instructions, basis_size, HistogramBins::unit(of_image), all_bins + part * bin_count);
    scratch.chunk_diagnostics[part] =
      for_each_block(instructions, x, y, {weights, of_image.scale}, image, start, count,
                     [&](auto const& x_block, auto const& y_block, auto const* weight_block, std::int64_t, int length) {
                       bins.add(x_block, y_block, weight_block, length);
                     });
  };
  auto const collect = [&](std::int64_t image, std::size_t first, std::size_t parts) {
    double* const moments = &results.moments[static_cast<std::size_t>(image) * moment_count];
    auto const sum = [&](std::size_t bin) {
      std::int64_t of_parts = 0;
      for (std::size_t part = first; part < first + parts; ++part) {
        of_parts += all_bins[part * bin_count + bin];
      }
      return static_cast<double>(of_parts);
    };
    double const total = sum(moment_count);
    for (std::size_t bin = 0; bin < moment_count; ++bin) {
      moments[bin] = total > 0 ? sum(bin) / total : 0;
    }
    ImageWeights& of_image = results.weights[static_cast<std::size_t>(image)];
    of_image.total = total / HistogramBins::unit(of_image);
    for (std::size_t part = first; part < first + parts; ++part) {
      results.diagnostics[static_cast<std::size_t>(image)] += scratch.chunk_diagnostics[part];
    }
  };

  // The bins are integers, so the partition can follow the number of threads and the sums still agree to the bit.
  if (images >= threads) {
    parallel_for(images, threads, [&](std::int64_t image, int thread) {
      fill(image, 0, pixels, static_cast<std::size_t>(thread));
      collect(image, static_cast<std::size_t>(thread), 1);
    });
    return;
  }
  std::int64_t const share = (pixels + threads - 1) / threads;
  for (std::int64_t image = 0; image < images; ++image) {
    parallel_for(threads, threads, [&](std::int64_t part, int) {
      std::int64_t const start = std::min(part * share, pixels);
      fill(image, start, std::min(share, pixels - start), static_cast<std::size_t>(part));
    });
    collect(image, 0, static_cast<std::size_t>(threads));
  }
}

}  // namespace scc::cpu
