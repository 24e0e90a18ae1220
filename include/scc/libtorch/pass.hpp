// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// One call of the loss on tensors, on the device where they are, as the graph of autograd keeps it.

#pragma once

#include <ATen/ATen.h>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <torch/custom_class.h>
#include <utility>
#include <vector>

#include "../cpu/loss.hpp"
#include "tensors.hpp"

// The part for CUDA needs both: scc's kernels, which scc_add_gpu_library() of CMake makes a library of that defines
// SCC_HAS_GPU, and a LibTorch that was built with CUDA, which has this file.
#if defined(SCC_HAS_GPU) && __has_include(<c10/cuda/impl/cuda_cmake_macros.h>)
/// Defined where CUDA tensors can be worked on.
#define SCC_LIBTORCH_CUDA 1
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <optional>
#include <scc/gpu/loss.hpp>
/// Name of the inline namespace of what differs with the part for CUDA.
#define SCC_LIBTORCH_PARTS for_cpu_and_cuda
#else
#define SCC_LIBTORCH_PARTS for_cpu
#endif

namespace scc::libtorch {

// Units of one program with and without the part for CUDA must not take the classes of one for those of the other.
inline namespace SCC_LIBTORCH_PARTS {

/// The losses of one set of options: on the CPU, and on each CUDA device that has had tensors. May be used by many threads.
class DeviceLosses {
public:
  /// @throws std::invalid_argument as Plan does.
  explicit DeviceLosses(Options const& options) : cpu_(options) {}

  /// The loss on the CPU.
  cpu::Loss const& cpu() const { return cpu_; }

#ifdef SCC_LIBTORCH_CUDA
  /// The loss on the CUDA device of this number; made, with a wait for the copy of its tables, on its first use.
  gpu::Loss cuda(std::size_t device) const {
    std::lock_guard<std::mutex> const lock(mutex_);
    if (cuda_.size() <= device) {
      cuda_.resize(device + 1);
    }
    if (!cuda_[device]) {
      cuda_[device].emplace(cpu_.plan(), static_cast<int>(device));
    }
    return *cuda_[device];
  }

private:
  mutable std::mutex mutex_;
  mutable std::vector<std::optional<gpu::Loss>> cuda_;
#endif

private:
  cpu::Loss cpu_;
};

/// A forward pass and what its backward passes need.
class Pass : public torch::CustomClassHolder {
public:
  /// L = -mean rSMI, a scalar of loss_type(), and rSMI of each image, [N] double.
  struct Results {
    at::Tensor loss;  ///< On the device of the pass
    at::Tensor rsmi;  ///< Likewise
  };

  /// The loss of a batch; keeps what backward() needs.
  ///
  /// @param x, y    Of the same shape, on the device of the pass.
  /// @param weight  As with_shape_of() makes it, or undefined.
  virtual Results forward(at::Tensor const& x, at::Tensor const& y, at::Tensor const& weight) = 0;

  /// The gradients *grad_loss dL/dx and *grad_loss dL/dy, if they are wanted, in this order.
  ///
  /// @param x, y, weight      As passed to forward().
  /// @param grad_loss         Scalar, or [N] with a number c_n for each image, as cpu::GradLoss has them; dense, float or
  ///                          double, on the device of the pass.
  /// @param wants_x, wants_y  Which gradients are wanted.
  virtual std::vector<at::Tensor> backward(at::Tensor const& x, at::Tensor const& y, at::Tensor const& weight,
                                           at::Tensor const& grad_loss, bool wants_x, bool wants_y) const = 0;
};

/// A pass on the CPU.
class CpuPass : public Pass {
public:
  /// @param losses  Those to use.
  explicit CpuPass(std::shared_ptr<DeviceLosses const> losses) : losses_(std::move(losses)) {}

  Results forward(at::Tensor const& x, at::Tensor const& y, at::Tensor const& weight) override {
    ImageAxes const axes(x, y, weight);
    double loss = 0;
    with_element_types(x, y, [&](auto x_element, auto y_element) {
      auto const x_view = axes.view<decltype(x_element) const>(x);
      auto const y_view = axes.view<decltype(y_element) const>(y);
      axes.with_weights(
        weight, [&](auto const&... weights) { loss = losses_->cpu().forward(x_view, y_view, weights..., workspace_); });
    });
    auto const options = y.options().dtype(at::kDouble);
    // Images without pixels have no rSMI in a workspace; they count as 0, as the loss does.
    at::Tensor const rsmi = at::zeros({x.dim() == 3 ? 1 : x.size(0)}, options);
    std::copy(workspace_.rsmi().begin(), workspace_.rsmi().end(), rsmi.data_ptr<double>());
    return {at::full({}, loss, options.dtype(loss_type(x.scalar_type(), y.scalar_type()))), rsmi};
  }

  std::vector<at::Tensor> backward(at::Tensor const& x, at::Tensor const& y, at::Tensor const& weight,
                                   at::Tensor const& grad_loss, bool wants_x, bool wants_y) const override {
    ImageAxes const axes(x, y, weight);
    at::Tensor const numbers = grad_loss.to(at::kDouble);
    auto const* const values = numbers.data_ptr<double>();
    cpu::GradLoss const factors = numbers.dim() == 0 ? cpu::GradLoss(*values) : cpu::GradLoss(values, numbers.numel());
    std::vector<at::Tensor> gradients;
    with_element_types(x, y, [&](auto x_element, auto y_element) {
      using X = decltype(x_element);
      using Y = decltype(y_element);
      auto const x_view = axes.view<X const>(x);
      auto const y_view = axes.view<Y const>(y);
      if constexpr (is_gradient_type<X>) {
        if (wants_x) {
          gradients.push_back(axes.empty_gradient(x));
          axes.with_weights(weight, [&](auto const&... weights) {
            losses_->cpu().backward_x(x_view, y_view, weights..., workspace_, factors, axes.view<X>(gradients.back()));
          });
        }
      }
      if (wants_y) {
        gradients.push_back(axes.empty_gradient(y));
        axes.with_weights(weight, [&](auto const&... weights) {
          losses_->cpu().backward(x_view, y_view, weights..., workspace_, factors, axes.view<Y>(gradients.back()));
        });
      }
    });
    return gradients;
  }

private:
  /// Calls body(X(), Y()) for the element types, which are the same unless x is bytes.
  template <class Body>
  static void with_element_types(at::Tensor const& x, at::Tensor const& y, Body const& body) {
    with_element_type(y.scalar_type(), [&](auto y_element) {
      if constexpr (is_gradient_type<decltype(y_element)>) {
        if (x.scalar_type() == at::kByte) {
          body(std::uint8_t(), y_element);
        } else {
          body(y_element, y_element);
        }
      }
    });
  }

  std::shared_ptr<DeviceLosses const> losses_;
  cpu::Workspace workspace_;
};

#ifdef SCC_LIBTORCH_CUDA

/// A pass on a CUDA device, on its current stream, in memory of LibTorch's allocator.
class CudaPass : public Pass {
public:
  /// @param losses  Those to use.
  explicit CudaPass(std::shared_ptr<DeviceLosses const> losses) : losses_(std::move(losses)) {}

  Results forward(at::Tensor const& x, at::Tensor const& y, at::Tensor const& weight) override {
    c10::DeviceGuard const guard(y.device());
    ImageAxes const axes(x, y, weight);
    std::int64_t const images = x.dim() == 3 ? 1 : x.size(0);
    loss_.emplace(losses_->cuda(static_cast<std::size_t>(y.get_device())));
    auto const bytes = gpu::Workspace::bytes(*loss_, images);
    auto const options = y.options();
    memory_ = at::empty({static_cast<std::int64_t>(bytes)}, options.dtype(at::kByte));
    workspace_.emplace(*loss_, images, memory_.data_ptr(), bytes);
    with_element_type(x.scalar_type(), [&](auto x_element) {
      with_element_type(y.scalar_type(), [&](auto y_element) {
        auto const x_view = axes.view<decltype(x_element) const>(x);
        auto const y_view = axes.view<decltype(y_element) const>(y);
        axes.with_weights(
          weight, [&](auto const&... weights) { loss_->forward(x_view, y_view, weights..., *workspace_, stream(y)); });
      });
    });
    auto const type = loss_type(x.scalar_type(), y.scalar_type());
    void const* const loss = type == at::kDouble ? static_cast<void const*>(workspace_->loss())
                                                 : static_cast<void const*>(workspace_->loss_float());
    bool const has_pixels = x.numel() > 0;
    return {copy_of(loss, {}, options.dtype(type)),
            has_pixels ? copy_of(workspace_->rsmi(), {images}, options.dtype(at::kDouble))
                       : at::zeros({images}, options.dtype(at::kDouble))};
  }

  std::vector<at::Tensor> backward(at::Tensor const& x, at::Tensor const& y, at::Tensor const& weight,
                                   at::Tensor const& grad_loss, bool wants_x, bool wants_y) const override {
    c10::DeviceGuard const guard(y.device());
    ImageAxes const axes(x, y, weight);
    // The kernels take floats; doubles are multiplied with what they make for 1.
    bool const is_double = grad_loss.scalar_type() == at::kDouble;
    auto const* const values = is_double ? nullptr : static_cast<float const*>(grad_loss.data_ptr());
    gpu::GradLoss const factors =
      is_double || grad_loss.dim() == 0 ? gpu::GradLoss(values) : gpu::GradLoss(values, grad_loss.numel());
    std::vector<at::Tensor> gradients;
    with_element_type(x.scalar_type(), [&](auto x_element) {
      with_element_type(y.scalar_type(), [&](auto y_element) {
        using X = decltype(x_element);
        using Y = decltype(y_element);
        auto const x_view = axes.view<X const>(x);
        auto const y_view = axes.view<Y const>(y);
        if constexpr (is_gradient_type<X>) {
          if (wants_x) {
            gradients.push_back(axes.empty_gradient(x));
            axes.with_weights(weight, [&](auto const&... weights) {
              loss_->backward_x(x_view, y_view, weights..., *workspace_, factors, 1.0F, axes.view<X>(gradients.back()),
                                GradientMode::overwrite, stream(x));
            });
          }
        }
        if constexpr (is_gradient_type<Y>) {
          if (wants_y) {
            gradients.push_back(axes.empty_gradient(y));
            axes.with_weights(weight, [&](auto const&... weights) {
              loss_->backward(x_view, y_view, weights..., *workspace_, factors, 1.0F, axes.view<Y>(gradients.back()),
                              GradientMode::overwrite, stream(y));
            });
          }
        }
      });
    });
    if (is_double) {
      for (auto& gradient : gradients) {
        std::vector<std::int64_t> sizes(static_cast<std::size_t>(gradient.dim()), 1);
        sizes[0] = grad_loss.numel();
        gradient.mul_(grad_loss.view(sizes));
      }
    }
    return gradients;
  }

private:
  static cudaStream_t stream(at::Tensor const& tensor) {
    return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(tensor.get_device())).stream();
  }

  /// A result in the workspace as a tensor of its own: who keeps it for a log should not keep the workspace.
  static at::Tensor copy_of(void const* data, at::IntArrayRef sizes, at::TensorOptions const& options) {
    auto const in_workspace =
      at::for_blob(const_cast<void*>(data), sizes).options(options).target_device(options.device()).make_tensor();
    return in_workspace.clone();
  }

  std::shared_ptr<DeviceLosses const> losses_;
  std::optional<gpu::Loss> loss_;
  at::Tensor memory_;
  std::optional<gpu::Workspace> workspace_;
};

#endif

/// A pass for tensors on this device.
///
/// @param losses  Those to use.
/// @param device  Of the tensors.
/// @throws std::invalid_argument if the loss cannot work there.
inline c10::intrusive_ptr<Pass> make_pass(std::shared_ptr<DeviceLosses const> losses, at::Device const& device) {
  if (device.is_cpu()) {
    return c10::make_intrusive<CpuPass>(std::move(losses));
  }
  if (device.is_cuda()) {
#ifdef SCC_LIBTORCH_CUDA
    return c10::make_intrusive<CudaPass>(std::move(losses));
#else
    throw std::invalid_argument("scc: the tensors are on " + device.str() +
                                " but this program was built without scc's kernels; in its CMakeLists.txt add "
                                "scc_add_gpu_library(scc_gpu), and link "
                                "scc_gpu beside scc::libtorch");
#endif
  }
  throw std::invalid_argument("scc: the tensors are on " + device.str() + ", must be on a CPU or CUDA device");
}

}  // namespace SCC_LIBTORCH_PARTS

}  // namespace scc::libtorch
