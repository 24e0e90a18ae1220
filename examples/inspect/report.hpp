// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The picture in which a person sees what the number means.

#pragma once

#include <string>

#include "../drawing/canvas.hpp"
#include "command_line.hpp"
#include "inspection.hpp"

namespace inspect {

/// The two images, the map of |dloss/dy|, and the joint histogram of their values with the fitted density ratio, as the
/// bytes of a file.
std::string draw_report(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values,
                        Inspection const& inspection, drawing::Format format);

}  // namespace inspect
