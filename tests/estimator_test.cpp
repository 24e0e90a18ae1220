// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The parts of the estimator one by one: bases, plan, solve.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <scc/cpu/histogram.hpp>
#include <scc/estimator/chebyshev.hpp>
#include <scc/estimator/solve.hpp>
#include <scc/estimator/spline.hpp>
#include <scc/plan/fits.hpp>
#include <scc/plan/plan.hpp>
#include <vector>

#include "catch.hpp"

using scc::Basis;
using scc::Options;
using scc::Plan;

TEST_CASE("Chebyshev recurrence and interpolation", "[estimator]") {
  for (double const t : {-1.0, -0.3, 0.0, 0.7, 1.0}) {
    double previous = 1, current = t;
    for (int a = 1; a < 40; ++a) {
      CHECK(std::abs(current - std::cos(a * std::acos(t))) < 1e-12);
      scc::chebyshev::advance(2 * t, previous, current);
    }
  }
  // T_3 + 2 T_0 has the coefficients 2, 0, 0, 1.
  scc::chebyshev::Interpolation const series(16, 5);
  std::vector<double> samples, coefficients(6);
  for (double const t : series.nodes()) {
    samples.push_back(4 * t * t * t - 3 * t + 2);
  }
  series.fit(samples.data(), coefficients.data());
  double const expected[] = {2, 0, 0, 1, 0, 0};
  for (std::size_t a = 0; a < 6; ++a) {
    CHECK(std::abs(coefficients[a] - expected[a]) < 1e-14);
  }
}

TEST_CASE("Chebyshev truncation error sums what is cut off", "[estimator]") {
  std::vector<double> envelope(2 * scc::chebyshev::max_degree + 1, 0.0);
  envelope[0] = 1;
  envelope[1] = 0.5;
  envelope[3] = 0.25;
  auto const error = scc::chebyshev::truncation_error(envelope);
  REQUIRE(error.size() == scc::chebyshev::max_degree + 1U);
  CHECK(error[0] == 1.75 * 1.75 - 1);
  CHECK(error[1] == 1.75 * 1.75 - 1 - 2 * 0.5);
  CHECK(error[3] == 2 * 0.5 * 0.25 + 0.25 * 0.25);
  CHECK(error[4] == 0.25 * 0.25);
  CHECK(error[6] == 0);
}

TEST_CASE("spline weights sum to 1 and have the derivatives they are said to have", "[estimator]") {
  namespace spline = scc::spline;
  for (double const f : {0.0, 0.2, 0.5, 0.99, 1.0}) {
    double w[4], q[3], above[4], below[4];
    double const step = 1e-5;
    spline::weights(f, w);
    spline::difference_weights(f, q);
    spline::weights(f + step, above);
    spline::weights(f - step, below);
    CHECK(std::abs(w[0] + w[1] + w[2] + w[3] - 1) < 1e-15);
    CHECK(std::abs(q[0] + q[1] + q[2] - 1) < 1e-15);
    double const derivatives[4] = {-q[0], q[0] - q[1], q[1] - q[2], q[2]};
    for (int i = 0; i < 4; ++i) {
      CHECK(w[i] >= 0);
      CHECK(std::abs((above[i] - below[i]) / (2 * step) - derivatives[i]) < 1e-9);
    }
  }
}

TEST_CASE("every number has a location inside the histogram", "[estimator]") {
  double const infinity = std::numeric_limits<double>::infinity();
  for (double const t : {-1.0, 1.0, -1.0001, 1.0001, -1e300, 1e300, -infinity, infinity,
                         std::numeric_limits<double>::quiet_NaN(), 0.123}) {
    auto const at = scc::spline::locate(t, 16);
    CHECK(at.first >= 0);
    CHECK(at.first + 3 < 16 + scc::spline::extra_bins);
    CHECK(at.fraction >= 0);
    CHECK(at.fraction <= 1);
  }
  CHECK(scc::spline::locate(-1.0, 16).first == 0);
  CHECK(scc::spline::locate(1.0, 16).first == 15);
  CHECK(scc::spline::locate(1.0, 16).fraction == 1);
}

TEST_CASE("least-squares splines reproduce cubic polynomials", "[estimator]") {
  scc::spline::LeastSquares const splines(16);
  auto const cubic = [](double t) { return 1 - 2 * t + 0.5 * t * t + 3 * t * t * t; };
  std::vector<double> samples, coefficients(19);
  for (double const t : splines.nodes()) {
    samples.push_back(cubic(t));
  }
  splines.fit(samples.data(), coefficients.data());
  for (double const t : {-1.0, -0.77, 0.0, 0.31, 1.0}) {
    CHECK(std::abs(splines.value(coefficients.data(), t) - cubic(t)) < 1e-12);
  }
}

TEST_CASE("no histogram bin can overflow", "[estimator]") {
  for (std::int64_t const pixels : {std::int64_t{1}, std::int64_t{2}, std::int64_t{2048}, std::int64_t{2049},
                                    (std::int64_t{1} << 31) - 1, std::int64_t{1} << 31, std::int64_t{1} << 40}) {
    double const unit = scc::cpu::HistogramBins::unit({1, 1, static_cast<double>(pixels), 0});
    CHECK(unit <= std::ldexp(1.0, 50));  // the rounding by a shift needs products below 2^51
    CHECK(unit * static_cast<double>(pixels) <= std::ldexp(1.0, 61));
    CHECK(2 * unit * static_cast<double>(pixels) >= std::min(std::ldexp(1.0, 51), std::ldexp(1.0, 61)));
  }
}

