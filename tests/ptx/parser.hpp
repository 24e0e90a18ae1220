// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Makes a Program of the text that nvcc hands to ptxas.

#pragma once

#include <string>

#include "program.hpp"

namespace ptx {

/// The program in use. Kernels are parsed when they are first asked for: Program::kernel().
Program& program();

/// Adds the kernels of a PTX text to the program; those of the same names are replaced.
///
/// @throws std::runtime_error "PTX line N: ..." if a declaration is not understood.
void load(std::string const& text);

/// Why the text cannot be run as it is: its version is not one that the interpreter was tested with, or it has an
/// instruction that the interpreter does not know. One line; empty if nothing is in the way.
std::string obstacle(std::string const& text);

}  // namespace ptx
