// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A shared library that all programs link: it takes the compiler long, and its inline functions, which are not
/// sanitized, must not take the place of those of the kernels.

#include <cmath>
#include <limits>
#include <random>
#include <scc/cpu/loss.hpp>

#include "cases.hpp"

namespace kernel_defects {
namespace {

/// y depends on x; a few pixels are outside the domain.
Batch make_batch(std::int64_t images, std::int64_t height, std::int64_t width) {
  Batch batch{images, height, width};
  batch.x.resize(batch.memory_size(Batch::x_start));
  batch.y.resize(batch.memory_size(Batch::y_start));
  std::mt19937 generator(1);
  auto const uniform = [&] { return 2 * static_cast<double>(generator()) / 4294967296.0 - 1; };
  for (std::int64_t image = 0; image < images; ++image) {
    for (std::int64_t pixel = 0; pixel < batch.pixels(); ++pixel) {
      auto const at = static_cast<std::size_t>(image * batch.image_stride() + pixel);
      double const x = 1.01 * uniform();
      batch.x[at + Batch::x_start] = static_cast<float>(x);
      batch.y[at + Batch::y_start] = static_cast<float>(1.6 * x * x - 0.7 + 0.15 * uniform());
    }
  }
  return batch;
}

Results run_on_cpu(scc::Plan const& plan, Batch const& batch) {
  scc::cpu::Loss const loss(plan);
  scc::cpu::Workspace workspace;
  auto const x = batch.view(batch.x.data(), Batch::x_start);
  auto const y = batch.view(batch.y.data(), Batch::y_start);
  Results results;
  results.loss = loss.forward(x, y, workspace);
  results.dloss_dx.resize(batch.x.size());
  results.dloss_dy.resize(batch.y.size());
  loss.backward_xy(x, y, workspace, 1.0, batch.view(results.dloss_dx.data(), Batch::x_start),
                   batch.view(results.dloss_dy.data(), Batch::y_start));
  results.rsmi.assign(workspace.rsmi().begin(), workspace.rsmi().end());
  results.diagnostics = workspace.diagnostics();
  return results;
}

Case make_case(std::string const& name, scc::Plan const& plan, int multiprocessors, std::size_t shared_memory_bytes,
               Batch const& batch) {
  return {name, plan, multiprocessors, shared_memory_bytes, batch, run_on_cpu(plan, batch)};
}

}  // namespace

__attribute__((visibility("default"))) std::vector<Case> cases_of(std::string const& kernels) {
  constexpr std::size_t ample = 227 * 1024;
  Batch const two_images = make_batch(2, 17, 253);
  Batch three_images = make_batch(3, 31, 47);  // a block begins with the last, incomplete tile of the second
  Batch larger_images = make_batch(3, 41, 61);
  three_images.x.back() = larger_images.x.back() = std::numeric_limits<float>::quiet_NaN();

  scc::Options few_centers;
  few_centers.centers_per_axis = 3;
  if (kernels == "triangle") {
    return {make_case("default options", scc::Plan(scc::Options{}), 3, ample, two_images),
            make_case("few centres", scc::Plan(few_centers), 2, ample, three_images)};
  }
  if (kernels == "tile") {
    scc::Options options = few_centers;
    options.bandwidth = 1.5;
    options.beta = 0.05;  // takes double
    scc::Plan const plan(options);
    return {make_case("three blocks", plan, 9, ample, two_images),
            make_case("two blocks", plan, 6, ample, larger_images)};
  }
  if (kernels == "histogram") {
    constexpr int bins = 35;
    few_centers.basis = scc::Basis::histogram;
    scc::Options many_centers = few_centers;
    many_centers.centers_per_axis = 9;
    many_centers.bandwidth = 0.5;  // many unknowns: the block works as one team, in device memory
    return {make_case("all bins at once", scc::Plan(few_centers, bins), 2, ample, larger_images),
            make_case("bins in bands", scc::Plan(many_centers, bins), 6, 4608, larger_images)};
  }
  return {};
}

}  // namespace kernel_defects
