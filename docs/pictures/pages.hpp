// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Draws the pictures of README.md, docs/mathematics.md and docs/questions.md, as the bytes of files.

#pragma once

#include <filesystem>
#include <string>

#include "../../examples/drawing/canvas.hpp"
#include "../../examples/inspect/inspection.hpp"

namespace pictures {

/// The four steps of the computation for one pair at default options: pixels, moments, solve, gradient.
std::string draw_steps(inspect::ImagePair const& pair, drawing::Format format);

/// What a mask changes at default options: a pair alone, padded with black, and padded with a mask.
std::string draw_masks(inspect::ImagePair const& pair, drawing::Format format);

/// One of each digit, and its translations by two translators: trained without the constraint, and with it.
///
/// @param without  Folder that a run of examples/translate has written, with weight 0.
/// @param with     The same with another weight.
/// @param format   Of the picture.
/// @throws std::runtime_error that names what is missing in a folder.
std::string draw_front(std::filesystem::path const& without, std::filesystem::path const& with, drawing::Format format);

}  // namespace pictures
