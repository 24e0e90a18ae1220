// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The basis for wide kernels: b_a = T_a, Chebyshev polynomials on the pixel domain mapped to t in [-1, 1], with joint
/// moments up to the total degree D: a + b <= D.

#pragma once

#include "../config.hpp"

namespace scc::chebyshev {

/// Largest total degree D; beyond it the histogram basis is cheaper in every backend.
inline constexpr int max_degree = 64;

/// Number of moments of the triangle a + b <= degree.
SCC_HOST_DEVICE constexpr int triangle_terms(int degree) { return (degree + 1) * (degree + 2) / 2; }

/// Index of (a, b) among them, row a after row a - 1.
SCC_HOST_DEVICE constexpr int triangle_index(int degree, int a, int b) {
  return a * (degree + 1) - a * (a - 1) / 2 + b;
}

/// One step of the three-term recurrence T_{a+1}(t) = 2 t T_a(t) - T_{a-1}(t): from (T_{a-1}, T_a) to (T_a, T_{a+1}).
/// U_a, the polynomials of the second kind, obey the same one; they give the derivatives, T_a' = a U_{a-1}.
///
/// @tparam Value    A number, or a SIMD vector of them.
/// @param two_t     2 t
/// @param previous  T_{a-1}, becomes T_a.
/// @param current   T_a, becomes T_{a+1}.
template <class Value>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void advance(Value const& two_t, Value& previous, Value& current) {
#if defined(__CUDA_ARCH__)
  Value const following = fma(two_t, current, -previous);  // rounded once, whatever the flags
#else
  Value const following = two_t * current - previous;
#endif
  previous = current;
  current = following;
}

}  // namespace scc::chebyshev
