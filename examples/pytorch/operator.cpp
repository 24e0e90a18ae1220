// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// rSMI as an operator of PyTorch. scc.py compiles it, docs/pytorch.md describes it:
///
///     torch.ops.scc.rsmi(input, translation, weight=None, *, kernel="gaussian", ...) -> [N]
///
/// It calls a second operator, which computes the derivatives with the values. What remains for autograd is a product,
/// and torch.compile needs to know nothing but the shapes of the results.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <scc/libtorch.hpp>
#include <stdexcept>
#include <string>
#include <torch/library.h>
#include <vector>

namespace {

using torch::Tensor;
using MaybeTensor = c10::optional<Tensor>;
using Losses = std::shared_ptr<scc::libtorch::DeviceLosses const>;

/// The losses with these options, in the order of rsmi(). Their tables are made once.
Losses losses_of(at::ArrayRef<double> numbers) {
  scc::Options options;
  options.kernel = numbers[0] == 0 ? scc::Kernel::gaussian : scc::Kernel::reciprocal_gaussian;
  options.bandwidth = numbers[1];
  options.centers_per_axis = static_cast<int>(std::clamp(numbers[2], -1e9, 1e9));
  options.center_min = numbers[3];
  options.center_max = numbers[4];
  options.beta = numbers[5];
  options.lambda = numbers[6];
  options.domain_min = numbers[7];
  options.domain_max = numbers[8];
  options.tolerance = numbers[9];
  scc::validate(options);  // a NaN cannot be a key

  static std::mutex mutex;
  static std::map<std::vector<double>, Losses> made;
  std::lock_guard<std::mutex> const lock(mutex);
  Losses& losses = made[numbers.vec()];
  if (!losses) {
    losses = std::make_shared<scc::libtorch::DeviceLosses const>(options);
  }
  return losses;
}

/// The type of the derivatives for an image: those of one pixel are too small for 16 bits.
at::ScalarType derivative_type(Tensor const& image) { return at::promote_types(image.scalar_type(), at::kFloat); }

/// Those of the two whose derivatives are wanted.
std::vector<Tensor> wanted_of(Tensor const& input, Tensor const& translation, bool wants_input,
                              bool wants_translation) {
  std::vector<Tensor> wanted;
  if (wants_input) {
    wanted.push_back(input);
  }
  if (wants_translation) {
    wanted.push_back(translation);
  }
  return wanted;
}

/// rSMI of each image, [N], and the derivatives that are wanted, in the shape of the images.
std::vector<Tensor> with_derivatives(Tensor const& input, Tensor const& translation, MaybeTensor const& weight,
                                     at::ArrayRef<double> numbers, bool wants_input, bool wants_translation) {
  auto const batch = scc::libtorch::make_batch(
    wants_input ? input.to(derivative_type(input)) : input,
    wants_translation ? translation.to(derivative_type(translation)) : translation, weight.value_or(Tensor()));
  auto const pass = scc::libtorch::make_pass(losses_of(numbers), translation.device());
  auto const type = scc::libtorch::loss_type(input.scalar_type(), translation.scalar_type());
  std::vector<Tensor> results{pass->forward(batch.x, batch.y, batch.weight).rsmi.to(type)};
  auto const wanted = wanted_of(input, translation, wants_input, wants_translation);
  if (!wanted.empty()) {
    // A pass differentiates L = -(1/N) sum_n rSMI_n.
    auto const factors = at::full_like(results[0], -static_cast<double>(results[0].numel()));
    auto const found = pass->backward(batch.x, batch.y, batch.weight, factors, wants_input, wants_translation);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      Tensor const& image = wanted[i];
      results.push_back(
        found[i].sum_to_size(image.sizes()).to(derivative_type(image)).contiguous(image.suggest_memory_format()));
    }
  }
  return results;
}

/// Results as those of with_derivatives(), for tensors without data.
std::vector<Tensor> shapes(Tensor const& input, Tensor const& translation, MaybeTensor const& /*weight*/,
                           at::ArrayRef<double> /*numbers*/, bool wants_input, bool wants_translation) {
  auto const images = translation.dim() == 3 ? c10::SymInt(1) : translation.sym_size(0);
  auto const type = scc::libtorch::loss_type(input.scalar_type(), translation.scalar_type());
  std::vector<Tensor> results{at::empty_symint({images}, translation.options().dtype(type))};
  for (Tensor const& image : wanted_of(input, translation, wants_input, wants_translation)) {
    auto const options = image.options().dtype(derivative_type(image));
    results.push_back(at::empty_like(image, options, image.suggest_memory_format()));
  }
  return results;
}

