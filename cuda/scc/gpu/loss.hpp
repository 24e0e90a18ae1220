// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The structure consistency loss on the GPU: pixels -> moments -> solve -> gradient. Declarations for any C++17 compiler;
/// the kernels are in loss.cuh, which one translation unit of the program must include and compile with nvcc. The
/// CMake command scc_add_gpu_library() makes a library of that.

#pragma once

#include <array>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <memory>
#include <optional>
#include <scc/detail/checks.hpp>
#include <scc/estimator/gradient_coefficients.hpp>
#include <scc/gradient_mode.hpp>
#include <scc/image_batch.hpp>
#include <scc/plan/plan.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "device_memory.hpp"
#include "device_scope.hpp"
#include "device_state.hpp"
#include "dispatch.hpp"
#include "element_type.hpp"
#include "error.hpp"
#include "grad_loss.hpp"
#include "pixel_view.hpp"
#include "workspace.hpp"

namespace scc {

struct Statistics;

namespace gpu {

/// The loss L = -mean over the images of rSMI (Guo et al., equations 8 and 9), with its exact gradient, as cpu::Loss
/// computes it.
///
/// Immutable; may be copied, and shared between threads and streams that each have a Workspace of their own. Its tables
/// live on one device, and streams, workspaces and pixels are of that device. Any device may be current in a call, and
/// remains so. A loss may be made and destroyed while a stream is captured; but older drivers may refuse to load its
/// kernels if it is the same thread that captures. Graphs: see Workspace for what must live how long.
///
/// Pixels may be float, double, __half, __nv_bfloat16 or std::uint8_t (0..255 stands for the domain), of different types in
/// x and y, in any layout that an ImageBatch can describe. A pixel outside the domain counts as its nearest end, and
/// its gradient is 0. A NaN pixel makes the rSMI and the gradient of its image, and the loss, NaN.
///
/// Pixels may have weights w_j >= 0, such as a mask of 0 and 1, of the same types or bool, in any layout; stride 0 repeats a
/// mask. With the sum W of an image's weights, each mean over pixels is sum_j w_j (...) / W. Only their ratios matter; in the
/// histogram basis with pixels of float, a weight below 2^-33 of the largest one of its image may count as 0. A pixel of
/// weight 0 does not enter, whatever it holds, and its gradient is 0. An image of total weight 0 has rSMI and gradient 0, and
/// still counts in the mean over the images; its h, H and alpha are 0. A negative, infinite or NaN weight makes its image's
/// rSMI and the whole of its gradient, and the loss, NaN. There is no gradient with respect to weights.
///
/// forward(), backward() and their kin only enqueue work on the stream: they do not allocate, wait for the device or read
/// its memory, so they can be captured in a CUDA graph. Results are bitwise the same from run to run on the same device;
/// those of a batch and of its images one by one may differ in rounding.
/// @ingroup loss
class Loss {
public:
  /// Allocates the tables on the device, copies them there, and loads the kernels. Waits for the copy, not for other
  /// work.
  ///
  /// @param options  Parameters of the estimate.
  /// @param device   Number of the device; without it, the one that is current.
  /// @throws std::invalid_argument as Plan does; Error if there is no such device, or a CUDA call fails.
  explicit Loss(Options const& options = {}, std::optional<int> device = std::nullopt) : Loss(Plan(options), device) {}

  /// As above, for a plan made by hand.
  ///
  /// @param plan    Kept, and shared by copies of the loss.
  /// @param device  As above.
  /// @throws Error if there is no such device, or a CUDA call fails.
  explicit Loss(Plan plan, std::optional<int> device = std::nullopt)
      : state_(std::make_shared<DeviceState const>(std::move(plan), device)) {
    DeviceScope const scope(state_->device());
    OutsideCaptures const outside;
    Dispatch<>::load_kernels(*state_);
  }

  /// The parameters of the estimate.
  Options const& options() const { return plan().options(); }
  /// The plan: the basis in use, its size and its error.
  Plan const& plan() const { return state_->plan(); }
  /// Number of the device that the loss works on.
  int device() const { return state_->device(); }

