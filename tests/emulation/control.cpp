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

namespace scc_emulation {
namespace {

[[noreturn]] void reject(char const* variable, char const* value, char const* allowed) {
  std::fprintf(stderr, "emulation: %s is '%s', must be %s\n", variable, value, allowed);
  std::exit(2);
}

template <class Number>
void read_number(char const* variable, Number& number) {
  if (char const* const value = std::getenv(variable)) {
    char* end = nullptr;
    long const parsed = std::strtol(value, &end, 10);
    if (end == value || *end != '\0' || parsed < 0 || parsed > 1'000'000'000) {
      reject(variable, value, "a number from 0 to 1000000000");
    }
    number = static_cast<Number>(parsed);
  }
}

Config config_of_environment() {
  Config config;
  if (char const* const value = std::getenv("SCC_EMULATION_ORDER")) {
    std::string const order = value;
    if (order != "forward" && order != "reverse" && order != "random") {
      reject("SCC_EMULATION_ORDER", value, "forward, reverse or random");
    }
    config.order = order == "forward" ? Order::forward : order == "reverse" ? Order::reverse : Order::random;
  }
  read_number("SCC_EMULATION_SEED", config.seed);
  read_number("SCC_EMULATION_RESIDENT_BLOCKS", config.resident_blocks);
  read_number("SCC_EMULATION_DEVICES", config.devices);
  read_number("SCC_EMULATION_SMS", config.multiprocessors);
  read_number("SCC_EMULATION_BLOCKS_PER_SM", config.blocks_per_multiprocessor);
  read_number("SCC_EMULATION_SHARED_MEMORY", config.shared_memory_bytes);
  read_number("SCC_EMULATION_QUIET", config.quiet);
  return config;
}

std::vector<FailingCall*>& failing_calls() {
  static auto& calls = *new std::vector<FailingCall*>;
  return calls;
}

}  // namespace

Config& config() {
  static Config value = config_of_environment();
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

cudaError_t planned_failure(char const* function) {
  for (FailingCall* call : failing_calls()) {
    if (call->calls_left_ > 0 && call->function_ == function && --call->calls_left_ == 0) {
      return call->error_;
    }
  }
  return cudaSuccess;
}

}  // namespace scc_emulation
