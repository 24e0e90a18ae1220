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

/// How the translator is held to its input, beside the structure consistency constraint. methods/ has a file for each.
enum class Method { gan, cyclegan, gcgan_rot, gcgan_vf, cycle_rot, cycle_vf, cut, fastcut, ugatit_light };

/// Generators and discriminators: the small ones for digits, GcGAN's for digits, CycleGAN's, or those of U-GAT-IT.
enum class Networks { digits, gcgan_digits, resnet, ugatit };

/// From which domain to which. m is MNIST, mm is MNIST-M, s is SVHN, f and fm are Fashion-MNIST and the same made as MNIST-M
/// is; a and b are folders of images.
enum class Direction { m_mm, mm_m, s_m, m_s, f_fm, fm_f, a_b, b_a };

/// How translations of image folders are scored.
enum class ScoreKind { none, maps, parsing };

inline bool is_folders(Direction direction) { return direction == Direction::a_b || direction == Direction::b_a; }

struct Settings {
  Method method = Method::gan;
  Direction direction = Direction::m_mm;
  Networks networks = Networks::digits;
  double scc_weight = 0;
  scc::Options estimator;
  std::int64_t seed = 1;
  std::int64_t iterations = 20000;
  std::int64_t size = 32;  ///< Height and width of images.
  std::int64_t crop_margin = 30;
  std::int64_t batch = 32;
  std::int64_t width = 32;
  std::int64_t discriminator_width = 32;
  std::int64_t residual_blocks = 4;
  std::int64_t noise_channels = 0;
  double generator_rate = 2e-4;
  double discriminator_rate = 2e-4;
  double cycle_weight = 10;
  double geometry_weight = 20;
  double identity_weight = 0;
  double nce_weight = 1;
  double cam_weight = 1000;
  double weight_decay = 0;
  std::int64_t pool = 0;
  std::int64_t sees_batch = 0;  ///< 1 for discriminators that do.
  std::int64_t train_images = 60000;
  std::vector<double> target_shares;  ///< Of each digit's training images of the target; empty for all of them.
  std::int64_t classifier_epochs = 3;
  std::int64_t score_images = 60000;
  std::int64_t record_every = 50;
  std::int64_t evaluate_every = 1000;
  std::int64_t evaluate_images = 2000;
  ScoreKind score = ScoreKind::none;
  bool training_score = true;
  bool translations = false;
  std::string device = "cpu";
  std::int64_t checkpoint_every = 1000;
  std::int64_t stop_after = 0;  ///< Iteration to stop at as if interrupted; 0 for none.
  std::int64_t processes = 1;
  bool resume = false;
  bool classifiers_only = false;
  std::filesystem::path data;
  std::filesystem::path guides;
  std::filesystem::path masks;
  std::filesystem::path out;
  std::filesystem::path classifiers;
};

/// Names and values in a fixed order.
using Description = std::vector<std::pair<std::string, std::string>>;

}  // namespace translate