  /// L = -(1/N) sum_n rSMI_n, where rSMI_n = 2 alpha^T h - alpha^T H alpha - 1 (equation 7) of image n, to workspace.loss()
  /// and workspace.rsmi(). Two kernels, and a memset before them in the histogram basis; without images or pixels no kernel,
  /// and L = 0.
  ///
  /// @param x          [images, channels, height, width] input, device memory, values in the domain.
  /// @param y          [images, channels, height, width] translation, likewise.
  /// @param workspace  Made for this loss, or a copy of it, and at least so many images. Receives what the other functions
  ///                   need.
  /// @param stream     Where the work is enqueued; of the loss's device. No synchronisation, no allocation;
  ///                   deterministic.
  /// @throws std::invalid_argument before anything is enqueued, if shapes differ, an extent is negative, data is null
  ///         where there are pixels, or the workspace does not fit; Error if a launch fails, as it does in a stream of
  ///         another device.
  template <class X, class Y>
  void forward(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace, cudaStream_t stream) const {
    detail::require_images(x, y);
    estimate(x, y, nullptr, workspace, true, stream);
  }
  /// The same for weighted pixels. One kernel more, before the others.
  ///
  /// @param x, y, workspace, stream  As above.
  /// @param weight                   [images, channels, height, width] device memory, >= 0 and finite.
  /// @throws std::invalid_argument and Error as above.
  template <class X, class Y, class W>
  void forward(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace& workspace,
               cudaStream_t stream) const {
    with_weight(x, y, weight, [&](PixelView const* view) { estimate(x, y, view, workspace, true, stream); });
  }

  /// The same numbers as forward(), without what a gradient needs: afterwards backward() and its kin refuse the workspace,
  /// until the next forward().
  ///
  /// @param x, y, workspace  As for forward(), device memory.
  /// @param stream           Where the work is enqueued, as for forward(). No synchronisation, no allocation;
  ///                         deterministic.
  /// @throws std::invalid_argument and Error as forward() does.
  template <class X, class Y>
  void value(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace, cudaStream_t stream) const {
    detail::require_images(x, y);
    estimate(x, y, nullptr, workspace, false, stream);
  }
  /// The same for weighted pixels.
  ///
  /// @param x, y, workspace, stream  As above.
  /// @param weight                   As for forward().
  /// @throws std::invalid_argument and Error as forward() does.
  template <class X, class Y, class W>
  void value(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace& workspace, cudaStream_t stream) const {
    with_weight(x, y, weight, [&](PixelView const* view) { estimate(x, y, view, workspace, false, stream); });
  }

  /// dloss_dy = grad_loss * scale * dL/dy, where L and the moments are those of the workspace's last forward pass with the
  /// same x and y. Exact: alpha is differentiated too. One kernel.
  ///
  ///     dL/dy_j = -(1 / (N M)) sum_ab G_ab b_a(x_j) b_b'(y_j),   G_ab = d rSMI / d M_ab       (docs/mathematics.md)
  ///
  /// @param x          [images, channels, height, width] as passed to forward(), device memory.
  /// @param y          [images, channels, height, width] as passed to forward(), device memory.
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed.
  /// @param grad_loss  Gradient of the final objective with respect to L, in device memory: one number, null for 1, or one
  ///                   for each image.
  /// @param scale      A further factor: the weight of this loss, a loss scale.
  /// @param dloss_dy   [images, channels, height, width] out, device memory; float, double, __half or __nv_bfloat16.
  ///                   Elements must not overlap each other, x or y.
  /// @param mode       Overwrite dloss_dy or add to it.
  /// @param stream     The stream of the forward pass, or one that waits for it. No synchronisation, no allocation;
  ///                   deterministic.
  /// @throws std::invalid_argument before anything is enqueued, if shapes differ, a view is not valid, dloss_dy overlaps
  ///         itself, the workspace was not filled by this loss with a batch of this shape, with weights if there are some
  ///         now, or there are numbers in grad_loss for another number of images; Error if a launch fails, as it does in a
  ///         stream of another device.
  template <class X, class Y, class G>
  void backward(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, GradLoss grad_loss, float scale,
                ImageBatch<G> dloss_dy, GradientMode mode, cudaStream_t stream) const {
    detail::require_images(x, y);
    differentiate_y(x, y, nullptr, workspace, grad_loss, scale, dloss_dy, mode, stream);
  }
  /// The same for weighted pixels: w_j / W takes the place of 1 / M, where W is the sum of an image's weights.
  ///
  /// @param x, y, workspace, grad_loss, scale, dloss_dy, mode, stream  As above.
  /// @param weight  [images, channels, height, width] as passed to forward(), device memory.
  /// @throws std::invalid_argument and Error as above.
  template <class X, class Y, class W, class G>
  void backward(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace const& workspace, GradLoss grad_loss,
                float scale, ImageBatch<G> dloss_dy, GradientMode mode, cudaStream_t stream) const {
    with_weight(x, y, weight, [&](PixelView const* view) {
      differentiate_y(x, y, view, workspace, grad_loss, scale, dloss_dy, mode, stream);
    });
  }

