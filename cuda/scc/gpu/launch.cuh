// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The one place from which kernels are launched.

#pragma once

#include <cstddef>
#include <cuda_runtime.h>
#include <string>

#include "error.hpp"

namespace scc::gpu {

/// Launches kernel(argument). With SCC_GPU_SYNCHRONOUS defined, which is for debugging and breaks graph capture, waits for
/// the kernel, so that an error inside it is reported under its name.
///
/// Only enqueues, otherwise; allocates nothing.
///
/// @param kernel        Of one argument, which is passed by value.
/// @param name          The kernel's name, for errors.
/// @param grid          Blocks of the grid.
/// @param block         Threads of a block.
/// @param shared_bytes  Dynamic shared memory of a block.
/// @param stream        Where the launch is enqueued.
/// @param argument      The argument; its pointers are to device memory.
/// @throws Error that names the kernel, its grid and its block.
template <class Argument>
void launch(void (*kernel)(Argument), char const* name, dim3 grid, int block, std::size_t shared_bytes,
            cudaStream_t stream, std::remove_const_t<Argument> const& argument) {
  auto const check_launch = [&](cudaError_t code) {
    if (code != cudaSuccess) {
      std::string const call = std::string(name) + " <<<(" + std::to_string(grid.x) + ", " + std::to_string(grid.y) +
                               "), " + std::to_string(block) + ", " + std::to_string(shared_bytes) + " B>>>";
      check(code, call.c_str());
    }
  };
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = grid;
  configuration.blockDim = dim3(static_cast<unsigned>(block));
  configuration.dynamicSmemBytes = shared_bytes;
  configuration.stream = stream;
  check_launch(cudaLaunchKernelEx(&configuration, kernel, argument));
#if defined(SCC_GPU_SYNCHRONOUS)
  check_launch(cudaStreamSynchronize(stream));
#endif
}

}  // namespace scc::gpu
