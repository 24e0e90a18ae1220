// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Time of the two passes over the pixels, of the solve and of the construction of a loss. Names are made for
/// --benchmark_filter:
///
///   forward/gaussian/chebyshev/float/256x256x3/batch_16/threads_2
///
/// Counters: `ns_per_pixel` is wall time times threads, per pixel; `GB/s` counts each pixel that is read and each
/// gradient that is written once per pass. `rsmi_error` and `gradient_error` (relative, Euclidean norm) of the first
/// image are against the dense evaluation of exact.hpp where the image is small (`_vs_reference`), else against the
/// same loss with double pixels and a tolerance of 1e-9 (`_vs_double`). Rows named `mask` weigh the pixels by a mask of
/// floats that all channels share, random for each pixel, which is the worst for branches; those named `weights` by numbers
/// in (0, 1]. They are neighbours of the row without weights, and have no errors: tests measure these.

#include <benchmark/benchmark.h>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <scc/scc.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "exact.hpp"
#include "pixels.hpp"
#include "scene.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace {

using scc::Basis;
using scc::ImageBatch;
using scc::Options;
using scc_bench::pixel_from;
using scc_bench::Size;
using scc_bench::value_of;

enum class Pass { forward, backward, forward_backward };
enum class Weights { none, mask, numbers };

struct Configuration {
  char const* name;
  Options options;
};

/// One row over pixels.
struct Row {
  std::string name;
  Pass pass;
  Options options;
  Size size;
  std::int64_t batch;
  int threads;
  Weights weights = Weights::none;
};

/// Chebyshev at its default parameters, the histogram at a bandwidth that needs it; the reciprocal kernel grows too
/// much to be narrow, so its histogram is forced.
std::vector<Configuration> configurations() {
  Options narrow;
  narrow.bandwidth = 0.1;
  narrow.centers_per_axis = 15;
  Options forced = Options::released_code();
  forced.basis = Basis::histogram;
  return {{"gaussian/chebyshev", Options{}},
          {"reciprocal/chebyshev", Options::released_code()},
          {"gaussian/histogram", narrow},
          {"reciprocal/histogram", forced}};
}

std::vector<int> thread_counts() {
#if defined(_OPENMP)
  return {1, 2};
#else
  return {1};
#endif
}

void use_threads([[maybe_unused]] int threads) {
#if defined(_OPENMP)
  omp_set_num_threads(threads);
#endif
}

/// The images of one size. There is one per combination of types, and it keeps its memory from row to row.
template <class X, class Y, class G>
class Images {
public:
  static Images& of(Size const& size, std::int64_t batch) {
    static Images images;
    images.prepare(size, batch);
    return images;
  }

  ImageBatch<X const> x() const { return view(x_.data()); }
  ImageBatch<Y const> y() const { return view(y_.data()); }
  ImageBatch<G> gradient() { return view(gradient_.data()); }
  ImageBatch<float const> weight(Weights weights) const {
    auto const& numbers = weights == Weights::mask ? mask_ : numbers_;
    auto const plane = ImageBatch<float const>::contiguous(numbers.data(), batch_, 1, size_.height, size_.width);
    return {plane.data, batch_, size_.channels, plane.height, plane.width, plane.image_stride, 0, plane.row_stride, 1};
  }
  std::int64_t total_pixels() const { return batch_ * size_.pixels(); }

  /// The first image: what errors are measured on.
  std::vector<double> first_x() const { return first(x_); }
  std::vector<double> first_y() const { return first(y_); }
  std::vector<double> first_gradient() const { return first(gradient_); }

private:
  template <class T>
  ImageBatch<T> view(T* data) const {
    return ImageBatch<T>::contiguous(data, batch_, size_.channels, size_.height, size_.width);
  }

  template <class T>
  std::vector<double> first(std::vector<T> const& all) const {
    std::vector<double> values;
    for (std::size_t k = 0; k < static_cast<std::size_t>(size_.pixels()); ++k) {
      values.push_back(value_of(all[k]));
    }
    return values;
  }

  void prepare(Size const& size, std::int64_t batch) {
    if (size.pixels() == size_.pixels() && batch == batch_) {
      return;
    }
    size_ = size;
    batch_ = batch;
    scc_bench::Scene const scene = scc_bench::make_scene(size.channels, size.height, size.width);
    fill(scene.x, x_);
    fill(scene.y, y_);
    gradient_.resize(static_cast<std::size_t>(total_pixels()));
    std::mt19937 generator(1);
    mask_.clear();
    numbers_.clear();
    for (std::int64_t k = 0; k < batch * size.height * size.width; ++k) {
      numbers_.push_back(static_cast<float>(generator() % 1000 + 1) / 1000.0F);
      mask_.push_back(numbers_.back() > 0.5F ? 1.0F : 0.0F);
    }
  }

