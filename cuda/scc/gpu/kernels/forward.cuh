// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the kernels of the first pass have in common: their argument, and the counts of out-of-domain and NaN pixels.
/// Each block leaves its sums over its part of an image; no block waits for another.

#pragma once

#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/diagnostics.hpp>
#include <scc/estimator/domain_map.hpp>

#include "../pixel_view.hpp"
#include "../tile_partition.hpp"
#include "../tuning.hpp"
#include "../workspace.hpp"
#include "pixels.cuh"
#include "warp.cuh"
#include "weights.cuh"

namespace scc::gpu {

/// Argument of the kernels of the first pass. blockIdx.x is the block of the partition, blockIdx.y the part of the moments
/// it works on.
template <class Real>
struct ForwardArguments {
  PixelView x, y;
  CollapsedShape shape;
  DomainMap<Real> x_domain, y_domain;
  TilePartition partition;
  int basis_size;    ///< B
  int parts;         ///< Parts of the moments: tiles of the triangle, or bands of the histogram
  int rows_of_part;  ///< histogram: rows of bins that one band has at most
  double unit;       ///< histogram: what a weight of 1 counts
  WorkspaceView workspace;
  WeightView weight;                ///< If the pixels have weights
  TilePartition weights_partition;  ///< Of find_largest_weights
};

/// What a thread counts in its share of an image. In shared memory, because registers are short and such pixels are
/// rare; each thread has its own, so that it counts without atomics. make_tile_partition() sees to it that 32 bits are
/// enough.
struct alignas(16) PixelCounts {
  unsigned x_outside, x_nan, y_outside, y_nan;

  /// Counts the out-of-domain and NaN pixels among those of two groups that have a weight.
  template <class Real, class Weights>
  __device__ void add(PixelGroup<Real> const& x, PixelGroup<Real> const& y, Weights const& weights) {
    if (!x.has_special && !y.has_special) {
      return;
    }
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      if (weights.has(k)) {
        x_outside += static_cast<unsigned>(x.pixels[k].outside);
        x_nan += static_cast<unsigned>(x.pixels[k].nan);
        y_outside += static_cast<unsigned>(y.pixels[k].outside);
        y_nan += static_cast<unsigned>(y.pixels[k].nan);
      }
    }
  }
};

/// The scale of an image's weights, for all lanes of a warp; without weights it is 1.
template <bool HasWeight, class Real>
__device__ inline WeightScale image_weight_scale(ForwardArguments<Real> const& arguments, int image) {
  if constexpr (HasWeight) {
    return {arguments.weight.view.type,
            summarise_image(arguments.workspace.summaries, arguments.weights_partition, image).largest};
  }
  return {};
}

/// Whether there is a pixel that is counted.
__device__ inline bool any(Diagnostics const& counts) {
  return (counts.x_outside | counts.x_nan | counts.y_outside | counts.y_nan) != 0;
}

/// Sum of counts of pixels over a block, in its thread 0.
template <int Threads>
__device__ inline Diagnostics sum_counts(Diagnostics const& counts) {
  using Reduce = BlockReduce<Diagnostics, Threads>;
  __shared__ typename Reduce::TempStorage storage;
  return Reduce(storage).Reduce(counts, [](Diagnostics const& a, Diagnostics const& b) {
    return Diagnostics{a.x_outside + b.x_outside, a.x_nan + b.x_nan, a.y_outside + b.y_outside, a.y_nan + b.y_nan};
  });
}

/// Leaves the counts of a block, which are those of its part 0, as the blocks of other parts see the same pixels. Begins
/// with a barrier of the block.
template <int Threads>
__device__ inline void store_counts(PixelCounts const& counts, Diagnostics& out) {
  Diagnostics sum{counts.x_outside, counts.x_nan, counts.y_outside, counts.y_nan};
  if (__syncthreads_or(any(sum))) {
    sum = sum_counts<Threads>(sum);
  }
  if (thread_index() == 0 && blockIdx.y == 0) {
    out = sum;
  }
}

/// Sets the count of finished images, which the solve begins with, to 0.
__device__ inline void reset_finished_images(WorkspaceView const& workspace) {
  if (blockIdx.x == 0 && blockIdx.y == 0 && thread_index() == 0) {
    *workspace.finished_images = 0;
  }
}

}  // namespace scc::gpu
