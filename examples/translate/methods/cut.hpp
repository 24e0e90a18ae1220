// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// CUT and FastCUT: a piece of a translation is more like the piece of its input at the same place than like others, to
/// the generator's own encoder (Park et al., ECCV 2020).

#pragma once

#include <vector>

#include "methods/translator.hpp"
#include "networks/patch_nce.hpp"

namespace translate {

class Cut final : public Translator {
public:
  explicit Cut(Setup const& setup)
      : Translator(setup),
        generator_(add_generator("generator", setup.source_channels, setup.target_channels)),
        nce_(generator_->feature_channels()),
        discriminator_(add_discriminator("discriminator", setup.target_channels)) {
    add_to_generators("nce", nce_.ptr());
  }

private:
  torch::Tensor generate(torch::Tensor const& source) override { return generator_->forward(source); }

  Objective generator_objective(Batch const& batch) override {
    auto const &x = batch.source.images, &y = batch.target.images;
    bool const is_fast = settings().method == Method::fastcut;
    // FastCUT sees half of the batches in the mirror, which must not change the features.
    is_mirrored_ = is_fast && torch::rand({}).item<double>() < 0.5;
    translation_ = mirrored(generator_->forward(mirrored(x)));
    auto const adversarial = discriminator_->loss_to_seem_real(translation_);
    auto nce = nce_of(x, translation_);
    if (!is_fast) {
      nce = 0.5 * (nce + nce_of(y, generator_->forward(y)));
    }
    auto const total =
      adversarial + settings().nce_weight * nce + settings().scc_weight * scc(batch.source, translation_);
    return {total, adversarial, nce};
  }

  torch::Tensor discriminator_loss(Batch const& batch) override {
    return discriminator_->loss_to_tell_apart(batch.target.images, translation_);
  }

  torch::Tensor mirrored(torch::Tensor const& images) const { return is_mirrored_ ? images.flip({3}) : images; }

  torch::Tensor nce_of(torch::Tensor const& input, torch::Tensor const& translation) {
    auto queries = generator_->features(mirrored(translation));
    for (auto& features : queries) {
      features = mirrored(features);
    }
    return nce_->forward(queries, generator_->features(input));
  }

  Generator generator_;
  PatchNce nce_;
  Discriminator discriminator_;
  bool is_mirrored_ = false;
};

}  // namespace translate
