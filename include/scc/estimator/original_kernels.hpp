// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// From moments back to the m = n^2 kernels of the model, for people who want to look at them.

#pragma once

#include <Eigen/Core>
#include <vector>

#include "../plan/plan.hpp"
#include "../statistics.hpp"

namespace scc {

/// h and H of the original kernels from the moments of an image, and its alpha lifted out of the compressed system.
///
/// @param plan     The plan that the moments were taken for.
/// @param moments  [B, B] means of b_a(x) b_b(y), host memory.
/// @param alpha    [unknowns] solution of the compressed system, host memory.
/// @param rsmi     The image's rSMI, which is passed on.
inline Statistics statistics_in_original_kernels(Plan const& plan, double const* moments, double const* alpha,
                                                 double rsmi) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Tables const tables = plan.tables();
  double const beta = tables.beta;
  Eigen::Index const n = plan.options().centers_per_axis;
  Eigen::Index const basis = tables.basis_size;

  std::vector<double> kernels, kernel_products;
  plan.fit_kernels(kernels, kernel_products);
  Eigen::Map<Matrix const> const k(kernels.data(), n, basis);
  Eigen::Map<Matrix const> const kk(kernel_products.data(), n * (n + 1) / 2, basis);
  Eigen::Map<Matrix const> const m(moments, basis, basis);
  Eigen::Map<Eigen::VectorXd const> const one(tables.one, basis);

  Eigen::VectorXd const margin_x = m * one, margin_y = m.transpose() * one;
  Eigen::VectorXd const mean_x = k * margin_x, mean_y = k * margin_y;
  Eigen::VectorXd const second_x = kk * margin_x, second_y = kk * margin_y;
  Eigen::MatrixXd const joint = kk * m * kk.transpose();

  Statistics result;
  result.rsmi = rsmi;
  result.h.resize(n * n);
  result.H.resize(n * n, n * n);
  result.alpha.setZero(n * n);
  for (Eigen::Index l = 0; l < n * n; ++l) {
    int const p = static_cast<int>(l % n), q = static_cast<int>(l / n);
    result.h(l) = mean_x(p) * mean_y(q);
    for (Eigen::Index other = 0; other < n * n; ++other) {
      int const s = product_index(p, static_cast<int>(other % n)), t = product_index(q, static_cast<int>(other / n));
      result.H(l, other) = beta * second_x(s) * second_y(t) + (1 - beta) * joint(s, t);
    }
    for (int unknown = 0; unknown < tables.unknowns; ++unknown) {
      result.alpha(l) +=
        plan.lift(p, tables.unknown_i[unknown]) * plan.lift(q, tables.unknown_j[unknown]) * alpha[unknown];
    }
  }
  return result;
}

}  // namespace scc