  template <class T>
  void fill(std::vector<float> const& image, std::vector<T>& all) const {
    all.resize(static_cast<std::size_t>(total_pixels()));
    std::transform(image.begin(), image.end(), all.begin(), pixel_from<T>);
    for (std::size_t start = image.size(); start < all.size(); start += image.size()) {
      std::copy(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(image.size()),
                all.begin() + static_cast<std::ptrdiff_t>(start));
    }
  }

  Size size_{0, 0, 0};
  std::int64_t batch_ = 0;
  std::vector<X> x_;
  std::vector<Y> y_;
  std::vector<G> gradient_;
  std::vector<float> mask_, numbers_;  // [batch, 1, height, width]
};

/// What the first image should give, and whether that is the dense evaluation.
struct Judgement {
  scc_bench::Exact expected;
  bool is_dense;
};

Judgement judge(Options const& given, Size const& size, std::vector<double> const& x, std::vector<double> const& y) {
  constexpr std::int64_t most_pixels_for_dense = 4096;
  if (size.pixels() <= most_pixels_for_dense) {
    return {scc_bench::exact(given, x, y), true};
  }
  Options options = given;
  options.tolerance = 1e-9;
  scc::cpu::Loss const loss(options);
  scc::cpu::Workspace workspace;
  std::vector<double> drsmi_dy(y.size());
  auto const view = [&](auto* data) {
    return ImageBatch<std::remove_pointer_t<decltype(data)>>::contiguous(data, 1, size.channels, size.height,
                                                                         size.width);
  };
  loss.forward_backward(view(x.data()), view(y.data()), workspace, -1, view(drsmi_dy.data()));
  return {{workspace.rsmi()[0], std::move(drsmi_dy)}, false};
}

template <class X, class Y, class G>
void add_error_counters(benchmark::State& state, scc::cpu::Loss const& loss, Row const& row, Images<X, Y, G>& images) {
  // Google Benchmark calls a row several times, repetitions included; one judgement is enough for all of them.
  static Judgement judgement;
  static std::string judged;
  if (judged != row.name) {
    judgement = judge(row.options, row.size, images.first_x(), images.first_y());
    judged = row.name;
  }
  scc::cpu::Workspace workspace;
  ImageBatch<G> gradient = images.gradient();
  ImageBatch<X const> x = images.x();
  ImageBatch<Y const> y = images.y();
  x.images = y.images = gradient.images = 1;
  loss.forward(x, y, workspace);
  std::string const judge_name = judgement.is_dense ? "_vs_reference" : "_vs_double";
  state.counters["rsmi_error" + judge_name] = std::abs(workspace.rsmi()[0] - judgement.expected.rsmi);
  if constexpr (!std::is_same_v<Y, std::uint8_t>) {
    loss.backward(x, y, workspace, -1, gradient);
    state.counters["gradient_error" + judge_name] =
      scc_bench::relative_error(images.first_gradient(), judgement.expected.drsmi_dy);
  }
}

template <class X, class Y, class G>
void measure(benchmark::State& state, Row const& row) {
  Pass const pass = row.pass;
  use_threads(row.threads);
  auto& images = Images<X, Y, G>::of(row.size, row.batch);
  scc::cpu::Loss const loss(row.options);
  scc::cpu::Workspace workspace;
  bool const is_weighted = row.weights != Weights::none;
  auto const weight = images.weight(row.weights);
  auto const forward = [&] {
    return is_weighted ? loss.forward(images.x(), images.y(), weight, workspace)
                       : loss.forward(images.x(), images.y(), workspace);
  };
  auto const backward = [&] {
    if constexpr (!std::is_same_v<Y, std::uint8_t>) {
      is_weighted ? loss.backward(images.x(), images.y(), weight, workspace, 1, images.gradient())
                  : loss.backward(images.x(), images.y(), workspace, 1, images.gradient());
      benchmark::ClobberMemory();
    }
  };
  forward();

  using Clock = std::chrono::steady_clock;
  Clock::time_point const start = Clock::now();
  for ([[maybe_unused]] auto _ : state) {
    if (pass != Pass::backward) {
      benchmark::DoNotOptimize(forward());
    }
    if (pass != Pass::forward) {
      backward();
    }
  }
  double const seconds = std::chrono::duration<double>(Clock::now() - start).count();

  auto const pixels = static_cast<double>(images.total_pixels()) * static_cast<double>(state.iterations());
  double const read = sizeof(X) + sizeof(Y) + (is_weighted ? sizeof(float) : 0), written = sizeof(G);
  double const bytes = pass == Pass::forward ? read : pass == Pass::backward ? read + written : 2 * read + written;
  state.counters["ns_per_pixel"] = seconds * row.threads / pixels * 1e9;
  state.counters["GB/s"] = bytes * pixels / seconds * 1e-9;
  if (!is_weighted) {
    add_error_counters(state, loss, row, images);
  }
}

