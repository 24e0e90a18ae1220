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
