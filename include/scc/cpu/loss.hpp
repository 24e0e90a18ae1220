// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The structure consistency loss on the CPU: pixels -> moments -> solve -> gradient.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "../detail/checks.hpp"
#include "../element_type.hpp"
#include "../estimator/gradient_coefficients.hpp"
#include "../estimator/original_kernels.hpp"
#include "../gradient_mode.hpp"
#include "../image_batch.hpp"
#include "../options.hpp"
#include "../plan/plan.hpp"
#include "../statistics.hpp"
#include "grad_loss.hpp"
#include "gradient.hpp"
#include "histogram.hpp"
#include "lanes.hpp"
#include "moments.hpp"
#include "pixels.hpp"
#include "solve.hpp"
#include "weights.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// The loss L = -mean over the images of rSMI (Guo et al., equations 8 and 9), with its exact gradient.
///
/// Immutable; may be copied, and shared between threads that each have a Workspace of their own. Uses OpenMP's threads if
/// the program is compiled with OpenMP; results are bitwise the same for any number of threads and from run to run.
///
/// Pixels may be float, double, Eigen::half, Eigen::bfloat16 or std::uint8_t (0..255 stands for the domain), of different
/// types in x and y, in any layout that an ImageBatch can describe. A pixel outside the domain counts as its nearest end,
/// and its gradient is 0. A NaN pixel makes the rSMI and the gradient of its image, and the loss, NaN.
///
/// Pixels may have weights w_j >= 0, such as a mask of 0 and 1, of the same types or bool: with the sum W of an image's
/// weights, each mean over pixels is sum_j w_j (...) / W. Only their ratios matter. A pixel of weight 0 does not enter,
/// whatever it holds, and its gradient is 0. An image of total weight 0 has rSMI and gradient 0, and still counts in the mean
/// over the images; its h, H and alpha are 0. A negative, infinite or NaN weight makes its image's rSMI and the whole of its
/// gradient, and the loss, NaN. There is no gradient with respect to weights.
/// @ingroup loss
class Loss {
public:
  /// @param options  Parameters of the estimate.
  /// @throws std::invalid_argument as Plan does.
  explicit Loss(Options const& options = {}) : Loss(Plan(options)) {}

  /// As above, for a plan made by hand.
  ///
  /// @param plan          Kept, and shared by copies of the loss.
  /// @param instructions  Instructions of the pixel loops; the processor must have them.
  explicit Loss(Plan plan, Instructions instructions = available_instructions())
      : plan_(std::make_shared<Plan const>(std::move(plan))),
        instructions_(instructions) {}

  /// The parameters of the estimate.
  Options const& options() const { return plan_->options(); }
  /// The plan: the basis in use, its size and its error.
  Plan const& plan() const { return *plan_; }

  /// L = -(1/N) sum_n rSMI_n, where rSMI_n = 2 alpha^T h - alpha^T H alpha - 1 (equation 7) of image n.
  ///
  /// @param x          [images, channels, height, width] input, host memory, values in the domain.
  /// @param y          [images, channels, height, width] translation, likewise.
  /// @param workspace  Receives what the other functions need. Allocates if it has not held a batch of this size yet.
  /// @return the loss; 0 if there are no images or no pixels.
  /// @throws std::invalid_argument if shapes differ, an extent is negative, or data is null where there are pixels.
  template <class X, class Y>
  double forward(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace) const {
    detail::require_images(x, y);
    return estimate(x, y, nullptr, workspace, true);
  }
  /// The same for weighted pixels.
  ///
  /// @param x, y, workspace  As above.
  /// @param weight           [images, channels, height, width] host memory, >= 0 and finite; stride 0 repeats a mask.
  /// @return the loss, as above.
  /// @throws std::invalid_argument as above.
  template <class X, class Y, class W>
  double forward(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace& workspace) const {
    return with_weights(x, y, weight,
                        [&](WeightReader const* weights) { return estimate(x, y, weights, workspace, true); });
  }

  /// The same number as forward(), without what a gradient needs: afterwards backward() and its kin refuse the workspace,
  /// until the next forward().
  ///
  /// @param x, y, workspace  As for forward().
  /// @return the loss, as forward().
  /// @throws std::invalid_argument as forward() does.
  template <class X, class Y>
  double value(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace) const {
    detail::require_images(x, y);
    return estimate(x, y, nullptr, workspace, false);
  }
  /// The same for weighted pixels.
  ///
  /// @param x, y, workspace  As above.
  /// @param weight           As for forward().
  /// @return the loss, as forward().
  /// @throws std::invalid_argument as forward() does.
  template <class X, class Y, class W>
  double value(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace& workspace) const {
    return with_weights(x, y, weight,
                        [&](WeightReader const* weights) { return estimate(x, y, weights, workspace, false); });
  }