  /// forward() and backward() in one call that checks everything before it enqueues anything. Three kernels.
  ///
  /// @param x, y       [images, channels, height, width] as for forward(), device memory.
  /// @param workspace  As for forward().
  /// @param grad_loss  As for backward(); read behind the forward pass.
  /// @param scale      A further factor.
  /// @param dloss_dy   [images, channels, height, width] out, as for backward().
  /// @param mode       Overwrite dloss_dy or add to it.
  /// @param stream     Where the work is enqueued. No synchronisation, no allocation; deterministic.
  /// @throws std::invalid_argument as forward() and backward() do; Error if a launch fails.
  template <class X, class Y, class G>
  void forward_backward(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace, GradLoss grad_loss, float scale,
                        ImageBatch<G> dloss_dy, GradientMode mode, cudaStream_t stream) const {
    detail::require_images(x, y);
    estimate_and_differentiate(x, y, nullptr, workspace, grad_loss, scale, dloss_dy, mode, stream);
  }
  /// The same for weighted pixels. Four kernels.
  ///
  /// @param x, y, workspace, grad_loss, scale, dloss_dy, mode, stream  As above.
  /// @param weight  [images, channels, height, width] as for forward(), device memory.
  /// @throws std::invalid_argument and Error as above.
  template <class X, class Y, class W, class G>
  void forward_backward(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace& workspace,
                        GradLoss grad_loss, float scale, ImageBatch<G> dloss_dy, GradientMode mode,
                        cudaStream_t stream) const {
    with_weight(x, y, weight, [&](PixelView const* view) {
      estimate_and_differentiate(x, y, view, workspace, grad_loss, scale, dloss_dy, mode, stream);
    });
  }

  /// dloss_dx = grad_loss * scale * dL/dx; otherwise as backward().
  ///
  /// @param x, y       [images, channels, height, width] as passed to forward(), device memory.
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed.
  /// @param grad_loss  As for backward().
  /// @param scale      A further factor.
  /// @param dloss_dx   [images, channels, height, width] out, device memory; elements must not overlap each other, x or y.
  /// @param mode       Overwrite dloss_dx or add to it.
  /// @param stream     As in backward().
  /// @throws std::invalid_argument and Error as backward() does.
  template <class X, class Y, class G>
  void backward_x(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, GradLoss grad_loss, float scale,
                  ImageBatch<G> dloss_dx, GradientMode mode, cudaStream_t stream) const {
    detail::require_images(x, y);
    differentiate_x(x, y, nullptr, workspace, grad_loss, scale, dloss_dx, mode, stream);
  }
  /// The same for weighted pixels, as backward().
  ///
  /// @param x, y, workspace, grad_loss, scale, dloss_dx, mode, stream  As above.
  /// @param weight  [images, channels, height, width] as passed to forward(), device memory.
  /// @throws std::invalid_argument and Error as backward() does.
  template <class X, class Y, class W, class G>
  void backward_x(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace const& workspace,
                  GradLoss grad_loss, float scale, ImageBatch<G> dloss_dx, GradientMode mode,
                  cudaStream_t stream) const {
    with_weight(x, y, weight, [&](PixelView const* view) {
      differentiate_x(x, y, view, workspace, grad_loss, scale, dloss_dx, mode, stream);
    });
  }

