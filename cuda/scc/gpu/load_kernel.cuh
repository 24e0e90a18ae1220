// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Makes a kernel ready before its first launch, which may be in a capture, where older drivers refuse to load it.

#pragma once

#include <cuda_runtime.h>

#include "error.hpp"

namespace scc::gpu {

/// Loads a kernel on the current device, and lets its blocks have all the shared memory that the device can give. The
/// same for every loss, so that none sets a limit that is too low for another.
///
/// @param kernel        Any kernel of the library.
/// @param shared_bytes  What a block of the device can have, static and dynamic shared memory together.
/// @throws Error if a CUDA call fails.
template <class Argument>
void load_kernel(void (*kernel)(Argument), int shared_bytes) {
  auto const* const function = reinterpret_cast<void const*>(kernel);
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, function), "cudaFuncGetAttributes");
  check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             shared_bytes - static_cast<int>(attributes.sharedSizeBytes)),
        "cudaFuncSetAttribute");
}

}  // namespace scc::gpu
