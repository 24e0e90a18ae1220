// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include <cstdint>
#include <torch/torch.h>

#include "networks/generator.hpp"

namespace translate {

/// Judges pieces of an image. Its losses are least squares rather than cross entropy (Mao et al., ICCV 2017): 1 is real, 0
/// is translated. For digits, three convolutions that halve the size, and one that decides, on pieces or, as GcGAN's, on the
/// whole; it has no norm, which would hide how bright and colourful images are. Otherwise PatchGAN, which sees 70 x 70 pixels (Isola et al., CVPR 2017).
class DiscriminatorImpl : public torch::nn::Module {
public:
  /// @param width       Channels of the first convolution.
  /// @param pool_size   Translations of earlier iterations that the discriminator may be shown in place of new ones; 0: none.
  /// @param sees_batch  Whether it also sees how much the images of a batch differ, as one more feature (Karras et al., ICLR
  ///                    2018).
  DiscriminatorImpl(std::int64_t channels, std::int64_t width, Style style, std::int64_t pool_size, bool sees_batch);

  /// @param images  [N, channels, H, W], from -1 to 1; H and W at least 16, for PatchGAN 24.
  /// @return [N, 1, about H / 8, about W / 8], about 1 where an image looks real and 0 where it looks translated.
  torch::Tensor forward(torch::Tensor const& images);

  /// What the generator minimises.
  torch::Tensor loss_to_seem_real(torch::Tensor const& translation);

  /// What the discriminator minimises; the generator of the translation gets no gradient.
  torch::Tensor loss_to_tell_apart(torch::Tensor const& real, torch::Tensor const& translation);

private:
  torch::Tensor from_pool(torch::Tensor const& translation);

  torch::nn::Sequential layers_;
  torch::nn::Conv2d decision_ = nullptr;
  std::int64_t pool_size_;
  bool sees_batch_;
  torch::Tensor pool_;  // [up to pool_size, channels, H, W]; its elements are in the checkpoints
};
TORCH_MODULE(Discriminator);

}  // namespace translate
