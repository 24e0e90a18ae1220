// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Defects planted in the library's kernels, as changes of their PTX: each is found, and by the check that must find it.
/// Prints a table of what found which.

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <regex>
#include <scc/scc.hpp>
#include <set>
#include <sstream>
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
using ptx::BlockOrder;
using ptx::Check;

namespace {

// ------------------------------------------------------------------------------------------------------- runs of a loss

/// A batch on a device.
struct Scenario {
  scc::Plan plan;
  int multiprocessors;
  std::size_t shared_memory_bytes;
  BlockOrder order;
  Pair<float> pair;
  Results<float> expected;  ///< Of the kernels as they are
};

/// What a run told.
struct Outcome {
  std::set<Check> checks;  ///< That found something
  bool differs = false;    ///< The results are not the right ones.
  bool failed = false;     ///< A call returned an error.

  bool is_clean() const { return checks.empty() && !differs && !failed; }
  std::string text() const {
    std::string text;
    for (Check const check : checks) {
      text += std::string(text.empty() ? "" : ", ") + ptx::name(check);
    }
    if (differs) {
      text += text.empty() ? "other results" : ", other results";
    }
    return !text.empty() ? text : failed ? "failed call" : "nothing";
  }
};

Results<float> evaluate_in(Scenario const& scenario) {
  ptx::config().multiprocessors = scenario.multiprocessors;
  ptx::config().shared_memory_bytes = scenario.shared_memory_bytes;
  ptx::config().blocks = scenario.order;
  return evaluate<float>(Loss(scenario.plan), scenario.pair);
}

Outcome run(Scenario const& scenario) {
  Outcome outcome;
  try {
    outcome.differs = !same_bits(evaluate_in(scenario), scenario.expected);
  } catch (scc::gpu::Error const&) {
    outcome.failed = true;
  }
  for (ptx::Report const& report : ptx::take_reports()) {
    outcome.checks.insert(report.check);
  }
  return outcome;
}

/// A small beta takes double.
scc::Options make_options(scc::Basis basis, double bandwidth, int centers, double beta = 0.5) {
  scc::Options options;
  options.basis = basis;
  options.bandwidth = bandwidth;
  options.centers_per_axis = centers;
  options.beta = beta;
  return options;
}

/// Between them they run each kernel of the library.
std::vector<Scenario> make_scenarios() {
  constexpr std::size_t ample = 227 * 1024, scarce = 16 * 1024;
  constexpr int bins = 35, no_bins = 0;
  std::vector<Scenario> scenarios;
  auto const add = [&](scc::Options const& options, int bins, int multiprocessors, std::size_t shared_memory,
                       BlockOrder order, Shape const& shape) {
    scc::Plan plan = bins > 0 ? scc::Plan(options, bins) : scc::Plan(options);
    scenarios.push_back({std::move(plan), multiprocessors, shared_memory, order, {shape, 1}, {}});
  };
  // Two blocks for each part of the moments.
  auto const add_all = [&](scc::Options const& options, int bins, int parts, Shape const& straddling) {
    BlockOrder const order = BlockOrder::forward;
    add(options, bins, 2 * parts, ample, order, {2, 1, 5, 7});  // an image for each block
    add(options, bins, 2 * parts, ample, order, straddling);    // forward: an image for two blocks
    scenarios.back().pair.x.pixels.back() = std::numeric_limits<float>::quiet_NaN();
    add(options, bins, 1, ample, order, {2, 1, 16, 132});  // backward: two images for a block; vector loads
  };
  Shape const two_tiles{3, 1, 31, 47}, two_histogram_tiles{3, 1, 41, 61};
  auto loose = make_options(scc::Basis::chebyshev, 1, 3);
  loose.tolerance = 1e-3;
  add_all(loose, no_bins, 1, two_tiles);                                               // triangle of degree 12
  add_all(make_options(scc::Basis::chebyshev, 1, 3), no_bins, 1, two_tiles);           // of degree 16
  add_all(make_options(scc::Basis::chebyshev, 0.5, 3), no_bins, 10, two_tiles);        // tiles
  add_all(make_options(scc::Basis::chebyshev, 0.5, 3, 0.05), no_bins, 10, two_tiles);  // in double
  add_all(make_options(scc::Basis::histogram, 1, 3), bins, 1, two_histogram_tiles);
  add_all(make_options(scc::Basis::histogram, 1, 3, 0.05), bins, 1, two_histogram_tiles);
  // Blocks and images straddle each other; the last block to come has seen none of the others before.
  add(scc::Options{}, no_bins, 3, ample, BlockOrder::reverse, {2, 1, 16, 132});
  // More unknowns than one warp solves.
  Shape const small{1, 1, 5, 7};
  add(make_options(scc::Basis::chebyshev, 0.5, 10), no_bins, 1, ample, BlockOrder::forward, small);
  add(make_options(scc::Basis::chebyshev, 0.5, 10, 0.05), no_bins, 1, ample, BlockOrder::forward, small);
  // Bins in bands; also solved in device memory.
  add(make_options(scc::Basis::histogram, 0.5, 9), bins, 6, scarce, BlockOrder::forward, {3, 1, 21, 31});
  for (Scenario& scenario : scenarios) {
    scenario.expected = evaluate_in(scenario);
  }
  return scenarios;
}

// ------------------------------------------------------------------------------------------------ the kernels under test

/// An instruction that a scenario runs.
struct Site {
  std::string kernel;
  int line;  ///< Of the PTX
  ptx::Kind kind;
  std::string statement;
  std::vector<std::pair<std::string, int>> places;  ///< File and line in the sources, then where that was inlined

