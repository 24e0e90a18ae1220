// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Domains that are far from [-1, 1], and pixels at their ends.

#include <cmath>
#include <cstddef>
#include <limits>
#include <scc/scc.hpp>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/images.hpp"

using scc::Basis;
using scc::Options;
using scc_test::Batch;
using scc_test::Loss;
using scc_test::Shape;
using scc_test::Workspace;

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
  Shape const shape{1, 1, 20, 25};
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

TEST_CASE("any domain gives the definition's value", "[domain]") {
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

TEST_CASE("a domain too small to be told apart in double is rejected", "[domain]") {
  CHECK_THROWS_AS(scc::Plan(stretched(1, 1 + 1e-15)), std::invalid_argument);
  CHECK_THROWS_AS(scc::Plan(stretched(0, 1e-101)), std::invalid_argument);
}

TEST_CASE("a pixel at the end of the domain is inside, in every type and basis", "[domain]") {
  // 0.1 and 0.7 have no exact double, float or half.
  for (Basis const basis : {Basis::chebyshev, Basis::histogram}) {
    Options options = stretched(0.1, 0.7);
    options.basis = basis;
    Loss const loss(options);
    auto const check = [&](auto lowest, auto highest) {
      using T = decltype(lowest);
      Shape const shape{1, 1, 1, 4};
      Batch<T> x(shape), y(shape);
      x.pixels = {lowest, highest, lowest, highest};
      y.pixels = {highest, lowest, lowest, highest};
      Batch<double> dloss_dy(shape);
      Workspace workspace;
      loss.forward_backward(x.view(), y.view(), workspace, 1.0, dloss_dy.view());
      CHECK(workspace.diagnostics().x_outside == 0);
      CHECK(workspace.diagnostics().y_outside == 0);
      for (double const derivative : dloss_dy.pixels) {
        CHECK(derivative != 0);
      }
    };
    check(0.1, 0.7);
    check(0.1F, 0.7F);
    check(Eigen::half(0.1F), Eigen::half(0.7F));
    check(Eigen::bfloat16(0.1F), Eigen::bfloat16(0.7F));
  }
}

TEST_CASE("infinite pixels are outside, of whatever domain", "[domain]") {
  float const infinity = std::numeric_limits<float>::infinity();
  Loss const loss(stretched(-1e60, 1e60));
  Shape const shape{1, 1, 1, 3};
  Batch<float> x(shape), y(shape);
  x.pixels = {0, infinity, -infinity};
  Workspace workspace;
  CHECK(std::isfinite(loss.forward(x.view(), y.view(), workspace)));
  CHECK(workspace.diagnostics().x_outside == 2);
  CHECK(workspace.diagnostics().y_outside == 0);
}

TEST_CASE("a plan says when its basis may miss the tolerance", "[domain]") {
  CHECK(scc::Plan(Options{}).reaches_tolerance());
  CHECK(scc::Plan(Options::released_code()).reaches_tolerance());
  Options narrow;
  narrow.bandwidth = 0.03;
  narrow.lambda = 1e-3;
  CHECK_FALSE(scc::Plan(narrow).reaches_tolerance());
  // An image of two colours does miss it.
  Shape const shape{1, 1, 1, 300};
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
