// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The choice of the basis and of its size, from Options::basis and Options::tolerance. Host only, once per loss.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "../estimator/chebyshev.hpp"
#include "../estimator/spline.hpp"
#include "../options.hpp"
#include "fits.hpp"
#include "kernel_grid.hpp"

namespace scc::chebyshev {

/// For each total degree D = 0..max_degree, a bound on the error of a product f(s) g(t) cut off at a + b <= D, where
/// `envelope` [2 max_degree + 1] bounds the coefficients of f and of g: sum over a + b > D of e_a e_b.
inline std::vector<double> truncation_error(std::vector<double> const& envelope) {
  int const size = static_cast<int>(envelope.size());
  std::vector<double> diagonal(static_cast<std::size_t>(2 * size - 1), 0.0);
  for (int a = 0; a < size; ++a) {
    for (int b = 0; b < size; ++b) {
      diagonal[static_cast<std::size_t>(a + b)] +=
        envelope[static_cast<std::size_t>(a)] * envelope[static_cast<std::size_t>(b)];
    }
  }
  std::vector<double> tail(diagonal.size(), 0.0);
  for (std::size_t degree = diagonal.size() - 1; degree > 0; --degree) {
    tail[degree - 1] = tail[degree] + diagonal[degree];
  }
  tail.resize(static_cast<std::size_t>(max_degree) + 1);
  return tail;
}

}  // namespace scc::chebyshev

