// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Everything the estimator has to say about one pair of images.

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <scc/scc.hpp>
#include <string>
#include <vector>

#include "../drawing/image_file.hpp"
#include "command_line.hpp"

namespace inspect {

/// An input image and its translation, of the same size.
struct ImagePair {
  std::string input_name, translation_name;
  drawing::Image input, translation;
  std::string mask_name;
  drawing::Image mask;  ///< Grey, of their size: the weights of the pixels; without pixels if all count alike.

  bool is_masked() const { return !mask.pixels.empty(); }
  /// Share of the weight that a pixel could have, 0 to 1.
  double weight(std::size_t place) const { return is_masked() ? mask.pixels[place] / 255.0 : 1.0; }
};

/// Reads the files.
///
/// @param mask  May be empty: there is none.
/// @throws std::runtime_error that names what cannot be read, or two files and their sizes if these differ, or the mask if
///         it has colours.
ImagePair read_pair(std::filesystem::path const& input, std::filesystem::path const& translation,
                    std::filesystem::path const& mask);

struct Score {
  double rsmi = 0;
  scc::Diagnostics pixel_counts{};
};

/// Measures one pair; what is needed for a whole folder.
Score score(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values, scc::cpu::Workspace& workspace);

/// Adds one pair to a cross-validation.
///
/// @throws std::invalid_argument if it is too small for the folds.
void cross_validate(scc::CrossValidation& validation, ImagePair const& pair, ValueRange values);

struct Inspection {
  Score score;
  double loss = 0;
  double rsmi_with_itself = 0;        ///< rSMI of the input and the input.
  double rsmi_shuffled = 0;           ///< rSMI of the input and the translation with the pixels that count shuffled.
  scc::Statistics statistics;         ///< h, H and alpha.
  std::vector<float> sensitivity;     ///< [height, width] |dloss/dy|, the root of the sum of squares over the channels.
  std::int64_t values_per_image = 0;  ///< C * H * W pairs of pixel values.
  double construction_ms = 0, forward_ms = 0, backward_ms = 0;  ///< The shortest of the repetitions.
};

/// Measures one pair in every respect.
Inspection inspect_pair(scc::Options const& options, ImagePair const& pair, ValueRange values, int repeat);

}  // namespace inspect
