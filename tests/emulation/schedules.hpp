// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Runs something under many schedules: its results must have the same bits under all of them.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "control.hpp"

namespace scc_emulation {

struct Schedule {
  Order order;
  unsigned seed;
  int resident_blocks;
};

/// As the environment variables that repeat it.
inline std::string text(Schedule const& schedule) {
  char const* const orders[] = {"forward", "reverse", "random"};
  return std::string("SCC_EMULATION_ORDER=") + orders[static_cast<int>(schedule.order)] +
         " SCC_EMULATION_SEED=" + std::to_string(schedule.seed) +
         " SCC_EMULATION_RESIDENT_BLOCKS=" + std::to_string(schedule.resident_blocks);
}

/// Forward, reverse, and some random ones, each with one resident block and with several.
inline std::vector<Schedule> all_schedules(unsigned random_schedules, int several_blocks) {
  std::vector<Schedule> schedules;
  for (int const resident_blocks : {1, several_blocks}) {
    schedules.push_back({Order::forward, 1, resident_blocks});
    schedules.push_back({Order::reverse, 1, resident_blocks});
    for (unsigned seed = 1; seed <= random_schedules; ++seed) {
      schedules.push_back({Order::random, seed, resident_blocks});
    }
  }
  return schedules;
}

template <class T>
std::string bytes_of(T const& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

template <class T>
std::string bytes_of(std::vector<T> const& values) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!bytes.empty()) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
  return bytes;
}

/// Of numbers and vectors of numbers, one after the other.
template <class... Results>
std::string bytes_of(Results const&... results) {
  return (bytes_of(results) + ...);
}

struct ScheduleRuns {
  std::string bytes;    // what the first run returned
  std::string problem;  // of the first run that had one: its schedule, and what went wrong; else empty
};

/// Runs `work`, which launches kernels and returns the bytes of their results (see bytes_of), once under each schedule,
/// until one run throws, has a kernel stopped, or returns other bytes than the first run.
inline ScheduleRuns run_schedules(std::function<std::string()> const& work, unsigned random_schedules = 5,
                                  int several_blocks = 3) {
  struct RestoreConfig {
    Config const saved = config();
    ~RestoreConfig() { config() = saved; }
  } const restore;
  config().quiet = true;  // reports are part of the problem's description

  ScheduleRuns runs;
  bool first = true;
  for (Schedule const& schedule : all_schedules(random_schedules, several_blocks)) {
    config().order = schedule.order;
    config().seed = schedule.seed;
    config().resident_blocks = schedule.resident_blocks;
    clear_report();
    std::string bytes, problem;
    try {
      bytes = work();
      problem = last_report();
    } catch (std::exception const& exception) {
      problem = last_report() + exception.what();
    }
    if (first) {
      runs.bytes = bytes;
      first = false;
    } else if (problem.empty() && bytes != runs.bytes) {
      auto const different = std::mismatch(bytes.begin(), bytes.end(), runs.bytes.begin(), runs.bytes.end());
      problem = "the results differ from those of the first schedule from byte " +
                std::to_string(different.first - bytes.begin()) + " on";
    }
    if (!problem.empty()) {
      runs.problem = text(schedule) + ": " + problem;
      break;
    }
  }
  return runs;
}

}  // namespace scc_emulation
