// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// From an opcode to the function that does its work.

#pragma once

#include "decoder.hpp"

namespace ptx {

/// Everything of the instruction but where it stands and where a branch goes.
///
/// @throws std::runtime_error which says what is not understood.
Instruction decode(Statement const& statement, Registers& registers);

}  // namespace ptx
