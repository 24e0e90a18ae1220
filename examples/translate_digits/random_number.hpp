// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Random whole numbers that are the same with every compiler and standard library.

#pragma once

#include <cstdint>
#include <random>

namespace translate_digits {

/// A number from 0 to count - 1, for 1 <= count < 2^32. std::uniform_int_distribution would do, but each library's differs.
inline std::int64_t draw_below(std::int64_t count, std::mt19937& random) {
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(random()) * static_cast<std::uint64_t>(count)) >> 32U);
}

}  // namespace translate_digits
