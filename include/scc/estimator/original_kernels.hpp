// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// From moments back to the m = n^2 kernels of the model, for people who want to look at them.

#pragma once

#include <Eigen/Core>

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
  PlanView const view = plan.view();
  double const beta = view.beta;
  Eigen::Index const n = plan.options().centers_per_axis;
  Eigen::Index const basis = view.basis_size;

  Fits const kernels = plan.fit_kernels();
  Eigen::Map<Matrix const> const k(kernels.functions.data(), n, basis);
  Eigen::Map<Matrix const> const kk(kernels.products.data(), n * (n + 1) / 2, basis);
  Eigen::Map<Matrix const> const m(moments, basis, basis);
  Eigen::Map<Eigen::VectorXd const> const one(view.one, basis);

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
    for (Eigen::Index column = 0; column < n * n; ++column) {
      int const s = product_index(p, static_cast<int>(column % n)), t = product_index(q, static_cast<int>(column / n));
      result.H(l, column) = beta * second_x(s) * second_y(t) + (1 - beta) * joint(s, t);
    }
    for (int unknown = 0; unknown < view.unknowns; ++unknown) {
      result.alpha(l) += plan.lift(p, view.unknown_i[unknown]) * plan.lift(q, view.unknown_j[unknown]) * alpha[unknown];
    }
  }
  return result;
}

}  // namespace scc
