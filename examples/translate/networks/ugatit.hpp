// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The networks of U-GAT-IT (Kim et al., ICLR 2020), its light version.

#pragma once

#include <cstdint>
#include <torch/torch.h>
#include <vector>

namespace translate {

/// Images and the logits of class activation maps (CAM), by which a network says what it looks at.
struct WithCam {
  torch::Tensor output;
  torch::Tensor cam_logits;  ///< [N, 2]: of average- and of max-pooled features
};

/// Weighs features by a classifier on their averages and by one on their maxima.
class CamImpl : public torch::nn::Module {
public:
  /// @param has_spectral_norm  As the discriminators have.
  CamImpl(std::int64_t channels, bool has_spectral_norm);

  /// @param features  [N, channels, H, W]
  /// @return output [N, channels, H, W], not yet rectified.
  WithCam forward(torch::Tensor const& features);

private:
  torch::Tensor average_, maximum_;  // [1, channels]: the classifiers' weights
  torch::nn::Conv2d mixing_;
  torch::Tensor average_direction_, maximum_direction_;  // undefined without spectral norm
};
TORCH_MODULE(Cam);

/// An encoder with residual blocks and CAM, and a decoder whose norm, AdaLIN, mixes instance norm and layer norm with a
/// learned share rho, and takes scale and shift from the features.
class UgatitGeneratorImpl : public torch::nn::Module {
public:
  UgatitGeneratorImpl(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width,
                      std::int64_t residual_blocks);

  /// @param images  [N, in_channels, H, W], from -1 to 1; H and W multiples of 4.
  /// @return output [N, out_channels, H, W], from -1 to 1.
  WithCam forward(torch::Tensor const& images);

  /// Keeps each rho in [0, 1]; to be called after each step.
  void clamp_rho();

private:
  torch::nn::Sequential encoder_, style_;
  Cam cam_;
  torch::nn::Linear gamma_, beta_;
  torch::nn::ModuleList blocks_;
  torch::nn::Sequential decoder_;
};
TORCH_MODULE(UgatitGenerator);

/// A global discriminator of 7 layers and a local one of 5, with CAM and spectral norm, and their losses on outputs and
/// CAM's logits: 1 is real, 0 is translated.
class UgatitDiscriminatorImpl : public torch::nn::Module {
public:
  UgatitDiscriminatorImpl(std::int64_t channels, std::int64_t width);

  /// What the generator minimises.
  ///
  /// @param translation  [N, channels, H, W], from -1 to 1; H and W at least 96.
  torch::Tensor loss_to_seem_real(torch::Tensor const& translation);

  /// What the discriminators minimise; the generator of the translation gets no gradient.
  torch::Tensor loss_to_tell_apart(torch::Tensor const& real, torch::Tensor const& translation);

private:
  // The sum of (verdict - wanted)^2 over both discriminators' outputs and logits.
  torch::Tensor distance(torch::Tensor const& images, double wanted);

  torch::nn::ModuleList judges_;
};
TORCH_MODULE(UgatitDiscriminator);

}  // namespace translate
