// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The networks of the translator, small and plain.

#pragma once

#include <cstdint>
#include <torch/torch.h>

namespace translate_digits {

/// Translates images: a convolution, two that halve the size, residual blocks, two doublings, tanh. Instance norm follows each
/// convolution but the last; images are reflected at their borders, so that these do not look special.
class GeneratorImpl : public torch::nn::Module {
public:
  GeneratorImpl(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width, std::int64_t residual_blocks);

  /// @param images  [N, in_channels, H, W], from -1 to 1; H and W multiples of 4, at least 8.
  /// @return [N, out_channels, H, W], from -1 to 1.
  torch::Tensor forward(torch::Tensor const& images);

private:
  torch::nn::Sequential down_, residual_, first_up_, second_up_;
};
TORCH_MODULE(Generator);

/// Judges pieces of an image: three convolutions that halve the size, leaky ReLU, and one that decides. It has no norm, which
/// would hide how bright and colourful images are as a whole.
class DiscriminatorImpl : public torch::nn::Module {
public:
  DiscriminatorImpl(std::int64_t channels, std::int64_t width);

  /// @param images  [N, channels, 32, 32], from -1 to 1.
  /// @return [N, 1, 4, 4], about 1 where an image looks real and 0 where it looks translated.
  torch::Tensor forward(torch::Tensor const& images);

private:
  torch::nn::Sequential layers_;
};
TORCH_MODULE(Discriminator);

/// Tells digits apart: three convolutions with batch norm and pooling, and one linear layer.
class DigitClassifierImpl : public torch::nn::Module {
public:
  explicit DigitClassifierImpl(std::int64_t channels);

  /// @param images  [N, channels, 32, 32], from -1 to 1.
  /// @return [N, 10], logits of the digits.
  torch::Tensor forward(torch::Tensor const& images);

private:
  torch::nn::Sequential layers_;
};
TORCH_MODULE(DigitClassifier);

}  // namespace translate_digits
