// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the user asks for, from the arguments of the program.

#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "settings.hpp"

namespace translate_digits {

/// Arguments that ask for nothing that can be done.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Whether the arguments ask for help.
bool asks_for_help(std::vector<std::string> const& arguments);

/// Understands the arguments after the program's name.
///
/// @throws UsageError that names the argument and the reason.
Settings parse(std::vector<std::string> const& arguments);

/// What --help prints.
std::string help_text();

/// The options, without the hyphens, that decide what a run computes; those of two runs with equal results are equal.
Description describe(Settings const& settings);

}  // namespace translate_digits