  /// Both gradients, in two kernels; otherwise as backward().
  ///
  /// @param x, y       [images, channels, height, width] as passed to forward(), device memory.
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed.
  /// @param grad_loss  As for backward().
  /// @param scale      A further factor.
  /// @param dloss_dx   [images, channels, height, width] out, device memory; elements must not overlap each other,
  ///                   dloss_dy, x or y.
  /// @param dloss_dy   [images, channels, height, width] out; likewise.
  /// @param mode       Overwrite both or add to them.
  /// @param stream     As in backward().
  /// @throws std::invalid_argument as backward() does, and if both gradients start at the same address; Error if a launch
  ///         fails.
  template <class X, class Y, class GX, class GY>
  void backward_xy(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, GradLoss grad_loss, float scale,
                   ImageBatch<GX> dloss_dx, ImageBatch<GY> dloss_dy, GradientMode mode, cudaStream_t stream) const {
    detail::require_images(x, y);
    differentiate_xy(x, y, nullptr, workspace, grad_loss, scale, dloss_dx, dloss_dy, mode, stream);
  }
  /// The same for weighted pixels, as backward().
  ///
  /// @param x, y, workspace, grad_loss, scale, dloss_dx, dloss_dy, mode, stream  As above.
  /// @param weight  [images, channels, height, width] as passed to forward(), device memory.
  /// @throws std::invalid_argument and Error as above.
  template <class X, class Y, class W, class GX, class GY>
  void backward_xy(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight, Workspace const& workspace,
                   GradLoss grad_loss, float scale, ImageBatch<GX> dloss_dx, ImageBatch<GY> dloss_dy, GradientMode mode,
                   cudaStream_t stream) const {
    with_weight(x, y, weight, [&](PixelView const* view) {
      differentiate_xy(x, y, view, workspace, grad_loss, scale, dloss_dx, dloss_dy, mode, stream);
    });
  }

  /// h, H and alpha of one image in the original m = n^2 kernels, for inspection. Defined in <scc/gpu/statistics.hpp>, which
  /// needs Eigen. Waits for `stream`, which must be that of the forward pass or wait for it.
  ///
  /// @param workspace  Filled by forward() of this loss.
  /// @param image      Which image, 0 <= image < images.
  /// @param stream     Is waited for.
  /// @return matrices in host memory, O(m^2).
  /// @throws std::invalid_argument if the workspace was filled by another loss, or there is no such image; Error if a CUDA
  ///         call fails.
  Statistics statistics(Workspace const& workspace, std::int64_t image, cudaStream_t stream) const;

private:
  friend class Workspace;

  /// That the workspace was made for this loss.
  void require_own(Workspace const& workspace) const {
    if (workspace.state_ == state_) {
      return;
    }
    if (workspace.state_ != nullptr && workspace.state_->device() != device()) {
      throw std::invalid_argument("scc: the workspace was made for a loss on device " +
                                  std::to_string(workspace.state_->device()) + " but this loss is on device " +
                                  std::to_string(device()));
    }
    throw std::invalid_argument("scc: the workspace was made for another loss");
  }

  void require_filled(Workspace const& workspace) const {
    require_own(workspace);
    workspace.record_.require_filled_by(state_);
  }

  /// body(view of the weights), if these are a valid batch.
  template <class X, class Y, class W, class Body>
  static void with_weight(ImageBatch<X> const& x, ImageBatch<Y> const& y, ImageBatch<W> const& weight,
                          Body const& body) {
    detail::require_images(x, y);
    detail::require_weight(x, weight);
    PixelView const view = pixel_view(weight);
    body(&view);
  }

