// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Takes the PTX out of a fat binary: the container in which nvcc embeds a program's device code, one entry for each
/// architecture. What runs is thereby what was linked.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ptx {

/// The PTX of a fat binary for one architecture.
struct EmbeddedText {
  int architecture;  ///< 90 for sm_90
  std::string text;
};

/// All PTX in a container, in its order.
///
/// @param container The bytes of the container, of which the first 16 are its header; what follows its end is not read.
/// @throws std::runtime_error with one line that says what to do: there is no PTX, it is compressed, or the container is
///   damaged.
std::vector<EmbeddedText> embedded_texts(std::string_view container);

/// The same of what nvcc's code hands to __cudaRegisterFatBinary(): `struct {int magic, version; void const* data; ...}`.
/// How long the data are is what their header says.
///
/// @throws std::runtime_error as embedded_texts() does, and if this is no such struct.
std::vector<EmbeddedText> embedded_texts_of_wrapper(void const* wrapper);

/// The text for this architecture; 0: for the newest that there is.
///
/// @throws std::runtime_error if there is none; one line that says which there are.
std::string const& text_for(int architecture, std::vector<EmbeddedText> const& texts);

}  // namespace ptx
