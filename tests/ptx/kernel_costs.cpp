// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the kernels cost, counted and estimated by the interpreter: instructions by class of opcode and by source file, and
/// cycles of the longest warp. The cycles are estimates (timing.hpp), for comparisons between versions of a kernel.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <scc/gpu/loss.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "../support/device.hpp"
#include "../support/images.hpp"
#include "control.hpp"
#include "parser.hpp"
#include "program.hpp"
#include "timing.hpp"

using namespace scc_test;

namespace {

bool begins(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }
bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string opcode_class(std::string_view opcode) {
  for (auto const* const start : {"shfl", "bar", "ld.param", "ld.shared", "st.shared", "ld.global", "st.global", "ld",
                                  "st", "atom", "red", "bra", "selp", "cvt", "mov", "div", "sqrt", "rsqrt", "rcp"}) {
    if (begins(opcode, start)) {
      return start;
    }
  }
  if (begins(opcode, "setp") || has(opcode, ".pred")) {
    return "predicates";
  }
  std::string const type = has(opcode, "f32") ? "f32" : has(opcode, "f64") ? "f64" : "";
  if (type.empty()) {
    return "integer";
  }
  return (begins(opcode, "fma") ? "fma " : begins(opcode, "neg") ? "neg " : "other ") + type;
}

/// Whether an instruction belongs to the solve: it, or what it is inlined at, is in one of its files.
bool is_of_solve(std::string const& file, int /*line*/) { return file == "solve.hpp" || file == "solve.cuh"; }

bool is_of_solve(ptx::Kernel const& kernel, int place) {
  for (int at = place; at >= 0; at = kernel.places[static_cast<std::size_t>(at)].caller) {
    if (is_of_solve(kernel.places[static_cast<std::size_t>(at)].file, 0)) {
      return true;
    }
  }
  return false;
}

void print_counts(ptx::Kernel const& kernel, double pixels) {
  std::map<std::string, std::pair<double, double>> by_class;  // outside of the solve, in it
  std::map<std::string, double> by_file;
  double outside = 0, in_solve = 0;
  for (std::size_t k = 0; k < kernel.code.size(); ++k) {
    auto const& instruction = kernel.code[k];
    auto const count = static_cast<double>(kernel.executed[k]);
    bool const solves = is_of_solve(kernel, instruction.place);
    auto& of_class = by_class[opcode_class(instruction.opcode)];
    (solves ? of_class.second : of_class.first) += count;
    (solves ? in_solve : outside) += count;
    by_file[kernel.places[static_cast<std::size_t>(instruction.place)].file] += count;
  }
  std::printf("%s\n  warp instructions: %.0f, and %.0f in the solve; per pixel without the solve: %.1f\n",
              kernel.name.c_str(), outside, in_solve, outside * 32 / pixels);
  std::printf("  %-14s %10s %16s\n", "class", "per pixel", "in the solve");
  for (auto const& [name, counts] : by_class) {
    if (counts.first + counts.second > 0) {
      std::printf("  %-14s %10.2f %16.0f\n", name.c_str(), counts.first * 32 / pixels, counts.second);
    }
  }
  std::printf("  %-28s %10s\n", "source file", "per pixel");
  for (auto const& [name, count] : by_file) {
    if (count > 0) {
      std::printf("  %-28s %10.2f\n", name.c_str(), count * 32 / pixels);
    }
  }
}

void print(char const* what, ptx::Estimate const& estimate) {
  std::printf("  %-14s %12llu %12lld %12lld %12lld %12lld\n", what,
              static_cast<unsigned long long>(estimate.instructions), static_cast<long long>(estimate.in_order),
              static_cast<long long>(estimate.scheduled), static_cast<long long>(estimate.dataflow),
              static_cast<long long>(estimate.double_chain));
}

/// Of the last launch: the warp with most instructions, and what the first warp of a solve does from there on.
void print_cycles() {
  ptx::WarpTiming const* longest = nullptr;
  ptx::WarpTiming const* solve = nullptr;
  for (auto const& block : ptx::timing()) {
    for (auto const& warp : block) {
      longest = longest == nullptr || warp.total.instructions > longest->total.instructions ? &warp : longest;
      solve = solve == nullptr && warp.has_mark ? &warp : solve;
    }
  }
  std::printf("  estimated cycles %10s %12s %12s %12s %12s\n", "instructions", "in order", "scheduled", "dataflow",
              "f64 chain");
  print("longest warp", longest->total);
  if (solve != nullptr) {
    ptx::Estimate rest = solve->total;
    rest.instructions -= solve->mark.instructions;
    rest.in_order -= solve->mark.in_order;
    rest.scheduled -= solve->mark.scheduled;
    rest.dataflow -= solve->mark.dataflow;
    rest.double_chain -= solve->mark.double_chain;
    print("solve", rest);
  }
}

void measure(std::int64_t images, std::int64_t channels, std::int64_t side) {
  ptx::config().keeps_timing = true;
  ptx::config().set(ptx::Check::race, false);
  ptx::config().multiprocessors = 132;
  scc::gpu::Loss const loss;
  Shape const shape{images, channels, side, side};
  Batch<float> const x(shape, random_values(shape.size(), 1));
  Batch<float> const y(shape, translated(random_values(shape.size(), 1), 2));
  DeviceArray<float> const device_x(x.pixels), device_y(y.pixels), device_dy(y.pixels);
  auto const view = [&](float* data) { return scc::ImageBatch<float>::contiguous(data, images, channels, side, side); };
  scc::gpu::Workspace workspace(loss, images, stream());
  auto const one_pixel = scc::ImageBatch<float>::contiguous(device_x.data(), 1, 1, 1, 1);
  loss.forward(one_pixel, one_pixel, workspace, stream());  // loads the PTX
  auto const report = [&](char const* pass, auto const& work) {
    for (std::string const& name : ptx::program().kernel_names()) {
      auto* const kernel = ptx::program().kernel(name);
      std::fill(kernel->executed.begin(), kernel->executed.end(), 0);
      ptx::mark_instructions(*kernel, [](std::string const& file, int line) { return is_of_solve(file, line); });
    }
    std::printf("%s, %lld x %lld x %lld x %lld\n", pass, static_cast<long long>(images),
                static_cast<long long>(channels), static_cast<long long>(side), static_cast<long long>(side));
    work();
    for (std::string const& name : ptx::program().kernel_names()) {
      auto const& kernel = *ptx::program().kernel(name);
      if (std::any_of(kernel.executed.begin(), kernel.executed.end(), [](auto count) { return count > 0; })) {
        print_counts(kernel, static_cast<double>(shape.size()));
      }
    }
    print_cycles();
  };
  report("forward", [&] { loss.forward(view(device_x.data()), view(device_y.data()), workspace, stream()); });
  report("backward", [&] {
    loss.backward(view(device_x.data()), view(device_y.data()), workspace, nullptr, 1, view(device_dy.data()),
                  scc::GradientMode::overwrite, stream());
  });
}

}  // namespace

int main(int argc, char* argv[]) try {
  std::vector<long> numbers{1, 3, 256};
  for (int k = 1; k < argc; ++k) {
    char* end = nullptr;
    long const number = std::strtol(argv[k], &end, 10);
    if (k > 3 || *end != '\0' || number < 1 || number > 4096) {
      std::fprintf(stderr, "usage: %s [IMAGES [CHANNELS [SIDE]]], numbers from 1 to 4096 (1 3 256)\n", argv[0]);
      return 2;
    }
    numbers[static_cast<std::size_t>(k - 1)] = number;
  }
  if (std::string const missing = missing_device(); !missing.empty()) {
    std::printf("SKIPPED: %s\n", missing.c_str());
    return 4;
  }
  measure(numbers[0], numbers[1], numbers[2]);
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "kernel_costs: %s\n", error.what());
  return 1;
}
