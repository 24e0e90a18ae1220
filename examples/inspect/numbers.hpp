// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The numbers of an inspection as text.

#pragma once

#include <string>
#include <vector>

#include "command_line.hpp"
#include "inspection.hpp"

namespace inspect {

/// rSMI is never negative; an estimate below this one says that the ridge keeps the fit from the data.
inline constexpr double too_negative = -0.05;

/// `value` with `digits` significant digits.
std::string significant(double value, int digits);

/// `value` with `digits` digits after the point.
std::string fixed(double value, int digits);

/// Kernel, centres, weights and basis in one line.
std::string describe(scc::cpu::Loss const& loss);

struct Row {
  std::string name, value;
};

/// The numbers of one inspection.
std::vector<Row> number_table(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values,
                              Inspection const& inspection);

}  // namespace inspect
