// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// All that can be computed before the first pixel is seen: the choice of the basis, the compression of the kernels, and
/// the tables of both. Host only, in double, once per loss.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../estimator/chebyshev.hpp"
#include "../estimator/spline.hpp"
#include "../options.hpp"
#include "kernel_grid.hpp"
#include "plan_view.hpp"

namespace scc {

/// The plan of an estimate for given options. Immutable; derivations are in docs/mathematics.md.
class Plan {
public:
  /// Chooses the basis, and its size, from Options::basis and Options::tolerance.
  ///
  /// @param options  Parameters of the estimate.
  /// @throws std::invalid_argument if an option is out of range, if the kernel overflows on the domain, or if it is too
  ///         narrow for the largest basis to represent it.
  explicit Plan(Options const& options) : Plan(options, 0) {}

  /// As above, with the size of the basis given instead of chosen (0 chooses it): the total degree D for the chebyshev
  /// basis, 1..64, or the number of bins for the histogram basis, 19..515. For studies of the basis' error, which may be
  /// as large as it likes.
  ///
  /// @param options         Parameters of the estimate; `tolerance` chooses the compression alone.
  /// @param degree_or_bins  Size of the basis.
  /// @throws std::invalid_argument as above, and if the size is out of range or given for Basis::automatic.
  Plan(Options const& options, int degree_or_bins) : options_(options) {
    validate(options_);
    require_resolvable_kernels();
    require_ridge_above_rounding();
    compress();
    use_basis(degree_or_bins == 0 ? choose_basis() : basis_of_size(degree_or_bins));
    fit_tables();
  }

  /// The parameters of the estimate.
  Options const& options() const { return options_; }

  /// The basis in use, chebyshev or histogram.
  Basis basis() const { return basis_; }

  /// Number of basis functions per axis, B: D + 1 or the number of bins.
  int basis_size() const { return basis_size_; }

  /// Total degree D of the chebyshev basis, or intervals of the histogram.
  int resolution() const {
    return basis_ == Basis::chebyshev ? basis_size_ - 1 : basis_size_ - spline_histogram::extra_bins;
  }

  /// Number of joint moments that are computed from the pixels of an image.
  int terms() const {
    return basis_ == Basis::chebyshev ? basis_size_ * (basis_size_ + 1) / 2 : basis_size_ * basis_size_;
  }

  /// Number of unknowns of the compressed system, at most n^2.
  int unknowns() const { return static_cast<int>(unknown_i_.size()); }

  /// Estimated error of the kernels in the basis, relative to their largest product: of one product k_p k_p' in splines,
  /// of products of two, one in x and one in y, in polynomials of limited total degree.
  double basis_error() const { return basis_error_; }

  /// Whether basis_error() is small enough for Options::tolerance, whatever the pixels. If not, which happens with narrow
  /// kernels, images of few colours may miss the tolerance; natural images average most of the error out.
  bool reaches_tolerance() const {
    return basis_ == Basis::chebyshev
             ? basis_error_ <= chebyshev_goal()
             : basis_error_ * std::max(1.0, std::sqrt(1e-3 / options_.lambda)) <= options_.tolerance;
  }

  /// Largest product of two kernel functions on the domain, the scale of the rounding errors of H.
  double largest_product() const { return largest_product_; }

  /// Whether the passes over the pixels may work in float, which costs half as much. It is good to about 1e-7 of the scale
  /// of H and of rSMI, which small beta leaves unbounded and a small ridge does not cover, if float can tell the pixel values
  /// of the domain apart.
  bool allows_float_arithmetic() const {
    double const size = std::max(std::abs(options_.domain_min), std::abs(options_.domain_max));
    double const width = options_.domain_max - options_.domain_min;
    return options_.tolerance >= 1e-7 * std::max(1.0, largest_product_) && options_.beta >= 0.1 &&
           options_.lambda >= 1e-5 && size <= 64 * width && width >= 1e-30 && width <= 1e30;
  }

  /// The tables of the solve, in host memory owned by this plan.
  Tables tables() const {
    return {basis_,
            basis_size_,
            functions_,
            product_count(functions_),
            unknowns(),
            options_.beta,
            options_.lambda,
            one_.data(),
            psi_.data(),
            psi_psi_.data(),
            kept_.data(),
            first_unknown_.data(),
            unknown_i_.data(),
            unknown_j_.data(),
            product_i_.data(),
            product_k_.data()};
  }

