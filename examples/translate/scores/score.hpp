// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What translations are worth.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <torch/torch.h>
#include <vector>

#include "data/domains.hpp"
#include "settings.hpp"

namespace translate {

/// Turns a batch of images, [N, channels, H, W] from -1 to 1, into what is to be scored, likewise.
using Change = std::function<torch::Tensor(torch::Tensor const&)>;

/// Scores of test images, gathered batch by batch.
class Score {
public:
  struct Name {
    char const* name;
    char const* format;  ///< of std::printf
  };

  virtual ~Score() = default;

  /// Of the values of take(). The first is a percentage, and is drawn over the iterations.
  virtual std::vector<Name> names() const = 0;

  /// @param first         Number of the first of these images among the test images of both domains.
  /// @param translations  [N, channels, H, W], from -1 to 1: of the source's test images from there on.
  virtual void add(std::int64_t first, torch::Tensor const& translations) = 0;

  /// The scores of the images since the last call.
  virtual std::vector<double> take() = 0;

  /// What is known before the training, for result.txt.
  virtual Description facts() const { return {}; }

  /// More of the last call of take(), for result.txt alone.
  virtual Description details() const { return {}; }

  /// Scores that need more than the test images, once, at the end.
  virtual Description final_scores(Change const& /*translate*/) { return {}; }
};

/// The score that fits settings.direction and settings.score.
///
/// @param domains  Must outlive the score.
/// @throws std::runtime_error if files are damaged or cannot be written, or if images need partners and have none.
std::unique_ptr<Score> make_score(Settings const& settings, Domains const& domains);

}  // namespace translate
