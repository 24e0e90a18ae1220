// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "networks/generator.hpp"

namespace translate {

namespace {

namespace nn = torch::nn;

nn::Conv2dOptions convolution(std::int64_t in, std::int64_t out, std::int64_t size, std::int64_t stride = 1) {
  return nn::Conv2dOptions(in, out, size).stride(stride).padding((size - 1) / 2);
}

// Adds a convolution of 3 x 3 that reflects the image at its borders.
void add_reflecting(nn::Sequential& layers, std::int64_t in, std::int64_t out, std::int64_t stride = 1) {
  layers->push_back(nn::Conv2d(convolution(in, out, 3, stride).padding_mode(torch::kReflect)));
}

void add_norm(nn::Sequential& layers, std::int64_t channels) {
  layers->push_back(nn::InstanceNorm2d(nn::InstanceNorm2dOptions(channels).affine(true)));
}

// A convolution with norm and ReLU.
void add_stage(nn::Sequential& layers, std::int64_t in, std::int64_t out, std::int64_t stride = 1) {
  add_reflecting(layers, in, out, stride);
  add_norm(layers, out);
  layers->push_back(nn::ReLU());
}

class ResidualBlockImpl : public nn::Module {
public:
  explicit ResidualBlockImpl(std::int64_t channels) : layers_(register_module("layers", nn::Sequential())) {
    add_stage(layers_, channels, channels);
    add_reflecting(layers_, channels, channels);
    add_norm(layers_, channels);
  }

  torch::Tensor forward(torch::Tensor const& features) { return features + layers_->forward(features); }

private:
  nn::Sequential layers_;
};
TORCH_MODULE(ResidualBlock);

// Repeated pixels, for a convolution to follow, rather than a transposed one, which leaves a checkerboard.
torch::Tensor doubled(torch::Tensor const& features) {
  return nn::functional::interpolate(
    features, nn::functional::InterpolateFuncOptions().scale_factor(std::vector<double>{2, 2}).mode(torch::kNearest));
}

}  // namespace

GeneratorImpl::GeneratorImpl(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width,
                             std::int64_t residual_blocks)
    : down_(register_module("down", nn::Sequential())),
      residual_(register_module("residual", nn::Sequential())),
      first_up_(register_module("first_up", nn::Sequential())),
      second_up_(register_module("second_up", nn::Sequential())) {
  add_stage(down_, in_channels, width);
  add_stage(down_, width, 2 * width, 2);
  add_stage(down_, 2 * width, 4 * width, 2);
  for (std::int64_t block = 0; block < residual_blocks; ++block) {
    residual_->push_back(ResidualBlock(4 * width));
  }
  add_stage(first_up_, 4 * width, 2 * width);
  add_stage(second_up_, 2 * width, width);
  add_reflecting(second_up_, width, out_channels);
  second_up_->push_back(nn::Tanh());
}

torch::Tensor GeneratorImpl::forward(torch::Tensor const& images) {
  auto features = down_->forward(images);
  if (!residual_->is_empty()) {
    features = residual_->forward(features);
  }
  return second_up_->forward(doubled(first_up_->forward(doubled(features))));
}

}  // namespace translate
