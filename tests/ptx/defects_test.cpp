// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Defects planted in the library's kernels, as changes of their PTX: each is found, and by the check that must find it.
/// Prints a table of what found which.

#include <algorithm>
#include <cstddef>
#include <fstream>
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
  std::optional<Batch<float>> weight{};  ///< Of all channels
  Results<float> expected{};             ///< Of the kernels as they are
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
      text += std::string(", ") + ptx::name(check);
    }
    text += differs ? ", other results" : "";
    return !text.empty() ? text.substr(2) : failed ? "failed call" : "nothing";
  }
};

Results<float> evaluate_in(Scenario const& scenario) {
  ptx::config().multiprocessors = scenario.multiprocessors;
  ptx::config().shared_memory_bytes = scenario.shared_memory_bytes;
  ptx::config().blocks = scenario.order;
  Loss const loss(scenario.plan);
  if (!scenario.weight) {
    return evaluate<float>(loss, scenario.pair);
  }
  Pair<float> const& pair = scenario.pair;
  auto const weight = repeated(scenario.weight->view(), pair.shape);
  Batch<float> dx(pair.shape), dy(pair.shape);
  Workspace workspace;
  double const value = loss.forward(pair.x.view(), pair.y.view(), weight, workspace);
  loss.backward_xy(pair.x.view(), pair.y.view(), weight, workspace, 1.0, dx.view(), dy.view());
  return {value, workspace.rsmi(), dx.pixels, dy.pixels};
}

/// Adds what a run tells.
void run(Scenario const& scenario, Outcome& outcome) {
  try {
    outcome.differs |= !same_bits(evaluate_in(scenario), scenario.expected);
  } catch (scc::gpu::Error const&) {
    outcome.failed = true;
  }
  for (ptx::Report const& report : ptx::take_reports()) {
    outcome.checks.insert(report.check);
  }
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
    scenarios.push_back({std::move(plan), multiprocessors, shared_memory, order, {shape, 1}});
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
  // 100 and 49 unknowns: by the block in shared memory, and in registers.
  add(make_options(scc::Basis::chebyshev, 0.25, 10), no_bins, 1, ample, BlockOrder::forward, {1, 1, 5, 7});
  add(make_options(scc::Basis::chebyshev, 0.25, 7), no_bins, 1, ample, BlockOrder::forward, {1, 1, 5, 7});
  // 71 unknowns.
  Shape const small{1, 1, 5, 7};
  add(make_options(scc::Basis::chebyshev, 0.5, 10), no_bins, 1, ample, BlockOrder::forward, small);
  add(make_options(scc::Basis::chebyshev, 0.5, 10, 0.05), no_bins, 1, ample, BlockOrder::forward, small);
  // Bins in bands; also solved in device memory, with coefficients that do not fit shared memory in the backward pass.
  add(make_options(scc::Basis::histogram, 0.5, 9), 45, 6, scarce, BlockOrder::forward, {3, 1, 21, 31});
  scenarios.back().pair.x.pixels.back() = std::numeric_limits<float>::quiet_NaN();
  // Weights: several images for a block, and several blocks for an image. The largest weight is of another block than most.
  auto const add_weighted = [&](scc::Options const& options, int bins, int multiprocessors, Shape const& shape) {
    add(options, bins, multiprocessors, ample, BlockOrder::forward, shape);
    Shape const mask{shape.images, 1, shape.height, shape.width};
    Batch<float> weight(mask, random_values(mask.size(), 2, -0.5, 1));
    for (float& number : weight.pixels) {
      number = std::max(number, 0.0F);
    }
    weight.pixels.back() = 9;
    weight.pixels[mask.size() / static_cast<std::size_t>(mask.images) - 1] = 5;
    scenarios.back().weight = weight;
  };
  for (Shape const& shape : {Shape{3, 2, 7, 5}, Shape{2, 2, 64, 132}}) {
    add_weighted(make_options(scc::Basis::chebyshev, 1, 3), no_bins, 3, shape);
    add_weighted(make_options(scc::Basis::histogram, 1, 3), bins, 3, shape);
  }
  Shape const straddling{2, 1, 15, 131};
  add_weighted(make_options(scc::Basis::chebyshev, 1, 3), no_bins, 1, straddling);
  add_weighted(make_options(scc::Basis::histogram, 1, 3), bins, 1, straddling);
  for (Scenario& scenario : scenarios) {
    scenario.expected = evaluate_in(scenario);
  }
  return scenarios;
}

// ------------------------------------------------------------------------------------------------ the kernels under test

/// An instruction that a scenario runs.
struct Site {
  std::string kernel;
  ptx::Kind kind;
  std::string statement;
  std::vector<ptx::SourcePlace> places;  ///< In the sources, then where that was inlined
};

