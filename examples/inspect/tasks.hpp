// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the program does beside measuring one pair.

#pragma once

#include "command_line.hpp"

namespace inspect {

/// Measures two folders of images, pair by pair: CSV file, progress on stderr, summary on stdout. A pair that cannot be
/// read gets a line in the CSV file and does not stop the audit.
///
/// @return Whether at least one pair was measured.
/// @throws std::runtime_error if a folder cannot be read or the CSV file cannot be written.
bool audit(Request const& request);

/// Cross-validates the candidates of the request over its pair, or over all pairs of its folders, and prints the table
/// with a mark at the choice. A pair of folders that cannot be used is named and left out.
///
/// @return Whether at least one pair was used.
/// @throws std::runtime_error if an image of one pair, or a folder, cannot be read, or the CSV file cannot be written.
/// @throws std::invalid_argument if a candidate cannot be used, or the only pair is too small for the folds.
bool select(Request const& request);

}  // namespace inspect
