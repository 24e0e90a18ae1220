// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The kernels of the density-ratio model: one-variable functions k_p(u) = k(u - mu_p) on an equally spaced grid.

#pragma once

#include <algorithm>
#include <cmath>

#include "../options.hpp"

namespace scc {

/// The n one-variable kernel functions of `options`; kernel l = q n + p of the model is k_p(u) k_q(v).
class KernelGrid {
public:
  /// @param options  Valid options (see validate()).
  explicit KernelGrid(Options const& options)
      : exponent_((options.kernel == Kernel::gaussian ? -0.5 : 0.5)),
        bandwidth_(options.bandwidth),
        first_(options.center_min),
        step_((options.center_max - options.center_min) / (options.centers_per_axis - 1)),
        size_(options.centers_per_axis),
        domain_min_(options.domain_min),
        domain_max_(options.domain_max) {}

  /// Number of kernel functions, n.
  int size() const { return size_; }

  /// Centre mu_p, 0 <= p < n, in units of pixel value.
  double center(int p) const { return first_ + step_ * p; }

  /// k_p(u) = exp(-+ (u - mu_p)^2 / (2 sigma^2)), u in units of pixel value.
  double value(int p, double u) const {
    double const d = (u - center(p)) / bandwidth_;
    return std::exp(exponent_ * d * d);
  }

  /// k_p of the pixel value that t in [-1, 1] stands for, as the bases see pixels.
  double at(int p, double t) const {
    return value(p, 0.5 * (domain_min_ + domain_max_) + 0.5 * (domain_max_ - domain_min_) * t);
  }

  /// Largest product k_p(u) k_p(u) on the domain, the scale of the rounding errors of H.
  double largest_product() const {
    double largest = 0;
    for (int p = 0; p < size_; ++p) {
      double const nearest = std::min(std::max(center(p), domain_min_), domain_max_);
      for (double const u : {domain_min_, domain_max_, nearest}) {
        largest = std::max(largest, value(p, u) * value(p, u));
      }
    }
    return largest;
  }

private:
  double exponent_, bandwidth_, first_, step_;
  int size_;
  double domain_min_, domain_max_;
};

}  // namespace scc
