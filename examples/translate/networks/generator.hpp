// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include <cstdint>
#include <torch/torch.h>

namespace translate {

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

}  // namespace translate
