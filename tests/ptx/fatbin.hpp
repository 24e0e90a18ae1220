// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Takes the PTX out of a fat binary: the container in which nvcc embeds a program's device code, one entry for each
/// architecture. What runs is thereby what was linked.

#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ptx {

/// The PTX in what nvcc's code hands to __cudaRegisterFatBinary(), `struct {int magic, version; void const* data; ...}`,
/// by architecture: 90 for sm_90.
///
/// @throws std::runtime_error with one line that says what to do: there is no PTX, it is compressed, or the format is not
///   the known one.
std::map<int, std::string> embedded_texts(void const* wrapper);

/// The text for this architecture; 0: for the newest that there is.
///
/// @throws std::runtime_error if there is none; one line that says which there are.
std::string const& text_for(int architecture, std::map<int, std::string> const& texts);

}  // namespace ptx
