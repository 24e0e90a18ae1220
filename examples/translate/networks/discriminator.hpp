// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include <cstdint>
#include <torch/torch.h>

namespace translate {

/// Judges pieces of an image: three convolutions that halve the size, leaky ReLU, and one that decides. It has no norm, which
/// would hide how bright and colourful images are as a whole. Its losses are least squares rather than cross entropy (Mao
/// et al., ICCV 2017): 1 is real, 0 is translated.
class DiscriminatorImpl : public torch::nn::Module {
public:
  DiscriminatorImpl(std::int64_t channels, std::int64_t width);

  /// @param images  [N, channels, H, W], from -1 to 1.
  /// @return [N, 1, H / 8, W / 8], about 1 where an image looks real and 0 where it looks translated.
  torch::Tensor forward(torch::Tensor const& images);

  /// What the generator minimises.
  torch::Tensor loss_to_seem_real(torch::Tensor const& translation);

  /// What the discriminator minimises; the generator of the translation gets no gradient.
  torch::Tensor loss_to_tell_apart(torch::Tensor const& real, torch::Tensor const& translation);

private:
  torch::nn::Sequential layers_;
};
TORCH_MODULE(Discriminator);

}  // namespace translate
