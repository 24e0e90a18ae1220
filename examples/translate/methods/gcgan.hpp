// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// GcGAN: translating commutes with a rotation or a vertical flip (Fu et al., CVPR 2019).

#pragma once

#include "methods/translator.hpp"

namespace translate {

/// A transform f of images, [N, channels, H, W] with H = W, and its inverse.
class Transform {
public:
  explicit Transform(Method method) : rotates_(method == Method::gcgan_rot || method == Method::cycle_rot) {}

  torch::Tensor operator()(torch::Tensor const& images) const {
    return rotates_ ? images.rot90(1, {2, 3}) : images.flip({2});
  }

  torch::Tensor inverse(torch::Tensor const& images) const {
    return rotates_ ? images.rot90(-1, {2, 3}) : images.flip({2});
  }

  /// How far the translation of an image and that of the transformed image are from each other; each is held to the other
  /// as it is, as the authors' code does.
  torch::Tensor distance(torch::Tensor const& translation, torch::Tensor const& of_transformed) const {
    return l1(translation, inverse(of_transformed.detach())) + l1(of_transformed, (*this)(translation.detach()));
  }

private:
  bool rotates_;
};

class GcGan final : public Translator {
public:
  explicit GcGan(Setup const& setup)
      : Translator(setup),
        f_(setup.settings.method),
        generator_(add_generator("generator", setup.source_channels, setup.target_channels)),
        discriminator_(add_discriminator("discriminator", setup.target_channels)),
        transformed_discriminator_(add_discriminator("transformed_discriminator", setup.target_channels)) {}

private:
  torch::Tensor generate(torch::Tensor const& source) override { return generator_->forward(source); }

  Objective generator_objective(Batch const& batch) override {
    auto const& x = batch.source.images;
    translation_ = generator_->forward(x);
    translation_of_transformed_ = generator_->forward(f_(x));
    auto const adversarial = discriminator_->loss_to_seem_real(translation_) +
                             transformed_discriminator_->loss_to_seem_real(translation_of_transformed_);
    auto const geometry = f_.distance(translation_, translation_of_transformed_);
    auto total =
      adversarial + settings().geometry_weight * geometry + settings().scc_weight * scc(batch.source, translation_);
    if (settings().identity_weight > 0) {
      auto const y = batch.target.images, f_y = f_(y);
      total = total + settings().identity_weight * (l1(generator_->forward(y), y) + l1(generator_->forward(f_y), f_y));
    }
    return {total, adversarial, geometry};
  }

  torch::Tensor discriminator_loss(Batch const& batch) override {
    return discriminator_->loss_to_tell_apart(batch.target.images, translation_) +
           transformed_discriminator_->loss_to_tell_apart(f_(batch.target.images), translation_of_transformed_);
  }

  Transform f_;
  Generator generator_;
  Discriminator discriminator_, transformed_discriminator_;
  torch::Tensor translation_of_transformed_;
};

}  // namespace translate
