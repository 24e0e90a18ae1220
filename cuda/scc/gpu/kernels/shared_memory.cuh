// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The shared memory of a block. The one header that knows that tests run the kernels on the CPU (tests/emulation).

#pragma once

#include <cuda_runtime.h>

namespace scc::gpu {

/// T, in a form that lets SCC_SHARED take array types.
template <class T>
struct Identity {
  using type = T;
};

/// Dynamic shared memory of the block, aligned to 16 bytes; all uses share it.
template <class T>
__device__ inline T* dynamic_shared() {
#if defined(SCC_EMULATION)
  return static_cast<T*>(scc_emulation::dynamic_shared());
#else
  extern __shared__ __align__(16) unsigned char scc_dynamic_shared[];
  return reinterpret_cast<T*>(scc_dynamic_shared);
#endif
}

}  // namespace scc::gpu

/// Declares a shared variable of the type that follows its name.
#if defined(SCC_EMULATION)
#define SCC_SHARED(name, ...) SCC_EMULATION_SHARED(name, __VA_ARGS__)
#else
#define SCC_SHARED(name, ...) __shared__ typename ::scc::gpu::Identity<__VA_ARGS__>::type name
#endif
