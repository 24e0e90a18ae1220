// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Forward passes against equations 4 to 7 written out, on options and pixels drawn at random, and on domains far from [-1, 1].

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <scc/scc.hpp>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/images.hpp"

using scc::Basis;
using scc::Kernel;
using scc::Options;
using scc_test::Batch;
using scc_test::Loss;
using scc_test::Workspace;

namespace {

double uniform(std::mt19937& generator, double lowest, double highest) {
  return lowest + (highest - lowest) * static_cast<double>(generator()) / 4294967296.0;
}

// Options that people might use, with centres that do not cover, or exceed, the domain.
Options random_options(std::mt19937& generator, Kernel kernel) {
  Options options;
  options.kernel = kernel;
  options.domain_min = uniform(generator, -2, 1);
  options.domain_max = options.domain_min + std::exp(uniform(generator, -1, 1.5));
  double const width = options.domain_max - options.domain_min;
  options.center_min = options.domain_min + width * uniform(generator, -0.1, 0.2);
  options.center_max = options.domain_max - width * uniform(generator, -0.1, 0.2);
  options.bandwidth = width * (kernel == Kernel::gaussian ? std::exp(uniform(generator, std::log(0.05), std::log(2.0)))
                                                          : uniform(generator, 0.4, 1.5));
  options.centers_per_axis = 2 + static_cast<int>(generator() % 12);
  options.beta = uniform(generator, 0, 0.95);
  options.lambda = std::exp(uniform(generator, std::log(1e-3), std::log(0.5)));
  return options;
}

struct Case {
  std::vector<double> x, y;
};

Case random_case(Options const& options, unsigned seed, std::size_t pixels) {
  auto const x = scc_test::random_values(pixels, seed, options.domain_min, options.domain_max);
  return {x, scc_test::translated(x, seed + 1, options.domain_min, options.domain_max)};
}

template <class T>
double rsmi_of(Options const& options, Case const& pixels) {
  scc_test::Shape const shape{1, 1, 1, static_cast<std::int64_t>(pixels.x.size())};
  Batch<T> const x(shape, pixels.x), y(shape, pixels.y);
  Loss const loss(options);
  Workspace workspace;
  loss.forward(x.view(), y.view(), workspace);
  return workspace.rsmi()[0];
}

}  // namespace

TEST_CASE("rSMI agrees with the definition on random options", "[reference]") {
  std::mt19937 generator(2022);
  for (unsigned round = 0; round < (scc_test::is_gpu ? 10 : 30); ++round) {
    Options options = random_options(generator, round % 2 == 0 ? Kernel::gaussian : Kernel::reciprocal_gaussian);
    Case const pixels = random_case(options, 100 + 2 * round, 500);
    double const expected = scc::reference_statistics(options, pixels.x, pixels.y).rsmi;
    for (Basis const basis : {Basis::automatic, Basis::histogram}) {
      options.basis = basis;
      options.tolerance = 1e-6;
      CAPTURE(round, static_cast<int>(options.kernel), options.bandwidth, options.domain_min, options.domain_max,
              options.centers_per_axis, options.beta, options.lambda, static_cast<int>(basis));
      CHECK(std::abs(rsmi_of<double>(options, pixels) - expected) <= 1e-6 * (1 + std::abs(expected)));
      options.tolerance = 1e-9;
      CHECK(std::abs(rsmi_of<double>(options, pixels) - expected) <= 1e-8 * (1 + std::abs(expected)));
    }
  }
}

TEST_CASE("a tighter tolerance is worth its price", "[reference]") {
  Options options;
  Case const pixels = random_case(options, 5, 2000);
  double const expected = scc::reference_statistics(options, pixels.x, pixels.y).rsmi;
  for (double const tolerance : {1e-3, 1e-5, 1e-7, 1e-9, 1e-11}) {
    options.tolerance = tolerance;
    CAPTURE(tolerance, scc::Plan(options).basis_size());
    CHECK(std::abs(rsmi_of<double>(options, pixels) - expected) <= tolerance);
  }
}

