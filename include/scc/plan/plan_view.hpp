// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a solve needs of a plan, as plain arrays: made once by Plan, read by both backends.

#pragma once

#include "../config.hpp"
#include "../options.hpp"

namespace scc {

/// A view of a plan; trivially copyable, so that it can be an argument of a kernel. Its pointers are to host or to
/// device memory.
///
/// The n kernel functions k_p are written in functions psi_i = sum_p U_pi k_p (U orthogonal), sorted by size. An
/// unknown of the compressed system is a pair (i, j), standing for psi_i(x) psi_j(y); pairs too small to matter are
/// dropped, so row i keeps the pairs j < kept[i] and kept[] never grows. Products psi_i psi_i', i >= i', have index
/// i (i + 1) / 2 + i'.
struct PlanView {
  Basis basis;               ///< chebyshev or histogram
  int basis_size;            ///< B, number of one-variable basis functions b_a
  int functions;             ///< r, number of functions psi_i
  int products;              ///< r (r + 1) / 2
  int unknowns;              ///< number of pairs kept
  double beta;               ///< Options::beta
  double lambda;             ///< Options::lambda
  double const* one;         ///< [B] coefficients of the constant 1: margins are moments against it
  double const* psi;         ///< [r, B] coefficients of psi_i
  double const* psi_psi;     ///< [products, B] coefficients of psi_i psi_i'
  int const* kept;           ///< [r] number of pairs (i, .)
  int const* first_unknown;  ///< [r] index of the unknown (i, 0)
  int const* unknown_i;      ///< [unknowns] i of the unknown
  int const* unknown_j;      ///< [unknowns] j of the unknown
  int const* product_i;      ///< [products] i of the product of functions i >= k
  int const* product_k;      ///< [products] k of the product

  /// Total degree D of the chebyshev basis.
  SCC_HOST_DEVICE int degree() const { return basis_size - 1; }

  /// Whether H has entries with the mean over product s of x and product t of y: those of pairs that are all kept.
  SCC_HOST_DEVICE bool has_entries(int s, int t) const {
    return product_i[t] < kept[product_k[s]] && product_k[t] < kept[product_i[s]];
  }

  /// Moments M_ab are stored as a matrix [B, B]; the number of them in row a that are not zero by definition.
  SCC_HOST_DEVICE int row_length(int a) const { return basis == Basis::chebyshev ? basis_size - a : basis_size; }
};

/// Number of products of pairs of functions.
SCC_HOST_DEVICE constexpr int product_count(int functions) { return functions * (functions + 1) / 2; }

/// Index of the product of functions i and k, in either order.
SCC_HOST_DEVICE inline int product_index(int i, int k) { return i >= k ? i * (i + 1) / 2 + k : k * (k + 1) / 2 + i; }

}  // namespace scc
