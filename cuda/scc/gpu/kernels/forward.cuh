// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the forward kernels have in common: each block leaves its partial sums of the moments of an image; the last
/// one to do so collects them and solves the image; the last one to solve an image adds up the loss. No block waits
/// for another.

#pragma once

#include <cstdint>
#include <cub/block/block_reduce.cuh>
#include <cuda_runtime.h>
#include <scc/diagnostics.hpp>
#include <scc/estimator/domain_map.hpp>
#include <scc/plan/plan_view.hpp>

#include "../pixel_view.hpp"
#include "../tile_partition.hpp"
#include "../tuning.hpp"
#include "../workspace.hpp"
#include "pixels.cuh"
#include "solve.cuh"
#include "warp.cuh"

namespace scc::gpu {

/// Argument of the forward kernels. blockIdx.x is the block of the partition, blockIdx.y the part of the moments it
/// works on.
template <class Real>
struct ForwardArguments {
  PlanView plan;
  PixelView x, y;
  CollapsedShape shape;
  DomainMap<Real> x_domain, y_domain;
  TilePartition partition;
  int parts;         ///< Parts of the moments: tiles of the triangle, or bands of the histogram
  int rows_of_part;  ///< histogram: rows of bins that one band has at most
  double unit;       ///< histogram: what a weight of 1 counts
  bool solves_in_shared_memory;
  WorkspaceView workspace;
};

/// What a thread counts in its share of an image. In shared memory, because registers are short and such pixels are
/// rare; each thread has its own, so that it counts without atomics. make_tile_partition() sees to it that 32 bits are
/// enough.
struct alignas(16) PixelCounts {
  unsigned x_outside, x_nan, y_outside, y_nan;

  /// Counts the out-of-domain and NaN pixels among the first `count` of two groups.
  template <class Real>
  __device__ void add(PixelGroup<Real> const& x, PixelGroup<Real> const& y, int count) {
    typename NormalizedPixel<Real>::Flag any = 0;
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      any |= x.pixels[k].outside | x.pixels[k].nan | y.pixels[k].outside | y.pixels[k].nan;
    }
    if (any == 0 || blockIdx.y != 0) {  // the blocks of other parts see the same pixels
      return;
    }
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      if (k < count) {
        x_outside += static_cast<unsigned>(x.pixels[k].outside);
        x_nan += static_cast<unsigned>(x.pixels[k].nan);
        y_outside += static_cast<unsigned>(y.pixels[k].outside);
        y_nan += static_cast<unsigned>(y.pixels[k].nan);
      }
    }
  }

  /// Whether there was such a pixel.
  __device__ bool any() const { return (x_outside | x_nan | y_outside | y_nan) != 0; }
};

/// Sums over a block by a fixed algorithm: the same bits from run to run.
template <class T, int Threads>
using BlockReduce = cub::BlockReduce<T, Threads, cub::BLOCK_REDUCE_WARP_REDUCTIONS>;

/// Adds the counts of all threads of a block to those of an image. Begins with a barrier of the block, on which
/// is_last_arrival() relies, too: before it, all threads have left their sums.
template <int Threads>
__device__ inline void add_counts(PixelCounts const& counts, ImageCounts& image_counts) {
  using Reduce = BlockReduce<Diagnostics, Threads>;
  __shared__ typename Reduce::TempStorage storage;
  if (!__syncthreads_or(counts.any())) {
    return;
  }
  Diagnostics const sum = Reduce(storage).Reduce(
    Diagnostics{counts.x_outside, counts.x_nan, counts.y_outside, counts.y_nan},
    [](Diagnostics const& a, Diagnostics const& b) {
      return Diagnostics{a.x_outside + b.x_outside, a.x_nan + b.x_nan, a.y_outside + b.y_outside, a.y_nan + b.y_nan};
    });
  if (thread_index() == 0) {
    atomicAdd(&image_counts.x_outside, static_cast<unsigned long long>(sum.x_outside));
    atomicAdd(&image_counts.x_nan, static_cast<unsigned long long>(sum.x_nan));
    atomicAdd(&image_counts.y_outside, static_cast<unsigned long long>(sum.y_outside));
    atomicAdd(&image_counts.y_nan, static_cast<unsigned long long>(sum.y_nan));
  }
}