  // From here on images and weights are valid, and `weight` is null where there are none.

  template <class X>
  void require_room(ImageBatch<X> const& x, Workspace const& workspace) const {
    require_own(workspace);
    if (x.images > workspace.max_images_) {
      throw std::invalid_argument("scc: the batch has " + std::to_string(x.images) +
                                  " images but the workspace is for at most " + std::to_string(workspace.max_images_));
    }
  }

  template <class X>
  void require_same_batch(ImageBatch<X> const& x, PixelView const* weight, Workspace const& workspace,
                          GradLoss const& grad_loss) const {
    require_filled(workspace);
    workspace.record_.require_gradient();
    workspace.record_.require_same_batch(x);
    workspace.record_.require_same_weights(weight != nullptr);
    grad_loss.require_count(x.images);
  }

  template <class X, class Y>
  void estimate(ImageBatch<X> const& x, ImageBatch<Y> const& y, PixelView const* weight, Workspace& workspace,
                bool with_gradient, cudaStream_t stream) const {
    require_room(x, workspace);
    DeviceScope const scope(device());
    workspace.record_.clear();
    if (x.images == 0 || x.pixels() == 0) {
      check(cudaMemsetAsync(workspace.view_.loss, 0, sizeof(double), stream), "cudaMemsetAsync");
      check(cudaMemsetAsync(workspace.view_.loss_float, 0, sizeof(float), stream), "cudaMemsetAsync");
    } else {
      ForwardPass pass{};
      pass.x = pixel_view(x);
      pass.y = pixel_view(y);
      pass.images = x.images;
      pass.pixels = x.pixels();
      pass.workspace = workspace.view_;
      pass.with_gradient = with_gradient;
      AxisOrder const axes = axis_order(detail::extents(x), pass.y);
      pass.shape = collapse_views(detail::extents(x), axes, std::array<PixelView*, 2>{&pass.x, &pass.y});
      if (weight != nullptr) {
        pass.has_weight = true;
        pass.weight = collapse_weights(detail::extents(x), axes, *weight);
        pass.weights = weight_pass(detail::extents(x), *weight);
      }
      Dispatch<>::forward(*state_, pass, stream);
    }
    workspace.record_.set(state_, x, with_gradient, weight != nullptr);
  }

  template <class X, class Y, class G>
  void differentiate_y(ImageBatch<X> const& x, ImageBatch<Y> const& y, PixelView const* weight,
                       Workspace const& workspace, GradLoss const& grad_loss, float scale,
                       ImageBatch<G> const& dloss_dy, GradientMode mode, cudaStream_t stream) const {
    require_same_batch(x, weight, workspace, grad_loss);
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    differentiate(x, y, weight, workspace, grad_loss, scale, dloss_dy, Side::y, mode, stream);
  }

  template <class X, class Y, class G>
  void differentiate_x(ImageBatch<X> const& x, ImageBatch<Y> const& y, PixelView const* weight,
                       Workspace const& workspace, GradLoss const& grad_loss, float scale,
                       ImageBatch<G> const& dloss_dx, GradientMode mode, cudaStream_t stream) const {
    require_same_batch(x, weight, workspace, grad_loss);
    detail::require_gradient(x, "x", dloss_dx, "dloss_dx");
    differentiate(y, x, weight, workspace, grad_loss, scale, dloss_dx, Side::x, mode, stream);
  }

  template <class X, class Y, class GX, class GY>
  void differentiate_xy(ImageBatch<X> const& x, ImageBatch<Y> const& y, PixelView const* weight,
                        Workspace const& workspace, GradLoss const& grad_loss, float scale,
                        ImageBatch<GX> const& dloss_dx, ImageBatch<GY> const& dloss_dy, GradientMode mode,
                        cudaStream_t stream) const {
    require_same_batch(x, weight, workspace, grad_loss);
    detail::require_gradient(x, "x", dloss_dx, "dloss_dx");
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    detail::require_distinct(dloss_dx, dloss_dy);
    differentiate(y, x, weight, workspace, grad_loss, scale, dloss_dx, Side::x, mode, stream);
    differentiate(x, y, weight, workspace, grad_loss, scale, dloss_dy, Side::y, mode, stream);
  }

