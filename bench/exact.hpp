// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What results are measured against: reference_statistics() and the gradient from its definition, pixel by pixel and
/// kernel by kernel, without moments, bases or compression.

#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <scc/scc.hpp>
#include <vector>

namespace scc_bench {

/// rSMI of one image and its derivatives by the pixels of y.
struct Exact {
  double rsmi;
  std::vector<double> drsmi_dy;
};

/// Equations 4 to 7 and their derivative in double,
///
///   d rSMI = u^T dh - w^T dH alpha,   u = 2 (alpha + lambda g),   w = alpha + 2 lambda g,   (H + lambda I) g = alpha
///
/// @param x  [M] pixels inside the domain
/// @param y  [M] pixels inside the domain
inline Exact exact(scc::Options const& options, std::vector<double> const& x, std::vector<double> const& y) {
  using Eigen::Index;
  scc::Statistics const statistics = scc::reference_statistics(options, x, y);
  auto const count = static_cast<Index>(x.size());
  auto const pixels = static_cast<double>(count);
  Index const n = options.centers_per_axis;
  double const sign = options.kernel == scc::Kernel::gaussian ? -1.0 : 1.0;
  double const variance = options.bandwidth * options.bandwidth;
  double const step = (options.center_max - options.center_min) / static_cast<double>(n - 1);
  auto const distance = [&](double pixel, Index p) {
    return pixel - options.center_min - step * static_cast<double>(p);
  };
  Eigen::MatrixXd kx(n, count), ky(n, count), dky(n, count);
  for (Index j = 0; j < count; ++j) {
    for (Index p = 0; p < n; ++p) {
      double const dx = distance(x[static_cast<std::size_t>(j)], p), dy = distance(y[static_cast<std::size_t>(j)], p);
      kx(p, j) = std::exp(sign * dx * dx / (2 * variance));
      ky(p, j) = std::exp(sign * dy * dy / (2 * variance));
      dky(p, j) = sign * dy / variance * ky(p, j);
    }
  }

  Eigen::VectorXd const& alpha = statistics.alpha;
  Eigen::MatrixXd const a = statistics.H + options.lambda * Eigen::MatrixXd::Identity(n * n, n * n);
  Eigen::VectorXd const g = a.llt().solve(alpha);
  Eigen::VectorXd const u = 2 * (alpha + options.lambda * g);
  Eigen::VectorXd const w = alpha + 2 * options.lambda * g;
  Eigen::Map<Eigen::MatrixXd const> const u_pq(u.data(), n, n), w_pq(w.data(), n, n), alpha_pq(alpha.data(), n, n);

  // The product part: d/dy_j of u^T h, and of w^T (S-moments) alpha as a quadratic form in the kernels of y.
  Eigen::VectorXd const mean_x = kx.rowwise().mean();
  Eigen::MatrixXd const second_x = kx * kx.transpose() / pixels;
  Eigen::VectorXd const linear = u_pq.transpose() * mean_x;
  Eigen::MatrixXd const half_form = w_pq.transpose() * second_x * alpha_pq;
  Eigen::MatrixXd const form = half_form + half_form.transpose();

  Exact result{statistics.rsmi, std::vector<double>(x.size())};
  for (Index j = 0; j < count; ++j) {
    Eigen::VectorXd const w_of_x = w_pq.transpose() * kx.col(j), alpha_of_x = alpha_pq.transpose() * kx.col(j);
    double const product = dky.col(j).dot(form * ky.col(j));
    double const joint =
      w_of_x.dot(dky.col(j)) * alpha_of_x.dot(ky.col(j)) + w_of_x.dot(ky.col(j)) * alpha_of_x.dot(dky.col(j));
    result.drsmi_dy[static_cast<std::size_t>(j)] =
      (linear.dot(dky.col(j)) - options.beta * product - (1 - options.beta) * joint) / pixels;
  }
  return result;
}

/// |actual - expected| / |expected| in the Euclidean norm.
template <class A, class B>
double relative_error(std::vector<A> const& actual, std::vector<B> const& expected) {
  double difference = 0, norm = 0;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    auto const e = static_cast<double>(expected[k]);
    double const d = static_cast<double>(actual[k]) - e;
    difference += d * d;
    norm += e * e;
  }
  return std::sqrt(difference / norm);
}

}  // namespace scc_bench