  /// dloss_dy = grad_loss dL/dy, where L and the moments are those of the workspace's last forward pass with the same x
  /// and y. Exact: alpha is differentiated too.
  ///
  ///     dL/dy_j = -(1 / (N M)) sum_ab G_ab b_a(x_j) b_b'(y_j),   G_ab = d rSMI / d M_ab       (docs/mathematics.md)
  ///
  /// @param x          [images, channels, height, width] as passed to forward().
  /// @param y          [images, channels, height, width] as passed to forward().
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed; nothing is allocated.
  /// @param grad_loss  Gradient of the final objective with respect to L: the weight of this loss, a loss scale; one number
  ///                   or one for each image.
  /// @param dloss_dy   [images, channels, height, width] out; float, double, half or bfloat16. Elements must not
  ///                   overlap each other, x or y.
  /// @param mode       Overwrite dloss_dy or add to it.
  /// @throws std::invalid_argument before anything is written, if shapes differ, a view is not valid, dloss_dy overlaps
  ///         itself, the workspace was not filled by this loss with a batch of this shape, or there are numbers in
  ///         grad_loss for another number of images.
  template <class X, class Y, class G>
  void backward(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, GradLoss grad_loss,
                ImageBatch<G> dloss_dy, GradientMode mode = GradientMode::overwrite) const {
    detail::require_images(x, y);
    differentiate_y(x, y, nullptr, workspace, grad_loss, dloss_dy, mode);
  }
  /// The same for weighted pixels: w_j / W takes the place of 1 / M, where W is the sum of an image's weights.
  ///
  /// @param x, y, workspace, grad_loss, dloss_dy, mode  As above.
  /// @param weight  [images, channels, height, width] as passed to forward().
  /// @throws std::invalid_argument as above, and if forward() had no weights; the functions without weights throw if it
  ///         had some.
  template <class X, class Y, class W, class G>
  void backward(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace const& workspace, GradLoss grad_loss,
                ImageBatch<G> dloss_dy, GradientMode mode = GradientMode::overwrite) const {
    with_weights(x, y, weight, [&](WeightReader const* weights) {
      differentiate_y(x, y, weights, workspace, grad_loss, dloss_dy, mode);
    });
  }

  /// dloss_dx = grad_loss dL/dx; otherwise as backward().
  ///
  /// @param x, y       [images, channels, height, width] as passed to forward().
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed; nothing is allocated.
  /// @param grad_loss  Gradient of the final objective with respect to L; one number or one for each image.
  /// @param dloss_dx   [images, channels, height, width] out; elements must not overlap each other, x or y.
  /// @param mode       Overwrite dloss_dx or add to it.
  /// @throws std::invalid_argument as backward() does.
  template <class X, class Y, class G>
  void backward_x(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, GradLoss grad_loss,
                  ImageBatch<G> dloss_dx, GradientMode mode = GradientMode::overwrite) const {
    detail::require_images(x, y);
    differentiate_x(x, y, nullptr, workspace, grad_loss, dloss_dx, mode);
  }
  /// The same for weighted pixels, as backward().
  ///
  /// @param x, y, workspace, grad_loss, dloss_dx, mode  As above.
  /// @param weight  [images, channels, height, width] as passed to forward().
  /// @throws std::invalid_argument as backward() does.
  template <class X, class Y, class W, class G>
  void backward_x(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace const& workspace,
                  GradLoss grad_loss, ImageBatch<G> dloss_dx, GradientMode mode = GradientMode::overwrite) const {
    with_weights(x, y, weight, [&](WeightReader const* weights) {
      differentiate_x(x, y, weights, workspace, grad_loss, dloss_dx, mode);
    });
  }

