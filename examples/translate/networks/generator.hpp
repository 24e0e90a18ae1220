// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include <cstddef>
#include <cstdint>
#include <torch/torch.h>
#include <vector>

namespace translate {

/// Which details the networks have, beside their sizes.
enum class Style {
  digits,       ///< Convolutions of 3 x 3 and torch's weights; nearest pixels are doubled.
  gcgan,        ///< GcGAN's for digits: strided and transposed 4 x 4 convolutions, batch norm, torch's weights.
  resnet,       ///< CycleGAN's: 7 x 7 outside, transposed convolutions, weights from N(0, 0.02).
  antialiased,  ///< CUT's: as resnet, but low-pass filters where the size changes, and Xavier weights.
};

/// Translates images: a convolution, two that halve the size, residual blocks, two doublings, tanh. Instance norm follows
/// each convolution but the last; images are reflected at their borders, so that these do not look special. GcGAN's for
/// digits has no first convolution, plain ones in place of residual blocks, and batch norm.
class GeneratorImpl : public torch::nn::Module {
public:
  /// @param width           Channels of the first convolution; there are four times as many in the residual blocks (GcGAN:
  ///                        twice).
  /// @param noise_channels  Of noise that is drawn for each image, at a sixteenth of its size, and put beside its own channels.
  GeneratorImpl(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width, std::int64_t residual_blocks,
                std::int64_t noise_channels, Style style);

  /// @param images  [N, in_channels, H, W], from -1 to 1; H and W multiples of 4, at least 16.
  /// @return [N, out_channels, H, W], from -1 to 1.
  torch::Tensor forward(torch::Tensor const& images);

  /// The layers that CUT compares: the padded image, the two convolutions that halve the size, and the residual blocks 1
  /// and 5 (or the last).
  ///
  /// @param images  As of forward().
  /// @return of each layer [N, its channels, its height, its width].
  std::vector<torch::Tensor> features(torch::Tensor const& images);

  /// Channels of features().
  std::vector<std::int64_t> const& feature_channels() const { return feature_channels_; }

private:
  void make_gcgan(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width, std::int64_t blocks);

  torch::Tensor with_noise(torch::Tensor const& images) const;

  torch::nn::Sequential encoder_, decoder_;
  std::int64_t padding_, noise_channels_;
  std::vector<std::size_t> feature_layers_;  // of the encoder
  std::vector<std::int64_t> feature_channels_;
};
TORCH_MODULE(Generator);

/// Gives a network the weights of the style, which are torch's own for digits.
void initialize(torch::nn::Module& network, Style style);

}  // namespace translate
