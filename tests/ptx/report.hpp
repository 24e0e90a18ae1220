// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Defects that the interpreter finds in a kernel or in how it is launched.

#pragma once

#include <string>
#include <vector>

namespace ptx {

/// The checks. Each can be switched off (Config::checks), so that the interpreter's own tests can show that it is needed.
enum class Check {
  undefined_register,    ///< An instruction reads a register or predicate that was never written.
  uninitialized_memory,  ///< A load or atomic of memory that nobody wrote
  bounds,                ///< An access outside of every allocation, of shared memory or of the parameters
  alignment,             ///< An address that is not a multiple of the access's size
  shuffle,               ///< A shuffle from a lane that does not take part
  barrier,               ///< Threads of a block at different barriers, or ended while others wait
  deadlock,              ///< No thread can go on.
  race,                  ///< Two accesses to a byte, one of them a write, that nothing orders
  read_only_load,        ///< ld.global.nc of memory that the same kernel writes
  stale_load,            ///< A cached load of what another block wrote
  launch,                ///< A launch that no device would accept
  runtime,               ///< A call of the CUDA runtime that is wrong, such as a free of what was not allocated
};
inline constexpr int check_count = 12;

/// Name of a check, as in reports: "race", "out of bounds", ...
char const* name(Check check);

/// One finding.
struct Report {
  Check check;
  std::string text;  ///< Where: kernel, line of the PTX, source file and line, block, warp
};

/// Adds a finding, and prints the first few of each check to stderr unless Config::quiet is set. Does nothing if the check
/// is switched off.
void report(Check check, std::string const& text);

/// Number of findings since the last take_reports(), which may be more than are kept.
std::size_t report_count();

/// The findings since the last call, the first 100 at most. A process that ends with findings that nobody took ends with
/// status 1: see runtime.cpp.
std::vector<Report> take_reports();

}  // namespace ptx
