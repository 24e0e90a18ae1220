// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The loss of the GPU behind the interface of the CPU's, for images in host memory: what a test asks of one it can so ask of
/// the other.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
    DeviceImages<X> const device_x(x, Access::read);
    DeviceImages<Y> const device_y(y, Access::read);
    return with_room_for(x, workspace, [&](scc::gpu::Workspace& device) {
      loss_.forward(device_x.view(), device_y.view(), device, stream());
    });
  }

  template <class X, class Y, class G>
  void backward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace const& workspace, double grad_loss,
                scc::ImageBatch<G> dloss_dy, scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, [&](auto const&... arguments) {
      DeviceImages<G> const device_dy(dloss_dy, Access::write);
      loss_.backward(arguments..., device_dy.view(), mode, stream());
      device_dy.copy_back();
    });
  }

  template <class X, class Y, class G>
  void backward_x(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace const& workspace, double grad_loss,
                  scc::ImageBatch<G> dloss_dx, scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, [&](auto const&... arguments) {
      DeviceImages<G> const device_dx(dloss_dx, Access::write);
      loss_.backward_x(arguments..., device_dx.view(), mode, stream());
      device_dx.copy_back();
    });
  }

  template <class X, class Y, class GX, class GY>
  void backward_xy(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace const& workspace, double grad_loss,
                   scc::ImageBatch<GX> dloss_dx, scc::ImageBatch<GY> dloss_dy,
                   scc::GradientMode mode = scc::GradientMode::overwrite) const {
    differentiate(x, y, workspace, grad_loss, [&](auto const&... arguments) {
      if (static_cast<void const*>(dloss_dx.data) == static_cast<void const*>(dloss_dy.data)) {
        return loss_.backward_xy(arguments..., dloss_dx, dloss_dy, mode, stream());  // to be refused, like bad views
      }
      DeviceImages<GX> const device_dx(dloss_dx, Access::write);
      DeviceImages<GY> const device_dy(dloss_dy, Access::write);
      loss_.backward_xy(arguments..., device_dx.view(), device_dy.view(), mode, stream());
      device_dx.copy_back();
      device_dy.copy_back();
    });
  }

  template <class X, class Y, class G>
  double forward_backward(scc::ImageBatch<X> x, scc::ImageBatch<Y> y, Workspace& workspace, double grad_loss,
                          scc::ImageBatch<G> dloss_dy, scc::GradientMode mode = scc::GradientMode::overwrite) const {
    DeviceImages<X> const device_x(x, Access::read);
    DeviceImages<Y> const device_y(y, Access::read);
    DeviceImages<G> const device_dy(dloss_dy, Access::write);
    DeviceArray<float> const weight({static_cast<float>(grad_loss)});
    double const loss = with_room_for(x, workspace, [&](scc::gpu::Workspace& device) {
      loss_.forward_backward(device_x.view(), device_y.view(), device, weight.data(), 1.0F, device_dy.view(), mode,
                             stream());
    });
    device_dy.copy_back();
    return loss;
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

  /// Calls body(x, y, workspace, grad_loss, scale) with arguments on the device. The weight goes there as a number in
  /// device memory, as a number in host memory, and as the product of two, in turns.
  template <class X, class Y, class Body>
  void differentiate(scc::ImageBatch<X> const& x, scc::ImageBatch<Y> const& y, Workspace const& workspace,
                     double grad_loss, Body const& body) const {
    auto const weight = static_cast<float>(grad_loss);
    DeviceImages<X> const device_x(x, Access::read);
    DeviceImages<Y> const device_y(y, Access::read);
    workspace.with_device(loss_, [&](auto const& device) {
      switch (turn_++ % 3) {
        case 0:
          body(device_x.view(), device_y.view(), device, DeviceArray<float>({weight}).data(), 1.0F);
          break;
        case 1:
          body(device_x.view(), device_y.view(), device, nullptr, weight);
          break;
        default:
          body(device_x.view(), device_y.view(), device, DeviceArray<float>({weight / 2}).data(), 2.0F);
          break;
      }
    });
  }

  static inline unsigned turn_ = 0;

  scc::gpu::Loss loss_;
};

}  // namespace scc_test
