// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Draws the pictures of docs/mathematics.md and docs/questions.md, as the bytes of files.

#pragma once

#include <string>

#include "../../examples/drawing/canvas.hpp"
#include "../../examples/inspect/inspection.hpp"

namespace pictures {

/// The four steps of the computation for one pair at default options: pixels, moments, solve, gradient.
std::string draw_steps(inspect::ImagePair const& pair, drawing::Format format);

/// What a mask changes at default options: a pair alone, padded with black, and padded with a mask.
std::string draw_masks(inspect::ImagePair const& pair, drawing::Format format);

}  // namespace pictures
