// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Makes a Kernel of its text.

#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "program.hpp"

namespace ptx {

/// @throws std::runtime_error "PTX line N: ..."
std::unique_ptr<Kernel> parse_kernel(std::string const& name, KernelText const& text);

/// "PTX line N: what it is: text", the text shortened to one line.
std::runtime_error error_at(int line, std::string const& what, std::string_view text);

}  // namespace ptx
