// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The parameters of the estimator and the check of their ranges.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>

namespace scc {

/// The one-variable kernel function k(d); the estimator's kernels are phi_(p,q)(u,v) = k(u - mu_p) k(v - mu_q).
/// @ingroup options
enum class Kernel {
  gaussian,             ///< k(d) = exp(-d^2 / (2 sigma^2)): what the method means.
  reciprocal_gaussian,  ///< k(d) = exp(+d^2 / (2 sigma^2)): what the authors' released code computes.
};

/// The one-variable functions in which the moments of an image are taken (docs/mathematics.md).
/// @ingroup options
enum class Basis {
  automatic,  ///< The one that costs less per pixel at Options::tolerance.
  chebyshev,  ///< Chebyshev polynomials up to a total degree: wide kernels.
  histogram,  ///< Uniform cubic B-splines, a smooth joint histogram: narrow kernels.
};

/// Parameters of the estimate. A plain value; validate() checks it, every constructor of a loss calls validate().
/// @ingroup options
struct Options {
  Kernel kernel = Kernel::gaussian;  ///< Kernel function k.
  double bandwidth = 1.0;            ///< sigma, in units of pixel value; > 0.
  int centers_per_axis = 9;          ///< n, 2..32; there are m = n^2 kernels.
  double center_min = -1;            ///< mu_1, in units of pixel value.
  double center_max = 1;             ///< mu_n > mu_1; the centres between are equally spaced.
  double beta = 0.5;               ///< Relative weight of the product density S, in [0, 1); bounds the ratio by 1/beta.
  double lambda = 0.05;            ///< Ridge added to the diagonal of H; > 0.
  double domain_min = -1;          ///< Smallest pixel value; smaller ones are treated as this one.
  double domain_max = 1;           ///< Largest pixel value; larger ones are treated as this one.
  Basis basis = Basis::automatic;  ///< Basis of the moments.
  double tolerance = 1e-6;         ///< Error of rSMI, relative to max(1, |rSMI|), that the basis is chosen for; in
                                   ///< [1e-12, 1e-2]. Narrow kernels can miss it: Plan::reaches_tolerance().

  /// The parameters of the authors' released code: its reciprocal kernel, and its ridge, which it builds in float32.
  static Options released_code() {
    Options options;
    options.kernel = Kernel::reciprocal_gaussian;
    options.lambda = static_cast<double>(0.05F);
    return options;
  }
};

/// Largest value of Options::centers_per_axis.
inline constexpr int max_centers_per_axis = 32;

namespace detail {

/// `value` in as few digits as tell it from every other double.
inline std::string shortest_text(double value) {
  for (int digits = 6;; ++digits) {
    std::ostringstream text;
    text.precision(digits);
    text << value;
    if (digits == 17 || !std::isfinite(value) || std::strtod(text.str().c_str(), nullptr) == value) {
      return text.str();
    }
  }
}

[[noreturn]] inline void reject_option(char const* field, double value, char const* allowed) {
  throw std::invalid_argument(std::string("scc::Options::") + field + " is " + shortest_text(value) + ", must be " +
                              allowed);
}

inline void require_option(bool holds, char const* field, double value, char const* allowed) {
  if (!holds) {
    reject_option(field, value, allowed);
  }
}

}  // namespace detail

/// Checks every field of `options` against its range.
///
/// @param options  Any values.
/// @throws std::invalid_argument that names the first offending field, its value and the allowed range.
/// @ingroup options
inline void validate(Options const& options) {
  using detail::require_option;
  // Ranges this wide keep every later expression finite; no image format comes near them.
  auto const is_moderate = [](double value) { return std::isfinite(value) && std::abs(value) <= 1e100; };
  char const* const moderate = "finite, at most 1e100 in size";

  require_option(options.kernel == Kernel::gaussian || options.kernel == Kernel::reciprocal_gaussian, "kernel",
                 static_cast<double>(options.kernel), "gaussian or reciprocal_gaussian");
  require_option(is_moderate(options.bandwidth) && options.bandwidth >= 1e-100, "bandwidth", options.bandwidth,
                 "in [1e-100, 1e100]");
  require_option(options.centers_per_axis >= 2 && options.centers_per_axis <= max_centers_per_axis, "centers_per_axis",
                 options.centers_per_axis, "in [2, 32]");
  require_option(is_moderate(options.center_min), "center_min", options.center_min, moderate);
  require_option(is_moderate(options.center_max), "center_max", options.center_max, moderate);
  require_option(options.center_max > options.center_min, "center_max", options.center_max, "greater than center_min");
  require_option(options.beta >= 0 && options.beta < 1, "beta", options.beta, "in [0, 1)");
  require_option(is_moderate(options.lambda) && options.lambda >= 1e-100, "lambda", options.lambda,
                 "in [1e-100, 1e100]");
  require_option(is_moderate(options.domain_min), "domain_min", options.domain_min, moderate);
  require_option(is_moderate(options.domain_max), "domain_max", options.domain_max, moderate);
  double const domain_size = std::max(std::abs(options.domain_min), std::abs(options.domain_max));
  require_option(options.domain_max - options.domain_min >= std::max(1e-100, 1e-12 * domain_size), "domain_max",
                 options.domain_max, "greater than domain_min, by at least 1e-12 of their size and 1e-100");
  require_option(
    options.basis == Basis::automatic || options.basis == Basis::chebyshev || options.basis == Basis::histogram,
    "basis", static_cast<double>(options.basis), "automatic, chebyshev or histogram");
  require_option(options.tolerance >= 1e-12 && options.tolerance <= 1e-2, "tolerance", options.tolerance,
                 "in [1e-12, 1e-2]");
}

}  // namespace scc