  std::string place() const {
    std::string text;
    for (auto const& [file, number] : places) {
      text += (text.empty() ? "" : " < ") + file + ":" + std::to_string(number);
    }
    return text;
  }
};

/// The scenarios, and the kernels that they run.
class Kernels {
public:
  Kernels() : config_(ptx::config()), scenarios_(make_scenarios()) {
    ptx::config().quiet = true;
    for (Scenario const& scenario : scenarios_) {
      for (std::string const& name : ptx::program().kernel_names()) {
        ptx::Kernel& kernel = *ptx::program().kernel(name);
        std::fill(kernel.executed.begin(), kernel.executed.end(), 0);
      }
      Outcome const outcome = run(scenario);
      INFO(outcome.text());
      REQUIRE(outcome.is_clean());
      for (std::string const& name : ptx::program().kernel_names()) {
        add(*ptx::program().kernel(name), scenario);
      }
    }
    std::stable_sort(sites_.begin(), sites_.end(), [](Site const& a, Site const& b) { return a.line < b.line; });
  }
  Kernels(Kernels const&) = delete;
  Kernels& operator=(Kernels const&) = delete;
  ~Kernels() {
    ptx::config() = config_;
    std::string text;
    for (std::string const& line : lines_) {
      text += line + '\n';
    }
    ptx::load(text);  // all of it again, for the next test case
  }

  /// In the order of the PTX
  std::vector<Site> const& sites() const { return sites_; }

  /// Runs the scenarios of a kernel until the check finds something; without a check, until anything is wrong.
  Outcome run_all(std::string const& kernel, std::optional<Check> check = {}) const {
    Outcome all;
    for (Scenario const* scenario : users_.at(kernel)) {
      Outcome const outcome = run(*scenario);
      all.checks.insert(outcome.checks.begin(), outcome.checks.end());
      all.differs |= outcome.differs;
      all.failed |= outcome.failed;
      if (check ? all.checks.count(*check) != 0 : !all.is_clean()) {
        break;
      }
    }
    return all;
  }

  /// The same, with statements of the kernel replaced, by line of the PTX.
  Outcome run_changed(std::string const& kernel, std::map<int, std::string> const& replacements,
                      std::optional<Check> check = {}) const {
    ptx::load(module_of(kernel, replacements));
    Outcome const outcome = run_all(kernel, check);
    ptx::load(module_of(kernel, {}));
    return outcome;
  }

private:
  void add(ptx::Kernel const& kernel, Scenario const& scenario) {
    if (lines_.empty()) {
      std::istringstream stream(*kernel.text);
      for (std::string line; std::getline(stream, line);) {
        lines_.push_back(line);
      }
    }
    bool is_used = false;
    for (std::size_t k = 0; k < kernel.code.size(); ++k) {
      ptx::Instruction const& instruction = kernel.code[k];
      if (kernel.executed[k] == 0 || instruction.line == 0) {
        continue;
      }
      is_used = true;
      if (known_lines_.insert(instruction.line).second) {
        Site site{
          kernel.name, instruction.line, instruction.kind, lines_[static_cast<std::size_t>(instruction.line - 1)], {}};
        for (int at = instruction.place; at > 0; at = kernel.places[static_cast<std::size_t>(at)].caller) {
          auto const& place = kernel.places[static_cast<std::size_t>(at)];
          site.places.emplace_back(place.file, place.line);
        }
        sites_.push_back(std::move(site));
      }
    }
    if (is_used) {
      users_[kernel.name].push_back(&scenario);
    }
  }

