// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <vector>

#include "networks/discriminator.hpp"

namespace translate {

DiscriminatorImpl::DiscriminatorImpl(std::int64_t channels, std::int64_t width, Style style, std::int64_t pool_size)
    : layers_(register_module("layers", torch::nn::Sequential())),
      pool_size_(pool_size),
      pool_(register_buffer("pool", torch::empty({0}))) {
  namespace nn = torch::nn;
  bool const has_norm = style == Style::resnet || style == Style::antialiased;
  auto const add = [&](std::int64_t in, std::int64_t out, std::int64_t stride) {
    bool const is_first = layers_->is_empty();
    layers_->push_back(nn::Conv2d(nn::Conv2dOptions(in, out, 4).stride(stride).padding(1)));
    if (has_norm && !is_first) {
      layers_->push_back(nn::InstanceNorm2d(nn::InstanceNorm2dOptions(out)));
    }
    layers_->push_back(nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.2)));
  };
  add(channels, width, 2);
  add(width, 2 * width, 2);
  add(2 * width, 4 * width, 2);
  if (has_norm) {
    add(4 * width, 8 * width, 1);
  }
  layers_->push_back(has_norm                ? nn::Conv2d(nn::Conv2dOptions(8 * width, 1, 4).padding(1))
                     : style == Style::gcgan ? nn::Conv2d(nn::Conv2dOptions(4 * width, 1, 4))
                                             : nn::Conv2d(nn::Conv2dOptions(4 * width, 1, 3).padding(1)));
  initialize(*this, style);
}

torch::Tensor DiscriminatorImpl::forward(torch::Tensor const& images) { return layers_->forward(images); }

torch::Tensor DiscriminatorImpl::loss_to_seem_real(torch::Tensor const& translation) {
  return (forward(translation) - 1.0).square().mean();
}

torch::Tensor DiscriminatorImpl::loss_to_tell_apart(torch::Tensor const& real, torch::Tensor const& translation) {
  return 0.5 * ((forward(real) - 1.0).square().mean() + forward(from_pool(translation.detach())).square().mean());
}

// Once the pool is full, every other image changes places with one of the pool (Shrivastava et al., CVPR 2017).
torch::Tensor DiscriminatorImpl::from_pool(torch::Tensor const& translation) {
  if (pool_size_ == 0) {
    return translation;
  }
  std::vector<torch::Tensor> shown;
  for (auto const& image : translation.split(1)) {
    shown.push_back(image);
    if (pool_.size(0) < pool_size_) {
      pool_.set_data(torch::cat({pool_, image}));
    } else if (torch::rand({}).item<double>() < 0.5) {
      auto const place = pool_.narrow(0, torch::randint(pool_size_, {}).item<std::int64_t>(), 1);
      shown.back() = place.clone();
      place.copy_(image);
    }
  }
  return torch::cat(shown);
}

}  // namespace translate
