// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Accuracy and rSMI over the iterations, as an SVG.

#pragma once

#include <string>
#include <vector>

#include "record.hpp"

namespace translate_digits {

/// Draws the rows that have an accuracy: accuracy on the left axis, 0 to 100 %, rSMI on the right one.
///
/// @param title       One line above the plot.
/// @param iterations  End of the axis below.
std::string draw_plot(std::vector<Row> const& rows, std::string const& title, std::int64_t iterations);

}  // namespace translate_digits
