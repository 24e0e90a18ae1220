// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Kernels that touch memory that they must not, for AddressSanitizer and UndefinedBehaviorSanitizer. The defect is
/// named on the command line.

#include <cstdio>
#include <cuda_runtime.h>
#include <string>
#include <vector>

#include "launch.hpp"

using namespace emulation_test;

namespace {

constexpr int threads = 64;

/// Reverses the values of a block by way of shared memory; `excess` elements too far.
__global__ void reverse_in_static_shared(float const* in, float* out, int excess) {
  SCC_EMULATION_SHARED(array, float[threads]);
  float* const values = array;  // or the compiler would know the bounds, and there would be no need of red zones
  int const i = static_cast<int>(threadIdx.x);
  values[i + excess] = in[i];
  __syncthreads();
  out[i] = values[threads - 1 - i];
}

__global__ void reverse_in_dynamic_shared(float const* in, float* out, int excess) {
  auto* const values = static_cast<float*>(scc_emulation::dynamic_shared());
  int const i = static_cast<int>(threadIdx.x);
  values[i + excess] = in[i];
  __syncthreads();
  out[i] = values[threads - 1 - i];
}

/// Four values for each thread of a quarter of the block, from the element `first` on.
__global__ void copy_vectors(float const* in, float* out, int first) {
  if (threadIdx.x < threads / 4) {
    float4 const value = __ldg(reinterpret_cast<float4 const*>(in + first + 4 * threadIdx.x));
    *reinterpret_cast<float4*>(out + 4 * threadIdx.x) = value;
  }
}

__global__ void fill(float* out) { out[threadIdx.x] = static_cast<float>(threadIdx.x); }

bool run(std::string const& defect) {
  DeviceArray<float> in(threads + 4), out(threads);
  bool good = launch(shape(1, threads), fill, in.data()) == cudaSuccess;
  good &= launch(shape(2, threads), reverse_in_static_shared, in.data(), out.data(),
                 defect == "static_shared" ? 1 : 0) == cudaSuccess;
  good &= launch(shape(2, threads, threads * sizeof(float)), reverse_in_dynamic_shared, in.data(), out.data(),
                 defect == "dynamic_shared" ? 1 : 0) == cudaSuccess;
  good &= out.to_host().front() == threads - 1;
  int const first = defect == "global" ? 8 : defect == "misaligned" ? 1 : 0;
  good &= launch(shape(1, threads), copy_vectors, in.data(), out.data(), first) == cudaSuccess;
  if (defect == "freed") {
    cudaFree(in.data());
    good &= launch(shape(1, threads), fill, in.data()) == cudaSuccess;
  }
  return good && out.to_host().back() == threads - 1;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 2) {
    std::fputs("usage: memory_defects none|static_shared|dynamic_shared|global|freed|misaligned\n", stderr);
    return 2;
  }
  return run(argv[1]) ? 0 : 1;
}