TEST_CASE("the plan chooses a basis that reaches the tolerance", "[estimator]") {
  Options options;
  Plan const standard(options);
  CHECK(standard.basis() == Basis::chebyshev);
  CHECK(standard.degree() == 16);
  CHECK(standard.terms() == 153);
  CHECK(standard.unknowns() < 40);
  CHECK(standard.unknowns() > 20);

  options.bandwidth = 0.1;
  CHECK(Plan(options).basis() == Basis::histogram);
  CHECK(Plan(options).unknowns() == 81);
  options.bandwidth = 0.25;
  CHECK(Plan(options).basis() == Basis::histogram);
  options.basis = Basis::chebyshev;
  CHECK(Plan(options).basis() == Basis::chebyshev);
  options.bandwidth = 1;
  options.basis = Basis::histogram;
  CHECK(Plan(options).basis() == Basis::histogram);

  options.basis = Basis::automatic;
  int previous = 0;
  for (double const tolerance : {1e-2, 1e-4, 1e-6, 1e-8, 1e-10}) {
    options.tolerance = tolerance;
    CHECK(Plan(options).degree() > previous);
    previous = Plan(options).degree();
  }
}

TEST_CASE("the view of a plan is consistent", "[estimator]") {
  Options options;
  for (Basis const basis : {Basis::chebyshev, Basis::histogram}) {
    options.basis = basis;
    Plan const plan(options);
    scc::PlanView const view = plan.view();
    CHECK(view.products == view.functions * (view.functions + 1) / 2);
    int unknown = 0;
    for (int i = 0; i < view.functions; ++i) {
      CHECK(view.first_unknown[i] == unknown);
      CHECK((i == 0 || view.kept[i] <= view.kept[i - 1]));
      for (int j = 0; j < view.kept[i]; ++j, ++unknown) {
        CHECK(view.unknown_i[unknown] == i);
        CHECK(view.unknown_j[unknown] == j);
      }
    }
    CHECK(unknown == view.unknowns);
    // U is orthogonal.
    for (int i = 0; i < view.functions; ++i) {
      for (int k = 0; k <= i; ++k) {
        double sum = 0;
        for (int p = 0; p < options.centers_per_axis; ++p) {
          sum += plan.lift(p, i) * plan.lift(p, k);
        }
        CHECK(std::abs(sum - (i == k ? 1 : 0)) < 1e-12);
      }
    }
  }
}

TEST_CASE("kernels far from the domain vanish without harm", "[estimator]") {
  Options options;
  options.center_min = 100;
  options.center_max = 110;
  options.bandwidth = 1;
  Plan const plan(options);
  CHECK(plan.unknowns() >= 1);
}

TEST_CASE("solve makes NaN of a system that has no factor", "[estimator]") {
  Options options;
  Plan const plan(options);
  scc::PlanView const view = plan.view();
  auto const size = static_cast<std::size_t>(view.basis_size) * static_cast<std::size_t>(view.basis_size);
  std::vector<double> scratch(scc::SolveScratch::size(view)), gradient(size), moments(size, 0.0);
  auto const solve = [&] {
    return scc::solve(scc::SerialTeam{}, view, moments.data(), scc::SolveScratch(view, scratch.data()),
                      gradient.data());
  };
  moments[0] = 1;  // as of pixels spread so that all other means vanish
  CHECK(std::isfinite(solve()));
  for (double const impossible : {-0.5, std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    moments[0] = impossible;
    // A mean of 1 that is -0.5: the joint part of H is negative, and larger than the product part, which is its square.
    CHECK(std::isnan(solve()));
    CHECK(std::isnan(gradient[0]));
  }
}

TEST_CASE("a system is factorised and solved", "[estimator]") {
  std::vector<double> const system{4, 2, 1, 2, 5, 3, 1, 3, 6}, right{1, 2, 3};
  std::vector<double> factor = system, inverse(3), z = right, x(3);
  scc::SerialTeam const team;
  auto const check_solution = [&] {
    for (std::size_t i = 0; i < 3; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < 3; ++j) {
        sum += system[i * 3 + j] * x[j];
      }
      CHECK(std::abs(sum - right[i]) < 1e-14);
    }
  };
  scc::detail::factorise(team, factor.data(), 3, inverse.data(), z.data());
  scc::detail::sweep_back(team, factor.data(), 3, inverse.data(), z.data(), x.data());
  check_solution();
  z = right;
  scc::detail::sweep_forward(team, factor.data(), 3, inverse.data(), z.data());
  scc::detail::sweep_back(team, factor.data(), 3, inverse.data(), z.data(), x.data());
  check_solution();
}

TEST_CASE("option errors print numbers as briefly as they can", "[estimator]") {
  CHECK(scc::detail::shortest_text(0.1) == "0.1");
  CHECK(scc::detail::shortest_text(1.0 / 3) == "0.3333333333333333");
  CHECK(scc::detail::shortest_text(-2) == "-2");
}
