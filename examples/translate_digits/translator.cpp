// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <scc/libtorch.hpp>
#include <utility>
#include <vector>
#include <zlib.h>

#include "networks.hpp"
#include "translator.hpp"

namespace translate_digits {

namespace {

using torch::Tensor;

// Least squares rather than cross entropy (Mao et al., ICCV 2017): 1 is real, 0 is translated.
Tensor loss_to_seem_real(Discriminator judge, Tensor const& translation) {
  return (judge->forward(translation) - 1.0).square().mean();
}

Tensor loss_to_tell_apart(Discriminator judge, Tensor const& real, Tensor const& translation) {
  return 0.5 * ((judge->forward(real) - 1.0).square().mean() + judge->forward(translation.detach()).square().mean());
}

Tensor mean_difference(Tensor const& a, Tensor const& b) { return (a - b).abs().mean(); }

// Losses of the generators, with gradient and without weights.
struct GeneratorLosses {
  Tensor adversarial;
  Tensor consistency;  // undefined if the method has none
  Tensor structure;    // undefined if switched off
};

void set_rate(torch::optim::Adam& optimizer, double rate) {
  for (auto& group : optimizer.param_groups()) {
    static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate);
  }
}

torch::optim::AdamOptions adam_options() { return torch::optim::AdamOptions(0).betas({0.5, 0.999}); }

// Method::gan, and the base of the other methods, which add networks and losses.
class AdversarialTranslator : public Translator {
public:
  AdversarialTranslator(Settings const& settings, std::int64_t source_channels, std::int64_t target_channels,
                        torch::Device device)
      : settings_(settings),
        device_(device),
        scc_(settings.estimator),
        generator_(source_channels, target_channels, settings.width, settings.residual_blocks),
        discriminator_(target_channels, settings.discriminator_width),
        generator_optimizer_(std::vector<Tensor>{}, adam_options()),
        discriminator_optimizer_(std::vector<Tensor>{}, adam_options()) {
    train(generator_, "generator", generator_optimizer_);
    train(discriminator_, "discriminator", discriminator_optimizer_);
  }

  Losses step(Tensor const& source, Tensor const& target, double rate_share, bool measures_rsmi) final {
    set_rate(generator_optimizer_, rate_share * settings_.generator_rate);
    set_rate(discriminator_optimizer_, rate_share * settings_.discriminator_rate);

    generator_optimizer_.zero_grad();
    auto const generator = generator_losses(source, target);
    auto total = generator.adversarial;
    if (generator.consistency.defined()) {
      total = total + consistency_weight() * generator.consistency;
    }
    if (generator.structure.defined()) {
      total = total + settings_.scc_weight * generator.structure;
    }
    total.backward();
    generator_optimizer_.step();

    // The step of the generators has left gradients in the discriminators too.
    discriminator_optimizer_.zero_grad();
    auto const discriminator = discriminator_loss(source, target);
    discriminator.backward();
    discriminator_optimizer_.step();

    Losses losses;
    losses.adversarial = generator.adversarial.detach();
    losses.discriminator = discriminator.detach();
    if (generator.consistency.defined()) {
      losses.consistency = generator.consistency.detach();
    }
    if (measures_rsmi) {
      losses.rsmi = (rsmi_.defined() ? rsmi_ : rsmi(source, translation_)).mean();
    }
    return losses;
  }

  Tensor translate(Tensor const& source) final {
    torch::NoGradGuard const no_gradient;
    return generator_->forward(source);
  }

  Tensor rsmi(Tensor const& source, Tensor const& translation) final {
    torch::NoGradGuard const no_gradient;
    scc_(source, translation);
    return scc_.last_rsmi();
  }

  void save(torch::serialize::OutputArchive& archive) const final {
    auto const write = [&archive](char const* name, auto const& part) {
      torch::serialize::OutputArchive place;
      part.save(place);
      archive.write(name, place);
    };
    for (auto const& [name, network] : networks_) {
      write(name, *network);
    }
    write("generator_optimizer", generator_optimizer_);
    write("discriminator_optimizer", discriminator_optimizer_);
  }

  void load(torch::serialize::InputArchive& archive) final {
    auto const read = [&archive](char const* name, auto& part) {
      torch::serialize::InputArchive place;
      archive.read(name, place);
      part.load(place);
    };
    for (auto const& [name, network] : networks_) {
      read(name, *network);
    }
    read("generator_optimizer", generator_optimizer_);
    read("discriminator_optimizer", discriminator_optimizer_);
  }

  std::string weights_digest() const final {
    uLong digest = crc32(0, nullptr, 0);
    for (auto const& [name, network] : networks_) {
      for (auto const& weights : network->parameters()) {
        auto const on_cpu = weights.detach().cpu().contiguous();
        digest = crc32_z(digest, static_cast<Bytef const*>(on_cpu.data_ptr()), on_cpu.nbytes());
      }
    }
    return std::to_string(digest);
  }

protected:
  // Moves a network to the device, and lets an optimizer and the checkpoints have it.
  template <class Network>
  void train(Network network, char const* name, torch::optim::Adam& optimizer) {
    network->to(device_);
    networks_.emplace_back(name, network.ptr());
    optimizer.add_param_group(network->parameters());
  }

