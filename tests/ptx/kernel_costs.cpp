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
#include "program.hpp"
#include "timing.hpp"

using namespace scc_test;

namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// "fma f32", "integer" or the operation itself
std::string opcode_class(std::string_view opcode) {
  for (std::string_view const start :
       {"shfl", "bar", "ld.param", "ld.shared", "st.shared", "ld.global", "st.global", "ld", "st", "atom", "red", "bra",
        "selp", "cvt", "mov", "div", "sqrt", "rsqrt", "rcp"}) {
    if (opcode.substr(0, start.size()) == start) {
      return std::string(start);
    }
  }
  if (has(opcode, "setp") || has(opcode, ".pred")) {
    return "predicates";
  }
  std::string const type = has(opcode, "f32") ? "f32" : has(opcode, "f64") ? "f64" : "";
  std::string const operation = has(opcode, "fma") ? "fma " : has(opcode, "neg") ? "neg " : "other ";
  return type.empty() ? "integer" : operation + type;
}

bool is_of_solve(ptx::SourcePlace const& place) { return place.file == "solve.hpp" || place.file == "solve.cuh"; }

void print_counts(ptx::Kernel const& kernel, double pixels) {
  std::map<std::string, double> by_class, by_file;  // without the solve
  double outside = 0, in_solve = 0;
  for (std::size_t k = 0; k < kernel.code.size(); ++k) {
    auto const& instruction = kernel.code[k];
    double const count = static_cast<double>(kernel.executed[k]), per_pixel = count * 32 / pixels;
    (instruction.is_marked ? in_solve : outside) += count;
    by_class[opcode_class(instruction.opcode)] += instruction.is_marked ? 0 : per_pixel;
    by_file[kernel.places[instruction.place].file] += instruction.is_marked ? 0 : per_pixel;
  }
  std::printf("%s\n  warp instructions: %.0f, and %.0f in the solve; per pixel without the solve: %.1f\n",
              kernel.name.c_str(), outside, in_solve, outside * 32 / pixels);
  for (auto const& counts : {by_class, by_file}) {
    for (auto const& [name, per_pixel] : counts) {
      if (per_pixel > 0) {
        std::printf("  %-28s %10.2f per pixel\n", name.c_str(), per_pixel);
      }
    }
  }
}

void print(char const* what, ptx::Estimate const& estimate) {
  std::printf("  %-16s %12llu %12lld %12lld\n", what, static_cast<unsigned long long>(estimate.instructions),
              static_cast<long long>(estimate.scheduled), static_cast<long long>(estimate.dataflow));
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
  std::printf("  %-16s %12s %12s %12s\n", "estimated cycles", "instructions", "scheduled", "dataflow");
  print("longest warp", longest->total);
  if (solve != nullptr) {
    ptx::Estimate const &all = solve->total, &before = solve->mark;
    print("solve",
          {all.instructions - before.instructions, all.scheduled - before.scheduled, all.dataflow - before.dataflow});
  }
}

/// Counts and times what the work launches.
template <class Work>
void report(char const* pass, Shape const& shape, Work const& work) {
  for (std::string const& name : ptx::program().kernel_names()) {
    auto& kernel = *ptx::program().kernel(name);
    std::fill(kernel.executed.begin(), kernel.executed.end(), 0);
    ptx::mark_instructions(kernel, is_of_solve);
  }
  std::printf("%s, %lld x %lld x %lld x %lld\n", pass, static_cast<long long>(shape.images),
              static_cast<long long>(shape.channels), static_cast<long long>(shape.height),
              static_cast<long long>(shape.width));
  work();
  for (std::string const& name : ptx::program().kernel_names()) {
    auto const& executed = ptx::program().kernel(name)->executed;
    if (std::any_of(executed.begin(), executed.end(), [](auto count) { return count > 0; })) {
      print_counts(*ptx::program().kernel(name), static_cast<double>(shape.size()));
    }
  }
  print_cycles();
}

