// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "networks/digit_classifier.hpp"

namespace translate {

DigitClassifierImpl::DigitClassifierImpl(std::int64_t channels)
    : layers_(register_module("layers", torch::nn::Sequential())) {
  namespace nn = torch::nn;
  std::int64_t in = channels;
  for (std::int64_t const out : {24, 48, 96}) {
    layers_->push_back(nn::Conv2d(nn::Conv2dOptions(in, out, 3).padding(1)));
    layers_->push_back(nn::BatchNorm2d(out));
    layers_->push_back(nn::ReLU());
    layers_->push_back(nn::MaxPool2d(2));
    in = out;
  }
  layers_->push_back(nn::Flatten());
  layers_->push_back(nn::Linear(in * 4 * 4, 10));
}

torch::Tensor DigitClassifierImpl::forward(torch::Tensor const& images) { return layers_->forward(images); }

}  // namespace translate
