// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// CycleGAN and GcGAN together, the strongest methods of the paper's table 1 ("Cyc + rot", "Cyc + vf").

#pragma once

#include "methods/gcgan.hpp"
#include "methods/translator.hpp"

namespace translate {

/// GcGAN in both directions, and the cycle on plain and on transformed images.
class CycleGeometry final : public Translator {
public:
  explicit CycleGeometry(Setup const& setup)
      : Translator(setup),
        f_(setup.settings.method),
        generator_(add_generator("generator", setup.source_channels, setup.target_channels)),
        back_generator_(add_generator("back_generator", setup.target_channels, setup.source_channels)),
        plain_{add_discriminator("discriminator", setup.target_channels),
               add_discriminator("source_discriminator", setup.source_channels)},
        transformed_{add_discriminator("transformed_discriminator", setup.target_channels),
                     add_discriminator("transformed_source_discriminator", setup.source_channels)} {}

private:
  torch::Tensor generate(torch::Tensor const& source) override { return generator_->forward(source); }

  Objective generator_objective(Batch const& batch) override {
    auto const &x = batch.source.images, &y = batch.target.images;
    auto const plain = translate_both(x, y, plain_);
    auto const transformed = translate_both(f_(x), f_(y), transformed_);
    translation_ = plain.of_x;
    plain_translations_ = {plain.of_x, plain.of_y};
    transformed_translations_ = {transformed.of_x, transformed.of_y};
    auto const adversarial = plain.adversarial + transformed.adversarial;
    auto const cycle = plain.cycle + transformed.cycle;
    auto const geometry = f_.distance(plain.of_x, transformed.of_x) + f_.distance(plain.of_y, transformed.of_y);
    auto const scc_x = scc(batch.source, plain.of_x), scc_y = scc(batch.target, plain.of_y);
    auto const total = adversarial + settings().cycle_weight * cycle + settings().geometry_weight * geometry +
                       settings().scc_weight * (scc_x + scc_y);
    return {total, adversarial, cycle + geometry};
  }

  torch::Tensor discriminator_loss(Batch const& batch) override {
    auto const &x = batch.source.images, &y = batch.target.images;
    return plain_.target->loss_to_tell_apart(y, plain_translations_.of_x) +
           plain_.source->loss_to_tell_apart(x, plain_translations_.of_y) +
           transformed_.target->loss_to_tell_apart(f_(y), transformed_translations_.of_x) +
           transformed_.source->loss_to_tell_apart(f_(x), transformed_translations_.of_y);
  }

  struct Judges {
    Discriminator target, source;
  };
  struct Translations {
    torch::Tensor of_x, of_y;
  };
  struct BothWays {
    torch::Tensor of_x, of_y, adversarial, cycle;
  };

  BothWays translate_both(torch::Tensor const& x, torch::Tensor const& y, Judges& judges) {
    auto const of_x = generator_->forward(x), of_y = back_generator_->forward(y);
    auto const adversarial = judges.target->loss_to_seem_real(of_x) + judges.source->loss_to_seem_real(of_y);
    auto const cycled_x = back_generator_->forward(of_x), cycled_y = generator_->forward(of_y);
    return {of_x, of_y, adversarial, l1(cycled_x, x) + l1(cycled_y, y)};
  }

  Transform f_;
  Generator generator_, back_generator_;
  Judges plain_, transformed_;
  Translations plain_translations_, transformed_translations_;
};

}  // namespace translate
