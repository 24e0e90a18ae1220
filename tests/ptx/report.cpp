// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <array>
#include <cstdio>
#include <utility>

#include "control.hpp"
#include "report.hpp"

namespace ptx {
namespace {

constexpr std::size_t most_kept = 100;
constexpr int most_printed = 8;  // of each check, between two take_reports()

struct Findings {
  std::size_t count = 0;
  std::vector<Report> kept;
  std::array<int, check_count> printed{};
};

Findings& findings() {
  static Findings& value = *new Findings;  // asked for while the process ends, too
  return value;
}

}  // namespace

char const* name(Check check) {
  switch (check) {
    case Check::undefined_register:
      return "undefined register";
    case Check::uninitialized_memory:
      return "uninitialized memory";
    case Check::bounds:
      return "out of bounds";
    case Check::alignment:
      return "misaligned";
    case Check::shuffle:
      return "shuffle";
    case Check::barrier:
      return "barrier";
    case Check::deadlock:
      return "deadlock";
    case Check::race:
      return "race";
    case Check::read_only_load:
      return "read-only load";
    case Check::stale_load:
      return "stale load";
    case Check::launch:
      return "launch";
    case Check::runtime:
      return "runtime";
  }
  return "unknown check";
}

void report(Check check, std::string const& text) {
  if (!config().is_on(check)) {
    return;
  }
  Findings& all = findings();
  ++all.count;
  if (all.kept.size() < most_kept) {
    all.kept.push_back({check, text});
  }
  int& printed = all.printed[static_cast<std::size_t>(check)];
  if (!config().quiet && printed < most_printed) {
    ++printed;
    std::fprintf(stderr, "PTX %s: %s\n", name(check), text.c_str());
  }
}

std::size_t report_count() { return findings().count; }

std::vector<Report> take_reports() { return std::exchange(findings(), Findings{}).kept; }

}  // namespace ptx
