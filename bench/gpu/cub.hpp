// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a user could build from CUB, to compare the passes with. As in CUB, a null `scratch` asks for scratch_bytes, and
/// nothing is enqueued.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <scc/config.hpp>

namespace scc_bench {

/// The bin of a pixel in [-1, 1], of so many.
SCC_HOST_DEVICE inline int bin_of(float pixel, int bins) {
  int const bin = static_cast<int>((pixel + 1.0F) * (0.5F * static_cast<float>(bins)));
  return bin < 0 ? 0 : bin < bins ? bin : bins - 1;
}

/// The sum of numbers, by cub::DeviceReduce.
///
/// @param scratch, scratch_bytes  Memory for CUB.
/// @param values                  [count]
/// @param sum                     [1] out
void launch_cub_sum(void* scratch, std::size_t& scratch_bytes, float const* values, std::int64_t count, float* sum,
                    cudaStream_t stream);

/// The joint histogram of each pair of images, by one cub::DeviceHistogram of combined bins.
///
/// @param scratch, scratch_bytes  Memory for CUB.
/// @param x, y                    [images, pixels]
/// @param counts                  [images, bins, bins] out; y's bin runs fastest.
void launch_cub_joint_histogram(void* scratch, std::size_t& scratch_bytes, float const* x, float const* y, int images,
                                std::int64_t pixels, int bins, unsigned* counts, cudaStream_t stream);

}  // namespace scc_bench
