// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Equations 4 to 7 written out with dense matrices, in double: the reference for tests. It shares no code with
/// the estimator, and costs O(m M) memory and O(m^2 M) time.

#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "options.hpp"
#include "statistics.hpp"

namespace scc {

/// The estimate of one image from its definition, each pair (x_j, y_j) with a weight w_j; W = sum_j w_j.
///
///     h_l    = (1/W^2) sum_ij w_i w_j phi_l(x_i, y_j)
///     H_ll'  = beta (1/W^2) sum_ij w_i w_j phi_l phi_l'(x_i, y_j) + (1 - beta) (1/W) sum_j w_j phi_l phi_l'(x_j, y_j)
///     alpha  = (H + lambda I)^{-1} h,     rSMI = 2 alpha^T h - alpha^T H alpha - 1  (Guo et al., eq. 4 to 7)
///
/// The double sums over i and j are products of two means, because each kernel is a product of a function of x and a
/// function of y; that is the only step beyond the definition.
///
/// @tparam Real    Type of the pixels: a number that converts to double.
/// @tparam Weight  Type of the weights, likewise.
/// @param options  Parameters; `basis` and `tolerance` have no meaning here.
/// @param x        [M] pixels of the input; values outside the domain are treated as its nearest end, NaN makes all NaN.
/// @param y        [M] pixels of the translation, likewise.
/// @param weight   [M] A pair of weight 0 does not enter, not even as NaN. A negative, infinite or NaN weight makes all NaN.
/// @return matrices in host memory; all 0 if W is.
/// @throws std::invalid_argument if an option is out of range, or x, y and weight differ in length or are empty.
/// @ingroup inspection
template <class Real = double, class Weight = double>  // and so that only who calls this waits for Eigen's solvers
Statistics reference_statistics(Options const& options, std::vector<Real> const& x, std::vector<Real> const& y,
                                std::vector<Weight> const& weight) {
  validate(options);
  if (x.size() != y.size() || x.empty()) {
    throw std::invalid_argument("scc::reference_statistics: x has " + std::to_string(x.size()) + " pixels and y has " +
                                std::to_string(y.size()) + "; both must have the same number, at least 1");
  }
  if (weight.size() != x.size()) {
    throw std::invalid_argument("scc::reference_statistics: weight has " + std::to_string(weight.size()) +
                                " numbers and x has " + std::to_string(x.size()) + " pixels");
  }
  std::vector<std::size_t> pairs;  // those that enter
  double largest = 0;
  bool is_valid = true;
  for (std::size_t j = 0; j < weight.size(); ++j) {
    auto const w = static_cast<double>(weight[j]);
    is_valid = is_valid && w >= 0 && w <= std::numeric_limits<double>::max();
    largest = w > largest ? w : largest;
    if (w != 0) {
      pairs.push_back(j);
    }
  }
  if (!is_valid || pairs.empty()) {
    Eigen::Index const kernels = Eigen::Index(options.centers_per_axis) * options.centers_per_axis;
    double const value = is_valid ? 0 : std::numeric_limits<double>::quiet_NaN();
    return {Eigen::VectorXd::Constant(kernels, value), Eigen::MatrixXd::Constant(kernels, kernels, value),
            Eigen::VectorXd::Constant(kernels, value), value};
  }
  auto const pixel_count = static_cast<Eigen::Index>(pairs.size());
  Eigen::VectorXd share(pixel_count);  // w_j / W
  for (Eigen::Index j = 0; j < pixel_count; ++j) {
    share(j) = static_cast<double>(weight[pairs[static_cast<std::size_t>(j)]]) / largest;
  }
  share /= share.sum();
  Eigen::Index const n = options.centers_per_axis;
  double const sign = options.kernel == Kernel::gaussian ? -1.0 : 1.0;

  auto const kernel_matrix = [&](std::vector<Real> const& pixels) {  // [n, M]: k(pixel_j - mu_p)
    Eigen::MatrixXd k(n, pixel_count);
    for (Eigen::Index j = 0; j < pixel_count; ++j) {
      auto const pixel = static_cast<double>(pixels[pairs[static_cast<std::size_t>(j)]]);
      double const raised = pixel < options.domain_min ? options.domain_min : pixel;
      double const value = raised > options.domain_max ? options.domain_max : raised;  // NaN stays NaN
      for (Eigen::Index p = 0; p < n; ++p) {
        double const center = options.center_min + (options.center_max - options.center_min) * static_cast<double>(p) /
                                                     static_cast<double>(n - 1);
        double const d = (value - center) / options.bandwidth;
        k(p, j) = std::exp(sign * d * d / 2);
      }
    }
    return k;
  };
  Eigen::MatrixXd const kx = kernel_matrix(x);
  Eigen::MatrixXd const ky = kernel_matrix(y);

  Eigen::MatrixXd phi(n * n, pixel_count);  // [m, M]: phi_l(x_j, y_j)
  for (Eigen::Index q = 0; q < n; ++q) {
    for (Eigen::Index p = 0; p < n; ++p) {
      phi.row(q * n + p) = kx.row(p).cwiseProduct(ky.row(q));
    }
  }
  Eigen::VectorXd const mean_x = kx * share;
  Eigen::VectorXd const mean_y = ky * share;
  auto const second_moments = [&](Eigen::MatrixXd const& k) {
    return Eigen::MatrixXd(k * share.asDiagonal() * k.transpose());
  };
  Eigen::MatrixXd const second_x = second_moments(kx);
  Eigen::MatrixXd const second_y = second_moments(ky);

  Statistics result;
  result.h.resize(n * n);
  result.H.resize(n * n, n * n);
  Eigen::MatrixXd const joint = second_moments(phi);
  for (Eigen::Index l = 0; l < n * n; ++l) {
    result.h(l) = mean_x(l % n) * mean_y(l / n);
    for (Eigen::Index k = 0; k < n * n; ++k) {
      double const product = second_x(l % n, k % n) * second_y(l / n, k / n);
      result.H(l, k) = options.beta * product + (1 - options.beta) * joint(l, k);
    }
  }
  Eigen::MatrixXd const ridge = options.lambda * Eigen::MatrixXd::Identity(n * n, n * n);
  result.alpha = (result.H + ridge).llt().solve(result.h);
  result.rsmi = 2 * result.alpha.dot(result.h) - result.alpha.dot(result.H * result.alpha) - 1;
  return result;
}

/// The same where all pairs have the same weight: their means take the place of the weighted sums.
///
/// @param options, x, y  As above.
/// @return matrices in host memory.
/// @throws std::invalid_argument if an option is out of range, or x and y differ in length or are empty.
/// @ingroup inspection
template <class Real = double>
Statistics reference_statistics(Options const& options, std::vector<Real> const& x, std::vector<Real> const& y) {
  return reference_statistics(options, x, y, std::vector<double>(x.size(), 1.0));
}

}  // namespace scc
