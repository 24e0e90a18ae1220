// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Draws the pictures of docs/parameters.md.

#pragma once

#include <vector>

#include "../inspect/image_file.hpp"
#include "../inspect/inspection.hpp"
#include "../inspect/joint_histogram.hpp"
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
inspect::Image draw_pair(inspect::ImagePair const& pair);

/// A row of panels, each with the joint histogram of the pair over the fitted density ratio.
inspect::Image draw_study(Study const& study, std::vector<Measured> const& measured, inspect::ImagePair const& pair);

/// One plot for each sweep; triples has those of its `at`.
inspect::Image draw_sweeps(std::vector<Sweep> const& sweeps, std::vector<std::vector<Triple>> const& triples);

}  // namespace parameters
