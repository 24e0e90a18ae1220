// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include <cstdint>
#include <torch/torch.h>

namespace translate {

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

}  // namespace translate
