// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The basis for wide kernels: b_a = T_a, Chebyshev polynomials on the pixel domain mapped to t in [-1, 1], with joint
/// moments up to the total degree D: a + b <= D.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "../config.hpp"

namespace scc::chebyshev {

/// Largest total degree D; beyond it the histogram basis is cheaper in every backend.
inline constexpr int max_degree = 64;

/// The three-term recurrence T_{a+1}(t) = 2 t T_a(t) - T_{a-1}(t), given 2t. U_a, the polynomials of the second kind, obey
/// the same one; they give the derivatives, T_a' = a U_{a-1}. Value may be a number or a SIMD vector of them.
template <class Value>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE Value next(Value const& two_t, Value const& current, Value const& previous) {
  return two_t * current - previous;
}

/// Coefficients c_0..c_degree of the interpolating series f(t) = sum_a c_a T_a(t) through the Chebyshev nodes.
class Interpolation {
public:
  /// @param nodes   Number of nodes, more than twice `degree`, so that what is folded back is far below what is kept.
  /// @param degree  Highest degree of the coefficients returned.
  Interpolation(int nodes, int degree) : nodes_(nodes), degree_(degree) {
    double const pi = std::acos(-1.0);
    for (int k = 0; k < nodes; ++k) {
      t_.push_back(std::cos(pi * (k + 0.5) / nodes));
    }
    for (int a = 0; a <= degree; ++a) {
      for (int k = 0; k < nodes; ++k) {
        weights_.push_back((a == 0 ? 1.0 : 2.0) / nodes * std::cos(pi * a * (k + 0.5) / nodes));
      }
    }
  }

  /// The nodes t_k in (-1, 1), where functions are to be sampled.
  std::vector<double> const& nodes() const { return t_; }

  /// Writes coefficients [degree + 1] of the function with `samples` [nodes] at the nodes.
  void fit(double const* samples, double* coefficients) const {
    for (int a = 0; a <= degree_; ++a) {
      double sum = 0;
      for (int k = 0; k < nodes_; ++k) {
        sum += weights_[static_cast<std::size_t>(a) * static_cast<std::size_t>(nodes_) + static_cast<std::size_t>(k)] *
               samples[k];
      }
      coefficients[a] = sum;
    }
  }

private:
  int nodes_, degree_;
  std::vector<double> t_, weights_;
};

/// For each total degree D = 0..max_degree, a bound on the error of a product f(s) g(t) cut off at a + b <= D, where
/// `envelope` [2 max_degree + 1] bounds the coefficients of f and of g: sum over a + b > D of e_a e_b.
inline std::vector<double> truncation_error(std::vector<double> const& envelope) {
  int const size = static_cast<int>(envelope.size());
  std::vector<double> diagonal(static_cast<std::size_t>(2 * size - 1), 0.0);
  for (int a = 0; a < size; ++a) {
    for (int b = 0; b < size; ++b) {
      diagonal[static_cast<std::size_t>(a + b)] +=
        envelope[static_cast<std::size_t>(a)] * envelope[static_cast<std::size_t>(b)];
    }
  }
  std::vector<double> tail(diagonal.size(), 0.0);
  for (std::size_t degree = diagonal.size() - 1; degree > 0; --degree) {
    tail[degree - 1] = tail[degree] + diagonal[degree];
  }
  tail.resize(static_cast<std::size_t>(max_degree) + 1);
  return tail;
}

}  // namespace scc::chebyshev
