// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Pairs of generated images, and all that a loss says of them.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <scc/image_batch.hpp>
#include <type_traits>
#include <vector>

#include "backend.hpp"
#include "images.hpp"
#include "setups.hpp"

namespace scc_test {

/// A batch, a few of whose pixels are outside the domain, and its translation.
template <class T>
struct Pair {
  Shape shape;
  Batch<T> x, y;

  Pair(Shape extents, unsigned seed)
      : shape(extents),
        x(shape, random_values(shape.size(), seed, -1.05, 1.05)),
        y(shape, translated(random_values(shape.size(), seed), seed + 1)) {}
};

/// rSMI and both gradients.
template <class T>
struct Results {
  double loss;
  std::vector<double> rsmi;
  std::vector<T> dx, dy;
};

template <class T, class AnyLoss, class X, class Y>
Results<T> evaluate(AnyLoss const& loss, Shape const& shape, scc::ImageBatch<X> x, scc::ImageBatch<Y> y,
                    double grad_loss, WorkspaceOf<AnyLoss>& workspace) {
  Batch<T> dx(shape), dy(shape);
  double const value = loss.forward(x, y, workspace);
  loss.backward_xy(x, y, workspace, grad_loss, dx.view(), dy.view());
  return {value, workspace.rsmi(), dx.pixels, dy.pixels};
}

template <class T, class AnyLoss, class X, class Y, class W>
Results<T> evaluate(AnyLoss const& loss, Shape const& shape, scc::ImageBatch<X> x, scc::ImageBatch<Y> y,
                    scc::ImageBatch<W> weight, WorkspaceOf<AnyLoss>& workspace) {
  Batch<T> dx(shape), dy(shape);
  double const value = loss.forward(x, y, weight, workspace);
  loss.backward_xy(x, y, weight, workspace, 1.0, dx.view(), dy.view());
  return {value, workspace.rsmi(), dx.pixels, dy.pixels};
}

template <class T, class AnyLoss, class X, class Y>
Results<T> evaluate(AnyLoss const& loss, Shape const& shape, scc::ImageBatch<X> x, scc::ImageBatch<Y> y,
                    double grad_loss = 1) {
  WorkspaceOf<AnyLoss> workspace;
  return evaluate<T>(loss, shape, x, y, grad_loss, workspace);
}

template <class T, class AnyLoss>
Results<T> evaluate(AnyLoss const& loss, Pair<T> const& pair, double grad_loss = 1) {
  return evaluate<T>(loss, pair.shape, pair.x.view(), pair.y.view(), grad_loss);
}
template <class T, class AnyLoss>
Results<T> evaluate(AnyLoss const& loss, Pair<T> const& pair, WorkspaceOf<AnyLoss>& workspace) {
  return evaluate<T>(loss, pair.shape, pair.x.view(), pair.y.view(), 1, workspace);
}

template <class T, class AnyLoss, class W>
Results<T> evaluate(AnyLoss const& loss, Pair<T> const& pair, scc::ImageBatch<W> weight) {
  WorkspaceOf<AnyLoss> workspace;
  return evaluate<T>(loss, pair.shape, pair.x.view(), pair.y.view(), weight, workspace);
}

template <class T>
bool same_bits(Results<T> const& a, Results<T> const& b) {
  return same_bits(a.loss, b.loss) && same_bits(a.rsmi, b.rsmi) && same_bits(a.dx, b.dx) && same_bits(a.dy, b.dy);
}

/// Infinite if the numbers of values differ or a value is NaN.
inline double largest_difference(std::vector<double> const& a, std::vector<double> const& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
    double const difference = std::abs(a[k] - b[k]);
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

/// Rounding errors that T may cause in rSMI and, relatively, in a gradient.
template <class T>
constexpr double rsmi_rounding = std::is_same_v<T, double> ? 1e-10 : 5e-7;
template <class T>
constexpr double gradient_rounding = std::is_same_v<T, double> ? 1e-9 : 2e-5;

template <class T>
bool same_to_rounding(Results<T> const& actual, Results<T> const& expected) {
  return same_to_rounding(std::vector<double>{actual.loss}, std::vector<double>{expected.loss}, rsmi_rounding<T>) &&
         same_to_rounding(actual.rsmi, expected.rsmi, rsmi_rounding<T>) &&
         same_to_rounding(actual.dx, expected.dx, gradient_rounding<T>) &&
         same_to_rounding(actual.dy, expected.dy, gradient_rounding<T>);
}

}  // namespace scc_test
