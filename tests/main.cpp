// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Runs the tests of one executable. Exit status: 0 passed, 1 failed, 4 nothing failed but a test was skipped, the value
/// that Catch2 3 uses and tells ctest of.

#define CATCH_CONFIG_RUNNER
#include "catch.hpp"

int main(int argc, char* argv[]) {
  int const failed = Catch::Session().run(argc, argv);
  if (failed != 0) {
    return 1;
  }
  return scc_test::any_skipped() ? 4 : 0;
}