  /// Writes the coefficients [B] of k_p in the basis for each kernel function p, and of the products k_p k_p' (p >= p'):
  /// what the statistics in the original kernels are made of.
  void fit_kernels(std::vector<double>& kernels, std::vector<double>& kernel_products) const {
    KernelGrid const grid(options_);
    fit([&](int p, double t) { return grid.value(p, pixel_value(t)); }, grid.size(), kernels, kernel_products);
  }

  /// U [n, r]: psi_i = sum_p U_pi k_p.
  double lift(int p, int i) const { return lift_[index(i, options_.centers_per_axis, p)]; }

private:
  static std::size_t index(int row, int columns, int column) {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column);
  }
  static int product_count(int functions) { return functions * (functions + 1) / 2; }

  /// Pixel value at t in [-1, 1].
  double pixel_value(double t) const {
    return 0.5 * (options_.domain_min + options_.domain_max) + 0.5 * (options_.domain_max - options_.domain_min) * t;
  }

  // Kernels narrower than the intervals of the largest histogram would fall between the points where they are sampled.
  void require_resolvable_kernels() const {
    double const narrowest = (options_.domain_max - options_.domain_min) / spline_histogram::max_intervals;
    if (options_.kernel == Kernel::gaussian && options_.bandwidth < narrowest) {
      detail::reject_option("bandwidth", options_.bandwidth, "at least 1/512 of the domain's width");
    }
  }

  // H holds products of four kernel functions. Where one unit in the last place of the largest reaches the ridge, no
  // arithmetic in double can tell the solution from noise.
  void require_ridge_above_rounding() {
    KernelGrid const grid(options_);
    for (int p = 0; p < grid.size(); ++p) {
      double const nearest = std::min(std::max(grid.center(p), options_.domain_min), options_.domain_max);
      for (double const u : {options_.domain_min, options_.domain_max, nearest}) {
        largest_product_ = std::max(largest_product_, grid.value(p, u) * grid.value(p, u));
      }
    }
    double const rounding = largest_product_ * largest_product_ * std::numeric_limits<double>::epsilon();
    if (!(rounding < options_.lambda)) {
      detail::reject_option(
        options_.kernel == Kernel::gaussian ? "lambda" : "bandwidth",
        options_.kernel == Kernel::gaussian ? options_.lambda : options_.bandwidth,
        options_.kernel == Kernel::gaussian
          ? "above the rounding errors of H, about 2e-16"
          : "larger: the kernel grows so much on this domain that lambda is lost in the rounding errors of H");
    }
  }

  // One-sided Jacobi: rotates pairs of kernel functions, given by their samples, until all are orthogonal. This is the
  // singular value decomposition k_p = sum_i U_pi psi_i, with small psi_i as accurate as large ones.
  void compress() {
    KernelGrid const grid(options_);
    int const n = grid.size();
    int const samples = 512;
    std::vector<std::vector<double>> psi(static_cast<std::size_t>(n)), u(static_cast<std::size_t>(n));
    for (int p = 0; p < n; ++p) {
      auto const row = static_cast<std::size_t>(p);
      for (int k = 0; k < samples; ++k) {
        psi[row].push_back(grid.value(p, pixel_value(2.0 * k / (samples - 1) - 1)));
      }
      u[row].assign(static_cast<std::size_t>(n), 0.0);
      u[row][row] = 1;
    }
    auto const dot = [](std::vector<double> const& a, std::vector<double> const& b) {
      return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    auto const rotate = [](std::vector<double>& a, std::vector<double>& b, double c, double s) {
      for (std::size_t k = 0; k < a.size(); ++k) {
        double const ak = a[k];
        a[k] = c * ak - s * b[k];
        b[k] = s * ak + c * b[k];
      }
    };
    bool rotated = true;
    for (int sweep = 0; rotated && sweep < 30; ++sweep) {
      rotated = false;
      for (std::size_t i = 0; i < psi.size(); ++i) {
        for (std::size_t j = i + 1; j < psi.size(); ++j) {
          double const aa = dot(psi[i], psi[i]), bb = dot(psi[j], psi[j]), ab = dot(psi[i], psi[j]);
          if (std::abs(ab) <= 1e-14 * std::sqrt(aa * bb)) {
            continue;
          }
          rotated = true;
          double const zeta = (bb - aa) / (2 * ab);
          double const tangent = (zeta >= 0 ? 1 : -1) / (std::abs(zeta) + std::hypot(1.0, zeta));
          double const c = 1 / std::hypot(1.0, tangent);
          rotate(psi[i], psi[j], c, c * tangent);
          rotate(u[i], u[j], c, c * tangent);
        }
      }
    }
    keep_pairs(psi, u);
  }

  // Leaving the pair (i, j) out changes rSMI by at most about (sup|psi_i| sup|psi_j|)^2 / lambda.
  void keep_pairs(std::vector<std::vector<double>> const& psi, std::vector<std::vector<double>> const& u) {
    auto const n = psi.size();
    std::vector<double> sup(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      for (double const value : psi[i]) {
        sup[i] = std::max(sup[i], std::abs(value));
      }
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sup[a] > sup[b]; });

    double const smallest = std::sqrt(compression_share * options_.tolerance * options_.lambda);
    for (auto const i : order) {
      int count = 0;
      for (auto const j : order) {
        count += sup[i] * sup[j] > smallest ? 1 : 0;
      }
      if (count == 0 && functions_ > 0) {
        break;
      }
      count = std::max(count, 1);
      kept_.push_back(count);
      first_unknown_.push_back(unknowns());
      for (int j = 0; j < count; ++j) {
        unknown_i_.push_back(functions_);
        unknown_j_.push_back(j);
      }
      lift_.insert(lift_.end(), u[i].begin(), u[i].end());
      for (int k = 0; k <= functions_; ++k) {
        product_i_.push_back(functions_);
        product_k_.push_back(k);
      }
      ++functions_;
    }
  }

