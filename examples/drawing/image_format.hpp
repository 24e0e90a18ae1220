// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What stb_image leaves open: checks of files that it would decode to plausible wrong pixels, and the PNM formats.

#pragma once

#include <cstdint>
#include <vector>

#include "image_file.hpp"

namespace drawing {

using Bytes = std::vector<std::uint8_t>;

/// Why a PNG or JPEG file is not whole, or null if nothing is wrong or it is neither.
char const* damage(Bytes const& bytes);

/// Whether the file is a binary PPM (P6) or PGM (P5).
bool is_pnm(Bytes const& bytes);

/// Decodes a binary PPM or PGM file of 8 or 16 bits; its largest value becomes 255.
///
/// @throws std::runtime_error with the reason.
Image decode_pnm(Bytes const& bytes);

}  // namespace drawing
