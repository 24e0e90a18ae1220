// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Catch2, in whichever of its versions 2.13 and 3 is there, and the one word that they do not share: to skip a test.

#pragma once

#include <iostream>
#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;  // version 2 does the same
#define SCC_CATCH2_MAJOR 3
#else
#include <catch2/catch.hpp>
#define SCC_CATCH2_MAJOR 2
#endif

namespace scc_test {

/// Whether a test of this process was skipped; main() tells ctest so.
inline bool& any_skipped() {
  static bool value = false;
  return value;
}

/// Set by what tests include that cannot be had everywhere: says what is missing here, or nothing. main() asks it once.
inline std::string (*&requirement())() {
  static std::string (*value)() = nullptr;
  return value;
}

/// Matches strings that contain `part`; the two versions of Catch2 name it differently.
#if SCC_CATCH2_MAJOR == 3
inline auto contains(std::string const& part) { return Catch::Matchers::ContainsSubstring(part); }
#else
inline auto contains(std::string const& part) { return Catch::Matchers::Contains(part); }
#endif

}  // namespace scc_test

/// Ends the test case, in the body of which it must stand, with one line that says why it has not run; ctest shows it as
/// skipped. The SKIP of Catch2 3 is not used: its exit status, 4, is also that of four failed assertions in some of its
/// releases.
#define SCC_SKIP(message)                          \
  do {                                             \
    std::cout << "SKIPPED: " << (message) << '\n'; \
    scc_test::any_skipped() = true;                \
    SUCCEED();                                     \
    return;                                        \
  } while (false)
