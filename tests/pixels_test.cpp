// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// All types of pixels and of gradients, against the definition and against double precision.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <scc/detail/divisor.hpp>
#include <scc/scc.hpp>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/images.hpp"
#include "support/layouts.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::GradientMode;
using scc::Options;

namespace {

Shape const shape{2, 3, 7, 11};

// A domain that is not the default one, so that no map between pixels and the basis is the identity.
Options on_other_domain(Options options) {
  options.domain_min = options.center_min = -0.5;
  options.domain_max = options.center_max = 2;
  options.bandwidth = 1.25;
  return options;
}

/// Relative rounding error of a number of type T.
template <class T>
double unit() {
  if (std::is_same_v<T, Eigen::half>) {
    return std::ldexp(1.0, -11);
  }
  return std::is_same_v<T, Eigen::bfloat16> ? std::ldexp(1.0, -8) : 0;
}

/// A batch of the values, some of them at the ends of the domain, rounded to T.
template <class T>
Batch<T> batch_of(Options const& options, std::vector<double> const& values) {
  Batch<T> batch(shape);
  for (std::size_t k = 0; k < values.size(); ++k) {
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      double const share = (values[k] - options.domain_min) / (options.domain_max - options.domain_min);
      batch.pixels[k] = static_cast<std::uint8_t>(std::lround(255 * share));
    } else {
      batch.pixels[k] = static_cast<T>(values[k]);
    }
  }
  return batch;
}

std::vector<double> scene_x(Options const& options) {
  std::vector<double> values = random_values(shape.size(), 1, options.domain_min, options.domain_max);
  values[5] = options.domain_min;
  values[300] = options.domain_max;
  return values;
}

std::vector<double> scene_y(Options const& options) {
  std::vector<double> values = translated(scene_x(options), 2, options.domain_min, options.domain_max);
  values[7] = options.domain_max;
  values[301] = options.domain_min;
  return values;
}

/// A gradient whose weight makes its numbers about 1, within the range of half.
constexpr double grad_loss = 1000;

/// What the gradients should be: those of the same values in double, at a tolerance far below.
struct Expected {
  std::vector<double> dx, dy;
};

Expected gradients_in_double(Options options, std::vector<double> const& x, std::vector<double> const& y) {
  options.tolerance = 1e-9;
  Loss const loss(options);
  Batch<double> const wide_x(shape, x), wide_y(shape, y);
  Batch<double> dx(shape), dy(shape);
  Workspace workspace;
  loss.forward(wide_x.view(), wide_y.view(), workspace);
  loss.backward_xy(wide_x.view(), wide_y.view(), workspace, grad_loss, dx.view(), dy.view());
  return {dx.pixels, dy.pixels};
}

/// Each element is off by no more than its own rounding and a small part of the largest one.
template <class G>
bool is_close(std::vector<G> const& actual, std::vector<double> const& expected, std::vector<double> const& before) {
  double largest = 0;
  for (double const value : expected) {
    largest = std::max(largest, std::abs(value));
  }
  bool close = actual.size() == expected.size() && largest > 0.1;
  for (std::size_t k = 0; close && k < expected.size(); ++k) {
    double const wanted = expected[k] + before[k];
    double const error = std::abs(static_cast<double>(actual[k]) - wanted);
    // Half as much again, as float sums may fall on the other side of the middle of two numbers.
    close = error <= 1.5 * unit<G>() * std::abs(wanted) + 5e-5 * largest;
  }
  return close;
}

template <class G, class X, class Y>
void check_gradients(Loss const& loss, Batch<X> const& x, Batch<Y> const& y, Workspace& workspace,
                     Expected const& expected) {
  INFO("gradient " << type_name<G>());
  std::vector<double> const zeros(shape.size(), 0.0);
  std::vector<double> before = random_values(shape.size(), 3);
  for (double& value : before) {
    value = static_cast<double>(static_cast<G>(value));
  }
  if constexpr (!std::is_same_v<Y, std::uint8_t>) {
    Batch<G> dy(shape);
    loss.backward(x.view(), y.view(), workspace, grad_loss, dy.view());
    CHECK(is_close(dy.pixels, expected.dy, zeros));
    Batch<G> sum(shape, before);
    loss.forward_backward(x.view(), y.view(), workspace, grad_loss, sum.view(), GradientMode::accumulate);
    CHECK(is_close(sum.pixels, expected.dy, before));
  }
  if constexpr (!std::is_same_v<X, std::uint8_t>) {
    Batch<G> dx(shape, before);
    loss.backward_x(x.view(), y.view(), workspace, grad_loss, dx.view(), GradientMode::accumulate);
    CHECK(is_close(dx.pixels, expected.dx, before));
    loss.backward_x(x.view(), y.view(), workspace, grad_loss, dx.view());
    CHECK(is_close(dx.pixels, expected.dx, zeros));
  }
}

