// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Time of a cross-validation, by the number of candidates. `plans` makes what depends on the candidates alone, `images`
/// measures one image, and `dense` is what a single candidate costs by its definition with dense matrices.

#include <benchmark/benchmark.h>
#include <cmath>
#include <cstddef>
#include <scc/scc.hpp>
#include <string>
#include <vector>

#include "pixels.hpp"
#include "scene.hpp"

namespace {

using scc::Candidates;
using scc::CrossValidation;
using scc::ImageBatch;
using scc::Options;
using scc_bench::Scene;
using scc_bench::Size;

/// `count` numbers from `first` to `last` in equal ratios.
std::vector<double> geometric(double first, double last, int count) {
  std::vector<double> values;
  for (int k = 0; k < count; ++k) {
    values.push_back(first * std::pow(last / first, static_cast<double>(k) / (count - 1)));
  }
  return values;
}

ImageBatch<float const> view(std::vector<float> const& pixels, Size const& size) {
  return ImageBatch<float const>::contiguous(pixels.data(), 1, size.channels, size.height, size.width);
}

template <class Function>
void add_row(std::string const& name, Function const& function) {
  benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMillisecond)->UseRealTime();
}

void add_rows(std::string const& name, Options const& options, Candidates const& candidates, Size const& size) {
  std::size_t const all = candidates.bandwidths.size() * candidates.lambdas.size();
  std::string const suffix = '/' + name + "/candidates_" + std::to_string(all);
  add_row("plans" + suffix, [=](benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) {
      benchmark::DoNotOptimize(CrossValidation(options, candidates));
    }
    state.counters["candidates"] = static_cast<double>(all);
  });
  std::string const shape =
    std::to_string(size.height) + 'x' + std::to_string(size.width) + 'x' + std::to_string(size.channels);
  add_row("images" + suffix + '/' + shape, [=](benchmark::State& state) {
    Scene const scene = scc_bench::make_scene(size.channels, size.height, size.width);
    CrossValidation validation(options, candidates);
    for ([[maybe_unused]] auto _ : state) {
      validation.add(view(scene.x, size), view(scene.y, size));
    }
    state.counters["candidates"] = static_cast<double>(all);
  });
}

void measure_dense(benchmark::State& state, Size const& size) {
  Scene const scene = scc_bench::make_scene(size.channels, size.height, size.width);
  std::vector<double> const x(scene.x.begin(), scene.x.end()), y(scene.y.begin(), scene.y.end());
  // The folds together are fitted on four times the pixels and judged on all of them: five evaluations of one image.
  for ([[maybe_unused]] auto _ : state) {
    for (int evaluation = 0; evaluation < 5; ++evaluation) {
      benchmark::DoNotOptimize(scc::reference_statistics(Options{}, x, y));
    }
  }
  state.counters["candidates"] = 1;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  Size const size{256, 256, 3};
  Options const options;
  add_rows("default", options, scc::default_candidates(options), size);
  add_rows("default", options, {geometric(0.1, 2, 20), geometric(1e-5, 1, 25)}, size);
  Options more = options;
  more.centers_per_axis = 15;
  add_rows("15_centers", more, scc::default_candidates(more), size);
  add_row("dense/default/candidates_1/256x256x3", [=](benchmark::State& state) { measure_dense(state, size); });
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