  // A basis, its number of functions per axis, and its basis_error().
  struct Candidate {
    Basis basis;
    int size;
    double error;
  };

  Candidate basis_of_size(int degree_or_bins) const {
    using spline_histogram::extra_bins;
    if (options_.basis == Basis::chebyshev && degree_or_bins >= 1 && degree_or_bins <= chebyshev::max_degree) {
      return {Basis::chebyshev, degree_or_bins + 1, chebyshev_errors()[static_cast<std::size_t>(degree_or_bins)]};
    }
    if (options_.basis == Basis::histogram && degree_or_bins >= spline_histogram::min_intervals + extra_bins &&
        degree_or_bins <= spline_histogram::max_intervals + extra_bins) {
      return {Basis::histogram, degree_or_bins, histogram_error(degree_or_bins - extra_bins)};
    }
    throw std::invalid_argument("scc::Plan: the size of the basis is " + std::to_string(degree_or_bins) +
                                ", must be a degree in [1, 64] with Basis::chebyshev or a number of bins in "
                                "[19, 515] with Basis::histogram");
  }

  Candidate choose_basis() const {
    Candidate const chosen = cheapest_basis();
    if (!(chosen.error <= largest_basis_error)) {
      detail::reject_option("bandwidth", options_.bandwidth,
                            options_.basis == Basis::automatic
                              ? "larger: no basis in reach represents these kernels on this domain"
                              : "larger for this basis: no size in reach represents these kernels on this domain");
    }
    return chosen;
  }

  Candidate cheapest_basis() const {
    if (options_.basis == Basis::chebyshev) {
      return smallest_chebyshev();
    }
    if (options_.basis == Basis::histogram) {
      return smallest_histogram();
    }
    Candidate const polynomials = smallest_chebyshev();
    if (polynomials.size - 1 <= cheap_degree) {
      return polynomials;
    }
    Candidate const splines = smallest_histogram();
    return splines.error > options_.tolerance && polynomials.error < splines.error ? polynomials : splines;
  }

  // The effect of an error of H grows with H, and with alpha, which a small ridge leaves large. Coefficients are good to
  // about 1e-12.
  double chebyshev_goal() const {
    double const ridge = std::min(1.0, options_.lambda / Options{}.lambda);
    return std::max(chebyshev_share * options_.tolerance * ridge / std::max(1.0, largest_product_), 1e-12);
  }

  // The smallest degree that reaches the tolerance, or the largest.
  Candidate smallest_chebyshev() const {
    std::vector<double> const error = chebyshev_errors();
    double const goal = chebyshev_goal();
    int degree = 1;
    while (degree < chebyshev::max_degree && error[static_cast<std::size_t>(degree)] > goal) {
      ++degree;
    }
    return {Basis::chebyshev, degree + 1, error[static_cast<std::size_t>(degree)]};
  }

  // The fewest intervals that reach the tolerance, or the most.
  Candidate smallest_histogram() const {
    int const most = options_.tolerance < bins_out_of_cache_below ? spline_histogram::max_intervals
                                                                  : spline_histogram::max_intervals / 2;
    int intervals = spline_histogram::min_intervals;
    double error = histogram_error(intervals);
    while (error > histogram_share * options_.tolerance && intervals < most) {
      intervals *= 2;
      error = histogram_error(intervals);
    }
    return {Basis::histogram, intervals + spline_histogram::extra_bins, error};
  }

