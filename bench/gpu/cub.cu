// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cub/device/device_histogram.cuh>
#include <cub/device/device_reduce.cuh>
#include <scc/gpu/error.hpp>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>

#include "cub.hpp"

namespace scc_bench {

namespace {

using scc::gpu::check;

/// Number of a pair of pixels -> the number of its bin, among those of all images.
struct CombinedBin {
  float const* x;
  float const* y;
  std::int64_t pixels;
  int bins;

  __host__ __device__ int operator()(std::int64_t pair) const {
    int const image = static_cast<int>(pair / pixels);
    return (image * bins + bin_of(x[pair], bins)) * bins + bin_of(y[pair], bins);
  }
};

}  // namespace

void launch_cub_sum(void* scratch, std::size_t& scratch_bytes, float const* values, std::int64_t count, float* sum,
                    cudaStream_t stream) {
  check(cub::DeviceReduce::Sum(scratch, scratch_bytes, values, sum, count, stream), "cub::DeviceReduce::Sum");
}

void launch_cub_joint_histogram(void* scratch, std::size_t& scratch_bytes, float const* x, float const* y, int images,
                                std::int64_t pixels, int bins, unsigned* counts, cudaStream_t stream) {
  auto const combined =
    thrust::make_transform_iterator(thrust::counting_iterator<std::int64_t>(0), CombinedBin{x, y, pixels, bins});
  int const all_bins = images * bins * bins;
  check(cub::DeviceHistogram::HistogramEven(scratch, scratch_bytes, combined, counts, all_bins + 1, 0, all_bins,
                                            images * pixels, stream),
        "cub::DeviceHistogram::HistogramEven");
}

}  // namespace scc_bench
