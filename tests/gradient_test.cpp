// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Gradients against central differences, in double, with respect to both images: of the loss itself, of which the
/// gradient is to be the exact derivative in any basis of any size, and of the definition.

#include <cmath>
#include <cstddef>
#include <optional>
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
using scc_test::GradLoss;
using scc_test::is_gpu;
using scc_test::Loss;
using scc_test::Shape;
using scc_test::Workspace;

namespace {

// Central difference of f at one pixel; its error is of fourth order in the step.
template <class Function>
double derivative(double& pixel, double step, Function const& f) {
  double const middle = pixel;
  auto const at = [&](double offset) {
    pixel = middle + offset;
    double const value = f();
    pixel = middle;
    return value;
  };
  return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step);
}

// Of how many pixels one is moved. On the GPU each difference takes kernels that run on a CPU in most tests.
constexpr std::size_t pixel_step = is_gpu ? 24 : 5;

// Derivatives of f with respect to every pixel_step-th pixel.
template <class Function>
std::vector<double> derivatives(std::vector<double>& pixels, double step, Function const& f) {
  std::vector<double> values;
  for (std::size_t k = 0; k < pixels.size(); k += pixel_step) {
    values.push_back(derivative(pixels[k], step, f));
  }
  return values;
}

// The gradient of the same pixels.
std::vector<double> sampled(std::vector<double> const& gradient) {
  std::vector<double> values;
  for (std::size_t k = 0; k < gradient.size(); k += pixel_step) {
    values.push_back(gradient[k]);
  }
  return values;
}

struct Images {
  Batch<double> x, y;
};

Images make_images(Options const& options, Shape shape, unsigned seed) {
  double const margin = 0.05 * (options.domain_max - options.domain_min);  // room for the differences
  double const lowest = options.domain_min + margin, highest = options.domain_max - margin;
  auto const x = scc_test::random_values(shape.size(), seed, lowest, highest);
  return {Batch<double>(shape, x), Batch<double>(shape, scc_test::translated(x, seed + 1, lowest, highest))};
}

void check_gradients(scc::Plan const& plan, Shape shape, unsigned seed, double bound) {
  Options const& options = plan.options();
  Loss const loss(plan);
  Workspace workspace;
  Images images = make_images(options, shape, seed);
  Batch<double> dloss_dx(shape), dloss_dy(shape);
  double const grad_loss = scc_test::held_grad_loss(1.7);
  auto const value = [&] { return grad_loss * loss.forward(images.x.view(), images.y.view(), workspace); };
  value();
  loss.backward_xy(images.x.view(), images.y.view(), workspace, grad_loss, dloss_dx.view(), dloss_dy.view());

  double const step = 5e-4 * (options.domain_max - options.domain_min) * std::min(1.0, options.bandwidth);
  std::vector<double> const expected_x = derivatives(images.x.pixels, step, value);
  std::vector<double> const expected_y = derivatives(images.y.pixels, step, value);
  CAPTURE(static_cast<int>(options.kernel), static_cast<int>(plan.basis()), plan.basis_size(), options.bandwidth,
          options.beta, options.lambda, options.centers_per_axis);
  CHECK(scc_test::relative_error(sampled(dloss_dx.pixels), expected_x) <= bound);
  CHECK(scc_test::relative_error(sampled(dloss_dy.pixels), expected_y) <= bound);
}

}  // namespace

TEST_CASE("gradients are the derivative of the loss", "[gradient]") {
  Shape const shape{2, 2, 3, 4};
  for (Kernel const kernel : {Kernel::gaussian, Kernel::reciprocal_gaussian}) {
    for (Basis const basis : {Basis::chebyshev, Basis::histogram}) {
      for (double const beta : {0.0, 0.5, 0.9}) {
        for (double const lambda : {0.05, 1e-3}) {
          for (int const centers : {2, 5, 9}) {
            if (is_gpu && (centers == 9 || lambda < 0.05)) {
              continue;  // the solve is the CPU's, and long in an interpreter
            }
            Options options;
            options.kernel = kernel;
            options.basis = basis;
            options.beta = beta;
            options.lambda = lambda;
            options.centers_per_axis = centers;
            // Any size of histogram will do: it is the loss as computed that is differentiated.
            std::optional<int> size;
            if (basis == Basis::histogram) {
              size = 64 + scc::spline::extra_bins;
            }
            check_gradients(scc::Plan(options, size), shape, 11, 1e-5);
          }
        }
      }
    }
  }
}