  /// Both gradients; otherwise as backward().
  ///
  /// @param x, y       [images, channels, height, width] as passed to forward().
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed; nothing is allocated.
  /// @param grad_loss  Gradient of the final objective with respect to L; one number or one for each image.
  /// @param dloss_dx   [images, channels, height, width] out; elements must not overlap each other, dloss_dy, x or y.
  /// @param dloss_dy   [images, channels, height, width] out; likewise.
  /// @param mode       Overwrite both or add to them.
  /// @throws std::invalid_argument as backward() does, and if both gradients start at the same address.
  template <class X, class Y, class GX, class GY>
  void backward_xy(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, GradLoss grad_loss,
                   ImageBatch<GX> dloss_dx, ImageBatch<GY> dloss_dy,
                   GradientMode mode = GradientMode::overwrite) const {
    detail::require_images(x, y);
    differentiate_xy(x, y, nullptr, workspace, grad_loss, dloss_dx, dloss_dy, mode);
  }
  /// The same for weighted pixels, as backward().
  ///
  /// @param x, y, workspace, grad_loss, dloss_dx, dloss_dy, mode  As above.
  /// @param weight  [images, channels, height, width] as passed to forward().
  /// @throws std::invalid_argument as above.
  template <class X, class Y, class W, class GX, class GY>
  void backward_xy(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace const& workspace,
                   GradLoss grad_loss, ImageBatch<GX> dloss_dx, ImageBatch<GY> dloss_dy,
                   GradientMode mode = GradientMode::overwrite) const {
    with_weights(x, y, weight, [&](WeightReader const* weights) {
      differentiate_xy(x, y, weights, workspace, grad_loss, dloss_dx, dloss_dy, mode);
    });
  }

  /// forward() and backward() in one call: returns L and writes grad_loss dL/dy.
  ///
  /// @param x          [images, channels, height, width] input, host memory, values in the domain.
  /// @param y          [images, channels, height, width] translation, likewise.
  /// @param workspace  As in forward().
  /// @param grad_loss  Gradient of the final objective with respect to L; one number or one for each image.
  /// @param dloss_dy   [images, channels, height, width] out; as in backward().
  /// @param mode       Overwrite dloss_dy or add to it.
  /// @return the loss; 0 if there are no images or no pixels.
  /// @throws std::invalid_argument as the two do, before anything is written.
  template <class X, class Y, class G>
  double forward_backward(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace, GradLoss grad_loss,
                          ImageBatch<G> dloss_dy, GradientMode mode = GradientMode::overwrite) const {
    detail::require_images(x, y);
    return estimate_and_differentiate(x, y, nullptr, workspace, grad_loss, dloss_dy, mode);
  }
  /// The same for weighted pixels.
  ///
  /// @param x, y, workspace, grad_loss, dloss_dy, mode  As above.
  /// @param weight  [images, channels, height, width] as in forward().
  /// @return the loss, as above.
  /// @throws std::invalid_argument as above.
  template <class X, class Y, class W, class G>
  double forward_backward(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace& workspace,
                          GradLoss grad_loss, ImageBatch<G> dloss_dy,
                          GradientMode mode = GradientMode::overwrite) const {
    return with_weights(x, y, weight, [&](WeightReader const* weights) {
      return estimate_and_differentiate(x, y, weights, workspace, grad_loss, dloss_dy, mode);
    });
  }

  /// h, H and alpha of one image in the original m = n^2 kernels: O(m^2) memory, for inspection.
  ///
  /// @param workspace  Filled by forward() of this loss.
  /// @param image      Which image, 0 <= image < images.
  /// @return matrices in host memory.
  /// @throws std::invalid_argument if the workspace was filled by another loss, or there is no such image.
  Statistics statistics(Workspace const& workspace, std::int64_t image) const {
    workspace.record_.require_filled_by(plan_);
    ImageResults const& results = workspace.results_;
    detail::require_image(image, static_cast<std::int64_t>(results.rsmi.size()));
    auto const index = static_cast<std::size_t>(image);
    return statistics_in_original_kernels(*plan_, results.moments.data() + index * plan_->moment_count(),
                                          results.alpha.data() + index * static_cast<std::size_t>(plan_->unknowns()),
                                          results.rsmi[index]);
  }

private:
  /// body(pointer to the weights), if these are a valid batch; null if there are no pixels.
  template <class X, class Y, class W, class Body>
  static auto with_weights(ImageBatch<X> const& x, ImageBatch<Y> const& y, ImageBatch<W> const& weight,
                           Body const& body) {
    detail::require_images(x, y);
    detail::require_weight(x, weight);
    if (x.images == 0 || x.pixels() == 0) {
      return body(static_cast<WeightReader const*>(nullptr));
    }
    WeightReader const weights(weight);
    return body(&weights);
  }

  // From here on images and weights are valid, and `weights` is null where there are none.