  /// What the PTX says of variables and source files, and of this kernel: all of it takes long to load.
  std::string module_of(std::string const& kernel, std::map<int, std::string> const& replacements) const {
    std::string text;
    bool is_wanted = true;
    for (std::size_t k = 0; k < lines_.size(); ++k) {
      std::string const& line = lines_[k];
      auto const entry = line.find(".entry ");
      if (entry != std::string::npos) {
        is_wanted = line.compare(entry + 7, kernel.size(), kernel) == 0;
      }
      if (is_wanted || line.compare(0, 5, ".file") == 0) {
        auto const replacement = replacements.find(static_cast<int>(k + 1));
        text += (replacement == replacements.end() ? line : replacement->second) + '\n';
      } else if (line.compare(0, 8, ".section") == 0) {
        break;
      }
    }
    return text;
  }

  ptx::Config const config_;
  std::vector<Scenario> const scenarios_;
  std::vector<std::string> lines_;  ///< Of the PTX
  std::set<int> known_lines_;
  std::vector<Site> sites_;
  std::map<std::string, std::vector<Scenario const*>> users_;
};

/// "moments_triangle, degree 16" of the name as the linker sees it.
std::string short_name(std::string const& kernel) {
  std::smatch parts;
  std::regex const pattern(R"(\d+((moments|gradient)_[a-z]+)I(Li(\d+)E|f|d)E)");
  if (!std::regex_search(kernel, parts, pattern)) {
    return kernel;
  }
  return parts[1].str() + (parts[3] == "f" ? "<float>" : parts[3] == "d" ? "<double>" : "<" + parts[4].str() + ">");
}

void print(std::string const& what, std::string const& kernel, std::string const& found) {
  std::cout << "| " << std::left << std::setw(58) << what << " | " << std::setw(25) << short_name(kernel) << " | "
            << found << " |\n";
}

// -------------------------------------------------------------------------------------------------- barriers and fences

TEST_CASE("a barrier or fence of the kernels that is left out is found") {
  Kernels const kernels;
  std::regex const reduction(R"(bar\.red\.\w+\.pred\s+(\S+), 0, (\S+);)");
  std::map<ptx::Kind, int> counts;
  for (Site const& site : kernels.sites()) {
    if (site.kind == ptx::Kind::block_barrier || site.kind == ptx::Kind::warp_barrier ||
        site.kind == ptx::Kind::fence) {
      // Without the barrier of a reduction a thread knows of its own value only.
      std::string const replacement = std::regex_search(site.statement, reduction)
                                        ? std::regex_replace(site.statement, reduction, "mov.pred $1, $2;")
                                        : "";
      Outcome const outcome = kernels.run_changed(site.kernel, {{site.line, replacement}});
      print(site.statement + " " + site.place(), site.kernel, outcome.text());
      CAPTURE(site.kernel, site.line, site.statement, site.place());
      CHECK_FALSE(outcome.is_clean());
      ++counts[site.kind];
    }
  }
  for (ptx::Kind const kind : {ptx::Kind::block_barrier, ptx::Kind::warp_barrier, ptx::Kind::fence}) {
    CHECK(counts[kind] > 0);
  }
}

// -------------------------------------------------------------------------------------------------------- other defects

/// Instructions that a line of code was compiled to become others.
struct Defect {
  std::string name;
  std::string kernel;          ///< A part of its name
  std::string file, code;      ///< The line of code, by a part of it
  std::string instruction;     ///< Regular expression
  std::string replacement;     ///< With $&, $1, ... of the instruction
  std::optional<Check> check;  ///< The one that must find it; none: the results differ.
  bool is_everywhere = true;   ///< Whether all instructions that match change, or the first alone
};

std::vector<Defect> const& defects() {
  static std::string const triangle = "moments_triangleILi16", histogram = "moments_histogramIf";
  static std::string const gradient = "gradient_triangleILi16";
  static std::string const lane = "{ .reg .u32 %lane; .reg .pred %some; mov.u32 %lane, %laneid; ";
  static std::vector<Defect> const all{
    {"arrivals counted without atomics", triangle, "forward.cuh", "atomicAdd(counter, 1ull)",
     R"(atom\.global\.add\.u64\s+(\S+), (\S+), (\S+);)",
     "ld.global.u64 $1, $2; { .reg .b64 %sum; add.s64 %sum, $1, $3; st.global.u64 $2, %sum; }", Check::race},
    {"out-of-domain pixels counted without atomics", triangle, "forward.cuh", "atomicAdd(&image_counts.x_outside",
     R"(atom\.global\.add\.u64\s+(\S+), (\S+), (\S+);)",
     "ld.global.u64 $1, $2; { .reg .b64 %sum; add.s64 %sum, $1, $3; st.global.u64 $2, %sum; }", Check::race},
    {"bins of a block added without atomics", histogram, "histogram.cuh", "atomicAdd(bins + bin, sum)",
     R"(atom\.global\.add\.u64\s+(\S+), (\S+), (\S+);)",
     "ld.global.u64 $1, $2; { .reg .b64 %sum; add.s64 %sum, $1, $3; st.global.u64 $2, %sum; }", Check::race},
    {"two blocks share a partial sum", triangle, "tile_partition.hpp", "return block + image", R"(add\.s64\s+(.*))",
     "min.s64 $1", Check::race},
    {"no fence before an arrival is counted", triangle, "forward.cuh", "__threadfence();", R"(membar.*)", "",
     Check::race, false},
    {"vector load that is not aligned", triangle, "pixels.cuh", "__ldg(reinterpret_cast<uint4 const*>",
     R"((ld\.global\.nc\.v4\.u32\s+.*)\];)", "$1+4];", Check::alignment},
    {"pixels read past the end of the batch", triangle, "pixels.cuh", "return left >= group_size ? group_size",
     R"(selp\.b32\s+(\S+), 4, .*)", "mov.u32 $1, 4;", Check::bounds},
    {"sums of the lanes too far apart in shared memory", triangle, "moments.cuh", "lane_sums[k] = 0",
     R"(mad\.lo\.s32\s+(\S+), (\S+), \d+, (\S+);)", "mad.lo.s32 $1, $2, 800, $3;", Check::bounds},
    {"bins of other bands counted", histogram, "histogram.cuh", "row < 0 || row >= rows",
     R"(or\.pred\s+(\S+), (\S+), \S+;)", "mov.pred $1, $2;", Check::bounds},
    {"sums of a thread not zeroed", triangle, "moments.cuh", "lane_sums[k] = 0", R"(st\.shared.*)", "",
     Check::uninitialized_memory},
    {"partial sums not stored", triangle, "moments.cuh", "out[term] = sum", R"(st\.global.*)", "",
     Check::uninitialized_memory},
    {"coefficients not staged", gradient, "gradient.cuh", "staged[k] = a + b < size", R"(st\.shared.*)", "",
     Check::uninitialized_memory},
    {"threads return before a barrier", triangle, "forward.cuh", "__syncthreads_or(counts.any())", R"(bar\.red.*)",
     lane + "setp.lt.u32 %some, %lane, 8; @%some ret; } $&", Check::barrier},
    {"a warp waits for the block", triangle, "warp.cuh", "sync() const { __syncwarp(); }", R"(bar\.warp\.sync.*)",
     "bar.sync 0;", Check::barrier, false},
    {"some lanes skip a shuffle", triangle, "warp.cuh", "__shfl_xor_sync", R"(shfl\.sync.*)",
     lane + "setp.lt.u32 %some, %lane, 8; @%some $& }", Check::deadlock, false},
    {"mask of half a warp", triangle, "warp.cuh", "__shfl_xor_sync", R"((shfl\.sync.*), \S+;)", "$1, 0xffff;",
     Check::shuffle, false},
    {"rSMI read as if no block had written it", triangle, "forward.cuh",
     "load_from_l2(arguments.workspace.rsmi + image)", R"(ld\.global\.cg)", "ld.global.nc", Check::read_only_load},
    {"rSMI read by way of the first-level cache", triangle, "forward.cuh",
     "load_from_l2(arguments.workspace.rsmi + image)", R"(ld\.global\.cg)", "ld.global", Check::stale_load},
    {"an index that is never set", gradient, "warp.cuh", "int thread_index()", R"(mov\.u32\s+\S+, %tid\.x;)", "",
     Check::undefined_register, false},
    {"carry to the upper half of a bin lost", histogram, "histogram.cuh", "before + low_part < before",
     R"(selp\.u32\s+(\S+), 1, 0, \S+;)", "mov.u32 $1, 0;", std::nullopt},
    {"gradient of out-of-domain pixels kept", gradient, "gradient.cuh", "outside != 0 ? Real(0)",
     R"(selp\.f32\s+(\S+), (\S+), (\S+), \S+;)", "mov.f32 $1, $3;", std::nullopt},
  };
  return all;
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

/// The kernel that a defect is planted in, and what changes there.
std::pair<std::string, std::map<int, std::string>> plant(Kernels const& kernels, Defect const& defect) {
  std::set<int> const code_lines = lines_with(defect.file, defect.code);
  std::regex const instruction(defect.instruction);
  std::string kernel;
  std::map<int, std::string> replacements;
  for (Site const& site : kernels.sites()) {
    bool const is_there = std::any_of(site.places.begin(), site.places.end(), [&](auto const& place) {
      return place.first == defect.file && code_lines.count(place.second) != 0;
    });
    if (is_there && site.kernel.find(defect.kernel) != std::string::npos &&
        (replacements.empty() || defect.is_everywhere) && std::regex_search(site.statement, instruction)) {
      kernel = site.kernel;
      replacements[site.line] = std::regex_replace(site.statement, instruction, defect.replacement);
    }
  }
  INFO(defect.name << ": lines of " << defect.file << " with its code: " << code_lines.size());
  REQUIRE_FALSE(replacements.empty());
  return {kernel, replacements};
}

TEST_CASE("planted defects are found by the check that must find them") {
  Kernels const kernels;
  std::set<Check> needed;
  for (Defect const& defect : defects()) {
    auto const [kernel, replacements] = plant(kernels, defect);
    Outcome const outcome = kernels.run_changed(kernel, replacements, defect.check);
    std::string found = outcome.text();
    INFO(defect.name << " in " << kernel << ": " << found);
    CHECK((defect.check ? outcome.checks.count(*defect.check) == 1 : outcome.differs));
    if (defect.check) {
      ptx::config().set(*defect.check, false);
      Outcome const unchecked = kernels.run_changed(kernel, replacements);
      ptx::config().set(*defect.check, true);
      found += " (without this check: " + unchecked.text() + ")";
      CHECK(unchecked.checks.count(*defect.check) == 0);
      if (unchecked.is_clean()) {
        needed.insert(*defect.check);
      }
    }
    print(defect.name, kernel, found);
  }
  // Each of these finds a defect that nothing else sees.
  for (Check const check : {Check::race, Check::shuffle, Check::stale_load}) {
    INFO(ptx::name(check));
    CHECK(needed.count(check) == 1);
  }
}

TEST_CASE("a workspace that is not zeroed before a pass is found") {
  Kernels const kernels;
  for (std::string const name : {"moments_triangleILi16", "moments_tileIf", "moments_histogramIf"}) {
    for (std::string const& kernel : ptx::program().kernel_names()) {
      if (kernel.find(name) != std::string::npos) {
        ptx::FailingCall const forgotten("cudaMemsetAsync", 1, cudaSuccess);
        Outcome const outcome = kernels.run_all(kernel);
        print("workspace not zeroed before a pass", kernel, outcome.text());
        CHECK(forgotten.happened());
        CHECK(outcome.checks.count(Check::uninitialized_memory) == 1);
      }
    }
  }
}

}  // namespace
