// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A font made of pen strokes: printable ASCII, any size, no files.

#pragma once

#include <string_view>
#include <vector>

namespace inspect {

struct Point {
  double x, y;
};

struct Segment {
  Point from, to;
};

/// Width of one line of text, in units of the height of its capitals.
double text_width(std::string_view text);

/// The pen strokes of one line of text that starts at (0, 0), the left end of its base line; y points down, capitals
/// are 1 high. Characters outside printable ASCII become '?'.
std::vector<Segment> text_strokes(std::string_view text);

}  // namespace inspect