  template <class X, class Y>
  double estimate(ImageBatch<X> const& x, ImageBatch<Y> const& y, WeightReader const* weights, Workspace& workspace,
                  bool with_gradient) const {
    workspace.record_.clear();
    ImageResults& results = workspace.results_;
    std::int64_t const pixels = x.pixels();
    results.prepare(static_cast<std::size_t>(pixels == 0 ? 0 : x.images), pixels, *plan_, with_gradient);
    if (!results.rsmi.empty()) {
      ForwardScratch& scratch = workspace.scratch_;
      if (weights != nullptr) {
        weigh_images(instructions_, *weights, pixels, scratch, results);
      }
      if (plan_->basis() == Basis::histogram) {
        histogram_moments(instructions_, plan_->basis_size(), {options(), x}, {options(), y}, weights, pixels, scratch,
                          results);
      } else if (plan_->needs_double(element_type<X>, element_type<Y>)) {
        chebyshev_moments<double>(instructions_, plan_->degree(), {options(), x}, {options(), y}, weights, pixels,
                                  scratch, results);
      } else {
        chebyshev_moments<float>(instructions_, plan_->degree(), {options(), x}, {options(), y}, weights, pixels,
                                 scratch, results);
      }
      solve_images(instructions_, plan_->view(), scratch, results);
    }
    workspace.record_.set(plan_, x, with_gradient, weights != nullptr);
    double sum = 0;
    for (double const rsmi : results.rsmi) {
      sum += rsmi;
    }
    return results.rsmi.empty() ? 0.0 : -sum / static_cast<double>(x.images);
  }

  template <class X, class Y, class G>
  void differentiate_y(ImageBatch<X> const& x, ImageBatch<Y> const& y, WeightReader const* weights,
                       Workspace const& workspace, GradLoss const& grad_loss, ImageBatch<G> const& dloss_dy,
                       GradientMode mode) const {
    require_filled(x, weights, workspace, grad_loss);
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    differentiate(x, y, weights, workspace, grad_loss, dloss_dy, Side::y, mode);
  }

  template <class X, class Y, class G>
  void differentiate_x(ImageBatch<X> const& x, ImageBatch<Y> const& y, WeightReader const* weights,
                       Workspace const& workspace, GradLoss const& grad_loss, ImageBatch<G> const& dloss_dx,
                       GradientMode mode) const {
    require_filled(x, weights, workspace, grad_loss);
    detail::require_gradient(x, "x", dloss_dx, "dloss_dx");
    differentiate(y, x, weights, workspace, grad_loss, dloss_dx, Side::x, mode);
  }

  template <class X, class Y, class GX, class GY>
  void differentiate_xy(ImageBatch<X> const& x, ImageBatch<Y> const& y, WeightReader const* weights,
                        Workspace const& workspace, GradLoss const& grad_loss, ImageBatch<GX> const& dloss_dx,
                        ImageBatch<GY> const& dloss_dy, GradientMode mode) const {
    require_filled(x, weights, workspace, grad_loss);
    detail::require_gradient(x, "x", dloss_dx, "dloss_dx");
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    detail::require_distinct(dloss_dx, dloss_dy);
    differentiate(y, x, weights, workspace, grad_loss, dloss_dx, Side::x, mode);
    differentiate(x, y, weights, workspace, grad_loss, dloss_dy, Side::y, mode);
  }

  template <class X, class Y, class G>
  double estimate_and_differentiate(ImageBatch<X> const& x, ImageBatch<Y> const& y, WeightReader const* weights,
                                    Workspace& workspace, GradLoss const& grad_loss, ImageBatch<G> const& dloss_dy,
                                    GradientMode mode) const {
    grad_loss.require_count(x.images);
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    double const loss = estimate(x, y, weights, workspace, true);
    differentiate(x, y, weights, workspace, grad_loss, dloss_dy, Side::y, mode);
    return loss;
  }

  template <class X>
  void require_filled(ImageBatch<X> const& x, WeightReader const* weights, Workspace const& workspace,
                      GradLoss const& grad_loss) const {
    workspace.record_.require_filled_by(plan_);
    workspace.record_.require_gradient();
    workspace.record_.require_same_batch(x);
    workspace.record_.require_same_weights(weights != nullptr);
    grad_loss.require_count(x.images);
  }

  template <class Fixed, class Differentiated, class G>
  void differentiate(ImageBatch<Fixed> const& fixed, ImageBatch<Differentiated> const& differentiated,
                     WeightReader const* weights, Workspace const& workspace, GradLoss const& grad_loss,
                     ImageBatch<G> const& gradient, Side side, GradientMode mode) const {
    if (workspace.results_.rsmi.empty()) {
      return;
    }
    auto const pass = [&](auto real) {
      using Real = decltype(real);
      differentiate_pixels<Real>(instructions_, *plan_, {options(), fixed}, {options(), differentiated}, weights,
                                 {gradient, mode}, differentiated.pixels(), workspace.results_, side, grad_loss);
    };
    bool const in_double =
      plan_->basis() == Basis::histogram || plan_->needs_double(element_type<Fixed>, element_type<Differentiated>);
    in_double ? pass(0.0) : pass(0.0F);
  }

  std::shared_ptr<Plan const> plan_;
  Instructions instructions_;
};

}  // namespace scc::cpu
