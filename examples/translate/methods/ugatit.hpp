// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// U-GAT-IT: cycle and identity, and class activation maps that say what has to change (Kim et al., ICLR 2020).

#pragma once

#include "methods/translator.hpp"
#include "networks/ugatit.hpp"

namespace translate {

class Ugatit final : public Translator {
public:
  explicit Ugatit(Setup const& setup)
      : Translator(setup),
        generator_(make_generator(setup)),
        back_generator_(make_generator(setup)),
        discriminator_(setup.target_channels, settings().discriminator_width),
        source_discriminator_(setup.source_channels, settings().discriminator_width) {
    add_to_generators("generator", generator_.ptr());
    add_to_generators("back_generator", back_generator_.ptr());
    add_to_discriminators("discriminator", discriminator_.ptr());
    add_to_discriminators("source_discriminator", source_discriminator_.ptr());
  }

private:
  torch::Tensor generate(torch::Tensor const& source) override { return generator_->forward(source).output; }

  Objective generator_objective(Batch const& batch) override {
    auto const &x = batch.source.images, &y = batch.target.images;
    auto const of_x = generator_->forward(x), of_y = back_generator_->forward(y);
    translation_ = of_x.output;
    back_translation_ = of_y.output;
    auto const adversarial =
      discriminator_->loss_to_seem_real(translation_) + source_discriminator_->loss_to_seem_real(back_translation_);
    auto const cycled_x = back_generator_->forward(translation_).output;
    auto const cycled_y = generator_->forward(back_translation_).output;
    auto const cycle = l1(cycled_x, x) + l1(cycled_y, y);
    auto const kept_x = back_generator_->forward(x), kept_y = generator_->forward(y);
    auto const identity = l1(kept_x.output, x) + l1(kept_y.output, y);
    auto const cam = distance_to(1, of_x) + distance_to(0, kept_y) + distance_to(1, of_y) + distance_to(0, kept_x);
    auto const scc_x = scc(batch.source, translation_), scc_y = scc(batch.target, back_translation_);
    auto const total = adversarial + settings().cycle_weight * cycle + settings().identity_weight * identity +
                       settings().cam_weight * cam + settings().scc_weight * (scc_x + scc_y);
    return {total, adversarial, cycle + identity};
  }

  torch::Tensor discriminator_loss(Batch const& batch) override {
    return discriminator_->loss_to_tell_apart(batch.target.images, translation_) +
           source_discriminator_->loss_to_tell_apart(batch.source.images, back_translation_);
  }

  void after_generator_step() override {
    generator_->clamp_rho();
    back_generator_->clamp_rho();
  }

  // CAM tells images that have to change, 1, from those of the target domain, 0.
  static torch::Tensor distance_to(double wanted, WithCam const& result) {
    return torch::binary_cross_entropy_with_logits(result.cam_logits, torch::full_like(result.cam_logits, wanted));
  }

  // Each generator reads images of both domains, which have the same number of channels.
  static UgatitGenerator make_generator(Setup const& setup) {
    auto const& settings = setup.settings;
    return UgatitGenerator(setup.source_channels, setup.target_channels, settings.width, settings.residual_blocks);
  }

  UgatitGenerator generator_, back_generator_;
  UgatitDiscriminator discriminator_, source_discriminator_;
  torch::Tensor back_translation_;
};

}  // namespace translate