  void use_basis(Candidate const& chosen) {
    basis_ = chosen.basis;
    basis_size_ = chosen.size;
    basis_error_ = chosen.error;
    one_.assign(static_cast<std::size_t>(basis_size_), basis_ == Basis::histogram ? 1.0 : 0.0);
    one_[0] = 1;
  }

  // The squares k_p^2 bound the coefficients of all products k_p k_p', which are as wide and nowhere larger.
  std::vector<double> chebyshev_errors() const {
    KernelGrid const grid(options_);
    int const degree = 2 * chebyshev::max_degree;
    chebyshev::Interpolation const series(2 * degree + 2, degree);
    std::vector<double> envelope(static_cast<std::size_t>(degree) + 1, 0.0);
    std::vector<double> samples(series.nodes().size()), coefficients(envelope.size());
    double largest = 0;
    for (int p = 0; p < grid.size(); ++p) {
      for (std::size_t k = 0; k < samples.size(); ++k) {
        double const value = grid.value(p, pixel_value(series.nodes()[k]));
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
  double histogram_error(int intervals) const {
    KernelGrid const grid(options_);
    spline_histogram::LeastSquares const splines(intervals);
    std::vector<double> samples(splines.nodes().size()), coefficients(samples.size());
    double largest = 0, worst = 0;
    for (int p = 0; p < grid.size(); ++p) {
      auto const square = [&](double t) {
        double const value = grid.value(p, pixel_value(t));
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

  // Coefficients in the basis of `count` functions of t, function(i, t), and of their products.
  template <class Function>
  void fit(Function const& function, int count, std::vector<double>& functions, std::vector<double>& products) const {
    if (basis_ == Basis::chebyshev) {
      fit_with(chebyshev::Interpolation(4 * chebyshev::max_degree, basis_size_ - 1), function, count, functions,
               products);
    } else {
      fit_with(spline_histogram::LeastSquares(basis_size_ - spline_histogram::extra_bins), function, count, functions,
               products);
    }
  }

  template <class Fit, class Function>
  void fit_with(Fit const& fit, Function const& function, int count, std::vector<double>& functions,
                std::vector<double>& products) const {
    auto const size = fit.nodes().size();
    std::vector<std::vector<double>> samples;
    for (int i = 0; i < count; ++i) {
      samples.emplace_back(size);
      for (std::size_t k = 0; k < size; ++k) {
        samples.back()[k] = function(i, fit.nodes()[k]);
      }
    }
    functions.resize(index(count, basis_size_, 0));
    products.resize(index(product_count(count), basis_size_, 0));
    std::vector<double> product(size);
    for (int i = 0; i < count; ++i) {
      auto const& a = samples[static_cast<std::size_t>(i)];
      fit.fit(a.data(), &functions[index(i, basis_size_, 0)]);
      for (int k = 0; k <= i; ++k) {
        std::transform(a.begin(), a.end(), samples[static_cast<std::size_t>(k)].begin(), product.begin(),
                       [](double f, double g) { return f * g; });
        fit.fit(product.data(), &products[index(product_index(i, k), basis_size_, 0)]);
      }
    }
  }

  void fit_tables() {
    KernelGrid const grid(options_);
    auto const psi = [&](int i, double t) {
      double sum = 0;
      for (int p = 0; p < grid.size(); ++p) {
        sum += lift(p, i) * grid.value(p, pixel_value(t));
      }
      return sum;
    };
    fit(psi, functions_, psi_, psi_psi_);
  }

  // Shares of the tolerance given to the three approximations; found by measurement (bench/accuracy.cpp).
  static constexpr double compression_share = 1e-3;
  static constexpr double chebyshev_share = 0.1;
  static constexpr double histogram_share = 0.01;
  // Kernels that the largest basis represents worse than this are rejected.
  static constexpr double largest_basis_error = 1e-3;
  // The largest histogram no longer fits the cache, and is left to those who ask for more than float pixels carry.
  static constexpr double bins_out_of_cache_below = 1e-7;
  // Beyond this degree the histogram costs less, on all but small images.
  static constexpr int cheap_degree = 44;

  Options options_;
  Basis basis_ = Basis::chebyshev;
  int basis_size_ = 0;
  int functions_ = 0;
  double basis_error_ = 0;
  double largest_product_ = 0;
  std::vector<int> kept_, first_unknown_, unknown_i_, unknown_j_, product_i_, product_k_;
  std::vector<double> lift_, one_, psi_, psi_psi_;
};

}  // namespace scc
