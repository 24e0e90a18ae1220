// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <zlib.h>

#include "methods/cut.hpp"
#include "methods/cycle_geometry.hpp"
#include "methods/cyclegan.hpp"
#include "methods/gan.hpp"
#include "methods/gcgan.hpp"
#include "methods/translator.hpp"
#include "methods/ugatit.hpp"

namespace translate {

namespace {

void set_rate(torch::optim::Adam& optimizer, double rate) {
  for (auto& group : optimizer.param_groups()) {
    static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate);
  }
}

torch::optim::Adam make_optimizer(Settings const& settings) {
  auto const options = torch::optim::AdamOptions(0).betas({0.5, 0.999}).weight_decay(settings.weight_decay);
  return torch::optim::Adam(std::vector<torch::Tensor>{}, options);
}

torch::Tensor const& shown(Side const& input) { return input.guide.defined() ? input.guide : input.images; }

Style style_of(Settings const& settings) {
  if (settings.networks == Networks::digits || settings.networks == Networks::gcgan_digits) {
    return settings.networks == Networks::digits ? Style::digits : Style::gcgan;
  }
  bool const is_cut = settings.method == Method::cut || settings.method == Method::fastcut;
  return is_cut ? Style::antialiased : Style::resnet;
}

}  // namespace

Translator::Translator(Setup const& setup)
    : setup_(setup),
      scc_(setup.settings.estimator),
      generator_optimizer_(make_optimizer(setup.settings)),
      discriminator_optimizer_(make_optimizer(setup.settings)) {}

Losses Translator::step(Batch const& batch, double rate_share, bool measures_rsmi) {
  set_rate(generator_optimizer_, rate_share * settings().generator_rate);
  set_rate(discriminator_optimizer_, rate_share * settings().discriminator_rate);

  rsmi_ = torch::Tensor();
  auto const objective = generator_objective(batch);
  step(generator_optimizer_, objective.total);
  after_generator_step();

  auto const discriminator = discriminator_loss(batch);
  step(discriminator_optimizer_, discriminator);

  Losses losses;
  losses.adversarial = objective.adversarial.detach();
  losses.discriminator = discriminator.detach();
  if (objective.consistency.defined()) {
    losses.consistency = objective.consistency.detach();
  }
  if (measures_rsmi) {
    losses.rsmi = (rsmi_.defined() ? rsmi_ : rsmi(batch.source, translation_)).mean();
  }
  return losses;
}

// The other optimizer's step has left gradients, too.
void Translator::step(torch::optim::Adam& optimizer, torch::Tensor const& loss) {
  optimizer.zero_grad();
  loss.backward();
  std::vector<torch::Tensor> gradients;
  for (auto const& group : optimizer.param_groups()) {
    for (auto const& parameter : group.params()) {
      if (parameter.grad().defined()) {
        gradients.push_back(parameter.grad());
      }
    }
  }
  setup_.processes.average(gradients);
  optimizer.step();
}

torch::Tensor Translator::translate(torch::Tensor const& source) {
  torch::NoGradGuard const no_gradient;
  set_training(false);
  auto translation = generate(source);
  set_training(true);
  return translation;
}

void Translator::set_training(bool is_training) {
  for (auto const& [name, network] : networks_) {
    network->train(is_training);
  }
}

torch::Tensor Translator::rsmi(Side const& input, torch::Tensor const& translation) {
  torch::NoGradGuard const no_gradient;
  scc_(shown(input), translation, input.weight);
  return scc_.last_rsmi();
}

torch::Tensor Translator::scc(Side const& input, torch::Tensor const& translation) {
  if (settings().scc_weight == 0) {
    return torch::zeros({}, setup_.device);
  }
  auto loss = scc_(shown(input), translation, input.weight);
  if (!rsmi_.defined()) {
    rsmi_ = scc_.last_rsmi();
  }
  return loss;
}

Generator Translator::add_generator(char const* name, std::int64_t in_channels, std::int64_t out_channels) {
  Generator generator(in_channels, out_channels, settings().width, settings().residual_blocks,
                      settings().noise_channels, style_of(settings()));
  add_to_generators(name, generator.ptr());
  return generator;
}

Discriminator Translator::add_discriminator(char const* name, std::int64_t channels) {
  Discriminator discriminator(channels, settings().discriminator_width, style_of(settings()), settings().pool,
                              settings().sees_batch > 0);
  add_to_discriminators(name, discriminator.ptr());
  return discriminator;
}

void Translator::add_to_generators(char const* name, std::shared_ptr<torch::nn::Module> const& network) {
  network->to(setup_.device);
  networks_.emplace_back(name, network);
  generator_optimizer_.add_param_group(network->parameters());
}

void Translator::add_to_discriminators(char const* name, std::shared_ptr<torch::nn::Module> const& network) {
  network->to(setup_.device);
  networks_.emplace_back(name, network);
  discriminator_optimizer_.add_param_group(network->parameters());
}

void Translator::save(torch::serialize::OutputArchive& archive) const {
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

void Translator::load(torch::serialize::InputArchive& archive) {
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

std::vector<torch::Tensor> Translator::parameters() const {
  std::vector<torch::Tensor> all;
  for (auto const& [name, network] : networks_) {
    auto const of_network = network->parameters();
    all.insert(all.end(), of_network.begin(), of_network.end());
  }
  return all;
}

std::string Translator::weights_digest() const {
  uLong digest = crc32(0, nullptr, 0);
  for (auto const& weights : parameters()) {
    auto const on_cpu = weights.detach().cpu().contiguous();
    digest = crc32_z(digest, static_cast<Bytef const*>(on_cpu.data_ptr()), on_cpu.nbytes());
  }
  return std::to_string(digest);
}

std::unique_ptr<Translator> make_translator(Setup const& setup) {
  switch (setup.settings.method) {
    case Method::cyclegan:
      return std::make_unique<CycleGan>(setup);
    case Method::gcgan_rot:
    case Method::gcgan_vf:
      return std::make_unique<GcGan>(setup);
    case Method::cycle_rot:
    case Method::cycle_vf:
      return std::make_unique<CycleGeometry>(setup);
    case Method::cut:
    case Method::fastcut:
      return std::make_unique<Cut>(setup);
    case Method::ugatit_light:
      return std::make_unique<Ugatit>(setup);
    case Method::gan:
      break;
  }
  return std::make_unique<Gan>(setup);
}

}  // namespace translate
