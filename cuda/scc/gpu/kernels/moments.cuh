// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// First pass, chebyshev basis: M_ab = mean T_a(x_j) T_b(y_j) for a + b <= D. A thread keeps sums in registers while
/// its pixels go by: the whole triangle where that fits, else one tile of it.

#pragma once

#include <cstdint>
#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/chebyshev.hpp>
#include <type_traits>

#include "../tuning.hpp"
#include "forward.cuh"
#include "pixels.cuh"
#include "warp.cuh"

namespace scc::gpu {

/// Sums of a block over a range of tiles: in Real over the few pixels of a thread and over the lanes of its warp, then
/// in double over time and over the warps; all in a fixed order. Leaves them at `out` [Terms].
///
/// @param add_pixel  add_pixel(sums, x, y, weight): adds weight (1 or 0) times the products of a pixel pair to sums [Terms].
template <int Terms, class Real, class AddPixel>
__device__ inline void sum_range(ForwardArguments<Real> const& arguments, TileRange const& range, PixelCounts& counts,
                                 double* out, AddPixel const& add_pixel) {
  constexpr int terms_of_lane = Terms / warp_size;
  constexpr int groups_per_sum = std::is_same_v<Real, float> ? pixels_per_float_sum / group_size : 1 << 30;
  double* const warp_sums = dynamic_shared<double>();  // [warps, Terms]
  // A thread's own part of them; in shared memory because registers are short.
  double* const lane_sums = warp_sums + (warp_index() * warp_size + lane_index()) * terms_of_lane;
  for (int k = 0; k < terms_of_lane; ++k) {
    lane_sums[k] = 0;
  }
  PairedGroups<Real> groups(arguments, arguments.x, arguments.y, range);
  while (!groups.is_done()) {
    Real sums[Terms];
    SCC_UNROLL
    for (int k = 0; k < Terms; ++k) {
      sums[k] = 0;
    }
    for (int group = 0; group < groups_per_sum && !groups.is_done(); ++group, groups.advance()) {
      int const count = groups.count();
      auto const x = normalize_group(arguments.x.type, arguments.x_domain, groups.first());
      auto const y = normalize_group(arguments.y.type, arguments.y_domain, groups.second());
      counts.add(x, y, count);
      SCC_UNROLL
      for (int k = 0; k < group_size; ++k) {
        if (k == group_size / 2) {
          groups.load_next();  // not earlier: half of the group needs no registers any more
        }
        add_pixel(sums, x.pixels[k].t, y.pixels[k].t, k < count ? Real(1) : Real(0));
      }
    }
    sum_over_warp(sums);
    SCC_UNROLL
    for (int k = 0; k < terms_of_lane; ++k) {
      lane_sums[k] += static_cast<double>(sums[k]);
    }
  }
  __syncthreads();
  for (int term = thread_index(); term < Terms; term += thread_count()) {
    double sum = 0;
    for (int warp = 0; warp < warp_count(); ++warp) {
      sum += warp_sums[warp * Terms + term];
    }
    out[term] = sum;
  }
}

/// Moments of an image from the sums of its blocks.
///
/// @param index  index(a, b): where the sum of T_a T_b is among the `stride` partial sums of a block.
template <class Real, class Index>
__device__ inline void collect_moments(ForwardArguments<Real> const& arguments, std::int64_t image, std::int64_t stride,
                                       double* moments, Index const& index) {
  int const size = arguments.plan.basis_size;
  std::int64_t const first =
    arguments.partition.partial_index(arguments.partition.first_contributing_block(image), image);
  std::int64_t const last =
    arguments.partition.partial_index(arguments.partition.last_contributing_block(image), image);
  for (int k = thread_index(); k < size * size; k += thread_count()) {
    int const a = k / size, b = k % size;
    double sum = 0;
    if (a + b < size) {
      double const* const sums = arguments.workspace.partial_sums + index(a, b);
      for (std::int64_t partial = first; partial <= last; ++partial) {
        sum += load_from_l2(sums + partial * stride);
      }
    }
    moments[k] = sum / static_cast<double>(arguments.partition.pixels);
  }
}

/// The whole triangle a + b <= Degree.
template <int Degree>
struct TriangleMoments {
  static constexpr int threads = moments_threads;
  static constexpr int terms = padded_terms(Degree);

  static __host__ __device__ constexpr int index(int a, int b) { return a * (Degree + 1) - a * (a - 1) / 2 + b; }