/// Counts one more arrival at `counter`; true in all threads of the block if it is number `expected`. What thread 0 of
/// the blocks that arrived before had written, and their other threads before the last barrier of their block, is then
/// there for this block to read, from the second-level cache.
__device__ inline bool is_last_arrival(unsigned long long* counter, std::int64_t expected) {
  bool is_last = false;
  if (thread_index() == 0) {
    __threadfence();
    is_last = atomicAdd(counter, 1ull) + 1 == static_cast<unsigned long long>(expected);
    __threadfence();
  }
  return __syncthreads_or(is_last) != 0;
}

/// Reads what other blocks have written, from the second-level cache: __ldcg(), which clang++ has not for 64 bits.
template <class T>
__device__ inline T load_from_l2(T const* address) {
  static_assert(sizeof(T) == sizeof(unsigned long long), "64 bits");
  unsigned long long bits;
  asm volatile("ld.global.cg.u64 %0, [%1];" : "=l"(bits) : "l"(__cvta_generic_to_global(address)));
  T value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/// -mean of rSMI over the images, by one block, in an order that depends on the number of images and threads alone.
template <int Threads, class Real>
__device__ inline void store_loss(ForwardArguments<Real> const& arguments) {
  using Reduce = BlockReduce<double, Threads>;
  __shared__ typename Reduce::TempStorage storage;
  double sum = 0;
  for (std::int64_t image = thread_index(); image < arguments.partition.images; image += Threads) {
    sum += load_from_l2(arguments.workspace.rsmi + image);
  }
  double const total = Reduce(storage).Sum(sum);
  if (thread_index() == 0) {
    double const loss = -total / static_cast<double>(arguments.partition.images);
    *arguments.workspace.loss = loss;
    *arguments.workspace.loss_float = static_cast<float>(loss);
  }
}

/// The forward pass of a block. Moments::add leaves the block's share of one image; Moments::collect makes the image's
/// moments [B, B] of all shares.
template <class Moments, class Real>
__device__ inline void forward_pass(ForwardArguments<Real> const& arguments) {
  __shared__ PixelCounts block_counts[Moments::threads];
  static_assert(sizeof(block_counts) + sizeof(typename BlockReduce<Diagnostics, Moments::threads>::TempStorage) +
                    sizeof(typename BlockReduce<double, Moments::threads>::TempStorage) <=
                  static_shared_bytes,
                "static shared memory of the forward kernels");
  WorkspaceView const& workspace = arguments.workspace;
  arguments.partition.for_each_range(blockIdx.x, [&](TileRange const& range) {
    std::int64_t const image = range.image;
    ImageCounts& counts = workspace.counts[image];
    PixelCounts& thread_counts = block_counts[thread_index()];
    thread_counts = {};
    Moments::add(arguments, range, thread_counts);
    add_counts<Moments::threads>(thread_counts, counts);  // a barrier
    if (!is_last_arrival(&counts.finished_blocks, arguments.partition.contributing_blocks(image) * arguments.parts)) {
      return;
    }
    auto const moment_count = static_cast<std::int64_t>(arguments.plan.basis_size) * arguments.plan.basis_size;
    double* const moments = workspace.moments + image * moment_count;
    Moments::collect(arguments, image, moments);
    __syncthreads();
    bool const has_nan = load_from_l2(&counts.x_nan) + load_from_l2(&counts.y_nan) > 0;
    solve_image(arguments.plan, workspace, image, moments, has_nan, arguments.solves_in_shared_memory);
    if (is_last_arrival(workspace.finished_images, arguments.partition.images)) {
      store_loss<Moments::threads>(arguments);
    }
  });
}

}  // namespace scc::gpu
