// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The structure consistency loss as a term of a LibTorch trainer, for tensors on the CPU and on CUDA devices:
///
///     scc::libtorch::SccLoss structure_loss;
///     auto loss = adversarial + weight * structure_loss(input, translation);
///     loss.backward();
///
/// For any C++17 compiler and LibTorch from 1.13 on. docs/libtorch.md says how to add it to a trainer.

#pragma once

#if !__has_include(<torch/torch.h>)
#error "scc/libtorch.hpp needs LibTorch: find_package(Torch REQUIRED) and link scc::libtorch"
#endif

#include <memory>
#include <ostream>
#include <stdexcept>
#include <torch/torch.h>
#include <utility>

#include "libtorch/pass.hpp"
#include "options.hpp"

namespace scc::libtorch {

inline namespace SCC_LIBTORCH_PARTS {

/// A weight as with_shape_of() makes it, or undefined: no input of a step of the graph may be an undefined tensor, but any
/// other object.
struct Weight {
  torch::Tensor tensor;  ///< Without a gradient
};

/// The gradients of a pass, as a step of the graph of its own: its derivative, which nobody computes, is an error and not a
/// constant.
class SccGradient : public torch::autograd::Function<SccGradient> {
public:
  /// The gradients that are wanted, as Pass::backward() makes them.
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* /*context*/, torch::Tensor const& x,
                                                torch::Tensor const& y, Weight const& weight,
                                                torch::Tensor const& grad_loss, c10::intrusive_ptr<Pass> const& pass,
                                                bool wants_x, bool wants_y) {
    return pass->backward(x, y, weight.tensor, grad_loss, wants_x, wants_y);
  }

  /// @throws std::logic_error always.
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* /*context*/,
                                                 torch::autograd::variable_list const& /*gradients*/) {
    throw std::logic_error(
      "scc: second derivatives of the loss are not implemented; keep it out of terms that are differentiated twice, "
      "such as "
      "gradient penalties");
  }
};

/// What a call of the loss returns.
enum class Reduction {
  loss,       ///< L, a scalar
  per_image,  ///< rSMI of each image, [N]
};

/// The loss as a step of the graph: (x, y, weight) to what the reduction names, and rSMI of each image in double, which is
/// not differentiable here.
class SccFunction : public torch::autograd::Function<SccFunction> {
public:
  /// Of images and translations that require_pair() accepts.
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, torch::Tensor const& x,
                                                torch::Tensor const& y, Weight const& weight,
                                                std::shared_ptr<DeviceLosses const> const& losses,
                                                Reduction reduction) {
    auto const pass = make_pass(losses, y.device());
    auto const results = pass->forward(x, y, weight.tensor);
    context->save_for_backward({x, y, weight.tensor});
    context->saved_data["pass"] = torch::IValue::make_capsule(pass);
    context->set_materialize_grads(false);
    context->mark_non_differentiable({results.rsmi});
    if (reduction == Reduction::loss) {
      return {results.loss, results.rsmi};
    }
    return {results.rsmi.to(results.loss.scalar_type(), /*non_blocking=*/false, /*copy=*/true), results.rsmi};
  }

  /// The gradients for x and for y, undefined where they are not needed, and nothing for the rest.
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list const& gradients) {
    torch::autograd::variable_list result(5);
    auto const images = context->get_saved_variables();
    bool const wants_x = context->needs_input_grad(0);
    bool const wants_y = context->needs_input_grad(1);
    if (gradients[0].defined() && (wants_x || wants_y)) {
      auto const pass = c10::static_intrusive_pointer_cast<Pass>(context->saved_data["pass"].toCapsule());
      torch::Tensor grad_loss = gradients[0];
      if (grad_loss.dim() == 1) {  // L = -(1/N) sum_n rSMI_n
        grad_loss = (grad_loss * -static_cast<double>(grad_loss.numel())).contiguous();
      }
      auto const found = SccGradient::apply(images[0], images[1], Weight{images[2]}, grad_loss, pass, wants_x, wants_y);
      result[0] = wants_x ? found.front() : torch::Tensor();
      result[1] = wants_y ? found.back() : torch::Tensor();
    }
    return result;
  }
};

/// The loss L = -(1/N) sum_n rSMI_n of images and their translations (Guo et al., equations 8 and 9), between -1 and about
/// 0 for beta = 0.5. A trainer that adds it to the objective of its generator keeps what the image shows.
///
/// Copies share their tables, which are made once for each device, and each has a last_rsmi() of its own. One object may be
/// used by one thread at a time. It may be a static object. Units of a program that define SCC_HAS_GPU and units that do not
/// have different classes of this name, so that they cannot hand one to each other.
/// @ingroup loss
class SccLoss {
public:
  /// @param options  Parameters of the estimate; Options::released_code() for those of the authors' code.
  /// @throws std::invalid_argument as Plan does.
  explicit SccLoss(Options const& options = {}) : losses_(std::make_shared<DeviceLosses const>(options)) {}

  /// The parameters of the estimate.
  Options const& options() const { return losses_->cpu().options(); }

