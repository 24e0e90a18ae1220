// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// For snippets: views of images and of a gradient, made before.

#pragma once

#include <scc/image_batch.hpp>

namespace snippets::views {

extern scc::ImageBatch<float const> x_view, y_view;
extern scc::ImageBatch<float> dloss_dy_view;

}  // namespace snippets::views
