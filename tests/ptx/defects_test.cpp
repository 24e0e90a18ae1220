// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Mistakes planted in the library's kernels, as changes of their PTX: each is found, and by the check that must find it.
/// Prints which check found what.

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <limits>
#include <map>
#include <regex>
#include <scc/scc.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../support/backend.hpp"
#include "../support/images.hpp"
#include "../support/results.hpp"
#include "control.hpp"
#include "parser.hpp"
#include "program.hpp"

using namespace scc_test;
using ptx::Check;

namespace {

/// A batch on a device, chosen so that blocks straddle images and images straddle blocks.
struct Scenario {
  std::string name;
  Loss loss;
  int multiprocessors;
  std::size_t shared_memory_bytes;
  Pair<float> pair;
  Results<float> expected;  // by the kernels as they are
};

/// What a run told: findings by check, or that results differ from the right ones.
struct Outcome {
  std::set<Check> checks;
  bool differs = false;

  bool is_clean() const { return checks.empty() && !differs; }
  std::string text() const {
    std::string text = differs ? "other results, " : "";
    for (Check const check : checks) {
      text += std::string(ptx::name(check)) + ", ";
    }
    return text.empty() ? "nothing" : text.substr(0, text.size() - 2);
  }
};

Results<float> evaluate_in(Scenario const& scenario) {
  ptx::config().multiprocessors = scenario.multiprocessors;
  ptx::config().shared_memory_bytes = scenario.shared_memory_bytes;
  return evaluate<float>(scenario.loss, scenario.pair);
}

Outcome run(Scenario const& scenario) {
  Outcome outcome;
  try {
    outcome.differs = !same_bits(evaluate_in(scenario), scenario.expected);
  } catch (scc::gpu::Error const&) {
    outcome.differs = false;  // a launch that was stopped: the findings say why
  }
  for (ptx::Report const& report : ptx::take_reports()) {
    outcome.checks.insert(report.check);
  }
  return outcome;
}

Scenario make_scenario(std::string name, scc::Plan plan, int multiprocessors, std::size_t shared_memory_bytes,
                       Shape const& shape, bool has_nan) {
  Scenario scenario{std::move(name), Loss(std::move(plan)), multiprocessors, shared_memory_bytes, {shape, 1}, {}};
  if (has_nan) {
    scenario.pair.x.pixels.back() = std::numeric_limits<float>::quiet_NaN();
  }
  scenario.expected = evaluate_in(scenario);
  return scenario;
}

/// Between them they run each kernel of the library.
std::vector<Scenario> make_scenarios() {
  constexpr std::size_t ample = 227 * 1024;
  scc::Options few, loose, steep, exact, narrow, wide;
  few.centers_per_axis = 3;
  loose.tolerance = 1e-3;  // degree 12 is enough
  loose.centers_per_axis = 3;
  steep.bandwidth = 0.4;  // a degree beyond 16
  steep.centers_per_axis = 3;
  exact.bandwidth = 1.5;
  exact.beta = 0.05;  // takes double
  exact.centers_per_axis = 3;
  wide.basis = scc::Basis::histogram;
  wide.centers_per_axis = 3;
  narrow.basis = scc::Basis::histogram;
  narrow.bandwidth = 0.5;  // many unknowns: the block works as one team, in device memory
  constexpr int bins = 35;
  std::vector<Scenario> scenarios;
  auto const add = [&](auto&&... arguments) { scenarios.push_back(make_scenario(arguments...)); };
  add("default, two images on three blocks", scc::Plan(scc::Options{}), 3, ample, Shape{2, 1, 17, 253}, false);
  add("default, three images on two blocks, NaN", scc::Plan(few), 2, ample, Shape{3, 1, 31, 47}, true);
  add("degree 12", scc::Plan(loose), 3, ample, Shape{2, 1, 17, 253}, false);
  add("tiles, float", scc::Plan(steep), 9, ample, Shape{2, 1, 17, 253}, false);
  add("tiles, double", scc::Plan(exact), 6, ample, Shape{3, 1, 41, 61}, true);
  add("histogram, all bins at once", scc::Plan(wide, bins), 2, ample, Shape{3, 1, 41, 61}, true);
  add("histogram, bins in bands", scc::Plan(narrow, bins), 6, std::size_t{16} * 1024, Shape{3, 1, 41, 61}, false);
  return scenarios;
}

/// Restores the device that a test changes, and the program.
class Restore {
public:
  Restore() : config_(ptx::config()) { ptx::config().quiet = true; }
  Restore(Restore const&) = delete;
  Restore& operator=(Restore const&) = delete;
  ~Restore() { ptx::config() = config_; }

private:
  ptx::Config const config_;
};

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// Runs the scenarios with a line of the PTX replaced, until one of them tells something; then the line is as it was.
Outcome run_with(std::string const& text, int line, std::string const& replacement,
                 std::vector<Scenario const*> const& scenarios) {
  auto lines = lines_of(text);
  lines[static_cast<std::size_t>(line - 1)] = replacement;
  std::string changed;
  for (std::string const& one : lines) {
    changed += one + '\n';
  }
  ptx::load(changed);
  Outcome outcome;
  for (Scenario const* scenario : scenarios) {
    outcome = run(*scenario);
    if (!outcome.is_clean()) {
      break;
    }
  }
  ptx::load(text);
  return outcome;
}

/// The kernels of the program, and the scenarios that run each, as `make_scenarios` left them.
std::map<std::string, std::vector<Scenario const*>> users_of_kernels(std::vector<Scenario> const& scenarios) {
  std::map<std::string, std::vector<Scenario const*>> users;
  for (Scenario const& scenario : scenarios) {
    for (std::string const& name : ptx::program().kernel_names()) {
      auto& executed = ptx::program().kernel(name)->executed;
      std::fill(executed.begin(), executed.end(), 0);
    }
    REQUIRE(run(scenario).is_clean());
    for (std::string const& name : ptx::program().kernel_names()) {
      auto const& executed = ptx::program().kernel(name)->executed;
      if (std::any_of(executed.begin(), executed.end(), [](auto count) { return count > 0; })) {
        users[name].push_back(&scenario);
      }
    }
  }
  return users;
}

/// Lines of a source file of the kernels that have this code.
std::set<int> lines_with(std::string const& file, std::string const& code) {
  std::set<int> found;
  for (std::string const& path : ptx::program().source_files()) {
    if (path.size() > file.size() && path.compare(path.size() - file.size() - 1, file.size() + 1, "/" + file) == 0) {
      std::ifstream source(path);
      std::string line;
      for (int number = 1; std::getline(source, line); ++number) {
        if (line.find(code) != std::string::npos) {
          found.insert(number);
        }
      }
    }
  }
  return found;
}

bool is_at(ptx::Kernel const& kernel, int place, std::string const& file, std::set<int> const& lines) {
  for (int at = place; at >= 0; at = kernel.places[static_cast<std::size_t>(at)].caller) {
    auto const& source = kernel.places[static_cast<std::size_t>(at)];
    if (source.file == file && lines.count(source.line) != 0) {
      return true;
    }
  }
  return false;
}

TEST_CASE("every barrier and fence of the kernels is missed when it is left out") {
  Restore const restore;
  auto const scenarios = make_scenarios();
  auto const users = users_of_kernels(scenarios);
  for (auto const& [name, runs] : users) {
    ptx::Kernel const& kernel = *ptx::program().kernel(name);
    std::string const text = *kernel.text;
    std::map<int, std::string> sites;  // by line of the PTX
    for (ptx::Instruction const& instruction : kernel.code) {
      if (instruction.kind == ptx::Kind::block_barrier || instruction.kind == ptx::Kind::warp_barrier ||
          instruction.kind == ptx::Kind::fence) {
        sites[instruction.line] = std::string(instruction.opcode) + kernel.describe_place(instruction.place);
      }
    }
    for (auto const& [line, site] : sites) {
      Outcome const outcome = run_with(text, line, "", runs);
      std::cout << name << ": " << site << ": " << outcome.text() << '\n';
      CAPTURE(name, line, site);
      CHECK_FALSE(outcome.is_clean());
    }
  }
}

/// A mistake: an instruction that a line of code was compiled to becomes another.
struct Defect {
  std::string name, kernel;  // the latter a part of the kernel's name
  std::string file, code;    // the line of code, by a part of it
  std::regex instruction;
  std::string replacement;  // with $1, ... of the instruction
  Check check;              // the one that must find it
};

std::vector<Defect> defects() {
  std::string const rest = R"(\s*(.*))";
  auto const instruction = [](std::string const& pattern) { return std::regex("^\\s*" + pattern); };
  return {
    {"arrivals counted without atomics", "moments_triangleILi16", "forward.cuh", "atomicAdd(counter, 1ull)",
     instruction(R"(atom\.\S*add\.u64\s+(\S+), \[(\S+)\], (\S+);)"),
     "ld.global.u64 $1, [$2]; { .reg .b64 %sum; add.s64 %sum, $1, $3; st.global.u64 [$2], %sum; }", Check::race},
  };
}

TEST_CASE("planted defects are found by the check that must find them") {
  Restore const restore;
  auto const scenarios = make_scenarios();
  auto const users = users_of_kernels(scenarios);
  for (Defect const& defect : defects()) {
    std::set<int> const code_lines = lines_with(defect.file, defect.code);
    INFO(defect.name);
    REQUIRE_FALSE(code_lines.empty());
    bool is_planted = false;
    for (auto const& [name, runs] : users) {
      if (is_planted || name.find(defect.kernel) == std::string::npos) {
        continue;
      }
      ptx::Kernel const& kernel = *ptx::program().kernel(name);
      std::string const text = *kernel.text;
      auto const lines = lines_of(text);
      for (ptx::Instruction const& instruction : kernel.code) {
        if (instruction.line == 0 || !is_at(kernel, instruction.place, defect.file, code_lines)) {
          continue;
        }
        std::string const line = lines[static_cast<std::size_t>(instruction.line - 1)];
        if (std::regex_search(line, defect.instruction)) {
          int const number = instruction.line;
          Outcome const outcome =
            run_with(text, number, std::regex_replace(line, defect.instruction, defect.replacement), runs);
          std::cout << defect.name << ": " << outcome.text() << '\n';
          CHECK(outcome.checks.count(defect.check) == 1);
          is_planted = true;
          break;
        }
      }
    }
    CHECK(is_planted);
  }
}

}  // namespace
