// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The kernels of the density-ratio model: one-variable functions k_p(u) = k(u - mu_p) on an equally spaced grid.

#pragma once

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
        size_(options.centers_per_axis) {}

  /// Number of kernel functions, n.
  int size() const { return size_; }

  /// Centre mu_p, 0 <= p < n, in units of pixel value.
  double center(int p) const { return first_ + step_ * p; }

  /// k_p(u) = exp(-+ (u - mu_p)^2 / (2 sigma^2)), u in units of pixel value.
  double value(int p, double u) const {
    double const d = (u - center(p)) / bandwidth_;
    return std::exp(exponent_ * d * d);
  }

private:
  double exponent_, bandwidth_, first_, step_;
  int size_;
};

}  // namespace scc
