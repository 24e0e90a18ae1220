// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

// The target `trainer` of the projects that the pages' CMake snippets are part of.
#include <scc/scc.hpp>

int main() { return scc::Options{}.centers_per_axis == 9 ? 0 : 1; }