  static __device__ void add(ForwardArguments<float> const& arguments, TileRange const& range, PixelCounts& counts) {
    std::int64_t const partial = arguments.partition.partial_index(blockIdx.x, range.image);
    sum_range<terms>(arguments, range, counts, arguments.workspace.partial_sums + partial * terms,
                     [](float(&sums)[terms], float x, float y, float weight) {
                       float ty[Degree + 1];
                       ty[0] = 1;
                       ty[1] = y;
                       SCC_UNROLL
                       for (int b = 2; b <= Degree; ++b) {
                         ty[b] = fma(2 * y, ty[b - 1], -ty[b - 2]);
                       }
                       float previous = weight * x, current = weight;  // T_{-1} = T_1
                       SCC_UNROLL
                       for (int a = 0; a <= Degree; ++a) {
                         SCC_UNROLL
                         for (int b = 0; b <= Degree - a; ++b) {
                           sums[index(a, b)] = fma(current, ty[b], sums[index(a, b)]);
                         }
                         float const following = fma(2 * x, current, -previous);
                         previous = current;
                         current = following;
                       }
                     });
  }

  static __device__ void collect(ForwardArguments<float> const& arguments, std::int64_t image, double* moments) {
    collect_moments(arguments, image, terms, moments, [](int a, int b) { return index(a, b); });
  }
};

/// One tile of the triangle, number blockIdx.y, of a degree that is known at run time only.
template <class Real>
struct TileMoments {
  static constexpr int threads = moments_threads;
  static constexpr int terms = tile_size * tile_size;

  /// Rows of tiles have fewer tiles from one to the next; the number of those before row `row`.
  static __device__ int tiles_before(int degree, int row) {
    int count = 0;
    for (int r = 0; r < row; ++r) {
      count += (degree - r * tile_size) / tile_size + 1;
    }
    return count;
  }

  static __device__ void add(ForwardArguments<Real> const& arguments, TileRange const& range, PixelCounts& counts) {
    int const degree = arguments.plan.degree();
    int row = 0;
    while (tiles_before(degree, row + 1) <= static_cast<int>(blockIdx.y)) {
      ++row;
    }
    int const first_a = row * tile_size;
    int const first_b = (static_cast<int>(blockIdx.y) - tiles_before(degree, row)) * tile_size;
    std::int64_t const partial = arguments.partition.partial_index(blockIdx.x, range.image);
    double* const out = arguments.workspace.partial_sums + (partial * arguments.parts + blockIdx.y) * terms;
    sum_range<terms>(arguments, range, counts, out,
                     [first_a, first_b](Real(&sums)[terms], Real x, Real y, Real weight) {
                       Real ty[tile_size];
                       Real y_previous = y, y_current = 1;  // T_{-1} = T_1
                       for (int b = 0; b < first_b; ++b) {
                         chebyshev::advance(2 * y, y_previous, y_current);
                       }
                       SCC_UNROLL
                       for (int b = 0; b < tile_size; ++b) {
                         ty[b] = y_current;
                         chebyshev::advance(2 * y, y_previous, y_current);
                       }
                       Real previous = weight * x, current = weight;
                       for (int a = 0; a < first_a; ++a) {
                         chebyshev::advance(2 * x, previous, current);
                       }
                       SCC_UNROLL
                       for (int a = 0; a < tile_size; ++a) {
                         SCC_UNROLL
                         for (int b = 0; b < tile_size; ++b) {
                           sums[a * tile_size + b] = fma(current, ty[b], sums[a * tile_size + b]);
                         }
                         chebyshev::advance(2 * x, previous, current);
                       }
                     });
  }

  static __device__ void collect(ForwardArguments<Real> const& arguments, std::int64_t image, double* moments) {
    int const degree = arguments.plan.degree();
    collect_moments(arguments, image, std::int64_t{arguments.parts} * terms, moments, [degree](int a, int b) {
      int const tile = tiles_before(degree, a / tile_size) + b / tile_size;
      return tile * terms + a % tile_size * tile_size + b % tile_size;
    });
  }
};

template <int Degree>
static __global__ void __launch_bounds__(moments_threads, forward_blocks_per_multiprocessor)
  moments_triangle(__grid_constant__ ForwardArguments<float> const arguments) {
  forward_pass<TriangleMoments<Degree>>(arguments);
}

template <class Real>
static __global__ void __launch_bounds__(moments_threads, forward_blocks_per_multiprocessor)
  moments_tile(__grid_constant__ ForwardArguments<Real> const arguments) {
  forward_pass<TileMoments<Real>>(arguments);
}

}  // namespace scc::gpu
