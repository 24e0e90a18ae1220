// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The loss and its gradient against the values of the authors' released code, in every basis that can represent a case.

#include <algorithm>
#include <cmath>
#include <limits>
#include <scc/scc.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/golden.hpp"
#include "support/images.hpp"

using scc::Basis;
using scc_test::Batch;
using scc_test::Golden;
using scc_test::Loss;
using scc_test::Workspace;

namespace {

struct Bounds {
  double loss, gradient;
};

// Kernels that only the histogram can represent, or nearly so: the gradient is where the error of the splines shows.
bool is_narrow(std::string const& name) { return name == "n1_narrow" || name == "w4_narrow"; }

// What is asked of float pixels at the default tolerance.
Bounds float_bounds(std::string const& name) { return {2e-7, is_narrow(name) ? 1e-3 : 2e-5}; }

// What is asked of double pixels at a tolerance of 1e-9. The derivative of a cubic spline is of third order only, so
// a histogram reaches 1e-9 in the loss long before its gradient reaches 1e-7.
Bounds double_bounds(std::string const& name, Basis basis) {
  if (is_narrow(name)) {
    return {1e-7, 1e-4};
  }
  if (name == "n3_asym") {
    return {1e-8, 1e-5};
  }
  return {1e-9, basis == Basis::histogram ? 1e-6 : 1e-7};
}

// Chebyshev polynomials of degree 64 or less cannot represent the kernels of n1, whose width is 0.1 of [-1, 1].
bool can_serve(Basis basis, std::string const& name) { return basis != Basis::chebyshev || name != "n1_narrow"; }

template <class T>
void check(Golden const& golden, Basis basis, double tolerance, Bounds bounds) {
  scc::Options options = golden.options;
  options.basis = basis;
  options.tolerance = tolerance;
  scc_test::Shape const shape{golden.images, golden.channels, golden.height, golden.width};
  Batch<T> const x(shape, golden.x), y(shape, golden.y);
  Batch<T> dloss_dy(shape, std::numeric_limits<T>::quiet_NaN());

  Loss const loss(options);
  Workspace workspace;
  double value = 0;
  if (golden.weight.empty()) {
    value = loss.forward_backward(x.view(), y.view(), workspace, 1.0, dloss_dy.view());
  } else {
    Batch<T> const weight({golden.weight_images, golden.weight_channels, golden.height, golden.width}, golden.weight);
    value = loss.forward_backward(x.view(), y.view(), scc_test::repeated(weight.view(), shape), workspace, 1.0,
                                  dloss_dy.view());
  }

  CAPTURE(golden.name, loss.plan().basis_size(), static_cast<int>(loss.plan().basis()));
  CHECK(std::abs(value - golden.loss) <= bounds.loss);
  REQUIRE(workspace.rsmi().size() == golden.rsmi.size());
  for (std::size_t image = 0; image < golden.rsmi.size(); ++image) {
    CHECK(std::abs(workspace.rsmi()[image] - golden.rsmi[image]) <= bounds.loss);
  }
  CHECK(scc_test::relative_error(dloss_dy.pixels, golden.grad_y) <= bounds.gradient);
}

}  // namespace

TEST_CASE("float pixels at the default tolerance match the released code", "[golden]") {
  for (auto const& name : scc_test::golden_names()) {
    Golden const golden = scc_test::read_golden(name);
    for (Basis const basis : {Basis::automatic, Basis::chebyshev, Basis::histogram}) {
      // The automatic basis is one of the others: on the GPU the choice is the same plan's.
      if (can_serve(basis, name) && !(scc_test::is_gpu && basis == Basis::automatic)) {
        check<float>(golden, basis, scc::Options{}.tolerance, float_bounds(name));
      }
    }
  }
}

TEST_CASE("double pixels at tolerance 1e-9 match the released code", "[golden]") {
  Basis turn = Basis::chebyshev;
  for (auto const& name : scc_test::golden_names()) {
    Golden const golden = scc_test::read_golden(name);
    turn = turn == Basis::histogram && can_serve(Basis::chebyshev, name) ? Basis::chebyshev : Basis::histogram;
    for (Basis const basis : {Basis::automatic, Basis::chebyshev, Basis::histogram}) {
      // In an interpreter these are long: the bases in turns.
      if (can_serve(basis, name) && !(scc_test::is_gpu && basis != turn)) {
        check<double>(golden, basis, 1e-9, double_bounds(name, basis));
      }
    }
  }
}

TEST_CASE("float weights match the independent evaluation", "[golden]") {
  for (auto const& name : scc_test::weighted_golden_names()) {
    Golden const golden = scc_test::read_golden(name);
    for (Basis const basis : {Basis::chebyshev, Basis::histogram}) {
      check<float>(golden, basis, scc::Options{}.tolerance, float_bounds(golden.name));
    }
  }
}

TEST_CASE("double weights match the independent evaluation", "[golden]") {
  for (auto const& name : scc_test::weighted_golden_names()) {
    Golden const golden = scc_test::read_golden(name);
    for (Basis const basis : {Basis::chebyshev, Basis::histogram}) {
      check<double>(golden, basis, 1e-9, double_bounds(golden.name, basis));
    }
  }
}

TEST_CASE("h and H in the original kernels match the released code", "[golden]") {
  for (std::string const name : {"g1_identity", "r1_identity"}) {
    Golden const golden = scc_test::read_golden(name);
    REQUIRE(golden.h.size() == 81);
    REQUIRE(golden.H.size() == 81 * 81);
    scc_test::Shape const shape{golden.images, golden.channels, golden.height, golden.width};
    Batch<double> const x(shape, golden.x), y(shape, golden.y);
    scc::Options options = golden.options;
    options.tolerance = 1e-9;
    Loss const loss(options);
    Workspace workspace;
    loss.forward(x.view(), y.view(), workspace);

    scc::Statistics const statistics = loss.statistics(workspace, 0);
    scc::Statistics const reference = scc::reference_statistics(options, golden.x, golden.y);
    for (auto const* const candidate : {&statistics, &reference}) {
      REQUIRE(candidate->h.size() == 81);
      REQUIRE(candidate->H.size() == 81 * 81);
      for (Eigen::Index l = 0; l < 81; ++l) {
        CHECK(std::abs(candidate->h(l) - golden.h[static_cast<std::size_t>(l)]) <= 1e-9);
      }
      for (Eigen::Index l = 0; l < 81; ++l) {
        for (Eigen::Index k = 0; k < 81; ++k) {
          CHECK(std::abs(candidate->H(l, k) - golden.H[static_cast<std::size_t>(l * 81 + k)]) <= 1e-9);
        }
      }
    }
  }
}

TEST_CASE("Options::released_code has the parameters of the released code", "[golden]") {
  Golden const golden = scc_test::read_golden("r1_identity");
  scc::Options const options = scc::Options::released_code();
  CHECK(options.kernel == golden.options.kernel);
  CHECK(options.bandwidth == golden.options.bandwidth);
  CHECK(options.centers_per_axis == golden.options.centers_per_axis);
  CHECK(options.center_min == golden.options.center_min);
  CHECK(options.center_max == golden.options.center_max);
  CHECK(options.beta == golden.options.beta);
  CHECK(options.lambda == golden.options.lambda);
  CHECK(options.domain_min == golden.options.domain_min);
  CHECK(options.domain_max == golden.options.domain_max);
}
