// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The loss of the GPU behind the interface of the CPU's, for images in host memory: what a test asks of one it can so ask of
/// the other.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <scc/diagnostics.hpp>
#include <scc/gpu/loss.hpp>
#include <scc/gpu/statistics.hpp>
#include <scc/gradient_mode.hpp>
#include <scc/image_batch.hpp>
#include <scc/options.hpp>
#include <scc/statistics.hpp>
#include <utility>
#include <vector>

#include "device.hpp"

namespace scc_test {

/// A workspace on the device that is made anew when a batch, or a loss, is not the one it was made for.
class Workspace {
public:
  std::vector<double> const& rsmi() const { return rsmi_; }

  scc::Diagnostics diagnostics() const {
    return device_ == nullptr ? scc::Diagnostics{} : device_->diagnostics(stream());
  }
  scc::Diagnostics diagnostics(std::int64_t image) const {
    return (device_ == nullptr ? moved_from() : *device_).diagnostics(image, stream());
  }

private:
  friend class Loss;

  static scc::gpu::Workspace const& moved_from() {
    static scc::gpu::Workspace const workspace = [] {
      scc::gpu::Workspace moved(scc::gpu::Loss(), 0, stream());
      scc::gpu::Workspace const other(std::move(moved));
      return moved;  // NOLINT(bugprone-use-after-move): one that holds nothing is what is wanted
    }();
    return workspace;
  }

  /// Calls body with the workspace on the device, or with one of this loss that is empty.
  template <class Body>
  auto with_device(scc::gpu::Loss const& loss, Body const& body) const {
    return device_ != nullptr ? body(*device_) : body(scc::gpu::Workspace(loss, 0, stream()));
  }

  std::unique_ptr<scc::gpu::Workspace> device_;
  scc::Plan const* plan_ = nullptr;  // of the loss that the workspace on the device was made for
  std::vector<double> rsmi_;
};

/// scc::cpu::GradLoss for this backend.
class GradLoss {
public:
  GradLoss(double value) : numbers_{static_cast<float>(value)} {}  // NOLINT(google-explicit-constructor)
  GradLoss(double const* values, std::int64_t count) : count_(count), is_one_(false) {
    if (values == nullptr) {
      static_cast<void>(scc::gpu::GradLoss(nullptr, count));
      return;
    }
    std::transform(values, values + std::max<std::int64_t>(count, 0), std::back_inserter(numbers_),
                   [](double value) { return static_cast<float>(value); });
    if (numbers_.empty()) {
      numbers_.push_back(0);  // so that there is memory
    }
  }

  bool is_one() const { return is_one_; }
  std::vector<float> const& numbers() const { return numbers_; }
  scc::gpu::GradLoss on_device(DeviceArray<float> const& numbers) const {
    return is_one_ ? scc::gpu::GradLoss(numbers.data()) : scc::gpu::GradLoss(numbers.data(), count_);
  }

private:
  std::vector<float> numbers_;
  std::int64_t count_ = 1;
  bool is_one_ = true;
};

/// Copies images to the device for each call, and gradients there and back. Images and gradients that are not valid go to
/// the loss on the device as they are, whose checks are those that are tested.
class Loss {
public:
  explicit Loss(scc::Options const& options = {}) : loss_(options) {}
  explicit Loss(scc::Plan plan) : loss_(std::move(plan)) {}

  scc::Options const& options() const { return loss_.options(); }
  scc::Plan const& plan() const { return loss_.plan(); }

