// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The compression of the kernels: a singular value decomposition of the n kernel functions, and which pairs of the
/// resulting functions are kept as unknowns. It does not use Eigen, since the headers of the GPU backend include the
/// plan, and nvcc should not have to compile Eigen.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "../options.hpp"
#include "kernel_grid.hpp"

namespace scc {

/// Orthogonal functions psi_i = sum_p U_pi k_p, sorted by size, and the pairs (i, j) that are kept; PlanView says
/// what the arrays mean.
struct Compression {
  int functions = 0;               ///< r, number of functions psi_i
  std::vector<int> kept;           ///< [r]
  std::vector<int> first_unknown;  ///< [r]
  std::vector<int> unknown_i;      ///< [unknowns]
  std::vector<int> unknown_j;      ///< [unknowns]
  std::vector<int> product_i;      ///< [r (r + 1) / 2]
  std::vector<int> product_k;      ///< [r (r + 1) / 2]
  std::vector<double> lift;        ///< [r, n] U transposed

  /// Number of unknowns of the compressed system, at most n^2.
  int unknowns() const { return static_cast<int>(unknown_i.size()); }
};

namespace detail {

// Share of the tolerance given to the compression; found by measurement (bench/accuracy.cpp).
inline constexpr double compression_share = 1e-3;

// Leaving the pair (i, j) out changes rSMI by at most about (sup|psi_i| sup|psi_j|)^2 / lambda.
inline Compression keep_pairs(Options const& options, std::vector<std::vector<double>> const& psi,
                              std::vector<std::vector<double>> const& u) {
  auto const n = psi.size();
  std::vector<double> sup(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (double const value : psi[i]) {
      sup[i] = std::max(sup[i], std::abs(value));
    }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sup[a] > sup[b]; });

  double const smallest = std::sqrt(compression_share * options.tolerance * options.lambda);
  Compression result;
  for (auto const i : order) {
    int count = 0;
    for (auto const j : order) {
      count += sup[i] * sup[j] > smallest ? 1 : 0;
    }
    if (count == 0 && result.functions > 0) {
      break;
    }
    count = std::max(count, 1);
    result.kept.push_back(count);
    result.first_unknown.push_back(result.unknowns());
    for (int j = 0; j < count; ++j) {
      result.unknown_i.push_back(result.functions);
      result.unknown_j.push_back(j);
    }
    result.lift.insert(result.lift.end(), u[i].begin(), u[i].end());
    for (int k = 0; k <= result.functions; ++k) {
      result.product_i.push_back(result.functions);
      result.product_k.push_back(k);
    }
    ++result.functions;
  }
  return result;
}

}  // namespace detail

/// One-sided Jacobi: rotates pairs of kernel functions, given by their samples, until all are orthogonal. This is the
/// singular value decomposition k_p = sum_i U_pi psi_i, with small psi_i as accurate as large ones.
///
/// @param options  Valid options; `tolerance` and `lambda` say which pairs are too small to matter.
inline Compression compress(Options const& options) {
  KernelGrid const grid(options);
  int const n = grid.size();
  int const samples = 512;
  std::vector<std::vector<double>> psi(static_cast<std::size_t>(n)), u(static_cast<std::size_t>(n));
  for (int p = 0; p < n; ++p) {
    auto const row = static_cast<std::size_t>(p);
    for (int k = 0; k < samples; ++k) {
      psi[row].push_back(grid.at(p, 2.0 * k / (samples - 1) - 1));
    }
    u[row].assign(static_cast<std::size_t>(n), 0.0);
    u[row][row] = 1;
  }
  auto const dot = [](std::vector<double> const& a, std::vector<double> const& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  auto const rotate = [](std::vector<double>& a, std::vector<double>& b, double c, double s) {
    for (std::size_t k = 0; k < a.size(); ++k) {
      double const ak = a[k];
      a[k] = c * ak - s * b[k];
      b[k] = s * ak + c * b[k];
    }
  };
  bool rotated = true;
  for (int sweep = 0; rotated && sweep < 30; ++sweep) {
    rotated = false;
    for (std::size_t i = 0; i < psi.size(); ++i) {
      for (std::size_t j = i + 1; j < psi.size(); ++j) {
        double const aa = dot(psi[i], psi[i]), bb = dot(psi[j], psi[j]), ab = dot(psi[i], psi[j]);
        if (std::abs(ab) <= 1e-14 * std::sqrt(aa * bb)) {
          continue;
        }
        rotated = true;
        double const zeta = (bb - aa) / (2 * ab);
        double const tangent = (zeta >= 0 ? 1 : -1) / (std::abs(zeta) + std::hypot(1.0, zeta));
        double const c = 1 / std::hypot(1.0, tangent);
        rotate(psi[i], psi[j], c, c * tangent);
        rotate(u[i], u[j], c, c * tangent);
      }
    }
  }
  return detail::keep_pairs(options, psi, u);
}

}  // namespace scc
