// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// All that can be computed before the first pixel is seen: the compression of the kernels, the choice of the basis,
/// and the coefficients of the kernels in it. Host only, in double, once per loss.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "../element_type.hpp"
#include "../estimator/spline.hpp"
#include "../options.hpp"
#include "basis_choice.hpp"
#include "compression.hpp"
#include "fits.hpp"
#include "kernel_grid.hpp"
#include "plan_view.hpp"

namespace scc {

/// The plan of an estimate for given options. Immutable; derivations are in docs/mathematics.md.
/// @ingroup inspection
class Plan {
public:
  /// Chooses the basis, and its size, from Options::basis and Options::tolerance.
  ///
  /// @param options  Parameters of the estimate.
  /// @throws std::invalid_argument if an option is out of range, if the kernel overflows on the domain, or if it is too
  ///         narrow for the largest basis to represent it.
  explicit Plan(Options const& options) : Plan(options, std::nullopt) {}

  /// As above, with the size of the basis given instead of chosen. For studies of the basis' error, which may then be
  /// as large as it likes.
  ///
  /// @param options     Parameters of the estimate; if a size is given, `tolerance` chooses the compression alone.
  /// @param basis_size  B, number of basis functions per axis: D + 1 for the chebyshev basis, 2..65, or the number of bins
  ///                    for the histogram basis, 19..515; none chooses it.
  /// @throws std::invalid_argument as above, and if the size is out of range or given for Basis::automatic.
  Plan(Options const& options, std::optional<int> basis_size) : options_(options) {
    validate(options_);
    KernelGrid const grid(options_);
    largest_product_ = grid.largest_product();
    require_resolvable_kernels(options_);
    require_ridge_above_rounding(options_, largest_product_);
    compression_ = compress(options_);
    chosen_ = basis_size ? basis_of_size(options_, *basis_size) : choose_basis(options_);
    one_.assign(static_cast<std::size_t>(chosen_.basis_size), chosen_.basis == Basis::histogram ? 1.0 : 0.0);
    one_[0] = 1;
    auto const psi = [&](int i, double t) {
      double sum = 0;
      for (int p = 0; p < grid.size(); ++p) {
        sum += lift(p, i) * grid.at(p, t);
      }
      return sum;
    };
    psi_ = fit_functions(chosen_.basis, chosen_.basis_size, compression_.functions, psi);
  }

  /// The parameters of the estimate.
  Options const& options() const { return options_; }

  /// The basis in use, chebyshev or histogram.
  Basis basis() const { return chosen_.basis; }

  /// Number of basis functions per axis, B: D + 1, or the number of bins.
  int basis_size() const { return chosen_.basis_size; }

  /// Total degree D of the chebyshev basis, basis_size() - 1. The histogram basis has none.
  int degree() const { return chosen_.basis_size - 1; }

  /// Number of joint moments that are computed from the pixels of an image.
  int terms() const { return basis() == Basis::chebyshev ? product_count(basis_size()) : basis_size() * basis_size(); }

  /// Number of moments of an image as they are stored, B^2.
  std::size_t moment_count() const {
    return static_cast<std::size_t>(basis_size()) * static_cast<std::size_t>(basis_size());
  }

  /// Number of unknowns of the compressed system, at most n^2.
  int unknowns() const { return compression_.unknowns(); }

  /// Estimated error of the kernels in the basis, relative to their largest product: of one product k_p k_p' in splines,
  /// of products of two, one in x and one in y, in polynomials of limited total degree.
  double basis_error() const { return chosen_.error; }

  /// Whether basis_error() is small enough for Options::tolerance, whatever the pixels. If not, which happens with
  /// narrow kernels, images of few colours may miss the tolerance; natural images average most of the error out.
  bool reaches_tolerance() const { return scc::reaches_tolerance(options_, chosen_); }

  /// Largest product of two kernel functions on the domain, the scale of the rounding errors of H.
  double largest_product() const { return largest_product_; }

  /// Whether the passes over the pixels may work in float, which costs half as much. It is good to about 1e-7 of the
  /// scale of H and of rSMI, which small beta leaves unbounded and a small ridge does not cover, if float can tell
  /// the pixel values of the domain apart.
  bool allows_float_arithmetic() const {
    double const size = std::max(std::abs(options_.domain_min), std::abs(options_.domain_max));
    double const width = options_.domain_max - options_.domain_min;
    return options_.tolerance >= 1e-7 * std::max(1.0, largest_product_) && options_.beta >= 0.1 &&
           options_.lambda >= 1e-5 && size <= 64 * width && width >= 1e-30 && width <= 1e30;
  }

  /// Whether a pass over pixels of these types works in double: float sums would not do, or float would lose what the
  /// pixels hold.
  bool needs_double(ElementType x, ElementType y) const {
    return x == ElementType::float64 || y == ElementType::float64 || !allows_float_arithmetic();
  }

  /// What a solve needs, in host memory owned by this plan.
  PlanView view() const {
    return {basis(),
            basis_size(),
            compression_.functions,
            product_count(compression_.functions),
            unknowns(),
            options_.beta,
            options_.lambda,
            one_.data(),
            psi_.functions.data(),
            psi_.products.data(),
            compression_.kept.data(),
            compression_.first_unknown.data(),
            compression_.unknown_i.data(),
            compression_.unknown_j.data(),
            compression_.product_i.data(),
            compression_.product_k.data()};
  }

  /// The coefficients in the basis of the kernel functions k_p [n, B] and of their products: what the statistics in the
  /// original kernels are made of.
  Fits fit_kernels() const {
    KernelGrid const grid(options_);
    return fit_functions(basis(), basis_size(), grid.size(), [&](int p, double t) { return grid.at(p, t); });
  }

  /// U [n, r]: psi_i = sum_p U_pi k_p.
  double lift(int p, int i) const {
    auto const n = static_cast<std::size_t>(options_.centers_per_axis);
    return compression_.lift[static_cast<std::size_t>(i) * n + static_cast<std::size_t>(p)];
  }

private:
  // Kernels narrower than the intervals of the largest histogram would fall between the points where they are sampled.
  static void require_resolvable_kernels(Options const& options) {
    double const narrowest = (options.domain_max - options.domain_min) / spline::max_intervals;
    if (options.kernel == Kernel::gaussian && options.bandwidth < narrowest) {
      detail::reject_option("bandwidth", options.bandwidth, "at least 1/512 of the domain's width");
    }
  }

  // H holds products of four kernel functions. Where one unit in the last place of the largest reaches the ridge, no
  // arithmetic in double can tell the solution from noise.
  static void require_ridge_above_rounding(Options const& options, double largest_product) {
    double const rounding = largest_product * largest_product * std::numeric_limits<double>::epsilon();
    if (rounding < options.lambda) {
      return;
    }
    if (options.kernel == Kernel::gaussian) {
      detail::reject_option("lambda", options.lambda, "above the rounding errors of H, about 2e-16");
    }
    detail::reject_option(
      "bandwidth", options.bandwidth,
      "larger: the kernel grows so much on this domain that lambda is lost in the rounding errors of H");
  }

  Options options_;
  double largest_product_ = 0;
  Compression compression_;
  BasisChoice chosen_;
  std::vector<double> one_;
  Fits psi_;
};

}  // namespace scc
