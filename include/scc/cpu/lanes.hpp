// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// SIMD lanes for the pixel loops, and the choice of instructions at run time, so that a program compiled for any x86-64
/// processor still uses the one it runs on.

#pragma once

#include <cstddef>

#include "../config.hpp"

namespace scc::cpu {

/// `Bytes` bytes of Reals that are added and multiplied together. All members are inlined, so that the type never crosses
/// a boundary between code for different instructions.
template <class Real, int Bytes>
struct Lanes {
  /// Number of lanes.
  static constexpr int count = Bytes / static_cast<int>(sizeof(Real));

#if defined(__GNUC__)
  /// The compiler's type of a SIMD register.
  typedef Real Vector __attribute__((vector_size(Bytes)));
  Vector v;  ///< The lanes

  /// The same value in all lanes.
  SCC_ALWAYS_INLINE static Lanes broadcast(Real value) { return {value - Vector{}}; }
  SCC_ALWAYS_INLINE friend Lanes operator+(Lanes const& a, Lanes const& b) { return {a.v + b.v}; }
  SCC_ALWAYS_INLINE friend Lanes operator-(Lanes const& a, Lanes const& b) { return {a.v - b.v}; }
  SCC_ALWAYS_INLINE friend Lanes operator*(Lanes const& a, Lanes const& b) { return {a.v * b.v}; }
  /// this += a * b, one rounding where the processor has such an instruction.
  SCC_ALWAYS_INLINE void add_product(Lanes const& a, Lanes const& b) { v += a.v * b.v; }
  /// Loads from memory aligned to `Bytes`.
  SCC_ALWAYS_INLINE static Lanes load(Real const* aligned) {
    Lanes lanes;
    __builtin_memcpy(&lanes.v, __builtin_assume_aligned(aligned, Bytes), Bytes);
    return lanes;
  }
  /// Stores to memory aligned to `Bytes`.
  SCC_ALWAYS_INLINE void store(Real* aligned) const {
    __builtin_memcpy(__builtin_assume_aligned(aligned, Bytes), &v, Bytes);
  }
#else
  Real v[count];

  static Lanes broadcast(Real value) {
    Lanes lanes;
    for (int k = 0; k < count; ++k) lanes.v[k] = value;
    return lanes;
  }
  friend Lanes operator+(Lanes a, Lanes const& b) {
    for (int k = 0; k < count; ++k) a.v[k] += b.v[k];
    return a;
  }
  friend Lanes operator-(Lanes a, Lanes const& b) {
    for (int k = 0; k < count; ++k) a.v[k] -= b.v[k];
    return a;
  }
  friend Lanes operator*(Lanes a, Lanes const& b) {
    for (int k = 0; k < count; ++k) a.v[k] *= b.v[k];
    return a;
  }
  void add_product(Lanes const& a, Lanes const& b) {
    for (int k = 0; k < count; ++k) v[k] += a.v[k] * b.v[k];
  }
  static Lanes load(Real const* aligned) {
    Lanes lanes;
    for (int k = 0; k < count; ++k) lanes.v[k] = aligned[k];
    return lanes;
  }
  void store(Real* aligned) const {
    for (int k = 0; k < count; ++k) aligned[k] = v[k];
  }
#endif
};

/// Instruction sets that the pixel loops are compiled for.
enum class Instructions {
  baseline,  ///< What every processor of the target has.
  avx2,      ///< AVX2 and FMA, of x86-64.
};

/// What the processor at hand has.
inline Instructions available_instructions() {
#if defined(__GNUC__) && defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return Instructions::avx2;
  }
#endif
  return Instructions::baseline;
}

/// Bytes of the lanes of Instructions::baseline.
inline constexpr int baseline_bytes = 16;
/// Bytes of the lanes of Instructions::avx2.
inline constexpr int avx2_bytes = 32;

#if defined(__GNUC__) && defined(__x86_64__)
/// Compiles one function for processors that have AVX2 and FMA.
#define SCC_TARGET_AVX2 __attribute__((target("avx2,fma")))
/// The same, and all that it calls with it.
#define SCC_TARGET_AVX2_ALL __attribute__((target("avx2,fma"), flatten))
#else
#define SCC_TARGET_AVX2
#define SCC_TARGET_AVX2_ALL
#endif

}  // namespace scc::cpu
