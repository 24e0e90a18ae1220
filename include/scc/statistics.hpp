// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the estimator knows of one image: h, H, alpha and rSMI in the original m = n^2 kernels.

#pragma once

#include <Eigen/Core>

namespace scc {

/// Kernel statistics of one image and the fitted density ratio r(u,v) = sum_l alpha_l phi_l(u,v).
///
/// Kernel l = q * n + p has its centre at (mu_p, mu_q): the centre of x runs fastest.
/// @ingroup inspection
struct Statistics {
  Eigen::VectorXd h;      ///< [m] mean of phi_l over all pairs (x_i, y_j): the product density S.
  Eigen::MatrixXd H;      ///< [m, m] second moments of the kernels under beta S + (1 - beta) Q.
  Eigen::VectorXd alpha;  ///< [m] (H + lambda I)^{-1} h.
  double rsmi = 0;        ///< 2 alpha^T h - alpha^T H alpha - 1 (equation 7).
};

}  // namespace scc
