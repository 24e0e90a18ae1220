// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Kernels whose threads communicate without the order that this takes, for ThreadSanitizer. In forward order all of
/// these give the right result nevertheless. The defect is named on the command line. A launch must have fewer than 255
/// threads.

#include <cstdio>
#include <cuda_runtime.h>
#include <string>
#include <vector>

#include "launch.hpp"

using namespace emulation_test;

namespace {

constexpr int threads = 32;
constexpr int blocks = 3;

enum class Defect { none, missing_fence, missing_syncthreads, missing_syncwarp, plain_increment };

/// Every block writes a part; the block whose ticket is the last adds them, as the library's kernels do.
__global__ void sum_by_last_block(float* parts, unsigned* ticket, unsigned* count, float* sums, Defect defect) {
  SCC_EMULATION_SHARED(is_last, bool);
  unsigned const i = threadIdx.x;
  parts[blockIdx.x * threads + i] = static_cast<float>(i);
  if (defect != Defect::missing_syncthreads) {
    __syncthreads();
  }
  if (i == threads - 1) {
    if (defect == Defect::plain_increment) {
      ++*count;
    } else {
      atomicAdd(count, 1u);
    }
    if (defect != Defect::missing_fence) {
      __threadfence();
    }
    is_last = atomicAdd(ticket, 1u) == blocks - 1;
    __threadfence();
  }
  __syncthreads();
  if (is_last) {
    float sum = 0;
    for (unsigned block = 0; block < blocks; ++block) {
      sum += parts[block * threads + i];
    }
    sums[i] = sum;
    if (i == 0) {
      atomicExch(ticket, 0u);
    }
  }
}

/// Each lane takes its neighbour's value.
__global__ void exchange_in_warp(float* out, Defect defect) {
  SCC_EMULATION_SHARED(values, float[threads]);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (defect != Defect::missing_syncwarp) {
    __syncwarp();
  } else {
    __shfl_xor_sync(0xffffffffu, 0, 1);  // lets all lanes come here, but orders no memory
  }
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}

bool run(Defect defect) {
  DeviceArray<float> parts(blocks * threads), sums(threads), exchanged(threads);
  DeviceArray<unsigned> ticket(1), count(1);
  ticket.set_zero();
  count.set_zero();
  bool good = true;
  for (int launches = 0; launches < 2; ++launches) {
    good &= launch(shape(blocks, threads), sum_by_last_block, parts.data(), ticket.data(), count.data(), sums.data(),
                   defect) == cudaSuccess;
  }
  good &= launch(shape(1, threads), exchange_in_warp, exchanged.data(), defect) == cudaSuccess;
  return good && count.to_host()[0] == 2 * blocks && ticket.to_host()[0] == 0 && sums.to_host()[5] == blocks * 5 &&
         exchanged.to_host()[5] == 4;
}

}  // namespace

int main(int argc, char* argv[]) {
  char const* const names[] = {"none", "missing_fence", "missing_syncthreads", "missing_syncwarp", "plain_increment"};
  for (int i = 0; i < 5 && argc == 2; ++i) {
    if (std::string(names[i]) == argv[1]) {
      bool const good = run(static_cast<Defect>(i));
      std::puts(good ? "results: right" : "results: wrong");
      return good ? 0 : 1;
    }
  }
  std::fputs("usage: race_defects DEFECT, see the source\n", stderr);
  return 2;
}
