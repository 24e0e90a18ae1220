// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// SIMD lanes for the pixel loops, and the choice of instructions at run time, so that a program compiled for any x86-64
/// processor still uses the one it runs on. On aarch64 the lanes are those of NEON, which all of its processors have.

#pragma once

#include <cstddef>
#include <type_traits>

#include "../config.hpp"

/// Lets clang++ make one instruction of a product and a sum that are two expressions, as g++ does unasked.
#if defined(__clang__)
#define SCC_CONTRACT _Pragma("clang fp contract(fast)")
#else
#define SCC_CONTRACT
#endif

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

  /// Uninitialised, or 0 in braces.
  Lanes() = default;
  /// These lanes.
  SCC_ALWAYS_INLINE Lanes(Vector const& lanes) : v(lanes) {}  // NOLINT(google-explicit-constructor): the same thing
  /// A copy. Left to g++, it would be made without the registers of instructions that the program at large is not compiled
  /// for.
  SCC_ALWAYS_INLINE Lanes(Lanes const& other) : v(other.v) {}
  /// Likewise.
  SCC_ALWAYS_INLINE Lanes& operator=(Lanes const& other) {
    v = other.v;
    return *this;
  }

  /// The same value in all lanes.
  SCC_ALWAYS_INLINE static Lanes broadcast(Real value) { return {value - Vector{}}; }
  SCC_ALWAYS_INLINE friend Lanes operator+(Lanes const& a, Lanes const& b) {
    SCC_CONTRACT
    return {a.v + b.v};
  }
  SCC_ALWAYS_INLINE friend Lanes operator-(Lanes const& a, Lanes const& b) {
    SCC_CONTRACT
    return {a.v - b.v};
  }
  SCC_ALWAYS_INLINE friend Lanes operator*(Lanes const& a, Lanes const& b) {
    SCC_CONTRACT
    return {a.v * b.v};
  }
  /// this += a * b, one rounding where the processor has such an instruction.
  SCC_ALWAYS_INLINE void add_product(Lanes const& a, Lanes const& b) { v += a.v * b.v; }
  /// Has the compiler hold the lanes in a register: it may not load them again.
  SCC_ALWAYS_INLINE void keep() {
#if defined(__x86_64__) && !defined(__clang__)
    asm("" : "+v"(v));
#elif defined(__aarch64__) && !defined(__clang__)
    asm("" : "+w"(v));
#endif
  }
  /// Loads from memory aligned to `Bytes`.
  SCC_ALWAYS_INLINE static Lanes load(Real const* aligned) {
    Lanes lanes;
    __builtin_memcpy(&lanes.v, __builtin_assume_aligned(aligned, Bytes), Bytes);
    return lanes;
  }
  /// Loads from memory aligned to Reals.
  SCC_ALWAYS_INLINE static Lanes load_unaligned(Real const* numbers) {
    Lanes lanes;
    __builtin_memcpy(&lanes.v, numbers, Bytes);
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
  void keep() {}
  static Lanes load(Real const* aligned) { return load_unaligned(aligned); }
  static Lanes load_unaligned(Real const* numbers) {
    Lanes lanes;
    for (int k = 0; k < count; ++k) lanes.v[k] = numbers[k];
    return lanes;
  }
  void store(Real* aligned) const {
    for (int k = 0; k < count; ++k) aligned[k] = v[k];
  }
#endif

  SCC_ALWAYS_INLINE friend Lanes operator+(Lanes const& a, Real b) { return a + broadcast(b); }
  SCC_ALWAYS_INLINE friend Lanes operator-(Lanes const& a, Real b) { return a - broadcast(b); }
  SCC_ALWAYS_INLINE friend Lanes operator*(Lanes const& a, Real b) { return a * broadcast(b); }
  SCC_ALWAYS_INLINE friend Lanes operator*(Real a, Lanes const& b) { return broadcast(a) * b; }
  /// Adds lane by lane.
  SCC_ALWAYS_INLINE Lanes& operator+=(Lanes const& b) { return *this = *this + b; }
  /// Subtracts lane by lane.
  SCC_ALWAYS_INLINE Lanes& operator-=(Lanes const& b) { return *this = *this - b; }
};

/// Instruction sets that the pixel loops are compiled for.
enum class Instructions {
  baseline,  ///< What every processor of the target has: SSE2 of x86-64, NEON of aarch64.
  avx2,      ///< AVX2 and FMA, of x86-64.
  avx512,    ///< AVX-512 F, VL and DQ, of x86-64.
};

/// The best that the processor at hand has.
inline Instructions available_instructions() {
#if defined(__GNUC__) && defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    bool const has_avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    return has_avx512 ? Instructions::avx512 : Instructions::avx2;
  }
#endif
  return Instructions::baseline;
}

/// Bytes of the widest lanes.
inline constexpr int max_lane_bytes = 64;

/// Bytes of the lanes of some instructions.
constexpr int lane_bytes(Instructions instructions) {
  return instructions == Instructions::avx512 ? 64 : instructions == Instructions::avx2 ? 32 : 16;
}

/// SIMD registers of the instructions with lanes of so many bytes.
constexpr int register_count([[maybe_unused]] int bytes) {
#if defined(__aarch64__)
  return 32;
#else
  return bytes == lane_bytes(Instructions::avx512) ? 32 : 16;
#endif
}

#if defined(__GNUC__) && defined(__x86_64__)
/// body(bytes), and all that it calls, compiled for processors that have AVX2 and FMA.
template <class Body>
__attribute__((target("avx2,fma"), flatten)) auto with_avx2(Body const& body) {
  return body(std::integral_constant<int, lane_bytes(Instructions::avx2)>{});
}
/// The same for AVX-512 F, VL and DQ.
template <class Body>
__attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma"), flatten)) auto with_avx512(Body const& body) {
  return body(std::integral_constant<int, lane_bytes(Instructions::avx512)>{});
}
#endif

/// Calls body(bytes) compiled for the instructions, where `bytes` is lane_bytes() as an integral_constant.
///
/// @param instructions  Instructions to use; the processor must have them.
/// @param body          Functor, inlined with all that it calls.
/// @return what the body returns.
template <class Body>
auto with_instructions([[maybe_unused]] Instructions instructions, Body const& body) {
#if defined(__GNUC__) && defined(__x86_64__)
  switch (instructions) {
    case Instructions::avx512:
      return with_avx512(body);
    case Instructions::avx2:
      return with_avx2(body);
    default:
      break;
  }
#endif
  return body(std::integral_constant<int, lane_bytes(Instructions::baseline)>{});
}

}  // namespace scc::cpu
