// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What all methods have in common: networks in training, one iteration, the constraint. A method adds its objective.

#pragma once

#include <memory>
#include <scc/libtorch.hpp>
#include <string>
#include <torch/torch.h>
#include <utility>
#include <vector>

#include "networks/discriminator.hpp"
#include "networks/generator.hpp"
#include "processes.hpp"
#include "settings.hpp"

namespace translate {

/// What one iteration measured: scalars without gradient on the device of training, before weights are applied.
struct Losses {
  torch::Tensor adversarial;    ///< Least-squares loss of the generators.
  torch::Tensor discriminator;  ///< Least-squares loss of the discriminators.
  torch::Tensor consistency;    ///< The method's own term, such as the cycle; undefined for gan.
  torch::Tensor rsmi;           ///< Mean rSMI of source images and their translations; undefined if not measured.
};

/// Images of one domain, and what the constraint is to know of them.
struct Side {
  torch::Tensor images;  ///< [N, channels, H, W], from -1 to 1
  torch::Tensor guide;   ///< [N, 3, H, W], from -1 to 1: what the constraint sees in place of the images; or undefined
  torch::Tensor weight;  ///< [N, 1, H, W], from 0 to 1: of each pixel in the constraint; or undefined
};

/// Images of the two domains, not paired.
struct Batch {
  Side source, target;
};

/// What the networks of a method are made for.
struct Setup {
  Settings settings;
  std::int64_t source_channels, target_channels;
  torch::Device device;
  Processes& processes;  ///< Among which each batch is shared out.
};

/// Trains a generator from the source domain to the target domain. Derived classes are the methods.
class Translator {
public:
  virtual ~Translator() = default;

  /// One step of the generators, then one of the discriminators, on gradients that are averaged over the processes.
  ///
  /// @param batch         This process's share of the images of both domains.
  /// @param rate_share    Share of the settings' learning rates, 0 to 1.
  /// @param measures_rsmi Whether Losses::rsmi is wanted; it costs nothing where the constraint is part of the loss.
  Losses step(Batch const& batch, double rate_share, bool measures_rsmi);

  /// @param source  [N, source channels, H, W], from -1 to 1.
  /// @return [N, target channels, H, W], from -1 to 1, without gradient.
  torch::Tensor translate(torch::Tensor const& source);

  /// rSMI of each image and its translation, or of what the constraint sees of the image.
  ///
  /// @param translation  As translate() returns.
  /// @return [N], float64.
  torch::Tensor rsmi(Side const& input, torch::Tensor const& translation);

  /// Weights of all networks and the state of their optimizers.
  void save(torch::serialize::OutputArchive& archive) const;

  /// @throws c10::Error if the archive does not hold these networks.
  void load(torch::serialize::InputArchive& archive);

  /// The weights of all networks.
  std::vector<torch::Tensor> parameters() const;

  /// CRC-32 of the weights of all networks.
  std::string weights_digest() const;

protected:
  /// The generators' loss: all that is minimised, and two of its terms to be recorded.
  struct Objective {
    torch::Tensor total;
    torch::Tensor adversarial;
    torch::Tensor consistency;  ///< undefined if the method has none
  };

  explicit Translator(Setup const& setup);

  /// G(x).
  virtual torch::Tensor generate(torch::Tensor const& source) = 0;

  /// Sets translation_, and whatever discriminator_loss() looks at once more.
  virtual Objective generator_objective(Batch const& batch) = 0;

  virtual torch::Tensor discriminator_loss(Batch const& batch) = 0;

  virtual void after_generator_step() {}

  /// The constraint: minus the mean rSMI of images and their translations; 0 if its weight is 0. The first call in an
  /// iteration must be that for the source images.
  torch::Tensor scc(Side const& input, torch::Tensor const& translation);

  /// Makes a network as settings.networks and its sizes say, and adds it.
  Generator add_generator(char const* name, std::int64_t in_channels, std::int64_t out_channels);
  Discriminator add_discriminator(char const* name, std::int64_t channels);

  /// Moves a network to the device, and lets an optimizer and the checkpoints have it.
  void add_to_generators(char const* name, std::shared_ptr<torch::nn::Module> const& network);
  void add_to_discriminators(char const* name, std::shared_ptr<torch::nn::Module> const& network);

  Settings const& settings() const { return setup_.settings; }

  torch::Tensor translation_;  ///< of the source images, with gradient

private:
  void add(char const* name, std::shared_ptr<torch::nn::Module> const& network, torch::optim::Adam& optimizer);

  void step(torch::optim::Adam& optimizer, torch::Tensor const& loss);

  // Batch norm takes the statistics of the batch, or those that it has gathered.
  void set_training(bool is_training);

  Setup setup_;
  scc::libtorch::SccLoss scc_;
  torch::optim::Adam generator_optimizer_, discriminator_optimizer_;
  std::vector<std::pair<char const*, std::shared_ptr<torch::nn::Module>>> networks_;
  torch::Tensor rsmi_;  // of the source images; undefined if the constraint is switched off
};

/// Makes the method of setup.settings with the weights that torch's random numbers give its networks.
std::unique_ptr<Translator> make_translator(Setup const& setup);

/// How far two batches of images are from each other: the mean of |a - b|.
inline torch::Tensor l1(torch::Tensor const& a, torch::Tensor const& b) { return (a - b).abs().mean(); }

}  // namespace translate
