// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// First pass, histogram basis: M_ab = sum_j w_j b_a(x_j) b_b(y_j) / W with cubic B-splines; each pixel touches 4 x 4 bins.
/// Bins are integers, so that their sums do not depend on the order of the pixels.

#pragma once

#include <cstdint>
#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/spline.hpp>
#include <type_traits>

#include "../tuning.hpp"
#include "forward.cuh"
#include "pixels.cuh"
#include "warp.cuh"

namespace scc::gpu {

/// Adds a number >= 0 to a bin. Whatever the order of the additions, low ends as their sum modulo 2^32, and has
/// overflowed as often as that sum demands.
template <class Real>
__device__ inline void add_to_bin(unsigned& low, unsigned& high, Real value) {
  // A product of two splines is at most 4/9, and with a weight below 2 less than 8/9, so that those of float, in units of
  // 2^-32 or more, fit 32 bits.
  using Number = std::conditional_t<std::is_same_v<Real, float>, unsigned, unsigned long long>;
  auto const number = static_cast<Number>(value + Real(0.5));
  auto const low_part = static_cast<unsigned>(number);
  unsigned const before = atomicAdd(&low, low_part);
  unsigned high_part = before + low_part < before ? 1 : 0;
  if constexpr (sizeof(Number) > sizeof(unsigned)) {
    high_part += static_cast<unsigned>(number >> 32);
  }
  if (high_part > 0) {
    atomicAdd(&high, high_part);
  }
}

/// A scaled weight, or a number that a bin can take in place of one that is not valid.
template <class Real>
__device__ inline Real valid_weight(Real weight) {
  return weight > 0 && weight < 2 ? weight : Real(0);
}

/// The sum of the scaled weights of a thread, as precise as its bins.
template <class Real>
class FixedPointSum {
public:
  __device__ void add(Real weight, Real unit) {
    sum_ += is_single ? static_cast<unsigned>(weight * single_unit + Real(0.5))
                      : static_cast<unsigned long long>(weight * unit + Real(0.5));
  }

  /// The sum over a block, in its thread 0. Begins with a barrier of the block.
  __device__ double over_block(double unit) const {
    using Reduce = BlockReduce<unsigned long long, histogram_threads>;
    __shared__ typename Reduce::TempStorage storage;
    return static_cast<double>(Reduce(storage).Sum(sum_)) / (is_single ? static_cast<double>(single_unit) : unit);
  }

private:
  static constexpr bool is_single = std::is_same_v<Real, float>;
  static constexpr float single_unit = 2147483648.0F;  ///< A weight below 2 then fits 32 bits.

  unsigned long long sum_ = 0;
};

/// The rows of bins, number blockIdx.y * rows_of_part and following, that fit a block's shared memory at a time.
template <class Real, bool HasWeight>
static __global__ void __launch_bounds__(histogram_threads, forward_blocks_per_multiprocessor)
  moments_histogram(__grid_constant__ ForwardArguments<Real> const arguments) {
  __shared__ PixelCounts block_counts[histogram_threads];
  PixelCounts& counts = block_counts[thread_index()];
  reset_finished_images(arguments.workspace);
  int const block = static_cast<int>(blockIdx.x);
  int const size = arguments.basis_size;
  int const intervals = size - spline::extra_bins;
  int const first_row = static_cast<int>(blockIdx.y) * arguments.rows_of_part;
  int const rows = size - first_row < arguments.rows_of_part ? size - first_row : arguments.rows_of_part;
  // Halves of 64-bit sums: a multiprocessor adds 32-bit numbers at once, 64-bit ones by trial and error.
  unsigned* const low = dynamic_shared<unsigned>();
  unsigned* const high = low + rows * size;
  for (int image = arguments.partition.first_image(block); image < arguments.partition.last_image(block); ++image) {
    TileRange const range = arguments.partition.range(block, image);
    counts = {};
    for (int bin = thread_index(); bin < 2 * rows * size; bin += thread_count()) {
      low[bin] = 0;
    }
    __syncthreads();

    PairedGroups<Real, false> groups(arguments, arguments.x, arguments.y, range);
    WeightScale const scale = image_weight_scale<HasWeight>(arguments, image);
    GroupWeights<Real, false, HasWeight> weights(arguments.weight, scale.scale, image);
    auto const unit = static_cast<Real>(arguments.unit), rest = static_cast<Real>(scale.rest);
    FixedPointSum<Real> total;
    weights.load(groups.start(), groups.count());
    for (; !groups.is_done(); groups.advance()) {
      int const count = groups.count();
      weights.decode(count);
      auto const x = normalize_group<false>(arguments.x.type, arguments.x_domain, groups.first());
      auto const y = normalize_group<false>(arguments.y.type, arguments.y_domain, groups.second());
      counts.add(x, y, weights);
      SCC_UNROLL
      for (int k = 0; k < group_size; ++k) {
        if (k == group_size / 2) {
          groups.load_next();  // not earlier: half of the group needs no registers any more
          groups.load_next(weights);
        }
        if (!weights.has(k)) {
          continue;
        }
        Real pixel_unit = unit;
        if constexpr (HasWeight) {
          Real const weight = valid_weight(weights.of(k) * rest);
          pixel_unit *= weight;
          total.add(weight, unit);
        }
        auto const at_x = spline::locate(x.pixels[k].t, intervals);
        auto const at_y = spline::locate(y.pixels[k].t, intervals);
        Real weights_x[4], weights_y[4];
        spline::weights(at_x.fraction, weights_x);
        spline::weights(at_y.fraction, weights_y);
        SCC_UNROLL
        for (int i = 0; i < 4; ++i) {
          int const row = at_x.first + i - first_row;
          if (row < 0 || row >= rows) {
            continue;
          }
          SCC_UNROLL
          for (int j = 0; j < 4; ++j) {
            int const bin = row * size + at_y.first + j;
            add_to_bin(low[bin], high[bin], weights_x[i] * pixel_unit * weights_y[j]);
          }
        }
      }
    }
    std::int64_t const partial = arguments.partition.partial_index(block, image);
    if constexpr (HasWeight) {
      double const sum = total.over_block(arguments.unit);
      if (thread_index() == 0 && blockIdx.y == 0) {
        arguments.workspace.partial_sums[partial] = sum;
      }
    }
    store_counts<histogram_threads>(counts, arguments.workspace.partial_counts[partial]);  // a barrier
    unsigned long long* const bins =
      arguments.workspace.bins + std::int64_t{image} * size * size + static_cast<std::int64_t>(first_row) * size;
    for (int bin = thread_index(); bin < rows * size; bin += thread_count()) {
      unsigned long long const sum = static_cast<unsigned long long>(high[bin]) << 32 | low[bin];
      if (sum > 0) {
        atomicAdd(bins + bin, sum);
      }
    }
    __syncthreads();
  }
}

}  // namespace scc::gpu
