// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include <cstdint>
#include <torch/torch.h>
#include <vector>

namespace translate {

/// PatchNCE: a piece of a translation must be more like the piece of the input at the same place than like other pieces of
/// it, after one small MLP for each layer of features (Park et al., ECCV 2020).
class PatchNceImpl : public torch::nn::Module {
public:
  /// @param channels  Of each layer of features.
  explicit PatchNceImpl(std::vector<std::int64_t> const& channels);

  /// @param queries  Features of translations: for each layer [N, channels, H, W].
  /// @param keys     Features of their inputs, likewise.
  /// @return scalar: the cross entropy at up to 256 random places, its mean over images, places and layers.
  torch::Tensor forward(std::vector<torch::Tensor> const& queries, std::vector<torch::Tensor> const& keys);

private:
  std::vector<torch::nn::Sequential> mlps_;
};
TORCH_MODULE(PatchNce);

}  // namespace translate
