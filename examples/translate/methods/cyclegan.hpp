// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// CycleGAN: a second generator brings the image back (Zhu et al., ICCV 2017).

#pragma once

#include "methods/translator.hpp"

namespace translate {

class CycleGan final : public Translator {
public:
  explicit CycleGan(Setup const& setup)
      : Translator(setup),
        generator_(add_generator("generator", setup.source_channels, setup.target_channels)),
        discriminator_(add_discriminator("discriminator", setup.target_channels)),
        back_generator_(add_generator("back_generator", setup.target_channels, setup.source_channels)),
        source_discriminator_(add_discriminator("source_discriminator", setup.source_channels)) {}

private:
  torch::Tensor generate(torch::Tensor const& source) override { return generator_->forward(source); }

  Objective generator_objective(Batch const& batch) override {
    auto const &x = batch.source.images, &y = batch.target.images;
    translation_ = generator_->forward(x);
    back_translation_ = back_generator_->forward(y);
    auto const adversarial =
      discriminator_->loss_to_seem_real(translation_) + source_discriminator_->loss_to_seem_real(back_translation_);
    auto const cycled_x = back_generator_->forward(translation_);
    auto const cycled_y = generator_->forward(back_translation_);
    auto const cycle = l1(cycled_x, x) + l1(cycled_y, y);
    auto const scc_x = scc(batch.source, translation_), scc_y = scc(batch.target, back_translation_);
    auto total = adversarial + settings().cycle_weight * cycle + settings().scc_weight * (scc_x + scc_y);
    if (settings().identity_weight > 0) {
      total = total + settings().identity_weight * (l1(generator_->forward(y), y) + l1(back_generator_->forward(x), x));
    }
    return {total, adversarial, cycle};
  }

  torch::Tensor discriminator_loss(Batch const& batch) override {
    return discriminator_->loss_to_tell_apart(batch.target.images, translation_) +
           source_discriminator_->loss_to_tell_apart(batch.source.images, back_translation_);
  }

  Generator generator_;
  Discriminator discriminator_;
  Generator back_generator_;
  Discriminator source_discriminator_;
  torch::Tensor back_translation_;
};

}  // namespace translate
