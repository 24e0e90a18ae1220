// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Kernels that find out what the device can do at most. They only enqueue work.

#pragma once

#include <cstddef>
#include <cuda_runtime_api.h>

namespace scc_bench {

/// One block that does nothing.
void launch_empty_kernel(cudaStream_t stream);

/// Reads device memory once and writes nothing.
///
/// @param memory  [bytes] aligned to 16 bytes, filled with 0xff; bytes is a multiple of 16.
void launch_read(void const* memory, std::size_t bytes, int multiprocessors, cudaStream_t stream);

/// Multiplications with addition in registers, in as many threads as keep the device busy. Returns their number.
template <class Real>
double launch_multiply_adds(int multiprocessors, cudaStream_t stream);

}  // namespace scc_bench
