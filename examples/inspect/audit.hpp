// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Measures two folders of images, pair by pair.

#pragma once

#include "command_line.hpp"

namespace inspect {

/// Does what the request asks for: CSV file, progress on stderr, summary on stdout. A pair that cannot be read gets a
/// line in the CSV file and does not stop the audit.
///
/// @return Whether at least one pair was measured.
/// @throws std::runtime_error if a folder cannot be read or the CSV file cannot be written.
bool audit(Request const& request);

}  // namespace inspect