/// rSMI as a step of the graph. The derivatives are among its results: backward() sees it if someone differentiates them.
class Rsmi : public torch::autograd::Function<Rsmi> {
public:
  static std::vector<Tensor> forward(torch::autograd::AutogradContext* context, Tensor const& input,
                                     Tensor const& translation, MaybeTensor const& weight,
                                     std::vector<double> const& numbers, bool wants_input, bool wants_translation) {
    at::AutoDispatchBelowADInplaceOrView const below;
    static auto const operation = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("scc::_rsmi_with_derivatives", "")
                                    .typed<decltype(with_derivatives)>();
    auto results = operation.call(input, translation, weight, numbers, wants_input, wants_translation);
    context->save_for_backward({results.begin() + 1, results.end()});
    context->set_materialize_grads(false);
    return results;
  }

  static std::vector<Tensor> backward(torch::autograd::AutogradContext* context, std::vector<Tensor> const& gradients) {
    if (std::any_of(gradients.begin() + 1, gradients.end(), [](Tensor const& tensor) { return tensor.defined(); })) {
      throw std::logic_error("scc: second derivatives of rSMI are not implemented");
    }
    // A factor for each image, which is the first axis; [C, H, W] has a single one.
    auto const times_gradient = [&](Tensor const& derivative) {
      return (derivative.transpose(0, -1) * gradients[0]).transpose(0, -1);
    };
    auto const derivatives = context->get_saved_variables();
    bool const is_used = gradients[0].defined();
    bool const needs_input = is_used && context->needs_input_grad(0);
    bool const needs_translation = is_used && context->needs_input_grad(1);
    return {needs_input ? times_gradient(derivatives.front()) : Tensor(),
            needs_translation ? times_gradient(derivatives.back()) : Tensor(),
            {},
            {},
            {},
            {}};
  }
};

/// The operator.
Tensor rsmi(Tensor const& input, Tensor const& translation, MaybeTensor const& weight, c10::string_view kernel,
            double bandwidth, std::int64_t centers_per_axis, double center_min, double center_max, double beta,
            double lambda, double domain_min, double domain_max, double tolerance) {
  bool const is_reciprocal = kernel == "reciprocal_gaussian";
  if (!is_reciprocal && kernel != "gaussian") {
    throw std::invalid_argument("scc: kernel is " + std::string(kernel) + ", must be gaussian or reciprocal_gaussian");
  }
  auto const centers = static_cast<double>(centers_per_axis);
  std::vector<double> const numbers{is_reciprocal ? 1.0 : 0.0,
                                    bandwidth,
                                    centers,
                                    center_min,
                                    center_max,
                                    beta,
                                    lambda,
                                    domain_min,
                                    domain_max,
                                    tolerance};
  bool const is_recorded = torch::GradMode::is_enabled();
  return Rsmi::apply(input, translation, weight, numbers, is_recorded && input.requires_grad(),
                     is_recorded && translation.requires_grad())[0];
}

}  // namespace

TORCH_LIBRARY(scc, library) {
  library.def(
    "rsmi(Tensor input, Tensor translation, Tensor? weight=None, *, str kernel=\"gaussian\", float bandwidth=1., "
    "int centers_per_axis=9, float center_min=-1., float center_max=1., float beta=0.5, float lambda_=0.05, "
    "float domain_min=-1., float domain_max=1., float tolerance=1e-6) -> Tensor",
    rsmi);
  library.def(
    "_rsmi_with_derivatives(Tensor input, Tensor translation, Tensor? weight, float[] options, bool wants_input, "
    "bool wants_translation) -> Tensor[]");
}
TORCH_LIBRARY_IMPL(scc, CPU, library) { library.impl("_rsmi_with_derivatives", with_derivatives); }
TORCH_LIBRARY_IMPL(scc, CUDA, library) { library.impl("_rsmi_with_derivatives", with_derivatives); }
TORCH_LIBRARY_IMPL(scc, Meta, library) { library.impl("_rsmi_with_derivatives", shapes); }
