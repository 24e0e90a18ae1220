// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <vector>

#include "networks/discriminator.hpp"

namespace translate {

DiscriminatorImpl::DiscriminatorImpl(std::int64_t channels, std::int64_t width, Style style, std::int64_t pool_size,
                                     bool sees_batch)
    : layers_(register_module("layers", torch::nn::Sequential())),
      pool_size_(pool_size),
      sees_batch_(sees_batch),
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
  auto const features = (has_norm ? 8 : 4) * width + (sees_batch ? 1 : 0);
  auto const options = has_norm                ? nn::Conv2dOptions(features, 1, 4).padding(1)
                       : style == Style::gcgan ? nn::Conv2dOptions(features, 1, 4)
                                               : nn::Conv2dOptions(features, 1, 3).padding(1);
  decision_ = register_module("decision", nn::Conv2d(options));
  initialize(*this, style);
}

torch::Tensor DiscriminatorImpl::forward(torch::Tensor const& images) {
  auto features = layers_->forward(images);
  if (sees_batch_) {
    constexpr double smallest_variance = 1e-8;  // whose root has a gradient
    auto const deviation = (features.var(0, false) + smallest_variance).sqrt().mean();
    features = torch::cat({features, deviation.expand({features.size(0), 1, features.size(2), features.size(3)})}, 1);
  }
  return decision_->forward(features);
}

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
