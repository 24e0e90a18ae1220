// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "control.hpp"

namespace ptx {
namespace {

/// Leaves the process if the value of a variable is not allowed.
void check(bool is_allowed, char const* variable, char const* value, std::string const& allowed) {
  if (!is_allowed) {
    std::fprintf(stderr, "ptx: %s is '%s', must be %s\n", variable, value, allowed.c_str());
    std::exit(2);
  }
}

template <class Number>
void read_number(char const* variable, Number& number, long most = 1'000'000'000) {
  if (char const* const value = std::getenv(variable)) {
    char* end = nullptr;
    long const parsed = std::strtol(value, &end, 10);
    bool const is_allowed = end != value && *end == '\0' && parsed >= 0 && parsed <= most;
    check(is_allowed, variable, value, "a number from 0 to " + std::to_string(most));
    number = static_cast<Number>(parsed);
  }
}

/// Names of the enumerators, in their order.
template <class Enum>
void read_name(char const* variable, Enum& choice, std::vector<std::string> const& names) {
  if (char const* const value = std::getenv(variable)) {
    auto const found = std::find(names.begin(), names.end(), value);
    std::string allowed = "one of";
    for (std::string const& name : names) {
      allowed += " " + name;
    }
    check(found != names.end(), variable, value, allowed);
    choice = static_cast<Enum>(found - names.begin());
  }
}

Config config_of_environment() {
  Config config;
  config.checks.fill(true);
  read_name("SCC_PTX_BLOCKS", config.blocks, {"forward", "reverse", "random", "interleaved"});
  read_name("SCC_PTX_LANES", config.lanes, {"lowest", "highest", "random"});
  read_number("SCC_PTX_SEED", config.seed);
  read_number("SCC_PTX_DEVICES", config.devices);
  read_number("SCC_PTX_SMS", config.multiprocessors);
  read_number("SCC_PTX_SHARED_MEMORY", config.shared_memory_bytes);
  read_number("SCC_PTX_ARCHITECTURE", config.architecture);
  read_number("SCC_PTX_QUIET", config.quiet, 1);
  return config;
}

struct Findings {
  std::size_t count = 0;
  std::vector<Report> kept;
  std::array<int, check_count> printed{};
};

// Static objects call the runtime while the process ends: what it needs is never destroyed.

Findings& findings() {
  static Findings& value = *new Findings;
  return value;
}

std::vector<FailingCall*>& failing_calls() {
  static auto& calls = *new std::vector<FailingCall*>;
  return calls;
}

}  // namespace

Config& config() {
  static Config& value = *new Config(config_of_environment());
  return value;
}

Counters& counters() {
  static Counters value;
  return value;
}

char const* name(Check check) {
  static constexpr std::array<char const*, check_count> names{"undefined register",
                                                              "uninitialized memory",
                                                              "out of bounds",
                                                              "misaligned",
                                                              "shuffle",
                                                              "barrier",
                                                              "deadlock",
                                                              "race",
                                                              "read-only load",
                                                              "stale load",
                                                              "launch",
                                                              "runtime"};
  return names[static_cast<std::size_t>(check)];
}

void report(Check check, std::string const& text) {
  constexpr std::size_t most_kept = 100;
  constexpr int most_printed = 8;  // of each check, between two take_reports()
  if (!config().is_on(check)) {
    return;
  }
  Findings& all = findings();
  ++all.count;
  if (all.kept.size() < most_kept) {
    all.kept.push_back({check, text});
  }
  if (!config().quiet && all.printed[static_cast<std::size_t>(check)]++ < most_printed) {
    std::fprintf(stderr, "PTX %s: %s\n", name(check), text.c_str());
  }
}

std::size_t report_count() { return findings().count; }

std::string report_text(std::size_t number) {
  std::vector<Report> const& kept = findings().kept;
  return number < kept.size() ? kept[number].text : "see the reports";
}

std::vector<Report> take_reports() { return std::exchange(findings(), Findings{}).kept; }

FailingCall::FailingCall(std::string function, int nth, cudaError_t error)
    : function_(std::move(function)),
      calls_left_(nth),
      error_(error) {
  failing_calls().push_back(this);
}

FailingCall::~FailingCall() {
  auto& calls = failing_calls();
  calls.erase(std::remove(calls.begin(), calls.end(), this), calls.end());
}

std::optional<cudaError_t> planned_failure(char const* function) {
  for (FailingCall* call : failing_calls()) {
    if (call->calls_left_ > 0 && call->function_ == function && --call->calls_left_ == 0) {
      return call->error_;
    }
  }
  return std::nullopt;
}

}  // namespace ptx
