// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The coefficients of the second pass, from d rSMI / d moments:
///
///     dL/dy_j = -(1 / (N M)) (dt/dy) sum_ab G_ab b_a(x_j) b_b'(y_j),    G_ab = d rSMI / d M_ab
///
/// for N images of M pixels. The second pass treats both images alike: one is differentiated, the other is fixed.

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

/// What the sum over a and b is multiplied by: -(1 / (N M)) dt/dy.
inline double gradient_factor(Options const& options, std::int64_t images, std::int64_t pixels) {
  double const dt_dpixel = 2 / (options.domain_max - options.domain_min);
  return -dt_dpixel / (static_cast<double>(images) * static_cast<double>(pixels));
}

}  // namespace scc
