// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include <array>
#include <cstdio>
#include <string>

namespace translate {

/// The text of std::printf, of which 127 characters are kept.
template <class... Values>
std::string formatted(char const* format, Values... values) {
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

}  // namespace translate
