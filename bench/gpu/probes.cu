// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/gpu/error.hpp>

#include "probes.hpp"

namespace scc_bench {

namespace {

using scc::gpu::check;

constexpr int threads = 256;
constexpr unsigned loads = 4;  // of a thread, in flight together
constexpr int chains = 8;      // independent sums of a thread, to hide the latency of one
constexpr int steps = 4096;    // long enough that the launch does not count

__global__ void empty_kernel() {}

__global__ void read_kernel(uint4 const* memory, std::size_t count, unsigned* never_written) {
  unsigned sum = 0;
  std::size_t const step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t first = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; first < count;
       first += loads * step) {
    uint4 words[loads];
    SCC_UNROLL
    for (unsigned k = 0; k < loads; ++k) {
      std::size_t const at = first + k * step;
      words[k] = memory[at < count ? at : first];
    }
    SCC_UNROLL
    for (unsigned k = 0; k < loads; ++k) {
      sum |= words[k].x ^ words[k].y ^ words[k].z ^ words[k].w;
    }
  }
  // Never true with the memory that is read, which the compiler cannot know.
  if (sum == 1) {
    *never_written = sum;
  }
}

template <class Real>
__global__ void multiply_add_kernel(Real factor, Real* never_written) {
  Real sum[chains];
  for (int k = 0; k < chains; ++k) {
    sum[k] = factor * static_cast<Real>(static_cast<int>(threadIdx.x) + k);
  }
  for (int step = 0; step < steps; ++step) {
    SCC_UNROLL
    for (int k = 0; k < chains; ++k) {
      sum[k] = sum[k] * factor + factor;
    }
  }
  Real total = 0;
  for (int k = 0; k < chains; ++k) {
    total += sum[k];
  }
  // All terms are positive.
  if (total < 0) {
    *never_written = total;
  }
}

cudaLaunchConfig_t configuration(int blocks, cudaStream_t stream) {
  cudaLaunchConfig_t result{};
  result.gridDim = dim3(static_cast<unsigned>(blocks));
  result.blockDim = dim3(threads);
  result.stream = stream;
  return result;
}

/// As many blocks of a kernel as the device runs at a time.
template <class... Parameters>
int resident_blocks(void (*kernel)(Parameters...), int multiprocessors) {
  int blocks = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, reinterpret_cast<void const*>(kernel), threads, 0),
        "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  return blocks * multiprocessors;
}

}  // namespace

void launch_empty_kernel(cudaStream_t stream) {
  cudaLaunchConfig_t const one_block = configuration(1, stream);
  check(cudaLaunchKernelEx(&one_block, empty_kernel), "empty_kernel");
}

void launch_read(void const* memory, std::size_t bytes, int multiprocessors, cudaStream_t stream) {
  cudaLaunchConfig_t const full = configuration(resident_blocks(read_kernel, multiprocessors), stream);
  unsigned* const never_written = nullptr;
  check(cudaLaunchKernelEx(&full, read_kernel, static_cast<uint4 const*>(memory), bytes / sizeof(uint4), never_written),
        "read_kernel");
}

template <class Real>
double launch_multiply_adds(int multiprocessors, cudaStream_t stream) {
  int const blocks = resident_blocks(multiply_add_kernel<Real>, multiprocessors);
  cudaLaunchConfig_t const full = configuration(blocks, stream);
  Real* const never_written = nullptr;
  check(cudaLaunchKernelEx(&full, multiply_add_kernel<Real>, Real(0.5), never_written), "multiply_add_kernel");
  return static_cast<double>(blocks) * threads * chains * steps;
}

template double launch_multiply_adds<float>(int, cudaStream_t);
template double launch_multiply_adds<double>(int, cudaStream_t);

}  // namespace scc_bench