  template <class X, class Y>
  double forward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace& workspace) const {
    return estimate(x, y, workspace);
  }
  template <class X, class Y, class W>
  double forward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, scc::ImageBatch<W> weight, Workspace& workspace) const {
    return estimate(x, y, workspace, weight);
  }

  template <class X, class Y>
  double value(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace& workspace) const {
    return evaluate(x, y, workspace);
  }
  template <class X, class Y, class W>
  double value(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, scc::ImageBatch<W> weight, Workspace& workspace) const {
    return evaluate(x, y, workspace, weight);
  }

  template <class X, class Y, class G>
  void backward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace const& workspace, GradLoss const& grad_loss,
                scc::ImageBatch<G> dloss_dy, scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, to_y(dloss_dy, mode));
  }
  template <class X, class Y, class W, class G>
  void backward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, scc::ImageBatch<W> weight, Workspace const& workspace,
                GradLoss const& grad_loss, scc::ImageBatch<G> dloss_dy,
                scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, to_y(dloss_dy, mode), weight);
  }

  template <class X, class Y, class G>
  void backward_x(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace const& workspace, GradLoss const& grad_loss,
                  scc::ImageBatch<G> dloss_dx, scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, to_x(dloss_dx, mode));
  }
  template <class X, class Y, class W, class G>
  void backward_x(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, scc::ImageBatch<W> weight, Workspace const& workspace,
                  GradLoss const& grad_loss, scc::ImageBatch<G> dloss_dx,
                  scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, to_x(dloss_dx, mode), weight);
  }

  template <class X, class Y, class GX, class GY>
  void backward_xy(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace const& workspace, GradLoss const& grad_loss,
                   scc::ImageBatch<GX> dloss_dx, scc::ImageBatch<GY> dloss_dy,
                   scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, to_both(dloss_dx, dloss_dy, mode));
  }
  template <class X, class Y, class W, class GX, class GY>
  void backward_xy(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, scc::ImageBatch<W> weight, Workspace const& workspace,
                   GradLoss const& grad_loss, scc::ImageBatch<GX> dloss_dx, scc::ImageBatch<GY> dloss_dy,
                   scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, to_both(dloss_dx, dloss_dy, mode), weight);
  }

  template <class X, class Y, class G>
  double forward_backward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace& workspace, GradLoss const& grad_loss,
                          scc::ImageBatch<G> dloss_dy, scc::GradientMode mode = scc::GradientMode::overwrite) const {
    return estimate_and_differentiate(x, y, workspace, grad_loss, dloss_dy, mode);
  }
  template <class X, class Y, class W, class G>
  double forward_backward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, scc::ImageBatch<W> weight, Workspace& workspace,
                          GradLoss const& grad_loss, scc::ImageBatch<G> dloss_dy,
                          scc::GradientMode mode = scc::GradientMode::overwrite) const {
    return estimate_and_differentiate(x, y, workspace, grad_loss, dloss_dy, mode, weight);
  }

  scc::Statistics statistics(Workspace const& workspace, std::int64_t image) const {
    return workspace.with_device(loss_, [&](auto const& device) { return loss_.statistics(device, image, stream()); });
  }