/// The scenarios, and the kernels that they run.
class Kernels {
public:
  Kernels() : config_(ptx::config()), scenarios_(make_scenarios()) {
    ptx::config().quiet = true;
    std::string const first = ptx::program().kernel_names().at(0);
    std::istringstream stream(*ptx::program().kernel(first)->text);
    for (std::string line; std::getline(stream, line);) {
      lines_.push_back(line);
    }
    for (Scenario const& scenario : scenarios_) {
      for (std::string const& name : ptx::program().kernel_names()) {
        ptx::Kernel& kernel = *ptx::program().kernel(name);
        std::fill(kernel.executed.begin(), kernel.executed.end(), 0);
      }
      Outcome outcome;
      run(scenario, outcome);
      INFO(outcome.text());
      REQUIRE(outcome.is_clean());
      for (std::string const& name : ptx::program().kernel_names()) {
        add(*ptx::program().kernel(name), scenario);
      }
    }
  }
  Kernels(Kernels const&) = delete;
  Kernels& operator=(Kernels const&) = delete;
  ~Kernels() {
    ptx::config() = config_;
    ptx::load(text_of("", {}));  // all of it again, for the next test case
  }

  /// By line of the PTX
  std::map<int, Site> const& sites() const { return sites_; }

  /// Runs the scenarios of a kernel until the check finds something; without a check, until anything is wrong.
  Outcome run_all(std::string const& kernel, std::optional<Check> check = {}) const {
    Outcome all;
    for (Scenario const* scenario : users_.at(kernel)) {
      run(*scenario, all);
      if (check ? all.checks.count(*check) != 0 : !all.is_clean()) {
        break;
      }
    }
    return all;
  }

  /// The same, with statements of the kernel replaced, by line of the PTX.
  Outcome run_changed(std::string const& kernel, std::map<int, std::string> const& replacements,
                      std::optional<Check> check = {}) const {
    ptx::load(text_of(kernel, replacements));
    Outcome const outcome = run_all(kernel, check);
    ptx::load(text_of(kernel, {}));
    return outcome;
  }

private:
  void add(ptx::Kernel const& kernel, Scenario const& scenario) {
    bool is_used = false;
    for (std::size_t k = 0; k < kernel.code.size(); ++k) {
      ptx::Instruction const& instruction = kernel.code[k];
      if (kernel.executed[k] != 0 && instruction.line != 0) {
        is_used = true;
        std::string const& statement = lines_[static_cast<std::size_t>(instruction.line - 1)];
        sites_.emplace(instruction.line, Site{kernel.name, instruction.kind, statement, kernel.places_of(instruction)});
      }
    }
    if (is_used) {
      users_[kernel.name].push_back(&scenario);
    }
  }

  /// What the PTX says of variables and source files, and of this kernel (empty: of all): all of it takes long to load.
  std::string text_of(std::string const& kernel, std::map<int, std::string> const& replacements) const {
    std::string text;
    bool is_wanted = true;
    for (std::size_t k = 0; k < lines_.size() && lines_[k].compare(0, 8, ".section") != 0; ++k) {
      std::string const& line = lines_[k];
      if (auto const entry = line.find(".entry "); entry != line.npos) {
        is_wanted = line.compare(entry + 7, kernel.size(), kernel) == 0;
      }
      if (is_wanted || line.compare(0, 5, ".file") == 0) {
        auto const replacement = replacements.find(static_cast<int>(k + 1));
        text += (replacement == replacements.end() ? line : replacement->second) + '\n';
      }
    }
    return text;
  }

  ptx::Config const config_;
  std::vector<Scenario> const scenarios_;
  std::vector<std::string> lines_;  ///< Of the PTX
  std::map<int, Site> sites_;
  std::map<std::string, std::vector<Scenario const*>> users_;
};

void print(std::string const& what, std::string const& kernel, std::string const& found) {
  std::cout << "| " << what << " | " << kernel << " | " << found << " |\n";
}

// -------------------------------------------------------------------------------------------------- barriers and fences