  /// L of a batch, to be added to an objective and differentiated with respect to either tensor or both.
  ///
  /// Works on the device of the tensors and, for CUDA, on its current stream, in memory of LibTorch's allocator: O(N) bytes,
  /// beside the gradients. It reads the tensors where they are, whatever their strides: channels last, slices and
  /// expanded ones are not copied. Three exceptions: on the CPU, tensors of different types are first converted to
  /// the wider one; a weight of 16 bits is converted to float; and of volumes sliced along two of their axes a contiguous
  /// copy is made. (Tensors whose sign
  /// is only noted, which views of complex ones can be, are resolved.)
  ///
  /// Deterministic. On CUDA it only enqueues: it does not synchronise, apart from the first call on a device, which
  /// makes the tables there, and which must not be captured in a CUDA graph.
  ///
  /// @param input        [N, C, H, W], [C, H, W] or [N, C, D, H, W], float, double, half, bfloat16, or uint8 where 0..255
  ///                     stands for the domain; values in [Options::domain_min, Options::domain_max].
  /// @param translation  Of the same shape and device; float, double, half or bfloat16. One of the two may have
  ///                     a single channel, which then counts for each channel of the other. N may be 0.
  /// @param weight       Of each pixel, >= 0 and finite; a mask is a weight of 0 and 1. The shape of the images, where N and C
  ///                     may be 1, or [H, W] ([D, H, W] of volumes); bool, uint8, float, double, half or bfloat16; on their
  ///                     device. Undefined: all pixels count alike. It has no gradient.
  /// @return a scalar: double if one of the tensors is, otherwise float. 0 if there are no images or pixels.
  /// @throws std::invalid_argument if a tensor is none of these, shapes or devices differ, the weight requires a gradient, or
  ///         the tensors are on a CUDA device and the program has no kernels for it; gpu::Error if a CUDA call fails.
  ///         Differentiating a gradient of the loss again throws std::logic_error.
  torch::Tensor operator()(torch::Tensor const& input, torch::Tensor const& translation,
                           torch::Tensor const& weight = {}) {
    return estimate(input, translation, weight, Reduction::loss);
  }

  /// rSMI_n of each image, so that L = -mean: for a trainer that weights images or drops some. Otherwise as operator().
  ///
  /// @param input, translation, weight  As above.
  /// @return [N], or [1] of a single image; double if one of the images' tensors is, otherwise float.
  /// @throws std::invalid_argument, gpu::Error and std::logic_error as above.
  torch::Tensor per_image(torch::Tensor const& input, torch::Tensor const& translation,
                          torch::Tensor const& weight = {}) {
    return estimate(input, translation, weight, Reduction::per_image);
  }

  /// rSMI of each image of the last call, [N] double on its device, not differentiable; undefined before the first. Estimates
  /// of about 0 say that translation and input are independent, larger ones that they share structure. NaN for an image
  /// with a NaN pixel.
  torch::Tensor const& last_rsmi() const { return last_rsmi_; }

private:
  torch::Tensor estimate(torch::Tensor const& input, torch::Tensor const& translation, torch::Tensor const& weight,
                         Reduction reduction) {
    auto const batch = make_batch(input, translation, weight);
    auto const results = SccFunction::apply(batch.x, batch.y, Weight{batch.weight}, losses_, reduction);
    last_rsmi_ = results[1];
    return results[0];
  }

  std::shared_ptr<DeviceLosses const> losses_;
  torch::Tensor last_rsmi_;
};

/// SccLoss as a module, without parameters or buffers. Hold it as Scc.
/// @ingroup loss
class SccImpl : public torch::nn::Cloneable<SccImpl> {
public:
  /// @param options  Parameters of the estimate.
  /// @throws std::invalid_argument as SccLoss does.
  explicit SccImpl(Options const& options = {}) : loss_(options) {}

  /// Nothing to do: there are no parameters.
  void reset() override {}
  /// Writes the name of the module and its options.
  void pretty_print(std::ostream& stream) const override {
    Options const& options = loss_.options();
    stream << "scc::libtorch::Scc(kernel=" << (options.kernel == Kernel::gaussian ? "gaussian" : "reciprocal_gaussian")
           << ", bandwidth=" << options.bandwidth << ", centers_per_axis=" << options.centers_per_axis
           << ", beta=" << options.beta << ", lambda=" << options.lambda << ')';
  }

  /// As SccLoss::operator().
  torch::Tensor forward(torch::Tensor const& input, torch::Tensor const& translation,
                        torch::Tensor const& weight = {}) {
    return loss_(input, translation, weight);
  }
  /// As SccLoss::per_image().
  torch::Tensor per_image(torch::Tensor const& input, torch::Tensor const& translation,
                          torch::Tensor const& weight = {}) {
    return loss_.per_image(input, translation, weight);
  }

  /// The parameters of the estimate.
  Options const& options() const { return loss_.options(); }
  /// As SccLoss::last_rsmi().
  torch::Tensor const& last_rsmi() const { return loss_.last_rsmi(); }

private:
  SccLoss loss_;
};

/// The module as a trainer holds it: a shared pointer to a SccImpl.
/// @ingroup loss
TORCH_MODULE(Scc);

}  // namespace SCC_LIBTORCH_PARTS

}  // namespace scc::libtorch
