// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The coefficients of the second pass, from d rSMI / d moments:
///
///     dL/dy_j = -(w_j / (N W)) (dt/dy) sum_ab G_ab b_a(x_j) b_b'(y_j),    G_ab = d rSMI / d M_ab
///
/// for N images of M pixels, whose weights w_j sum to W; without weights w_j = 1 and W = M. The second pass treats both
/// images alike: one is differentiated, the other is fixed.

#pragma once

#include <cstdint>

#include "../config.hpp"
#include "../options.hpp"

namespace scc {

/// Which image is differentiated.
enum class Side {
  x,  ///< The input.
  y,  ///< The translation.
};

/// G_ab where a belongs to the fixed image, b to the differentiated one.
SCC_HOST_DEVICE inline double moment_derivative(double const* drsmi_dmoments, int basis_size, Side differentiated,
                                                int a, int b) {
  return differentiated == Side::y ? drsmi_dmoments[a * basis_size + b] : drsmi_dmoments[b * basis_size + a];
}

/// What w_j and the sum over a and b are multiplied by: -(1 / (N W)) dt/dy; 0 if W is.
inline double gradient_factor(Options const& options, std::int64_t images, double total_weight) {
  double const dt_dpixel = 2 / (options.domain_max - options.domain_min);
  return total_weight == 0 ? 0 : -dt_dpixel / (static_cast<double>(images) * total_weight);
}
/// Without weights: -(1 / (N M)) dt/dy.
inline double gradient_factor(Options const& options, std::int64_t images, std::int64_t pixels) {
  return gradient_factor(options, images, static_cast<double>(pixels));
}

}  // namespace scc
