// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the user asks for, from the arguments of the program.

#pragma once

#include "settings.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace translate {

/// Adds the options, which set the settings when the arguments are parsed.
void add_options(CLI::App& app, Settings& settings);

/// The options, without the hyphens, that decide what a run computes; those of two runs with equal results are equal.
Description describe(Settings const& settings);

}  // namespace translate
