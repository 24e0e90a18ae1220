// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What one run does: everything that the command line can set.

#pragma once

#include <cstdint>
#include <filesystem>
#include <scc/options.hpp>
#include <string>
#include <utility>
#include <vector>

namespace translate {

/// How the translator is held to its input, beside the structure consistency constraint.
enum class Method {
  gan,        ///< Not at all: the adversarial loss alone.
  cyclegan,   ///< A second translator brings the image back (Zhu et al., ICCV 2017).
  gcgan_rot,  ///< Translating commutes with a rotation by 90 degrees (Fu et al., CVPR 2019).
  gcgan_vf,   ///< Translating commutes with a vertical flip (likewise).
};

/// From which domain to which: m is MNIST, mm is MNIST-M.
enum class Direction { m_mm, mm_m };

struct Settings {
  Method method = Method::gan;
  Direction direction = Direction::m_mm;
  double scc_weight = 0;
  scc::Options estimator;
  std::int64_t seed = 1;
  std::int64_t iterations = 20000;
  std::int64_t batch = 32;
  std::int64_t width = 32;
  std::int64_t discriminator_width = 32;
  std::int64_t residual_blocks = 4;
  double generator_rate = 2e-4;
  double discriminator_rate = 2e-4;
  double cycle_weight = 10;
  double geometry_weight = 20;
  std::int64_t train_images = 60000;
  std::int64_t classifier_epochs = 3;
  std::int64_t score_images = 60000;
  std::int64_t record_every = 50;
  std::int64_t evaluate_every = 1000;
  std::int64_t evaluate_images = 2000;
  bool training_score = true;
  std::string device = "cpu";
  std::int64_t checkpoint_every = 1000;
  std::int64_t stop_after = 0;  ///< Iteration to stop at as if interrupted; 0 for none.
  bool resume = false;
  bool classifiers_only = false;
  std::filesystem::path data;
  std::filesystem::path out;
  std::filesystem::path classifiers;
};

/// Names and values in a fixed order.
using Description = std::vector<std::pair<std::string, std::string>>;

}  // namespace translate
