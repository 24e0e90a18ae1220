// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The pictures of a run: batches of images side by side, and its scores over the iterations.

#pragma once

#include <cstdint>
#include <string>
#include <torch/torch.h>
#include <vector>

namespace translate {

/// One row of the picture for each batch, grey ones in colour. A PNG.
///
/// @param rows   At least one; each [columns, 1 or 3, H, W], uint8, equal but for the channels.
/// @param scale  Each pixel is drawn as scale x scale.
std::string draw_grid(std::vector<torch::Tensor> const& rows, int scale);

/// Scores of the test images after an iteration.
struct Evaluation {
  std::int64_t iteration;
  double rsmi;                 ///< Mean of the translations.
  std::vector<double> scores;  ///< As Score::take() returns; the first is a percentage.
};

/// Draws the first score on the left axis, 0 to 100 %, and rSMI on the right one. An SVG.
///
/// @param title       One line above the plot.
/// @param iterations  End of the axis below.
std::string draw_plot(std::vector<Evaluation> const& evaluations, std::string const& title, std::int64_t iterations);

}  // namespace translate
