// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A batch with room for its gradients, put through every function of a loss.

#pragma once

#include <scc/gradient_mode.hpp>

#include "backend.hpp"
#include "images.hpp"
#include "setups.hpp"

namespace scc_test {

/// A batch, its translation, weights, and gradients.
template <class T>
struct Scene {
  Shape shape;
  Batch<T> x{shape, random_values(shape.size(), 1)};
  Batch<T> y{shape, translated(random_values(shape.size(), 1), 2)};
  Batch<float> weight{shape, random_values(shape.size(), 3, 0, 2)};
  Batch<T> dx{shape};
  Batch<T> dy{shape};

  explicit Scene(Shape extents) : shape(extents) {}

  double run(Loss const& loss, Workspace& workspace) {
    double const value = loss.forward(x.view(), y.view(), workspace);
    loss.backward(x.view(), y.view(), workspace, 1.0, dy.view());
    loss.backward_x(x.view(), y.view(), workspace, 1.0, dx.view());
    loss.backward_xy(x.view(), y.view(), workspace, 1.0, dx.view(), dy.view(), scc::GradientMode::accumulate);
    return value + loss.forward_backward(x.view(), y.view(), workspace, 1.0, dy.view());
  }

  double run_weighted(Loss const& loss, Workspace& workspace) {
    double const value = loss.forward(x.view(), y.view(), weight.view(), workspace);
    loss.backward(x.view(), y.view(), weight.view(), workspace, 1.0, dy.view());
    loss.backward_x(x.view(), y.view(), weight.view(), workspace, 1.0, dx.view());
    loss.backward_xy(x.view(), y.view(), weight.view(), workspace, 1.0, dx.view(), dy.view(),
                     scc::GradientMode::accumulate);
    return value + loss.forward_backward(x.view(), y.view(), weight.view(), workspace, 1.0, dy.view());
  }
};

/// All results of a batch, to the bit.
template <class T>
bool same_results(Loss const& loss, Scene<T>& a, Workspace& a_workspace, Scene<T>& b, Workspace& b_workspace) {
  return same_bits(a.run(loss, a_workspace), b.run(loss, b_workspace)) &&
         same_bits(a_workspace.rsmi(), b_workspace.rsmi()) && same_bits(a.dx.pixels, b.dx.pixels) &&
         same_bits(a.dy.pixels, b.dy.pixels);
}

}  // namespace scc_test
