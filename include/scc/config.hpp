// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Macros that let one source serve g++, clang++ and nvcc.

#pragma once

#if defined(__CUDACC__)
/// Marks a function as part of the mathematics that both backends call.
#define SCC_HOST_DEVICE __host__ __device__
#else
/// Marks a function as part of the mathematics that both backends call.
#define SCC_HOST_DEVICE
#endif

#if defined(__GNUC__)
/// Inlines even where optimisation is off: needed where the caller is compiled for other instructions than the callee.
#define SCC_ALWAYS_INLINE inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define SCC_ALWAYS_INLINE __forceinline
#else
#define SCC_ALWAYS_INLINE inline
#endif

/// SCC_ALWAYS_INLINE for a lambda, behind its parameters.
#if defined(__GNUC__)
#define SCC_INLINE_LAMBDA __attribute__((always_inline))
#else
#define SCC_INLINE_LAMBDA
#endif

/// Unrolls the short loop that follows, of at most 16 steps, whatever the optimisation level: its arrays are registers.
#if defined(__clang__) || defined(__CUDA_ARCH__)
#define SCC_UNROLL _Pragma("unroll")
#elif defined(__GNUC__) && !defined(__CUDACC__)
#define SCC_UNROLL _Pragma("GCC unroll 16")
#else
#define SCC_UNROLL
#endif
