// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The translator in training: the networks of a method, its losses, one iteration.

#pragma once

#include <memory>
#include <string>
#include <torch/torch.h>

#include "settings.hpp"

namespace translate_digits {

/// What one iteration measured: scalars without gradient on the device of training, before weights are applied.
struct Losses {
  torch::Tensor adversarial;    ///< Least-squares loss of the generators.
  torch::Tensor discriminator;  ///< Least-squares loss of the discriminators.
  torch::Tensor consistency;    ///< Cycle or geometry; undefined for Method::gan.
  torch::Tensor rsmi;           ///< Mean rSMI of source images and their translations; undefined if not measured.
};

/// Trains a generator from the source domain to the target domain.
class Translator {
public:
  virtual ~Translator() = default;

  /// One step of the generators, then one of the discriminators.
  ///
  /// @param source        [N, source channels, 32, 32], from -1 to 1.
  /// @param target        [N, target channels, 32, 32], from -1 to 1; of other digits.
  /// @param rate_share    Share of the settings' learning rates, 0 to 1.
  /// @param measures_rsmi Whether Losses::rsmi is wanted; it costs nothing where the constraint is part of the loss.
  virtual Losses step(torch::Tensor const& source, torch::Tensor const& target, double rate_share,
                      bool measures_rsmi) = 0;

  /// @param source  [N, source channels, 32, 32], from -1 to 1.
  /// @return [N, target channels, 32, 32], from -1 to 1, without gradient.
  virtual torch::Tensor translate(torch::Tensor const& source) = 0;

  /// rSMI of each image and its translation.
  ///
  /// @param source, translation  As translate() takes and returns.
  /// @return [N], float64.
  virtual torch::Tensor rsmi(torch::Tensor const& source, torch::Tensor const& translation) = 0;

  /// Weights of all networks and the state of their optimizers.
  virtual void save(torch::serialize::OutputArchive& archive) const = 0;

  /// @throws c10::Error if the archive does not hold these networks.
  virtual void load(torch::serialize::InputArchive& archive) = 0;

  /// CRC-32 of the weights of all networks.
  virtual std::string weights_digest() const = 0;
};

/// Makes the networks of settings.method with the weights that torch's random numbers give them.
std::unique_ptr<Translator> make_translator(Settings const& settings, std::int64_t source_channels,
                                            std::int64_t target_channels, torch::Device device);

}  // namespace translate_digits
