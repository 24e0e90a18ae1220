// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// For snippets: pixels in memory of the reader's own.

#pragma once

#include <cstdint>

namespace snippets::images {

extern float const* x;
extern float const* y;
extern float* dloss_dy;
extern std::int64_t images, channels, height, width;

}  // namespace snippets::images