  // Translates the source images, and may look at their translations once more in discriminator_loss().
  virtual GeneratorLosses generator_losses(Tensor const& source, Tensor const& /*target*/) {
    translation_ = generator_->forward(source);
    GeneratorLosses losses{loss_to_seem_real(discriminator_, translation_), {}, structure(source, translation_)};
    if (losses.structure.defined()) {
      rsmi_ = scc_.last_rsmi();
    }
    return losses;
  }

  virtual Tensor discriminator_loss(Tensor const& /*source*/, Tensor const& target) {
    return loss_to_tell_apart(discriminator_, target, translation_);
  }

  virtual double consistency_weight() const { return 0; }

  // The constraint, or nothing if it is switched off.
  Tensor structure(Tensor const& input, Tensor const& translation) {
    return settings_.scc_weight > 0 ? scc_(input, translation) : Tensor();
  }

  Settings const& settings() const { return settings_; }
  Generator& generator() { return generator_; }
  Tensor const& translation() const { return translation_; }
  torch::optim::Adam& generator_optimizer() { return generator_optimizer_; }
  torch::optim::Adam& discriminator_optimizer() { return discriminator_optimizer_; }

private:
  Settings settings_;
  torch::Device device_;
  scc::libtorch::SccLoss scc_;
  Generator generator_;
  Discriminator discriminator_;
  torch::optim::Adam generator_optimizer_, discriminator_optimizer_;
  std::vector<std::pair<char const*, std::shared_ptr<torch::nn::Module>>> networks_;
  Tensor translation_;
  Tensor rsmi_;  // of the last source images; undefined if the constraint is switched off
};

class CycleTranslator final : public AdversarialTranslator {
public:
  CycleTranslator(Settings const& settings, std::int64_t source_channels, std::int64_t target_channels,
                  torch::Device device)
      : AdversarialTranslator(settings, source_channels, target_channels, device),
        back_generator_(target_channels, source_channels, settings.width, settings.residual_blocks),
        source_discriminator_(source_channels, settings.discriminator_width) {
    train(back_generator_, "back_generator", generator_optimizer());
    train(source_discriminator_, "source_discriminator", discriminator_optimizer());
  }

private:
  GeneratorLosses generator_losses(Tensor const& source, Tensor const& target) override {
    auto losses = AdversarialTranslator::generator_losses(source, target);
    back_translation_ = back_generator_->forward(target);
    losses.adversarial = losses.adversarial + loss_to_seem_real(source_discriminator_, back_translation_);
    losses.consistency = mean_difference(back_generator_->forward(translation()), source) +
                         mean_difference(generator()->forward(back_translation_), target);
    if (losses.structure.defined()) {
      losses.structure = losses.structure + structure(target, back_translation_);
    }
    return losses;
  }

  Tensor discriminator_loss(Tensor const& source, Tensor const& target) override {
    return AdversarialTranslator::discriminator_loss(source, target) +
           loss_to_tell_apart(source_discriminator_, source, back_translation_);
  }

  double consistency_weight() const override { return settings().cycle_weight; }

  Generator back_generator_;
  Discriminator source_discriminator_;
  Tensor back_translation_;
};

class GeometryTranslator final : public AdversarialTranslator {
public:
  GeometryTranslator(Settings const& settings, std::int64_t source_channels, std::int64_t target_channels,
                     torch::Device device)
      : AdversarialTranslator(settings, source_channels, target_channels, device),
        transformed_discriminator_(target_channels, settings.discriminator_width) {
    train(transformed_discriminator_, "transformed_discriminator", discriminator_optimizer());
  }

private:
  Tensor transform(Tensor const& images) const {
    return settings().method == Method::gcgan_rot ? images.rot90(1, {2, 3}) : images.flip({2});
  }

  Tensor transform_back(Tensor const& images) const {
    return settings().method == Method::gcgan_rot ? images.rot90(-1, {2, 3}) : images.flip({2});
  }

  GeneratorLosses generator_losses(Tensor const& source, Tensor const& target) override {
    auto losses = AdversarialTranslator::generator_losses(source, target);
    translation_of_transformed_ = generator()->forward(transform(source));
    losses.adversarial =
      losses.adversarial + loss_to_seem_real(transformed_discriminator_, translation_of_transformed_);
    // Each of the two is held to the other as it is, as the authors' code does.
    losses.consistency = mean_difference(translation(), transform_back(translation_of_transformed_.detach())) +
                         mean_difference(translation_of_transformed_, transform(translation().detach()));
    return losses;
  }

  Tensor discriminator_loss(Tensor const& source, Tensor const& target) override {
    return AdversarialTranslator::discriminator_loss(source, target) +
           loss_to_tell_apart(transformed_discriminator_, transform(target), translation_of_transformed_);
  }

  double consistency_weight() const override { return settings().geometry_weight; }

  Discriminator transformed_discriminator_;
  Tensor translation_of_transformed_;
};

}  // namespace

std::unique_ptr<Translator> make_translator(Settings const& settings, std::int64_t source_channels,
                                            std::int64_t target_channels, torch::Device device) {
  switch (settings.method) {
    case Method::cyclegan:
      return std::make_unique<CycleTranslator>(settings, source_channels, target_channels, device);
    case Method::gcgan_rot:
    case Method::gcgan_vf:
      return std::make_unique<GeometryTranslator>(settings, source_channels, target_channels, device);
    case Method::gan:
      break;
  }
  return std::make_unique<AdversarialTranslator>(settings, source_channels, target_channels, device);
}

}  // namespace translate_digits
