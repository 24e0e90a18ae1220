// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the forward kernels have in common: each block leaves its partial sums of the moments of an image; the last one to do so
/// collects them and solves the image; the last one to solve an image adds up the loss. No block waits for another.

#pragma once

#include <cstdint>
#include <cuda_runtime.h>
#include <scc/estimator/domain_map.hpp>
#include <scc/plan/plan_view.hpp>

#include "../pixel_view.hpp"
#include "../tile_partition.hpp"
#include "../workspace.hpp"
#include "pixels.cuh"
#include "shared_memory.cuh"
#include "solve.cuh"
#include "warp.cuh"

namespace scc::gpu {

/// Argument of the forward kernels. blockIdx.x is the block of the partition, blockIdx.y the part of the moments it works on.
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

/// Counts of the out-of-domain and NaN pixels that a block has seen, in shared memory: they are rare, and registers are short. Integers, so
/// that the order of the additions means nothing.
struct PixelCounts {
  unsigned long long x_outside, x_nan, y_outside, y_nan;

  /// Counts the first `count` pixels of two groups.
  template <class Real>
  __device__ void add(PixelGroup<Real> const& x, PixelGroup<Real> const& y, int count) {
    typename NormalizedPixel<Real>::Flag any = 0;
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      any |= x.pixels[k].outside | x.pixels[k].nan | y.pixels[k].outside | y.pixels[k].nan;
    }
    if (any == 0) {
      return;
    }
    add_group(x, count, x_outside, x_nan);
    add_group(y, count, y_outside, y_nan);
  }

  /// Adds them to those of an image.
  __device__ void add_to(ImageCounts& counts) const {
    atomicAdd(&counts.x_outside, x_outside);
    atomicAdd(&counts.x_nan, x_nan);
    atomicAdd(&counts.y_outside, y_outside);
    atomicAdd(&counts.y_nan, y_nan);
  }

private:
  template <class Real>
  __device__ static void add_group(PixelGroup<Real> const& group, int count, unsigned long long& outside,
                                   unsigned long long& nan) {
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      if (k < count && group.pixels[k].outside != 0) {
        atomicAdd(&outside, 1ull);
      }
      if (k < count && group.pixels[k].nan != 0) {
        atomicAdd(&nan, 1ull);
      }
    }
  }
};

/// Counts one more arrival at `counter`; true in all threads of the block if it is number `expected`. What the blocks that
/// arrived before have written is then there for this block to read, from the second-level cache.
__device__ inline bool is_last_arrival(unsigned long long* counter, std::int64_t expected) {
  SCC_SHARED(is_last, bool);
  __syncthreads();
  if (thread_index() == 0) {
    __threadfence();
    is_last = atomicAdd(counter, 1ull) + 1 == static_cast<unsigned long long>(expected);
    __threadfence();
  }
  __syncthreads();
  bool const result = is_last;
  __syncthreads();  // all have read it before the next call writes it
  return result;
}

/// -mean of rSMI over the images, by one block, in an order that depends on the number of images alone.
template <class Real>
__device__ inline void store_loss(ForwardArguments<Real> const& arguments) {
  double* const sums = dynamic_shared<double>();
  double sum = 0;
  for (std::int64_t image = thread_index(); image < arguments.partition.images; image += thread_count()) {
    sum += __ldcg(arguments.workspace.rsmi + image);
  }
  sums[thread_index()] = sum;
  __syncthreads();
  if (thread_index() == 0) {
    double total = 0;
    for (int k = 0; k < thread_count() && k < arguments.partition.images; ++k) {
      total += sums[k];
    }
    double const loss = -total / static_cast<double>(arguments.partition.images);
    *arguments.workspace.loss = loss;
    *arguments.workspace.loss_float = static_cast<float>(loss);
  }
  __syncthreads();
}

/// The forward pass of a block. Moments::add leaves the block's share of one image; Moments::collect makes the image's
/// moments [B, B] of all shares.
template <class Moments, class Real>
__device__ inline void forward_pass(ForwardArguments<Real> const& arguments) {
  WorkspaceView const& workspace = arguments.workspace;
  arguments.partition.for_each_range(blockIdx.x, [&](TileRange const& range) {
    std::int64_t const image = range.image;
    ImageCounts& counts = workspace.counts[image];
    SCC_SHARED(outside_and_nan, PixelCounts);
    if (thread_index() == 0) {
      outside_and_nan = {};
    }
    __syncthreads();
    Moments::add(arguments, range, outside_and_nan);
    __syncthreads();
    if (thread_index() == 0 && blockIdx.y == 0) {  // the blocks of other parts have seen the same pixels
      outside_and_nan.add_to(counts);
    }
    if (!is_last_arrival(&counts.finished_blocks, arguments.partition.contributing_blocks(image) * arguments.parts)) {
      return;
    }
    auto const moment_count = static_cast<std::int64_t>(arguments.plan.basis_size) * arguments.plan.basis_size;
    double* const moments = workspace.moments + image * moment_count;
    Moments::collect(arguments, image, moments);
    __syncthreads();
    bool const has_nan = __ldcg(&counts.x_nan) + __ldcg(&counts.y_nan) > 0;
    solve_image(arguments.plan, workspace, image, moments, has_nan, arguments.solves_in_shared_memory);
    if (is_last_arrival(workspace.finished_images, arguments.partition.images)) {
      store_loss(arguments);
    }
  });
}

}  // namespace scc::gpu
