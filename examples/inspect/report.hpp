// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The picture, and the page around it, in which a person sees what the number means.

#pragma once

#include <string>
#include <vector>

#include "command_line.hpp"
#include "image_file.hpp"
#include "inspection.hpp"
#include "numbers.hpp"

namespace inspect {

/// The two images, the map of |dloss/dy|, and the joint histogram of their values with the fitted density ratio.
Image draw_report(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values, Inspection const& inspection);

/// One page with the picture and the numbers, which needs no other file.
std::string html_page(ImagePair const& pair, Image const& picture, std::vector<Row> const& numbers);

}  // namespace inspect
