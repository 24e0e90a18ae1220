// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Stands in for the toolkit's <cuda_runtime.h> where kernels are compiled for the host: everything in there, and the
/// device functions that the library's kernels use. What is missing here or in runtime.cpp is an error of the compiler
/// or of the linker.

#pragma once

#if defined(__CUDACC__)
#error "tests/emulation is not for nvcc: take it off the include path"
#endif
#pragma GCC system_header  // permits #include_next, without which the toolkit's header could not be found

#define SCC_EMULATION 1

// The toolkit's launch functions pass the kernel on as void*, which loses the types needed to call it.
#define cudaLaunchKernelEx scc_emulation_unused_launch
#include_next <cuda_runtime.h>
#undef cudaLaunchKernelEx

#include <cmath>

#include "scheduler.hpp"

// The toolkit makes it nothing, which would give every thread a variable of its own.
#undef __shared__
#define __shared__ error_use_SCC_EMULATION_SHARED_instead_of__shared__
#define __launch_bounds__(...)

// Those of the running thread. Set by the scheduler.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

// SCC_EMULATION_SHARED(name, type) declares static shared memory; the type may be an array and contain commas.
#define SCC_EMULATION_SHARED(name, ...) \
  static char name##_variable;          \
  auto& name =                          \
    ::scc_emulation::shared_variable<::scc_emulation::Identity<__VA_ARGS__>>(&name##_variable, {__FILE__, __LINE__})

namespace scc_emulation {

template <class T>
struct Identity {
  using type = T;
};

template <class TypeIdentity>
auto& shared_variable(void const* variable, Site site) {
  using T = typename TypeIdentity::type;
  static_assert(std::is_trivial_v<T>, "shared memory has no constructors");
  return *static_cast<T*>(static_shared(variable, sizeof(T), alignof(T), site));
}

template <class T>
T shuffle(unsigned mask, T value, unsigned source_lane, Site site) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "not a type that CUDA shuffles");
  std::uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  bits = warp_shuffle(mask, bits, source_lane, site);
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}

/// The first lane of the `width` lanes, a power of two, that lane() exchanges values with.
inline unsigned segment_begin(int width) { return lane() & ~(static_cast<unsigned>(width) - 1); }

/// `source` if it is in lane()'s segment or before, else lane().
inline unsigned within_segment(unsigned source, int width) {
  return source < segment_begin(width) + static_cast<unsigned>(width) ? source : lane();
}

// As on the device, atomic operations order nothing else; that takes __threadfence().
template <class T>
T atomic_add(T* address, T value) {
  before_atomic(address);
  T const old = __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
  after_atomic(address);
  return old;
}

template <class T>
T atomic_exchange(T* address, T value) {
  before_atomic(address);
  T const old = __atomic_exchange_n(address, value, __ATOMIC_RELAXED);
  after_atomic(address);
  return old;
}

/// The part of cudaLaunchKernelEx that needs no types. Copies the call if it is to be run later.
cudaError_t launch(cudaLaunchConfig_t const&, void const* kernel, KernelCall const&);

}  // namespace scc_emulation

inline void __syncthreads(SCC_EMULATION_SITE) { scc_emulation::block_barrier(site); }
inline void __syncwarp(unsigned mask = 0xffffffffu, SCC_EMULATION_SITE) { scc_emulation::warp_barrier(mask, site); }

inline unsigned __ballot_sync(unsigned mask, int predicate, SCC_EMULATION_SITE) {
  return scc_emulation::warp_ballot(mask, predicate != 0, site);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize, SCC_EMULATION_SITE) {
  unsigned const offset = static_cast<unsigned>(source) & (static_cast<unsigned>(width) - 1);
  return scc_emulation::shuffle(mask, value, scc_emulation::segment_begin(width) + offset, site);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize, SCC_EMULATION_SITE) {
  unsigned const source = scc_emulation::lane() ^ static_cast<unsigned>(lane_mask);
  return scc_emulation::shuffle(mask, value, scc_emulation::within_segment(source, width), site);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize, SCC_EMULATION_SITE) {
  unsigned const source = scc_emulation::lane() + delta;
  return scc_emulation::shuffle(mask, value, scc_emulation::within_segment(source, width), site);
}

inline int atomicAdd(int* address, int value) { return scc_emulation::atomic_add(address, value); }
inline unsigned atomicAdd(unsigned* address, unsigned value) { return scc_emulation::atomic_add(address, value); }
inline unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
  return scc_emulation::atomic_add(address, value);
}

inline int atomicExch(int* address, int value) { return scc_emulation::atomic_exchange(address, value); }
inline unsigned atomicExch(unsigned* address, unsigned value) { return scc_emulation::atomic_exchange(address, value); }
inline unsigned long long atomicExch(unsigned long long* address, unsigned long long value) {
  return scc_emulation::atomic_exchange(address, value);
}

inline void __threadfence() { scc_emulation::memory_fence(); }

template <class T>
T __ldg(T const* address) {
  T const& value = *address;  // where UndefinedBehaviorSanitizer always looks at the alignment
  return value;
}
template <class T>
T __ldcg(T const* address) {
  return *address;
}
inline float __uint_as_float(unsigned bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(cudaLaunchConfig_t const* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  scc_emulation::BoundKernel<Parameters...> const call(kernel, static_cast<Arguments&&>(arguments)...);
  return scc_emulation::launch(*config, reinterpret_cast<void const*>(kernel), call);
}
