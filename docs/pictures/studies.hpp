// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the pictures of docs/parameters.md show: which options are tried, and what the built-in scene measures at them.

#pragma once

#include <functional>
#include <scc/options.hpp>
#include <string>
#include <vector>

#include "../../examples/inspect/command_line.hpp"
#include "../../examples/inspect/inspection.hpp"

namespace parameters {

/// One panel of a picture.
struct Setting {
  std::string heading, remark;
  scc::Options options;
  inspect::ValueRange values{-1, 1};  ///< The pixel values of the bytes 0 and 255.
};

/// A row of panels, in which one parameter varies.
struct Study {
  std::string name;   ///< Of its picture, without .png.
  std::string title;  ///< What the row shows.
  bool shows_centers = false;
  std::vector<Setting> settings;
};

std::vector<Study> studies();

/// Curves of rSMI, over one parameter on a logarithmic axis.
struct Sweep {
  std::string title, parameter;
  std::vector<double> at;     ///< Increasing.
  std::vector<double> ticks;  ///< The numbers along the axis.
  double standard;            ///< The parameter's value by default.
  std::function<scc::Options(double)> options;
};

std::vector<Sweep> sweeps();

/// rSMI of the scene and its translation, of the scene and itself, and of the scene and the translation with its pixels in
/// random order.
struct Triple {
  double pair, itself, shuffled;
};

Triple triple(inspect::Inspection const& inspection);

}  // namespace parameters