private:
  /// Calls body(workspace on the device), which fills it with the batch x, and returns the loss. Another workspace is made
  /// where there is none, or one of another loss or of fewer images.
  template <class X, class Body>
  double with_room_for(scc::ImageBatch<X> const& x, Workspace& workspace, Body const& body) const {
    std::int64_t const images = is_valid(x, Access::read) ? x.images : 0;
    if (workspace.device_ != nullptr && workspace.plan_ == &plan() && images <= workspace.device_->max_images()) {
      body(*workspace.device_);
    } else {
      auto larger = std::make_unique<scc::gpu::Workspace>(loss_, images, stream());
      body(*larger);
      workspace.device_ = std::move(larger);
      workspace.plan_ = &plan();
    }
    workspace.rsmi_ = read_device(workspace.device_->rsmi(), static_cast<std::size_t>(x.pixels() > 0 ? images : 0));
    return read_device(workspace.device_->loss(), 1)[0];
  }

  // From here on `weight` is one batch of weights, or none.

  template <class X, class Y, class... Weight>
  double estimate(scc::ImageBatch<X> const& x, scc::ImageBatch<Y> const& y, Workspace& workspace,
                  Weight const&... weight) const {
    return with_images(
      [&](auto const&... images) {
        return with_room_for(x, workspace,
                             [&](scc::gpu::Workspace& device) { loss_.forward(images..., device, stream()); });
      },
      x, y, weight...);
  }

  template <class X, class Y, class... Weight>
  double evaluate(scc::ImageBatch<X> const& x, scc::ImageBatch<Y> const& y, Workspace& workspace,
                  Weight const&... weight) const {
    return with_images(
      [&](auto const&... images) {
        return with_room_for(x, workspace,
                             [&](scc::gpu::Workspace& device) { loss_.value(images..., device, stream()); });
      },
      x, y, weight...);
  }

  template <class X, class Y, class G, class... Weight>
  double estimate_and_differentiate(scc::ImageBatch<X> const& x, scc::ImageBatch<Y> const& y, Workspace& workspace,
                                    GradLoss const& grad_loss, scc::ImageBatch<G> const& dloss_dy,
                                    scc::GradientMode mode, Weight const&... weight) const {
    DeviceImages<G> const device_dy(dloss_dy, Access::write);
    DeviceArray<float> const numbers(grad_loss.numbers());
    double const loss = with_images(
      [&](auto const&... images) {
        return with_room_for(x, workspace, [&](scc::gpu::Workspace& device) {
          loss_.forward_backward(images..., device, grad_loss.on_device(numbers), 1.0F, device_dy.view(), mode,
                                 stream());
        });
      },
      x, y, weight...);
    device_dy.copy_back();
    return loss;
  }

  /// Calls body(views on the device) of all these batches.
  template <class Body, class... T>
  static auto with_images(Body const& body, scc::ImageBatch<T> const&... images) {
    return [&](DeviceImages<T> const&... on_device) {
      return body(on_device.view()...);
    }(DeviceImages<T>(images, Access::read)...);
  }

  // Calls of the loss that write one gradient or both.

  template <class G>
  auto to_y(scc::ImageBatch<G> const& dloss_dy, scc::GradientMode mode) const {
    return [this, dloss_dy, mode](auto const&... arguments) {
      DeviceImages<G> const device_dy(dloss_dy, Access::write);
      loss_.backward(arguments..., device_dy.view(), mode, stream());
      device_dy.copy_back();
    };
  }

  template <class G>
  auto to_x(scc::ImageBatch<G> const& dloss_dx, scc::GradientMode mode) const {
    return [this, dloss_dx, mode](auto const&... arguments) {
      DeviceImages<G> const device_dx(dloss_dx, Access::write);
      loss_.backward_x(arguments..., device_dx.view(), mode, stream());
      device_dx.copy_back();
    };
  }

  template <class GX, class GY>
  auto to_both(scc::ImageBatch<GX> const& dloss_dx, scc::ImageBatch<GY> const& dloss_dy, scc::GradientMode mode) const {
    return [this, dloss_dx, dloss_dy, mode](auto const&... arguments) {
      if (static_cast<void const*>(dloss_dx.data) == static_cast<void const*>(dloss_dy.data)) {
        return loss_.backward_xy(arguments..., dloss_dx, dloss_dy, mode, stream());  // to be refused, like bad views
      }
      DeviceImages<GX> const device_dx(dloss_dx, Access::write);
      DeviceImages<GY> const device_dy(dloss_dy, Access::write);
      loss_.backward_xy(arguments..., device_dx.view(), device_dy.view(), mode, stream());
      device_dx.copy_back();
      device_dy.copy_back();
    };
  }

  /// Calls body(x, y, weight..., workspace, grad_loss, scale) with arguments on the device. One number of grad_loss goes
  /// there in device memory, in host memory, and as the product of two, in turns.
  template <class X, class Y, class Body, class... Weight>
  void differentiate(scc::ImageBatch<X> const& x, scc::ImageBatch<Y> const& y, Workspace const& workspace,
                     GradLoss const& grad_loss, Body const& body, Weight const&... weight) const {
    std::vector<float> numbers = grad_loss.numbers();
    bool const is_scale = grad_loss.is_one() && turn_ % 3 == 1, is_product = grad_loss.is_one() && turn_ % 3 == 2;
    ++turn_;
    float const scale = is_scale ? numbers[0] : is_product ? 2.0F : 1.0F;
    for (float& number : numbers) {
      number /= scale;
    }
    DeviceArray<float> const on_device(numbers);
    with_images(
      [&](auto const&... images) {
        workspace.with_device(loss_, [&](auto const& device) {
          body(images..., device, is_scale ? scc::gpu::GradLoss(nullptr) : grad_loss.on_device(on_device), scale);
        });
      },
      x, y, weight...);
  }

  static inline unsigned turn_ = 0;

  scc::gpu::Loss loss_;
};

}  // namespace scc_test