TEST_CASE("gradients of weighted pixels are the derivative of the loss, image by image", "[gradient]") {
  Shape const shape{2, 2, 3, 4};
  std::vector<double> weights = scc_test::random_values(shape.size(), 51, -0.5, 2);
  for (double& weight : weights) {
    weight = std::max(weight, 0.0);
  }
  Batch<double> const weight(shape, weights);
  std::vector<double> const grad_loss{scc_test::held_grad_loss(1.7), -0.5};
  for (Kernel const kernel : {Kernel::gaussian, Kernel::reciprocal_gaussian}) {
    for (Basis const basis : {Basis::chebyshev, Basis::histogram}) {
      Options options;
      options.kernel = kernel;
      options.basis = basis;
      options.centers_per_axis = 5;
      Loss const loss{scc::Plan(options, basis == Basis::histogram ? 64 + scc::spline::extra_bins : 15)};
      Workspace workspace;
      Images images = make_images(options, shape, 52);
      Batch<double> dloss_dx(shape), dloss_dy(shape);
      auto const value = [&] {
        loss.forward(images.x.view(), images.y.view(), weight.view(), workspace);
        return -(grad_loss[0] * workspace.rsmi()[0] + grad_loss[1] * workspace.rsmi()[1]) / 2;
      };
      value();
      loss.backward_xy(images.x.view(), images.y.view(), weight.view(), workspace, GradLoss(grad_loss.data(), 2),
                       dloss_dx.view(), dloss_dy.view());
      std::vector<double> const expected_x = derivatives(images.x.pixels, 1e-3, value);
      std::vector<double> const expected_y = derivatives(images.y.pixels, 1e-3, value);
      CAPTURE(static_cast<int>(kernel), static_cast<int>(basis));
      CHECK(scc_test::relative_error(sampled(dloss_dx.pixels), expected_x) <= 1e-5);
      CHECK(scc_test::relative_error(sampled(dloss_dy.pixels), expected_y) <= 1e-5);
    }
  }
}

TEST_CASE("gradients are the derivative of the loss on other domains and bandwidths", "[gradient]") {
  Options options;
  options.domain_min = 0;
  options.domain_max = 1;
  options.center_min = 0;
  options.center_max = 1;
  options.bandwidth = 0.3;
  check_gradients(scc::Plan(options), {1, 3, 4, 5}, 21, 1e-5);
  options.bandwidth = 0.1;
  check_gradients(scc::Plan(options), {1, 3, 4, 5}, 22, 1e-5);
  options.domain_max = 255;
  options.center_max = 255;
  options.bandwidth = 100;
  check_gradients(scc::Plan(options), {3, 1, 4, 5}, 23, 1e-5);
}

TEST_CASE("gradients are exact even where the basis is not", "[gradient]") {
  // A degree of 5 and 16 intervals are far too few for these kernels: the value is off, its derivative is still right.
  Options options;
  options.bandwidth = 0.6;
  options.basis = Basis::chebyshev;
  check_gradients(scc::Plan(options, 13), {1, 1, 6, 9}, 31, 1e-5);
  options.bandwidth = 0.4;
  options.basis = Basis::histogram;
  check_gradients(scc::Plan(options, 19), {1, 1, 6, 9}, 32, 1e-3);  // third derivatives of cubic splines jump
}

TEST_CASE("gradients are the derivative of the definition", "[gradient]") {
  for (Kernel const kernel : {Kernel::gaussian, Kernel::reciprocal_gaussian}) {
    for (Basis const basis : {Basis::chebyshev, Basis::histogram}) {
      Options options;
      options.kernel = kernel;
      options.basis = basis;
      options.tolerance = 1e-9;
      Shape const shape{1, 1, 8, 8};
      Images images = make_images(options, shape, 41);
      Batch<double> dloss_dx(shape), dloss_dy(shape);
      Loss const loss(options);
      Workspace workspace;
      loss.forward(images.x.view(), images.y.view(), workspace);
      loss.backward_xy(images.x.view(), images.y.view(), workspace, 1.0, dloss_dx.view(), dloss_dy.view());

      std::vector<double> expected_x, expected_y;
      auto const definition = [&] {
        return -scc::reference_statistics(options, images.x.pixels, images.y.pixels).rsmi;
      };
      for (double& pixel : images.x.pixels) {
        expected_x.push_back(derivative(pixel, 4e-3, definition));
      }
      for (double& pixel : images.y.pixels) {
        expected_y.push_back(derivative(pixel, 4e-3, definition));
      }
      CAPTURE(static_cast<int>(kernel), static_cast<int>(basis));
      CHECK(scc_test::relative_error(dloss_dx.pixels, expected_x) <= 1e-6);
      CHECK(scc_test::relative_error(dloss_dy.pixels, expected_y) <= 1e-6);
    }
  }
}