TEST_CASE("flat images have an rSMI at small ridges too", "[reference]") {
  for (double const bandwidth : {0.5, 1.0, 2.0}) {
    for (double const lambda : {1e-4, 1e-5, 1e-6, 1e-8}) {
      Options options;
      options.bandwidth = bandwidth;
      options.lambda = lambda;
      auto const colors = scc_test::random_values(16, 12);
      for (std::size_t k = 0; k < colors.size(); k += 2) {
        auto const x = static_cast<float>(colors[k]), y = static_cast<float>(colors[k + 1]);
        double const expected =
          scc::reference_statistics(options, {static_cast<double>(x)}, {static_cast<double>(y)}).rsmi;
        double const actual = rsmi_of<float>(options, {std::vector<double>(3000, x), std::vector<double>(3000, y)});
        CAPTURE(bandwidth, lambda, x, y, expected);
        CHECK(std::abs(actual - expected) <= 1e-6);
      }
    }
  }
}

TEST_CASE("statistics in the original kernels agree with the definition", "[reference]") {
  std::mt19937 generator(7);
  for (unsigned round = 0; round < 12; ++round) {
    Options options = random_options(generator, round % 2 == 0 ? Kernel::gaussian : Kernel::reciprocal_gaussian);
    options.tolerance = 1e-10;
    options.basis = round % 4 < 2 ? Basis::automatic : Basis::histogram;
    Case const pixels = random_case(options, 300 + 2 * round, 400);
    scc::Statistics const expected = scc::reference_statistics(options, pixels.x, pixels.y);

    scc_test::Shape const shape{1, 1, 1, static_cast<std::int64_t>(pixels.x.size())};
    Batch<double> const x(shape, pixels.x), y(shape, pixels.y);
    Loss const loss(options);
    Workspace workspace;
    loss.forward(x.view(), y.view(), workspace);
    scc::Statistics const actual = loss.statistics(workspace, 0);

    CAPTURE(round, options.bandwidth, options.lambda, loss.plan().basis_size(), loss.plan().basis_error());
    CHECK((actual.h - expected.h).norm() <= 1e-8 * expected.h.norm());
    CHECK((actual.H - expected.H).norm() <= 1e-8 * expected.H.norm());
    // alpha is the solution of a system whose condition is up to |H| / lambda.
    CHECK((actual.alpha - expected.alpha).norm() <= 1e-4 * expected.alpha.norm());
    CHECK(actual.rsmi == workspace.rsmi()[0]);
    // What alpha means: the density ratio it gives.
    double const scale = expected.alpha.dot(expected.h);
    CHECK(std::abs(actual.alpha.dot(expected.h) - scale) <= 1e-7 * std::abs(scale));
  }
}

TEST_CASE("reference_statistics clamps pixels", "[reference]") {
  std::vector<double> const inside{-1, 0.25, 1}, outside{-7, 0.25, 3}, y{0.1, 0.2, 0.3};
  CHECK(scc::reference_statistics({}, outside, y).rsmi == scc::reference_statistics({}, inside, y).rsmi);
}

TEST_CASE("reference_statistics weighs pairs", "[reference]") {
  double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> const x{-0.7, 0.25, 0.9, 0.4}, y{0.1, 0.2, -0.3, 0.8};
  auto const weighed = [&](std::vector<double> const& weight) { return scc::reference_statistics({}, x, y, weight); };
  scc::Statistics const repeated =
    scc::reference_statistics<double>({}, {-0.7, -0.7, 0.25, 0.4, 0.4, 0.4}, {0.1, 0.1, 0.2, 0.8, 0.8, 0.8});
  for (double const scale : {1.0, 1e-300, 5e-324, 5e307}) {
    scc::Statistics const actual = weighed({2 * scale, scale, 0, 3 * scale});
    CHECK(std::abs(actual.rsmi - repeated.rsmi) <= 1e-12);
    CHECK((actual.h - repeated.h).norm() <= 1e-12);
    CHECK((actual.H - repeated.H).norm() <= 1e-12);
    CHECK((actual.alpha - repeated.alpha).norm() <= 1e-9);
  }
  // Any type of number, and a pair without weight may hold anything.
  CHECK(scc::reference_statistics({}, std::vector<double>{-0.7, nan, 0.9}, std::vector<double>{0.1, 7, -0.3},
                                  std::vector<bool>{true, false, true})
          .rsmi == scc::reference_statistics<double>({}, {-0.7, 0.9}, {0.1, -0.3}).rsmi);
  for (double const invalid : {-1.0, -5e-324, infinity, -infinity, nan}) {
    scc::Statistics const actual = weighed({1, 0, invalid, 1});
    CHECK(std::isnan(actual.rsmi));
    CHECK(actual.h.array().isNaN().all());
    CHECK(actual.H.array().isNaN().all());
    CHECK(actual.alpha.array().isNaN().all());
    CHECK(actual.H.rows() == 81);
  }
  scc::Statistics const none = weighed({0, 0, -0.0, 0});
  CHECK(none.rsmi == 0);
  CHECK(none.h.isZero(0));
  CHECK(none.H.isZero(0));
  CHECK(none.alpha.size() == 81);
  for (std::size_t const count : {0, 3, 5}) {
    CHECK_THAT(scc_test::message_of([&] { weighed(std::vector<double>(count, 1.0)); }),
               scc_test::contains("weight has " + std::to_string(count) + " numbers and x has 4 pixels"));
  }
}

