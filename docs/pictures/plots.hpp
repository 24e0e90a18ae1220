// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Draws the pictures of docs/parameters.md, as the bytes of files.

#pragma once

#include <string>
#include <vector>

#include "../../examples/drawing/canvas.hpp"
#include "../../examples/inspect/inspection.hpp"
#include "../../examples/inspect/joint_histogram.hpp"
#include "studies.hpp"

namespace parameters {

/// The range of values that a panel shows: those of the pixels and those of the domain.
inspect::ValueRange axis_range(Setting const& setting);

/// What was measured for one panel.
struct Measured {
  inspect::Inspection inspection;
  inspect::RatioMap ratio;  ///< Over axis_range().
};

Measured measure(Setting const& setting, inspect::ImagePair const& pair);

/// The two images side by side.
std::string draw_pair(inspect::ImagePair const& pair, drawing::Format format);

/// A row of panels, each with the joint histogram of the pair over the fitted density ratio.
std::string draw_study(Study const& study, std::vector<Measured> const& measured, inspect::ImagePair const& pair,
                       drawing::Format format);

/// One plot for each sweep; triples has those of its `at`.
std::string draw_sweeps(std::vector<Sweep> const& sweeps, std::vector<std::vector<Triple>> const& triples,
                        drawing::Format format);

}  // namespace parameters