namespace scc {

/// A basis, its size, and how well it represents the kernels.
struct BasisChoice {
  Basis basis = Basis::chebyshev;  ///< chebyshev or histogram
  int basis_size = 0;              ///< B: D + 1, or the number of bins per axis
  double error = 0;                ///< See Plan::basis_error().
};

namespace detail {

// Shares of the tolerance given to the bases; found by measurement (bench/accuracy.cpp).
inline constexpr double chebyshev_share = 0.1;
inline constexpr double histogram_share = 0.01;
// Kernels that the largest basis represents worse than this are rejected.
inline constexpr double largest_basis_error = 1e-3;
// The largest histogram no longer fits the cache, and is left to those who ask for more than float pixels carry.
inline constexpr double bins_out_of_cache_below = 1e-7;
// Beyond this degree the histogram costs less, on all but small images.
inline constexpr int cheap_degree = 44;

// The errors of the degrees 0..max_degree. The squares k_p^2 bound the coefficients of all products k_p k_p', which
// are as wide and nowhere larger.
inline std::vector<double> chebyshev_errors(KernelGrid const& grid) {
  int const degree = 2 * chebyshev::max_degree;
  chebyshev::Interpolation const series(2 * degree + 2, degree);
  std::vector<double> envelope(static_cast<std::size_t>(degree) + 1, 0.0);
  std::vector<double> samples(series.nodes().size()), coefficients(envelope.size());
  double largest = 0;
  for (int p = 0; p < grid.size(); ++p) {
    for (std::size_t k = 0; k < samples.size(); ++k) {
      double const value = grid.at(p, series.nodes()[k]);
      samples[k] = value * value;
      largest = std::max(largest, samples[k]);
    }
    series.fit(samples.data(), coefficients.data());
    for (std::size_t a = 0; a < envelope.size(); ++a) {
      envelope[a] = std::max(envelope[a], std::abs(coefficients[a]));
    }
  }
  std::vector<double> error = chebyshev::truncation_error(envelope);
  for (double& value : error) {
    value = largest > 0 ? value / (largest * largest) : 0;
  }
  return error;
}

// Largest error of the squares k_p^2, the narrowest of the functions to be represented, between the fitted points.
inline double histogram_error(KernelGrid const& grid, int intervals) {
  spline::LeastSquares const splines(intervals);
  std::vector<double> samples(splines.nodes().size()), coefficients(samples.size());
  double largest = 0, worst = 0;
  for (int p = 0; p < grid.size(); ++p) {
    auto const square = [&](double t) {
      double const value = grid.at(p, t);
      return value * value;
    };
    for (std::size_t k = 0; k < samples.size(); ++k) {
      samples[k] = square(splines.nodes()[k]);
    }
    splines.fit(samples.data(), coefficients.data());
    for (int k = 0; k <= 4 * intervals; ++k) {
      double const t = std::min(0.5 * k / intervals - 1, 1.0);
      largest = std::max(largest, square(t));
      worst = std::max(worst, std::abs(splines.value(coefficients.data(), t) - square(t)));
    }
  }
  return largest > 0 ? worst / largest : 0;
}

// The effect of an error of H grows with H, and with alpha, which a small ridge leaves large. Coefficients are good
// to about 1e-12.
inline double chebyshev_goal(Options const& options) {
  double const ridge = std::min(1.0, options.lambda / Options{}.lambda);
  double const largest_product = KernelGrid(options).largest_product();
  return std::max(chebyshev_share * options.tolerance * ridge / std::max(1.0, largest_product), 1e-12);
}

// The smallest degree that reaches the tolerance, or the largest.
inline BasisChoice smallest_chebyshev(Options const& options) {
  std::vector<double> const error = chebyshev_errors(KernelGrid(options));
  double const goal = chebyshev_goal(options);
  int degree = 1;
  while (degree < chebyshev::max_degree && error[static_cast<std::size_t>(degree)] > goal) {
    ++degree;
  }
  return {Basis::chebyshev, degree + 1, error[static_cast<std::size_t>(degree)]};
}

// The fewest intervals that reach the tolerance, or the most.
inline BasisChoice smallest_histogram(Options const& options) {
  KernelGrid const grid(options);
  int const most = options.tolerance < bins_out_of_cache_below ? spline::max_intervals : spline::max_intervals / 2;
  int intervals = spline::min_intervals;
  double error = histogram_error(grid, intervals);
  while (error > histogram_share * options.tolerance && intervals < most) {
    intervals *= 2;
    error = histogram_error(grid, intervals);
  }
  return {Basis::histogram, intervals + spline::extra_bins, error};
}

inline BasisChoice cheapest_basis(Options const& options) {
  if (options.basis == Basis::chebyshev) {
    return smallest_chebyshev(options);
  }
  if (options.basis == Basis::histogram) {
    return smallest_histogram(options);
  }
  BasisChoice const polynomials = smallest_chebyshev(options);
  if (polynomials.basis_size - 1 <= cheap_degree) {
    return polynomials;
  }
  BasisChoice const splines = smallest_histogram(options);
  return splines.error > options.tolerance && polynomials.error < splines.error ? polynomials : splines;
}

}  // namespace detail

/// The cheapest basis that reaches the tolerance, or the one that misses it least.
///
/// @param options  Valid options.
/// @throws std::invalid_argument if no basis in reach represents the kernels.
inline BasisChoice choose_basis(Options const& options) {
  BasisChoice const chosen = detail::cheapest_basis(options);
  if (!(chosen.error <= detail::largest_basis_error)) {
    detail::reject_option("bandwidth", options.bandwidth,
                          options.basis == Basis::automatic
                            ? "larger: no basis in reach represents these kernels on this domain"
                            : "larger for this basis: no size in reach represents these kernels on this domain");
  }
  return chosen;
}

/// The basis of a given size, whatever its error.
///
/// @param options     Valid options, not with Basis::automatic.
/// @param basis_size  B: 2..65 for the chebyshev basis, 19..515 for the histogram basis.
/// @throws std::invalid_argument if the size is out of range.
inline BasisChoice basis_of_size(Options const& options, int basis_size) {
  KernelGrid const grid(options);
  if (options.basis == Basis::chebyshev && basis_size >= 2 && basis_size <= chebyshev::max_degree + 1) {
    return {Basis::chebyshev, basis_size, detail::chebyshev_errors(grid)[static_cast<std::size_t>(basis_size - 1)]};
  }
  if (options.basis == Basis::histogram && basis_size >= spline::min_intervals + spline::extra_bins &&
      basis_size <= spline::max_intervals + spline::extra_bins) {
    return {Basis::histogram, basis_size, detail::histogram_error(grid, basis_size - spline::extra_bins)};
  }
  throw std::invalid_argument("scc::Plan: basis_size is " + std::to_string(basis_size) +
                              ", must be in [2, 65] with Basis::chebyshev or in [19, 515] with Basis::histogram");
}

/// Whether the error of a basis is small enough for Options::tolerance, whatever the pixels.
inline bool reaches_tolerance(Options const& options, BasisChoice const& chosen) {
  return chosen.basis == Basis::chebyshev
           ? chosen.error <= detail::chebyshev_goal(options)
           : chosen.error * std::max(1.0, std::sqrt(1e-3 / options.lambda)) <= options.tolerance;
}

}  // namespace scc
