// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Batches of images side by side, to be looked at.

#pragma once

#include <string>
#include <torch/torch.h>
#include <vector>

namespace translate_digits {

/// One row of the picture for each batch, grey ones in colour, each pixel as 2 x 2. A PNG.
///
/// @param rows  At least one; each [columns, 1 or 3, H, W], uint8, equal but for the channels.
std::string draw_grid(std::vector<torch::Tensor> const& rows);

}  // namespace translate_digits