TEST_CASE("a barrier or fence of the kernels that is left out is found") {
  Kernels const kernels;
  std::regex const reduction(R"(bar\.red\.\w+\.pred\s+(\S+), 0, (\S+);)");
  std::map<ptx::Kind, int> counts;
  for (auto const& [line, site] : kernels.sites()) {
    if (site.kind == ptx::Kind::block_barrier || site.kind == ptx::Kind::warp_barrier ||
        site.kind == ptx::Kind::fence) {
      // Without the barrier of a reduction a thread knows of its own value only.
      std::string const replacement = std::regex_search(site.statement, reduction)
                                        ? std::regex_replace(site.statement, reduction, "mov.pred $1, $2;")
                                        : "";
      Outcome const outcome = kernels.run_changed(site.kernel, {{line, replacement}});
      print(site.statement + " " + describe(site.places), site.kernel, outcome.text());
      CAPTURE(site.kernel, site.statement, describe(site.places));
      CHECK_FALSE(outcome.is_clean());
      ++counts[site.kind];
    }
  }
  for (ptx::Kind const kind : {ptx::Kind::block_barrier, ptx::Kind::fence}) {
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
  static std::string const triangle = "moments_triangleILi16ELb1ELb0", histogram = "moments_histogramIfLb0",
                           solve = "solve_imagesILNS0_11SolveMemoryE0", gradient = "gradient_triangleILi16ELb1ELb0";
  static std::string const weights = "find_largest_weightsIf", weighted_triangle = "moments_triangleILi16ELb1ELb1";
  static std::string const lane = "{ .reg .u32 %lane; .reg .pred %some; mov.u32 %lane, %laneid; ";
  static std::string const atomic = R"(atom\.global\.add\.u64\s+(\S+), (\S+), (\S+);)",
                           without_atomic =
                             "ld.global.u64 $1, $2; { .reg .b64 %sum; add.s64 %sum, $1, $3; st.global.u64 $2, %sum; }";
  static std::vector<Defect> const all{
    {"arrivals counted without atomics", solve, "solve.cuh", "atomicAdd(counter, 1u)",
     R"(atom\.global\.add\.u32\s+(\S+), (\S+), (\S+);)",
     "ld.global.u32 $1, $2; { .reg .b32 %sum; add.s32 %sum, $1, $3; st.global.u32 $2, %sum; }", Check::race},
    {"bins of a block added without atomics", histogram, "histogram.cuh", "atomicAdd(bins + bin, sum)",
     R"(atom\.global\.add\.u64\s+(\S+), (\S+), (\S+);)",
     "ld.global.u64 $1, $2; { .reg .b64 %sum; add.s64 %sum, $1, $3; st.global.u64 $2, %sum; }", Check::race},
    {"two blocks share a partial sum", triangle, "tile_partition.hpp", "{block} + image;", R"(add\.s64\s+(\S+),.*)",
     "mov.u64 $1, 0;", Check::race},
    {"no fence before an arrival is counted", solve, "solve.cuh", "__threadfence();", R"(membar.*)", "", Check::race,
     false},
    {"vector load that is not aligned", triangle, "pixels.cuh", "__ldg(reinterpret_cast<uint4 const*>",
     R"((ld\.global\.nc\.v4\.u32\s+.*)\];)", "$1+4];", Check::alignment},
    {"pixels read past the end of the batch", triangle, "pixels.cuh", "return left > 0 ? group_size",
     R"(setp\.le\.s64\s+(\S+), (\S+), \S+;)", "setp.lt.s64 $1, $2, 0;", Check::bounds},
    {"sums of a thread zeroed beyond the shared memory", triangle, "moments.cuh", "lane_sums[k] = 0",
     R"((st\.shared\.u64\s+\[%r\d+)(\+\d+)?\])", "$1+400000]", Check::bounds},
    {"bins of other bands counted", histogram, "histogram.cuh", "row < 0 || row >= rows",
     R"(or\.pred\s+(\S+), (\S+), \S+;)", "mov.pred $1, $2;", Check::bounds},
    {"sums of a thread not zeroed", triangle, "moments.cuh", "lane_sums[k] = 0", R"(st\.shared.*)", "",
     Check::uninitialized_memory},
    {"partial sums not stored", triangle, "moments.cuh", "out[term] = sum", R"(st\.global.*)", "",
     Check::uninitialized_memory},
    {"coefficients not staged", gradient, "gradient.cuh", "staged[k] = a + b < size", R"(st\.shared.*)", "",
     Check::uninitialized_memory},
    {"threads return before a barrier", triangle, "forward.cuh", "__syncthreads_or(", R"(bar\.red.*)",
     lane + "setp.lt.u32 %some, %lane, 8; @%some ret; } $&", Check::barrier},
    {"some lanes skip a shuffle", triangle, "warp.cuh", "__shfl_xor_sync", R"(shfl\.sync.*)",
     lane + "setp.lt.u32 %some, %lane, 8; @%some $& }", Check::deadlock, false},
    {"mask of half a warp", triangle, "warp.cuh", "__shfl_xor_sync", R"((shfl\.sync.*), \S+;)", "$1, 0xffff;",
     Check::shuffle, false},
    {"rSMI read as if no block had written it", solve, "solve.cuh", "load_from_l2(workspace.rsmi + k)",
     R"(ld\.global\.cg)", "ld.global.nc", Check::read_only_load},
    {"rSMI read by way of the first-level cache", solve, "solve.cuh", "load_from_l2(workspace.rsmi + k)",
     R"(ld\.global\.cg)", "ld.global", Check::stale_load},
    {"an index that is never set", gradient, "warp.cuh", "int thread_index()", R"(mov\.u32\s+\S+, %tid\.x;)", "",
     Check::undefined_register, false},
    {"carry to the upper half of a bin lost", histogram, "histogram.cuh", "atomicAdd(&high, high_part)",
     R"(atom\.shared\.add\.u32.*)", "", std::nullopt},
    {"summary of weights not stored", weights, "weights.cuh", "summaries[partition.partial_index(block, image)] = sum",
     R"(st\.global.*)", "", Check::uninitialized_memory},
    {"largest weight of one lane", weighted_triangle, "weights.cuh",
     "__shfl_xor_sync(all_lanes, summary.largest, step)", R"(shfl\.sync\.bfly\.b32\s+(\S+)\|\S+, (\S+), .*)",
     "mov.u32 $1, $2;", std::nullopt},
    {"gradient of out-of-domain pixels kept", gradient, "gradient.cuh", "!enters ? nothing",
     R"(selp\.f32\s+(\S+), (\S+), (\S+), \S+;)", "mov.f32 $1, $3;", std::nullopt},
  };
  return all;
}

/// Lines of a source file of the kernels that have this code.
std::set<int> lines_with(std::string const& file, std::string const& code) {
  std::set<int> found;
  for (auto const& [number, path] : ptx::program().source_files()) {
    if (path.substr(path.rfind('/') + 1) == file) {
      std::ifstream source(path);
      std::string text;
      for (int line = 1; std::getline(source, text); ++line) {
        if (text.find(code) != text.npos) {
          found.insert(line);
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
  for (auto const& [line, site] : kernels.sites()) {
    bool const is_there = std::any_of(site.places.begin(), site.places.end(), [&](ptx::SourcePlace const& place) {
      return place.file == defect.file && code_lines.count(place.line) != 0;
    });
    if (is_there && site.kernel.find(defect.kernel) != std::string::npos &&
        (replacements.empty() || defect.is_everywhere) && std::regex_search(site.statement, instruction)) {
      kernel = site.kernel;
      replacements[line] = std::regex_replace(site.statement, instruction, defect.replacement);
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

TEST_CASE("bins that are not zeroed before a pass are found") {
  Kernels const kernels;
  for (std::string const& kernel : ptx::program().kernel_names()) {
    if (kernel.find("moments_histogramIf") != std::string::npos) {
      ptx::FailingCall const forgotten("cudaMemsetAsync", 1, cudaSuccess);
      Outcome const outcome = kernels.run_all(kernel);
      print("bins not zeroed before a pass", kernel, outcome.text());
      CHECK(forgotten.happened());
      CHECK(outcome.checks.count(Check::uninitialized_memory) == 1);
    }
  }
}

TEST_CASE("a pass of which a launch failed leaves nothing behind") {
  for (scc::Basis const basis : {scc::Basis::chebyshev, scc::Basis::histogram}) {
    scc::gpu::Loss const loss(make_options(basis, 1, 3));
    Shape const shape{3, 1, 19, 31};
    Pair<float> const pair(shape, 1);
    DeviceArray<float> const x(pair.x.pixels), y(pair.y.pixels), dy(pair.y.pixels);
    auto const view = [&](DeviceArray<float> const& array) {
      return scc::ImageBatch<float>::contiguous(array.data(), shape.images, shape.channels, shape.height, shape.width);
    };
    scc::gpu::Workspace workspace(loss, shape.images, stream());
    auto const gradient = [&] {
      loss.forward_backward(view(x), view(y), workspace, nullptr, 1.0F, view(dy), scc::GradientMode::overwrite,
                            stream());
      return dy.read();
    };
    DeviceArray<float> const weight(Batch<float>(shape, random_values(shape.size(), 3, 0, 1)).pixels);
    auto const weighted_gradient = [&] {
      loss.forward_backward(view(x), view(y), view(weight), workspace, nullptr, 1.0F, view(dy),
                            scc::GradientMode::overwrite, stream());
      return dy.read();
    };
    auto const check_launches = [&](auto const& gradient, int launches) {
      std::vector<float> const expected = gradient();
      for (int launch = 1; launch <= launches; ++launch) {
        INFO("launch " << launch);
        {
          ptx::FailingCall const failure("cudaLaunchKernelExC", launch, cudaErrorLaunchOutOfResources);
          CHECK_THROWS_AS(gradient(), scc::gpu::Error);
          CHECK(failure.happened());
        }
        if (launch < launches) {
          CHECK_THROWS_AS(
            loss.backward(view(x), view(y), workspace, nullptr, 1.0F, view(dy), scc::GradientMode::overwrite, stream()),
            std::invalid_argument);
        }
        CHECK(same_bits(gradient(), expected));
      }
    };
    check_launches(gradient, 3);
    check_launches(weighted_gradient, 4);
  }
}

}  // namespace