template <class X, class Y>
void check_pair(Options const& options) {
  INFO("x " << type_name<X>() << ", y " << type_name<Y>());
  Batch<X> const x = batch_of<X>(options, scene_x(options));
  Batch<Y> const y = batch_of<Y>(options, scene_y(options));
  std::vector<double> const x_values = pixel_values(options, x.pixels), y_values = pixel_values(options, y.pixels);

  Loss const loss(options);
  Workspace workspace;
  double const value = loss.forward(x.view(), y.view(), workspace);
  auto const middle = static_cast<std::ptrdiff_t>(shape.pixels());
  double sum = 0;
  for (std::size_t n = 0; n < 2; ++n) {
    std::ptrdiff_t const first = n == 0 ? 0 : middle;
    std::vector<double> const xs(x_values.begin() + first, x_values.begin() + first + middle);
    std::vector<double> const ys(y_values.begin() + first, y_values.begin() + first + middle);
    double const expected = scc::reference_statistics(options, xs, ys).rsmi;
    CHECK(std::abs(workspace.rsmi()[n] - expected) <= 5e-7);
    sum += expected;
  }
  CHECK(std::abs(value + sum / 2) <= 5e-7);
  CHECK(workspace.diagnostics().x_outside == 0);
  CHECK(workspace.diagnostics().y_outside == 0);

  Expected const expected = gradients_in_double(options, x_values, y_values);
  check_gradients<float>(loss, x, y, workspace, expected);
  check_gradients<double>(loss, x, y, workspace, expected);
  check_gradients<Eigen::half>(loss, x, y, workspace, expected);
  check_gradients<Eigen::bfloat16>(loss, x, y, workspace, expected);
}

}  // namespace

TEMPLATE_TEST_CASE("pixels of any two types give what their values give, and gradients of any type", "", float, double,
                   Eigen::half, Eigen::bfloat16, std::uint8_t) {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Options const options = on_other_domain(setup.options);
    check_pair<TestType, float>(options);
    check_pair<TestType, Eigen::half>(options);
    // All pairs take the compiler long, with sanitizers minutes; on the GPU backends_test.cpp has them.
#if !defined(__SANITIZE_ADDRESS__) && !defined(SCC_TEST_BACKEND_GPU)
    check_pair<TestType, double>(options);
    check_pair<TestType, Eigen::bfloat16>(options);
    check_pair<TestType, std::uint8_t>(options);
#endif
  }
}

TEMPLATE_TEST_CASE("both gradients at once, each of a type of its own", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Options const options = on_other_domain(setup.options);
    Loss const loss(options);
    Batch<float> const x = batch_of<float>(options, scene_x(options));
    Batch<Eigen::half> const y = batch_of<Eigen::half>(options, scene_y(options));
    Workspace workspace;
    loss.forward(x.view(), y.view(), workspace);
    Batch<TestType> dx(shape), dx_alone(shape);
    Batch<double> dy(shape), dy_alone(shape);
    loss.backward_xy(x.view(), y.view(), workspace, grad_loss, dx.view(), dy.view());
    loss.backward_x(x.view(), y.view(), workspace, grad_loss, dx_alone.view());
    loss.backward(x.view(), y.view(), workspace, grad_loss, dy_alone.view());
    CHECK(same_bits(dx.pixels, dx_alone.pixels));
    CHECK(same_bits(dy.pixels, dy_alone.pixels));
  }
}

TEST_CASE("float pixels get double arithmetic where a tolerance asks for it") {
  Options options = both_bases()[0].options;
  options.tolerance = 1e-9;
  Batch<float> const x = batch_of<float>(options, scene_x(options)), y = batch_of<float>(options, scene_y(options));
  auto const expected = gradients_in_double(options, pixel_values(options, x.pixels), pixel_values(options, y.pixels));
  Workspace workspace;
  Batch<double> dy(shape);
  Loss(options).forward_backward(x.view(), y.view(), workspace, grad_loss, dy.view());
  CHECK(same_bits(dy.pixels, expected.dy));
}

TEMPLATE_TEST_CASE("what lies between the elements of a gradient is left alone", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  auto const gap = static_cast<TestType>(-55);
  for (auto const& setup : both_bases()) {
    Loss const loss(setup.options);
    Batch<float> const x(shape, random_values(shape.size(), 4)), y(shape, random_values(shape.size(), 5));
    Workspace workspace;
    loss.forward(x.view(), y.view(), workspace);
    Batch<TestType> expected(shape);
    loss.backward(x.view(), y.view(), workspace, grad_loss, expected.view());
    for (auto const& layout : layouts(shape)) {
      INFO(setup.name << ", " << layout.name);
      for (auto const mode : {GradientMode::overwrite, GradientMode::accumulate}) {
        Arranged<TestType> dy(shape, layout, gap);
        dy.fill(Batch<TestType>(shape).pixels);
        loss.backward(x.view(), y.view(), workspace, grad_loss, dy.view(), mode);
        CHECK(dy.gaps_are_untouched());
        CHECK(same_bits(dy.dense(), expected.pixels));
      }
    }
  }
}

TEST_CASE("a divisor gives the quotients of all numbers below 2^31") {
  constexpr std::uint32_t end = std::uint32_t{1} << 31;
  std::vector<std::uint32_t> divisors{3, 5, 6, 7, 10, 641, 1000, 65537, 1234567, 715827883, 1431655765, end - 1};
  for (std::uint32_t power = 1; power < end; power *= 2) {
    divisors.insert(divisors.end(), {power, power + 1, power > 1 ? power - 1 : 1});
  }
  for (std::uint32_t const divisor : divisors) {
    scc::Divisor const by(divisor);
    std::uint32_t const largest = (end - 1) / divisor;  // quotient
    std::vector<std::uint32_t> numbers{0, 1, end - 2, end - 1};
    for (std::uint32_t const quotient : {std::uint32_t{1}, std::uint32_t{2}, largest / 2, largest - 1, largest}) {
      for (std::uint32_t const offset : {0, 1, 2}) {
        numbers.push_back(quotient * divisor + offset - 1);  // about a multiple; wraps around below the first
      }
    }
    for (std::uint32_t const number : numbers) {
      if (number < end) {
        CAPTURE(number, divisor);
        CHECK(by.quotient(number) == number / divisor);
      }
    }
  }
}
