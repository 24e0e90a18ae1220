// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "networks/discriminator.hpp"

namespace translate {

DiscriminatorImpl::DiscriminatorImpl(std::int64_t channels, std::int64_t width)
    : layers_(register_module("layers", torch::nn::Sequential())) {
  namespace nn = torch::nn;
  std::int64_t in = channels;
  for (std::int64_t const out : {width, 2 * width, 4 * width}) {
    layers_->push_back(nn::Conv2d(nn::Conv2dOptions(in, out, 4).stride(2).padding(1)));
    layers_->push_back(nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.2)));
    in = out;
  }
  layers_->push_back(nn::Conv2d(nn::Conv2dOptions(in, 1, 3).padding(1)));
}

torch::Tensor DiscriminatorImpl::forward(torch::Tensor const& images) { return layers_->forward(images); }

torch::Tensor DiscriminatorImpl::loss_to_seem_real(torch::Tensor const& translation) {
  return (forward(translation) - 1.0).square().mean();
}

torch::Tensor DiscriminatorImpl::loss_to_tell_apart(torch::Tensor const& real, torch::Tensor const& translation) {
  return 0.5 * ((forward(real) - 1.0).square().mean() + forward(translation.detach()).square().mean());
}

}  // namespace translate