namespace {

// The default options, stretched to a domain.
Options stretched(double lowest, double highest) {
  Options options;
  options.domain_min = options.center_min = lowest;
  options.domain_max = options.center_max = highest;
  options.bandwidth = 0.5 * (highest - lowest);
  return options;
}

template <class T>
void check_domain(double lowest, double highest, double bound) {
  Options const options = stretched(lowest, highest);
  scc_test::Shape const shape{1, 1, 20, 25};
  auto const values = scc_test::random_values(shape.size(), 3, lowest, highest);
  Batch<T> const x(shape, values), y(shape, scc_test::translated(values, 4, lowest, highest));
  // The definition is asked about the pixels as their type holds them.
  std::vector<double> const x_held(x.pixels.begin(), x.pixels.end()), y_held(y.pixels.begin(), y.pixels.end());
  Loss const loss(options);
  Workspace workspace;
  loss.forward(x.view(), y.view(), workspace);
  CAPTURE(lowest, highest, sizeof(T));
  CHECK(std::abs(workspace.rsmi()[0] - scc::reference_statistics(options, x_held, y_held).rsmi) <= bound);
  CHECK(workspace.diagnostics().x_outside == 0);
  CHECK(workspace.diagnostics().y_outside == 0);
}

}  // namespace

TEST_CASE("any domain gives the definition's value", "[reference]") {
  double const bound = 2e-7;
  check_domain<float>(0, 1, bound);
  check_domain<float>(0, 255, bound);
  check_domain<float>(100, 101, bound);
  check_domain<float>(1e7, 1e7 + 1, bound);
  check_domain<float>(0, 1e-35, bound);
  check_domain<float>(-3e38, 3e38, bound);
  check_domain<float>(-0.1, 0.1, bound);
  check_domain<double>(1e7, 1e7 + 1, bound);
  check_domain<double>(-1e90, 1e90, bound);
  check_domain<double>(0, 1e-90, bound);
}

TEST_CASE("infinite pixels are outside, of whatever domain", "[reference]") {
  float const infinity = std::numeric_limits<float>::infinity();
  Loss const loss(stretched(-1e60, 1e60));
  scc_test::Shape const shape{1, 1, 1, 3};
  Batch<float> x(shape), y(shape);
  x.pixels = {0, infinity, -infinity};
  Workspace workspace;
  CHECK(std::isfinite(loss.forward(x.view(), y.view(), workspace)));
  CHECK(workspace.diagnostics().x_outside == 2);
  CHECK(workspace.diagnostics().y_outside == 0);
}

TEST_CASE("a plan says when its basis may miss the tolerance", "[reference]") {
  CHECK(scc::Plan(Options{}).reaches_tolerance());
  CHECK(scc::Plan(Options::released_code()).reaches_tolerance());
  Options narrow;
  narrow.bandwidth = 0.03;
  narrow.lambda = 1e-3;
  CHECK_FALSE(scc::Plan(narrow).reaches_tolerance());
  // An image of two colours does miss it.
  scc_test::Shape const shape{1, 1, 1, 300};
  std::vector<double> colours;
  for (double const value : scc_test::random_values(shape.size(), 9)) {
    colours.push_back(value > 0 ? 0.51 : -0.24);
  }
  Batch<double> const x(shape, colours);
  Loss const loss(narrow);
  Workspace workspace;
  loss.forward(x.view(), x.view(), workspace);
  double const expected = scc::reference_statistics(narrow, colours, colours).rsmi;
  CHECK(std::abs(workspace.rsmi()[0] - expected) <= 10 * loss.plan().basis_error());
}