void measure(scc::Options const& options, std::int64_t images, std::int64_t channels, std::int64_t side) {
  ptx::config().keeps_timing = true;
  ptx::config().set(ptx::Check::race, false);
  ptx::config().multiprocessors = 132;
  scc::gpu::Loss const loss(options);
  std::printf("sigma %g, %d centres per axis: %d unknowns, B = %d\n", options.bandwidth, options.centers_per_axis,
              loss.plan().unknowns(), loss.plan().basis_size());
  Shape const shape{images, channels, side, side};
  Batch<float> const x(shape, random_values(shape.size(), 1));
  Batch<float> const y(shape, translated(random_values(shape.size(), 1), 2));
  DeviceArray<float> const device_x(x.pixels), device_y(y.pixels), device_dy(y.pixels);
  auto const view = [&](float* data) { return scc::ImageBatch<float>::contiguous(data, images, channels, side, side); };
  scc::gpu::Workspace workspace(loss, images, stream());
  auto const one_pixel = scc::ImageBatch<float>::contiguous(device_x.data(), 1, 1, 1, 1);
  loss.forward(one_pixel, one_pixel, workspace, stream());  // loads the PTX
  report("moments alone", shape, [&] {
    ptx::FailingCall const no_solve("cudaLaunchKernelExC", 2, cudaErrorLaunchOutOfResources);
    try {
      loss.forward(view(device_x.data()), view(device_y.data()), workspace, stream());
    } catch (scc::gpu::Error const&) {
      static_cast<void>(cudaGetLastError());
    }
  });
  report("forward", shape, [&] { loss.forward(view(device_x.data()), view(device_y.data()), workspace, stream()); });
  report("backward", shape, [&] {
    loss.backward(view(device_x.data()), view(device_y.data()), workspace, nullptr, 1, view(device_dy.data()),
                  scc::GradientMode::overwrite, stream());
  });
  Shape const mask_shape{images, 1, side, side};
  Batch<float> const mask(mask_shape, random_values(mask_shape.size(), 3, 0.5, 1));
  DeviceArray<float> const device_mask(mask.pixels);
  auto weight = scc::ImageBatch<float>::contiguous(device_mask.data(), images, 1, side, side);
  weight.channels = channels;
  weight.channel_stride = 0;
  report("forward, float weights for all channels", shape,
         [&] { loss.forward(view(device_x.data()), view(device_y.data()), weight, workspace, stream()); });
  report("backward, float weights for all channels", shape, [&] {
    loss.backward(view(device_x.data()), view(device_y.data()), weight, workspace, nullptr, 1, view(device_dy.data()),
                  scc::GradientMode::overwrite, stream());
  });
}

}  // namespace

int main(int argc, char* argv[]) try {
  double numbers[] = {1, 3, 256, scc::Options{}.bandwidth, static_cast<double>(scc::Options{}.centers_per_axis)};
  for (int k = 1; k < argc; ++k) {
    char* end = nullptr;
    double const number = std::strtod(argv[k], &end);
    if (k > 5 || *end != '\0' || !(number > 0 && number <= 4096) || (k != 4 && number != std::floor(number))) {
      std::fprintf(stderr,
                   "usage: %s [IMAGES [CHANNELS [SIDE [SIGMA [CENTRES]]]]], at most 4096 (1 3 256 and the defaults)\n",
                   argv[0]);
      return 2;
    }
    numbers[k - 1] = number;
  }
  if (std::string const missing = missing_device(); !missing.empty()) {
    std::printf("SKIPPED: %s\n", missing.c_str());
    return 4;
  }
  scc::Options options;
  options.bandwidth = numbers[3];
  options.centers_per_axis = static_cast<int>(numbers[4]);
  measure(options, static_cast<std::int64_t>(numbers[0]), static_cast<std::int64_t>(numbers[1]),
          static_cast<std::int64_t>(numbers[2]));
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "kernel_costs: %s\n", error.what());
  return 1;
}