  template <class X, class Y, class G>
  void estimate_and_differentiate(ImageBatch<X> const& x, ImageBatch<Y> const& y, PixelView const* weight,
                                  Workspace& workspace, GradLoss const& grad_loss, float scale,
                                  ImageBatch<G> const& dloss_dy, GradientMode mode, cudaStream_t stream) const {
    grad_loss.require_count(x.images);
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    estimate(x, y, weight, workspace, true, stream);
    differentiate(x, y, weight, workspace, grad_loss, scale, dloss_dy, Side::y, mode, stream);
  }

  template <class Fixed, class Differentiated, class G>
  void differentiate(ImageBatch<Fixed> const& fixed, ImageBatch<Differentiated> const& differentiated,
                     PixelView const* weight, Workspace const& workspace, GradLoss const& grad_loss, float scale,
                     ImageBatch<G> const& gradient, Side side, GradientMode mode, cudaStream_t stream) const {
    if (workspace.record_.images() == 0) {
      return;
    }
    DeviceScope const scope(device());
    std::int64_t const images = differentiated.images, pixels = differentiated.pixels();
    // With weights a kernel divides by their sum.
    double const factor =
      static_cast<double>(scale) * gradient_factor(options(), images, weight == nullptr ? pixels : 1);
    BackwardPass pass{pixel_view(fixed),
                      pixel_view(differentiated),
                      pixel_view(gradient),
                      {},
                      images,
                      pixels,
                      side,
                      mode,
                      factor,
                      grad_loss,
                      workspace.view_,
                      weight != nullptr,
                      {}};
    AxisOrder const axes = axis_order(detail::extents(fixed), pass.gradient);
    pass.shape = collapse_views(detail::extents(fixed), axes,
                                std::array<PixelView*, 3>{&pass.fixed, &pass.differentiated, &pass.gradient});
    if (weight != nullptr) {
      pass.weight = collapse_weights(detail::extents(fixed), axes, *weight);
    }
    Dispatch<>::backward(*state_, pass, stream);
  }

  std::shared_ptr<DeviceState const> state_;
};

inline std::size_t Workspace::bytes(Loss const& loss, std::int64_t max_images) {
  return bytes(*loss.state_, max_images);
}

inline Workspace::Workspace(Loss const& loss, std::int64_t max_images, cudaStream_t stream)
    : state_(loss.state_),
      max_images_(max_images),
      owned_(bytes(*state_, max_images), state_->device(), stream) {
  view_.carve(*state_, max_images, static_cast<unsigned char*>(owned_.data()));
}

inline Workspace::Workspace(Loss const& loss, std::int64_t max_images, void* memory, std::size_t memory_bytes)
    : state_(loss.state_),
      max_images_(max_images) {
  std::size_t const needed = bytes(*state_, max_images);
  if (memory == nullptr || memory_bytes < needed) {
    throw std::invalid_argument("scc: the workspace has " + std::to_string(memory == nullptr ? 0 : memory_bytes) +
                                " bytes but needs " + std::to_string(needed) + " for " + std::to_string(max_images) +
                                " images");
  }
  if (reinterpret_cast<std::uintptr_t>(memory) % WorkspaceView::alignment != 0) {
    throw std::invalid_argument("scc: the workspace's memory is not aligned to " +
                                std::to_string(WorkspaceView::alignment) + " bytes");
  }
  if (int const device = device_of(memory); device >= 0 && device != loss.device()) {
    throw std::invalid_argument("scc: the workspace's memory is on device " + std::to_string(device) +
                                " but the loss is on device " + std::to_string(loss.device()));
  }
  view_.carve(*state_, max_images, static_cast<unsigned char*>(memory));
}

}  // namespace gpu

}  // namespace scc
