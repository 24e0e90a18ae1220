// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Coefficients of functions in the two bases, from samples. Host only, once per loss.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "../estimator/chebyshev.hpp"
#include "../estimator/spline.hpp"
#include "../options.hpp"
#include "plan_view.hpp"

namespace scc::chebyshev {

/// Coefficients c_0..c_degree of the interpolating series f(t) = sum_a c_a T_a(t) through the Chebyshev nodes.
class Interpolation {
public:
  /// @param nodes   Number of nodes, more than twice `degree`, so that what is folded back is far below what is kept.
  /// @param degree  Highest degree of the coefficients returned.
  Interpolation(int nodes, int degree) : nodes_(nodes), degree_(degree) {
    double const pi = std::acos(-1.0);
    for (int k = 0; k < nodes; ++k) {
      t_.push_back(std::cos(pi * (k + 0.5) / nodes));
    }
    for (int a = 0; a <= degree; ++a) {
      for (int k = 0; k < nodes; ++k) {
        weights_.push_back((a == 0 ? 1.0 : 2.0) / nodes * std::cos(pi * a * (k + 0.5) / nodes));
      }
    }
  }

  /// The nodes t_k in (-1, 1), where functions are to be sampled.
  std::vector<double> const& nodes() const { return t_; }

  /// Writes coefficients [degree + 1] of the function with `samples` [nodes] at the nodes.
  void fit(double const* samples, double* coefficients) const {
    for (int a = 0; a <= degree_; ++a) {
      double sum = 0;
      for (int k = 0; k < nodes_; ++k) {
        sum += weights_[static_cast<std::size_t>(a) * static_cast<std::size_t>(nodes_) + static_cast<std::size_t>(k)] *
               samples[k];
      }
      coefficients[a] = sum;
    }
  }

private:
  int nodes_, degree_;
  std::vector<double> t_, weights_;
};

}  // namespace scc::chebyshev

namespace scc::spline {

/// Least-squares splines through samples on an equally spaced grid.
class LeastSquares {
public:
  /// @param intervals  Number of intervals of [-1, 1], at least min_intervals.
  explicit LeastSquares(int intervals) : intervals_(intervals), bins_(intervals + extra_bins) {
    int const samples = samples_per_interval * intervals;
    for (int k = 0; k < samples; ++k) {
      t_.push_back((2 * k + 1.0) / samples - 1);
    }
    factorise();
  }

  /// The points t_k in (-1, 1), where functions are to be sampled.
  std::vector<double> const& nodes() const { return t_; }

  /// Writes coefficients [intervals + 3] of the function with `samples` [nodes] at the nodes.
  void fit(double const* samples, double* coefficients) const {
    std::fill(coefficients, coefficients + bins_, 0.0);
    for (std::size_t k = 0; k < t_.size(); ++k) {
      auto const at = locate(t_[k], intervals_);
      double w[4];
      weights(at.fraction, w);
      for (int i = 0; i < 4; ++i) {
        coefficients[at.first + i] += w[i] * samples[k];
      }
    }
    for (int i = 0; i < bins_; ++i) {
      for (int d = 1; d <= std::min(i, 3); ++d) {
        coefficients[i] -= band(i, d) * coefficients[i - d];
      }
      coefficients[i] /= band(i, 0);
    }
    for (int i = bins_ - 1; i >= 0; --i) {
      for (int d = 1; d <= std::min(bins_ - 1 - i, 3); ++d) {
        coefficients[i] -= band(i + d, d) * coefficients[i + d];
      }
      coefficients[i] /= band(i, 0);
    }
  }

  /// The value at t of the spline with these coefficients.
  double value(double const* coefficients, double t) const {
    auto const at = locate(t, intervals_);
    double w[4];
    weights(at.fraction, w);
    return w[0] * coefficients[at.first] + w[1] * coefficients[at.first + 1] + w[2] * coefficients[at.first + 2] +
           w[3] * coefficients[at.first + 3];
  }

private:
  static constexpr int samples_per_interval = 8;

  double& band(int row, int distance) { return band_[static_cast<std::size_t>(4 * row + distance)]; }
  double band(int row, int distance) const { return band_[static_cast<std::size_t>(4 * row + distance)]; }

  // Cholesky factor of the normal equations, whose entries more than 3 off the diagonal are zero.
  void factorise() {
    band_.assign(static_cast<std::size_t>(4 * bins_), 0.0);
    for (double const t : t_) {
      auto const at = locate(t, intervals_);
      double w[4];
      weights(at.fraction, w);
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j <= i; ++j) {
          band(at.first + i, i - j) += w[i] * w[j];
        }
      }
    }
    for (int i = 0; i < bins_; ++i) {
      for (int d = std::min(i, 3); d >= 0; --d) {
        double sum = band(i, d);
        for (int k = d + 1; k <= std::min(i, 3); ++k) {
          sum -= band(i, k) * band(i - d, k - d);
        }
        band(i, d) = d == 0 ? std::sqrt(sum) : sum / band(i - d, 0);
      }
    }
  }

  int intervals_, bins_;
  std::vector<double> t_, band_;
};

}  // namespace scc::spline

namespace scc {

/// Coefficients of functions f_0, f_1, ... of t in a basis of B functions, and of their products.
struct Fits {
  std::vector<double> functions;  ///< [count, B]
  std::vector<double> products;   ///< [count (count + 1) / 2, B]: f_i f_k at product_index(i, k)
};

namespace detail {

template <class Fit, class Function>
Fits fit_with(Fit const& fit, int basis_size, int count, Function const& function) {
  auto const size = fit.nodes().size();
  auto const row = [&](int index) { return static_cast<std::size_t>(index) * static_cast<std::size_t>(basis_size); };
  std::vector<std::vector<double>> samples;
  for (int i = 0; i < count; ++i) {
    samples.emplace_back(size);
    for (std::size_t k = 0; k < size; ++k) {
      samples.back()[k] = function(i, fit.nodes()[k]);
    }
  }
  Fits fits{std::vector<double>(row(count)), std::vector<double>(row(product_count(count)))};
  std::vector<double> product(size);
  for (int i = 0; i < count; ++i) {
    auto const& a = samples[static_cast<std::size_t>(i)];
    fit.fit(a.data(), &fits.functions[row(i)]);
    for (int k = 0; k <= i; ++k) {
      std::transform(a.begin(), a.end(), samples[static_cast<std::size_t>(k)].begin(), product.begin(),
                     [](double f, double g) { return f * g; });
      fit.fit(product.data(), &fits.products[row(product_index(i, k))]);
    }
  }
  return fits;
}

}  // namespace detail

/// Fits functions of t in [-1, 1] and their products.
///
/// @param basis       chebyshev or histogram.
/// @param basis_size  B
/// @param count       Number of functions.
/// @param function    function(i, t), 0 <= i < count.
template <class Function>
Fits fit_functions(Basis basis, int basis_size, int count, Function const& function) {
  return basis == Basis::chebyshev
           ? detail::fit_with(chebyshev::Interpolation(4 * chebyshev::max_degree, basis_size - 1), basis_size, count,
                              function)
           : detail::fit_with(spline::LeastSquares(basis_size - spline::extra_bins), basis_size, count, function);
}

}  // namespace scc
