// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// First pass, histogram basis: M_ab = mean b_a(x_j) b_b(y_j) with cubic B-splines; each pixel touches 4 x 4 bins.
///
/// Bins are integers, so that their sums do not depend on the order of the pixels or on the number of threads.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../estimator/spline.hpp"
#include "lanes.hpp"
#include "pixels.hpp"

namespace scc::cpu {

/// Fixed-point sums of spline weights over the pixels of one image.
class HistogramBins {
public:
  /// @param instructions   Instructions to use; the processor must have them.
  /// @param bins_per_axis  B
  /// @param pixels         Number of pixels of the image. A pixel's 16 weights sum to 1 and count 2^50 units, less where
  ///                       that could overflow: the sum of all pixels stays below 2^62.
  /// @param bins           [B, B] working memory, set to 0 here; receives the sums.
  HistogramBins(Instructions instructions, int bins_per_axis, std::int64_t pixels, std::int64_t* bins)
      : instructions_(instructions),
        size_(bins_per_axis),
        bins_(bins),
        unit_(unit(pixels)) {
    std::fill(bins, bins + static_cast<std::ptrdiff_t>(size_) * size_, std::int64_t{0});
  }

  /// Units of a weight of 1.
  static double unit(std::int64_t pixels) { return spline_histogram::fixed_point_unit(pixels, 50); }

  /// Adds the first `count` pixels of two blocks.
  void add(PixelBlock<double> const& x, PixelBlock<double> const& y, int count) {
    if (instructions_ == Instructions::avx2) {
      add_avx2(x.t, y.t, count);
    } else {
      add_pixels(x.t, y.t, count);
    }
  }

private:
  SCC_TARGET_AVX2 void add_avx2(double const* x, double const* y, int count) { add_pixels(x, y, count); }

  SCC_ALWAYS_INLINE void add_pixels(double const* x, double const* y, int count) {
    // Adding this constant to a double below 2^51 leaves its nearest integer in the low bits of the sum.
    double const shift = 6755399441055744.0;  // 1.5 * 2^52
    std::int64_t shift_bits;
    std::memcpy(&shift_bits, &shift, sizeof(shift));
    int const intervals = size_ - spline_histogram::extra_bins;
    for (int k = 0; k < count; ++k) {
      auto const at_x = spline_histogram::locate(x[k], intervals);
      auto const at_y = spline_histogram::locate(y[k], intervals);
      double wx[4], wy[4];
      spline_histogram::weights(at_x.fraction, wx);
      spline_histogram::weights(at_y.fraction, wy);
      std::int64_t* const corner = bins_ + static_cast<std::ptrdiff_t>(at_x.first) * size_ + at_y.first;
      SCC_UNROLL
      for (int i = 0; i < 4; ++i) {
        double const weight = wx[i] * unit_;
        std::int64_t* const row = corner + static_cast<std::ptrdiff_t>(i) * size_;
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
  int size_;
  std::int64_t* bins_;
  double unit_;
};

}  // namespace scc::cpu