void measure_plan(benchmark::State& state, Options const& options) {
  scc::Plan const plan(options);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(scc::Plan(options));
  }
  state.counters["basis_size"] = plan.basis_size();
  state.counters["unknowns"] = plan.unknowns();
}

/// A forward pass over one block of pixels is nearly all solve.
void measure_solve(benchmark::State& state, Options const& options) {
  use_threads(1);
  auto& images = Images<float, float, float>::of({8, 16, 1}, 1);
  scc::cpu::Loss const loss(options);
  scc::cpu::Workspace workspace;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(loss.forward(images.x(), images.y(), workspace));
  }
  state.counters["basis_size"] = loss.plan().basis_size();
  state.counters["unknowns"] = loss.plan().unknowns();
}

double smallest(std::vector<double> const& values) { return *std::min_element(values.begin(), values.end()); }

template <class Function>
void add_row(std::string const& name, Function const& function) {
  benchmark::RegisterBenchmark(name.c_str(), function)
    ->UseRealTime()
    ->MinTime(0.1)
    ->Unit(benchmark::kMicrosecond)
    ->ComputeStatistics("min", smallest);
}

char const* name(Pass pass) {
  return pass == Pass::forward ? "forward" : pass == Pass::backward ? "backward" : "forward_backward";
}

template <class X, class Y, class G>
void add_pass(Pass pass, Configuration const& configuration, char const* types, Size const& size, std::int64_t batch,
              int threads, Weights weights = Weights::none) {
  std::string const shape =
    std::to_string(size.height) + 'x' + std::to_string(size.width) + 'x' + std::to_string(size.channels);
  std::string const row_name = std::string(name(pass)) + '/' + configuration.name + '/' + types + '/' + shape +
                               "/batch_" + std::to_string(batch) + "/threads_" + std::to_string(threads);
  Row const row{row_name, pass, configuration.options, size, batch, threads, weights};
  add_row(row_name, [row](benchmark::State& state) { measure<X, Y, G>(state, row); });
}

void add_all_rows() {
  constexpr Size sizes[] = {{28, 28, 1}, {256, 256, 3}, {1024, 1024, 3}};
  constexpr Pass passes[] = {Pass::forward, Pass::backward, Pass::forward_backward};
  auto const all = configurations();
  // Rows of one size are neighbours, so that its images are made once.
  for (Size const& size : sizes) {
    for (std::int64_t const batch : {1, 16}) {
      for (auto const& configuration : all) {
        for (Pass const pass : passes) {
          for (int const threads : thread_counts()) {
            add_pass<float, float, float>(pass, configuration, "float", size, batch, threads);
          }
        }
      }
    }
  }

  Size const middle = sizes[1];
  for (auto const& configuration : {all[0], all[2]}) {
    for (Pass const pass : {Pass::forward, Pass::backward}) {
      add_pass<float, float, float>(pass, configuration, "float_beside_weights", middle, 1, 1);
      add_pass<float, float, float>(pass, configuration, "float_and_mask", middle, 1, 1, Weights::mask);
      add_pass<float, float, float>(pass, configuration, "float_and_weights", middle, 1, 1, Weights::numbers);
    }
  }
  for (Pass const pass : {Pass::forward, Pass::backward}) {
    add_pass<double, double, double>(pass, all[0], "double", middle, 1, 1);
    add_pass<Eigen::half, Eigen::half, Eigen::half>(pass, all[0], "half", middle, 1, 1);
    add_pass<Eigen::bfloat16, Eigen::bfloat16, Eigen::bfloat16>(pass, all[0], "bfloat16", middle, 1, 1);
    add_pass<std::uint8_t, float, float>(pass, all[0], "uint8_and_float", middle, 1, 1);
  }
  add_pass<std::uint8_t, std::uint8_t, float>(Pass::forward, all[0], "uint8", middle, 1, 1);

  for (auto const& configuration : all) {
    Options const options = configuration.options;
    Options precise = options;
    precise.tolerance = 1e-9;
    std::string const suffix = std::string("/") + configuration.name;
    add_row("plan" + suffix, [=](benchmark::State& state) { measure_plan(state, options); });
    add_row("plan" + suffix + "/tolerance_1e-9", [=](benchmark::State& state) { measure_plan(state, precise); });
    add_row("solve" + suffix, [=](benchmark::State& state) { measure_solve(state, options); });
    add_row("solve" + suffix + "/tolerance_1e-9", [=](benchmark::State& state) { measure_solve(state, precise); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  add_all_rows();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
