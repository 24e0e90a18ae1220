// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The adversarial loss alone: nothing but the constraint holds a translation to its input.

#pragma once

#include "methods/translator.hpp"

namespace translate {

class Gan final : public Translator {
public:
  explicit Gan(Setup const& setup)
      : Translator(setup),
        generator_(add_generator("generator", setup.source_channels, setup.target_channels)),
        discriminator_(add_discriminator("discriminator", setup.target_channels)) {}

private:
  torch::Tensor generate(torch::Tensor const& source) override { return generator_->forward(source); }

  Objective generator_objective(Batch const& batch) override {
    translation_ = generator_->forward(batch.source.images);
    auto const adversarial = discriminator_->loss_to_seem_real(translation_);
    return {adversarial + settings().scc_weight * scc(batch.source, translation_), adversarial, {}};
  }

  torch::Tensor discriminator_loss(Batch const& batch) override {
    return discriminator_->loss_to_tell_apart(batch.target.images, translation_);
  }

  Generator generator_;
  Discriminator discriminator_;
};

}  // namespace translate
