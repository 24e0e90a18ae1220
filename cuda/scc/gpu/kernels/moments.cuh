// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// First pass, chebyshev basis: M_ab = sum_j w_j T_a(x_j) T_b(y_j) / W for a + b <= D. A thread keeps sums in registers while
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

/// The sums of a block over each image that it has pixels of: in Real over the few pixels of a thread and over the lanes of
/// its warp, then in double over time and over the warps; all in a fixed order. Leaves them among the partial sums.
///
/// @tparam IsDense   As pixels.cuh says.
/// @param parts      Blocks that leave sums of the same pixels; `part` is the number of this one.
/// @param add_pixel  add_pixel(sums, x, y, weight): adds weight times the products of a pixel pair to sums [Terms].
template <int Terms, bool IsDense, bool HasWeight, class Real, class AddPixel>
__device__ inline void sum_images(ForwardArguments<Real> const& arguments, int parts, int part,
                                  AddPixel const& add_pixel) {
  constexpr int terms_of_lane = Terms / warp_size;
  // Strided walks with weights need the most registers.
  constexpr bool loads_late = HasWeight && !IsDense;
  constexpr int groups_per_sum = std::is_same_v<Real, float> ? pixels_per_float_sum / group_size : 1 << 30;
  // Registers are too short for that beside views of any type and layout.
  constexpr bool loads_weights_ahead = IsDense;
  __shared__ PixelCounts block_counts[moments_threads];
  PixelCounts& counts = block_counts[thread_index()];
  reset_finished_images(arguments.workspace);
  double* const warp_sums = dynamic_shared<double>();  // [warps, Terms]
  // A thread's own part of them; in shared memory because registers are short.
  double* const lane_sums = warp_sums + (warp_index() * warp_size + lane_index()) * terms_of_lane;
  int const block = static_cast<int>(blockIdx.x);
  for (int image = arguments.partition.first_image(block); image < arguments.partition.last_image(block); ++image) {
    counts = {};
    for (int k = 0; k < terms_of_lane; ++k) {
      lane_sums[k] = 0;
    }
    PairedGroups<Real, IsDense> groups(arguments, arguments.x, arguments.y, arguments.partition.range(block, image));
    GroupWeights<Real, IsDense, HasWeight> weights(arguments.weight,
                                                   image_weight_scale<HasWeight>(arguments, image).scale, image);
    if (loads_weights_ahead) {
      weights.load(groups.start(), groups.count());
    }
    while (!groups.is_done()) {
      Real sums[Terms];
      SCC_UNROLL
      for (int k = 0; k < Terms; ++k) {
        sums[k] = 0;
      }
      for (int group = 0; group < groups_per_sum && !groups.is_done(); ++group, groups.advance()) {
        int const count = groups.count();
        if (count == 0) {
          continue;
        }
        if (!loads_weights_ahead) {
          weights.load(groups.start(), count);
        }
        auto const x = normalize_group<IsDense>(arguments.x.type, arguments.x_domain, groups.first());
        auto const y = normalize_group<IsDense>(arguments.y.type, arguments.y_domain, groups.second());
        weights.decode(count);
        counts.add(x, y, weights);
        SCC_UNROLL
        for (int k = 0; k < group_size; ++k) {
          if (k == (loads_late ? group_size - 1 : group_size / 2)) {
            groups.load_next();  // not earlier: half of the group needs no registers any more
          }
          if (loads_weights_ahead && k == group_size - 1) {
            groups.load_next(weights);  // likewise
          }
          add_pixel(sums, x.pixels[k].t, y.pixels[k].t, weights.of(k));
        }
      }
      sum_over_warp(sums);
      SCC_UNROLL
      for (int k = 0; k < terms_of_lane; ++k) {
        lane_sums[k] += static_cast<double>(sums[k]);
      }
    }
    std::int64_t const partial = arguments.partition.partial_index(block, image);
    store_counts<moments_threads>(counts, arguments.workspace.partial_counts[partial]);  // a barrier
    double* const out = arguments.workspace.partial_sums + (partial * parts + part) * Terms;
    for (int term = thread_index(); term < Terms; term += thread_count()) {
      double sum = 0;
      SCC_UNROLL
      for (int warp = 0; warp < moments_threads / warp_size; ++warp) {
        sum += warp_sums[warp * Terms + term];
      }
      out[term] = sum;
    }
    __syncthreads();
  }
}

/// The whole triangle a + b <= Degree in the registers of a thread.
template <int Degree, bool IsDense, bool HasWeight>
static __global__ void __launch_bounds__(moments_threads, forward_blocks_per_multiprocessor)
  moments_triangle(__grid_constant__ ForwardArguments<float> const arguments) {
  constexpr int terms = padded_terms(Degree);
  sum_images<terms, IsDense, HasWeight>(arguments, 1, 0, [](float(&sums)[terms], float x, float y, float weight) {
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
        float& sum = sums[chebyshev::triangle_index(Degree, a, b)];
        sum = fma(current, ty[b], sum);
      }
      float const following = fma(2 * x, current, -previous);
      previous = current;
      current = following;
    }
  });
}

/// One tile of the triangle, number blockIdx.y, of a degree that is known at run time only.
template <class Real, bool HasWeight>
static __global__ void __launch_bounds__(moments_threads, forward_blocks_per_multiprocessor)
  moments_tile(__grid_constant__ ForwardArguments<Real> const arguments) {
  constexpr int terms = tile_size * tile_size;
  int const degree = arguments.basis_size - 1, part = static_cast<int>(blockIdx.y);
  int row = 0;
  while (tile_index(degree, row + 1, 0) <= part) {
    ++row;
  }
  int const first_a = row * tile_size;
  int const first_b = (part - tile_index(degree, row, 0)) * tile_size;
  sum_images<terms, false, HasWeight>(arguments, arguments.parts, part,
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

}  // namespace scc::gpu
