// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The configuration that the environment asks for, and the failures that tests ask for.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "control.hpp"

namespace ptx {
namespace {

[[noreturn]] void reject(char const* variable, char const* value, std::string const& allowed) {
  std::fprintf(stderr, "ptx: %s is '%s', must be %s\n", variable, value, allowed.c_str());
  std::exit(2);
}

template <class Number>
void read_number(char const* variable, Number& number, long most) {
  if (char const* const value = std::getenv(variable)) {
    char* end = nullptr;
    long const parsed = std::strtol(value, &end, 10);
    if (end == value || *end != '\0' || parsed < 0 || parsed > most) {
      reject(variable, value, "a number from 0 to " + std::to_string(most));
    }
    number = static_cast<Number>(parsed);
  }
}

/// Names of the enumerators, in their order.
template <class Enum>
void read_name(char const* variable, Enum& choice, std::vector<char const*> const& names) {
  if (char const* const value = std::getenv(variable)) {
    auto const found = std::find(names.begin(), names.end(), std::string(value));
    if (found == names.end()) {
      std::string allowed = "one of";
      for (char const* name : names) {
        allowed += std::string(" ") + name;
      }
      reject(variable, value, allowed);
    }
    choice = static_cast<Enum>(found - names.begin());
  }
}

Config config_of_environment() {
  constexpr long any = 1'000'000'000;
  Config config;
  config.checks.fill(true);
  read_name("SCC_PTX_BLOCKS", config.blocks, {"forward", "reverse", "random", "interleaved"});
  read_name("SCC_PTX_LANES", config.lanes, {"lowest", "highest", "random"});
  read_number("SCC_PTX_SEED", config.seed, any);
  read_number("SCC_PTX_DEVICES", config.devices, any);
  read_number("SCC_PTX_SMS", config.multiprocessors, any);
  read_number("SCC_PTX_SHARED_MEMORY", config.shared_memory_bytes, any);
  read_number("SCC_PTX_ARCHITECTURE", config.architecture, any);
  read_number("SCC_PTX_QUIET", config.quiet, 1);
  return config;
}

// Like config(), never destroyed, as static objects call the runtime late.

std::vector<FailingCall*>& failing_calls() {
  static auto& calls = *new std::vector<FailingCall*>;
  return calls;
}

}  // namespace

Config& config() {
  static auto& value = *new Config(config_of_environment());
  return value;
}

Counters& counters() {
  static Counters value;
  return value;
}

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
