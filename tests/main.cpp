// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Runs the tests of one executable. Exit status: 0 passed, 1 failed, 4 nothing failed but a test was skipped, the value
/// that Catch2 3 uses and tells ctest of.
///
/// Where there is no device for the tests of the GPU they are all skipped, or fail if SCC_REQUIRE_GPU is 1 in the environment.

#define CATCH_CONFIG_RUNNER
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "catch.hpp"

int main(int argc, char* argv[]) {
  // Tests can be listed anywhere.
  bool const runs =
    std::none_of(argv, argv + argc, [](std::string const& argument) { return argument.rfind("--list", 0) == 0; });
  std::string const missing = runs && scc_test::requirement() != nullptr ? scc_test::requirement()() : "";
  if (!missing.empty()) {
    char const* const required = std::getenv("SCC_REQUIRE_GPU");
    bool const fails = required != nullptr && std::string(required) == "1";
    std::cout << (fails ? "FAILED: " : "SKIPPED: ") << missing << '\n';
    return fails ? 1 : 4;
  }
  int const failed = Catch::Session().run(argc, argv);
  if (failed != 0) {
    return 1;
  }
  return scc_test::any_skipped() ? 4 : 0;
}
