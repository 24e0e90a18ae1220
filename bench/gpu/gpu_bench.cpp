// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Time of the passes of scc::gpu::Loss on the device, beside what the device can do. Names are made for
/// --benchmark_filter:
///
///   forward_backward/chebyshev/float/nchw/256x256x3/batch_16/graph      the grid of all rows
///   target/forward_backward/chebyshev/float/nchw/256x256x3/batch_16/direct    those that have a target (below)
///   ceiling/...   copy, read, multiply_add: the device's limits;   launch/...   what launches cost without any work
///   cub/...       what a user could build from CUB: the sum of the pixels of both images by cub::DeviceReduce, which reads
///                 what a forward pass reads, and their joint histogram by cub::DeviceHistogram
///
/// Every row begins with a check: all outputs are poisoned, then the rSMI of each image must be within 1e-6 of the CPU's
/// (double pixels, same options), and each gradient within 1e-5 (4e-3 in 16 bits). A row with a wrong result ends the
/// program with status 1. Then each iteration measures a device-to-device copy and the pass, by events and with a
/// flushed second-level cache. Column `Time` is the mean of the pass. Counters, of which the times are medians:
///
///   us               time of one call on the device
///   copy_us          of a cudaMemcpyAsync that moves as many bytes, read and written together
///   over_copy        us / copy_us
///   bytes_per_pixel  what the pass must move: every pixel read once per pass, every derivative written once
///   GB/s             that, over us
///   ns_per_pixel     us over all pixels of the batch
///   kernels, memsets launches of one call
///   workspace_bytes  size of the workspace
///   enqueue_us       time of one call on the host
///   repeated_us      time per call of many in a row, with warm caches: that of the host, if it is the slower of the two
///
/// Targets, at default options: 16 images of 256x256x3, forward and backward, over_copy <= 2 (20 bytes per pixel); one
/// such image, us <= 20 and repeated_us <= 20.

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <scc/gpu/loss.hpp>
#include <scc/scc.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../exact.hpp"
#include "../scene.hpp"
#include "cub.hpp"
#include "device.hpp"
#include "images.hpp"
#include "probes.hpp"

namespace {

using scc::Options;
using scc_bench::check;
using scc_bench::DeviceMemory;
using scc_bench::Graph;
using scc_bench::Images;
using scc_bench::pixel_from;
using scc_bench::Size;
using scc_bench::Stopwatch;
using scc_bench::Timing;
using scc_bench::value_of;
using scc_bench::view;

enum class Pass { forward, backward, forward_backward };
enum class Call { direct, graph };
enum class Layout { channels_first, channels_last, mixed };  // mixed: x channels last, y and gradient channels first

struct Configuration {
  char const* name;
  Options options;
  bool has_mask = false;  ///< Of float, one for all channels
};

/// One row over pixels.
struct Row {
  Pass pass;
  Call call;
  Configuration configuration;
  Layout layout;
  Size size;
  std::int64_t batch;
};

/// The device, and the stream that everything runs on.
class Device {
public:
  Device() {
    check(cudaGetDeviceProperties(&properties_, 0), "cudaGetDeviceProperties");
    check(cudaStreamCreate(&stream_), "cudaStreamCreate");
    stopwatch_.emplace(properties_, stream_);
  }
  Device(Device const&) = delete;
  Device& operator=(Device const&) = delete;
  ~Device() {
    stopwatch_.reset();
    static_cast<void>(cudaStreamDestroy(stream_));
  }

  cudaDeviceProp const& properties() const { return properties_; }
  cudaStream_t stream() const { return stream_; }
  Stopwatch& stopwatch() { return *stopwatch_; }

  void copy(DeviceMemory const& to, DeviceMemory const& from) const {
    check(cudaMemcpyAsync(to.data(), from.data(), to.bytes(), cudaMemcpyDeviceToDevice, stream_), "cudaMemcpyAsync");
  }

private:
  cudaDeviceProp properties_{};
  cudaStream_t stream_ = nullptr;
  std::optional<Stopwatch> stopwatch_;
};

scc_bench::Scene const& scene_of(Size const& size) {
  static std::map<std::vector<int>, scc_bench::Scene> known;
  auto const [entry, is_new] = known.try_emplace({size.height, size.width, size.channels});
  if (is_new) {
    entry->second = scc_bench::make_scene(size.channels, size.height, size.width);
  }
  return entry->second;
}

/// 1 in the middle of a picture, 0 in the outer eighths.
std::vector<float> mask_of(Size const& size) {
  std::vector<float> mask;
  auto const is_inner = [](int k, int extent) { return 8 * k >= extent && 8 * k < 7 * extent; };
  for (int row = 0; row < size.height; ++row) {
    for (int column = 0; column < size.width; ++column) {
      mask.push_back(is_inner(row, size.height) && is_inner(column, size.width) ? 1.0F : 0.0F);
    }
  }
  return mask;
}

/// A batch of masks as weights of all channels.
template <class T>
scc::ImageBatch<T> repeated(scc::ImageBatch<T> mask, Size const& size) {
  mask.channels = size.channels;
  mask.channel_stride = 0;
  return mask;
}

/// What the CPU says about one image.
template <class X, class Y>
scc_bench::Exact const& judgement(Configuration const& configuration, Size const& size) {
  static std::map<std::string, scc_bench::Exact> known;
  auto const [entry, is_new] = known.try_emplace(configuration.name + std::to_string(size.pixels()));
  auto& [rsmi, drsmi_dy] = entry->second;
  if (is_new) {
    std::vector<double> x, y;
    for (float const value : scene_of(size).x) {
      x.push_back(value_of(pixel_from<X>(value)));
    }
    for (float const value : scene_of(size).y) {
      y.push_back(value_of(pixel_from<Y>(value)));
    }
    drsmi_dy.resize(y.size());
    scc::cpu::Loss const loss(configuration.options);
    scc::cpu::Workspace workspace;
    auto const x_view = view(std::as_const(x).data(), size, 1, false);
    auto const y_view = view(std::as_const(y).data(), size, 1, false);
    auto const gradient = view(drsmi_dy.data(), size, 1, false);
    if (configuration.has_mask) {
      std::vector<float> const mask = mask_of(size);
      auto const weight = repeated(view(mask.data(), {size.height, size.width, 1}, 1, false), size);
      loss.forward_backward(x_view, y_view, weight, workspace, -1, gradient);
    } else {
      loss.forward_backward(x_view, y_view, workspace, -1, gradient);
    }
    rsmi = workspace.rsmi()[0];
  }
  return entry->second;
}

/// The pass of one row, with all that it works on. Gradients have the type of y.
template <class X, class Y>
class Problem {
public:
  Problem(Row const& row, cudaStream_t stream)
      : row_(row),
        stream_(stream),
        x_(row.size, row.batch, row.layout != Layout::channels_first),
        y_(row.size, row.batch, row.layout == Layout::channels_last),
        gradient_(row.size, row.batch, row.layout == Layout::channels_last),
        mask_({row.size.height, row.size.width, 1}, row.batch, false),
        loss_(row.configuration.options),
        workspace_memory_(scc::gpu::Workspace::bytes(loss_, row.batch)),
        workspace_(loss_, row.batch, workspace_memory_.data(), workspace_memory_.bytes()) {
    x_.fill(scene_of(row.size).x);
    y_.fill(scene_of(row.size).y);
    mask_.fill(mask_of(row.size));
    if (row.pass == Pass::backward) {
      forward();
    }
    graph_.emplace(stream, [&] { enqueue_direct(); });
  }

  /// What is measured.
  void enqueue() { row_.call == Call::graph ? graph_->launch(stream_) : enqueue_direct(); }

  int kernels() const { return graph_->count(cudaGraphNodeTypeKernel); }
  int memsets() const { return graph_->count(cudaGraphNodeTypeMemset); }
  std::size_t workspace_bytes() const { return workspace_memory_.bytes(); }
  std::int64_t total_pixels() const { return row_.batch * row_.size.pixels(); }
  double bytes_per_pixel() const {
    double const weights = row_.configuration.has_mask ? sizeof(float) / static_cast<double>(row_.size.channels) : 0;
    double const read = sizeof(X) + sizeof(Y) + weights, written = sizeof(Y);
    return row_.pass == Pass::forward ? read : row_.pass == Pass::backward ? read + written : 2 * read + written;
  }

  /// Runs what is measured on poisoned outputs.
  ///
  /// @throws std::runtime_error if a result is wrong.
  void check_results() {
    workspace_memory_.poison();
    if (row_.pass == Pass::backward) {
      forward();
    }
    gradient_.poison();
    enqueue();
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");

    auto const& [expected_rsmi, drsmi_dy] = judgement<X, Y>(row_.configuration, row_.size);
    std::vector<double> rsmi(static_cast<std::size_t>(row_.batch));
    check(cudaMemcpy(rsmi.data(), workspace_.rsmi(), rsmi.size() * sizeof(double), cudaMemcpyDeviceToHost),
          "cudaMemcpy");
    for (double const value : rsmi) {
      require(std::abs(value - expected_rsmi) <= 1e-6 * std::max(1.0, std::abs(expected_rsmi)), "rSMI", value,
              "the CPU's is", expected_rsmi);
    }
    if (row_.pass == Pass::forward) {
      return;
    }
    std::vector<double> expected(drsmi_dy);
    for (double& derivative : expected) {
      derivative *= -static_cast<double>(row_.size.pixels());
    }
    // bfloat16 rounds to 8 bits.
    constexpr double allowed = sizeof(Y) == 2 ? 4e-3 : 1e-5;
    for (std::int64_t n = 0; n < row_.batch; ++n) {
      double const error = scc_bench::relative_error(gradient_.read(n), expected);
      require(error <= allowed, "relative error of the gradient", error, "allowed is", allowed);
    }
  }

private:
  scc::ImageBatch<float> weight() const { return repeated(mask_.view(), row_.size); }

  void forward() {
    row_.configuration.has_mask ? loss_.forward(x_.view(), y_.view(), weight(), workspace_, stream_)
                                : loss_.forward(x_.view(), y_.view(), workspace_, stream_);
  }

  void enqueue_direct() {
    if (row_.pass != Pass::backward) {
      forward();
    }
    if (row_.pass != Pass::forward) {
      // This factor makes a derivative about 1 in size, which half can hold.
      auto const scale = static_cast<float>(total_pixels());
      auto const mode = scc::GradientMode::overwrite;
      row_.configuration.has_mask
        ? loss_.backward(x_.view(), y_.view(), weight(), workspace_, nullptr, scale, gradient_.view(), mode, stream_)
        : loss_.backward(x_.view(), y_.view(), workspace_, nullptr, scale, gradient_.view(), mode, stream_);
    }
  }

  static void require(bool holds, char const* what, double value, char const* bound, double expected) {
    if (!holds) {
      std::ostringstream text;
      text.precision(9);
      text << what << " is " << value << ", " << bound << ' ' << expected;
      throw std::runtime_error(text.str());
    }
  }

  Row row_;
  cudaStream_t stream_;
  Images<X> x_;
  Images<Y> y_, gradient_;
  Images<float> mask_;
  scc::gpu::Loss loss_;
  DeviceMemory workspace_memory_;
  scc::gpu::Workspace workspace_;
  std::optional<Graph> graph_;
};

char const* call_name(Call call) { return call == Call::graph ? "/graph" : "/direct"; }

double median(std::vector<double> values) {
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Measures `work` in the iterations of `state`, each time after before(); returns the median in seconds.
template <class Work, class Before>
double measure(benchmark::State& state, Device& device, Work const& work, Before const& before) {
  using Clock = std::chrono::steady_clock;
  Stopwatch& stopwatch = device.stopwatch();
  // Long enough for the clock of an idle device to rise.
  auto const warm = Clock::now() + std::chrono::milliseconds(50);
  do {
    stopwatch.cold(work);
  } while (Clock::now() < warm);

  std::vector<double> seconds, host_seconds, repeated_seconds;
  for ([[maybe_unused]] auto _ : state) {
    before();
    Timing const timing = stopwatch.cold(work);
    seconds.push_back(timing.device);
    host_seconds.push_back(timing.host);
    state.SetIterationTime(timing.device);
  }
  for (int k = 0; k < 10; ++k) {
    repeated_seconds.push_back(stopwatch.repeated(work));
  }
  double const time = median(seconds);
  state.counters["us"] = 1e6 * time;
  state.counters["enqueue_us"] = 1e6 * median(host_seconds);
  state.counters["repeated_us"] = 1e6 * median(repeated_seconds);
  return time;
}

template <class X, class Y>
void measure_row(benchmark::State& state, Device& device, Row const& row) try {
  Problem<X, Y> problem(row, device.stream());
  problem.check_results();

  auto const pixels = static_cast<double>(problem.total_pixels());
  double const bytes = problem.bytes_per_pixel() * pixels;
  auto const copied_bytes = static_cast<std::size_t>(bytes / 2);
  DeviceMemory const from(copied_bytes), to(copied_bytes);
  std::vector<double> copy_seconds;
  double const time = measure(
    state, device, [&] { problem.enqueue(); },
    [&] { copy_seconds.push_back(device.stopwatch().cold([&] { device.copy(to, from); }).device); });

  state.counters["copy_us"] = 1e6 * median(copy_seconds);
  state.counters["over_copy"] = time / median(copy_seconds);
  state.counters["bytes_per_pixel"] = problem.bytes_per_pixel();
  state.counters["GB/s"] = 1e-9 * bytes / time;
  state.counters["ns_per_pixel"] = 1e9 * time / pixels;
  state.counters["kernels"] = problem.kernels();
  state.counters["memsets"] = problem.memsets();
  state.counters["workspace_bytes"] = static_cast<double>(problem.workspace_bytes());
} catch (scc::gpu::Error const& error) {
  if (error.code() != cudaErrorMemoryAllocation) {
    throw;
  }
  state.SkipWithError("not enough device memory");
}

template <class Function>
void add_row(std::string const& name, Function const& function) {
  benchmark::RegisterBenchmark(name.c_str(), function)->UseManualTime()->Iterations(100)->Unit(benchmark::kMicrosecond);
}

template <class X, class Y = X>
void add_pass(Device& device, std::string const& group, char const* types, Row const& row) {
  constexpr char const* passes[] = {"forward", "backward", "forward_backward"};
  constexpr char const* layouts[] = {"nchw", "nhwc", "nhwc_and_nchw"};
  std::string const shape =
    std::to_string(row.size.height) + 'x' + std::to_string(row.size.width) + 'x' + std::to_string(row.size.channels);
  std::string const name = group + passes[static_cast<int>(row.pass)] + '/' + row.configuration.name + '/' + types +
                           '/' + layouts[static_cast<int>(row.layout)] + '/' + shape + "/batch_" +
                           std::to_string(row.batch) + call_name(row.call);
  add_row(name, [&device, name, row](benchmark::State& state) {
    try {
      measure_row<X, Y>(state, device, row);
    } catch (std::exception const& error) {
      throw std::runtime_error(name + ": " + error.what());
    }
  });
}

/// One row for each pass, and one for both of them as a graph.
template <class X, class Y = X>
void add_passes(Device& device, std::string const& group, char const* types, Configuration const& configuration,
                Layout layout, Size const& size, std::int64_t batch) {
  for (Pass const pass : {Pass::forward, Pass::backward, Pass::forward_backward}) {
    add_pass<X, Y>(device, group, types, {pass, Call::direct, configuration, layout, size, batch});
  }
  add_pass<X, Y>(device, group, types, {Pass::forward_backward, Call::graph, configuration, layout, size, batch});
}

/// What launches cost, without any work.
void add_launches(Device& device) {
  add_row("launch/nothing", [&device](benchmark::State& state) {
    measure(
      state, device, [] {}, [] {});
  });
  add_row("launch/empty_kernel", [&device](benchmark::State& state) {
    measure(
      state, device, [&] { scc_bench::launch_empty_kernel(device.stream()); }, [] {});
  });
  // As many as forward and backward take.
  for (Call const call : {Call::direct, Call::graph}) {
    add_row(std::string("launch/memset_and_two_kernels") + call_name(call), [&device, call](benchmark::State& state) {
      DeviceMemory const memory(256);
      auto const enqueue = [&] {
        check(cudaMemsetAsync(memory.data(), 0, memory.bytes(), device.stream()), "cudaMemsetAsync");
        scc_bench::launch_empty_kernel(device.stream());
        scc_bench::launch_empty_kernel(device.stream());
      };
      Graph const graph(device.stream(), enqueue);
      measure(
        state, device, [&] { call == Call::graph ? graph.launch(device.stream()) : enqueue(); }, [] {});
    });
  }
}

/// What the device can do at most.
void add_ceilings(Device& device) {
  // The copy that a target is compared with, and one that is long.
  for (std::size_t const bytes : {std::size_t{20} * 16 * 3 * 256 * 256, std::size_t{1} << 30}) {
    std::string const suffix = '/' + std::to_string(bytes >> 20) + "_MiB";
    add_row("ceiling/copy" + suffix, [&device, bytes](benchmark::State& state) {
      DeviceMemory const from(bytes / 2), to(bytes / 2);
      double const time = measure(
        state, device, [&] { device.copy(to, from); }, [] {});
      state.counters["GB/s"] = 1e-9 * static_cast<double>(bytes) / time;
    });
    add_row("ceiling/read" + suffix, [&device, bytes](benchmark::State& state) {
      DeviceMemory const memory(bytes);
      double const time = measure(
        state, device,
        [&] { scc_bench::launch_read(memory.data(), bytes, device.properties().multiProcessorCount, device.stream()); },
        [] {});
      state.counters["GB/s"] = 1e-9 * static_cast<double>(bytes) / time;
    });
  }
  auto const add_multiply_adds = [&device](char const* name, auto launch) {
    add_row(std::string("ceiling/multiply_add/") + name, [&device, launch](benchmark::State& state) {
      double count = 0;
      double const time = measure(
        state, device, [&] { count = launch(device.properties().multiProcessorCount, device.stream()); }, [] {});
      state.counters["GFMA/s"] = 1e-9 * count / time;
    });
  };
  add_multiply_adds("float", scc_bench::launch_multiply_adds<float>);
  add_multiply_adds("double", scc_bench::launch_multiply_adds<double>);
}

/// Calls enqueue(scratch, scratch_bytes) of CUB with the memory that it asks for.
template <class Enqueue>
class WithScratch {
public:
  explicit WithScratch(Enqueue enqueue) : enqueue_(std::move(enqueue)), memory_(bytes()) {}

  void operator()() const {
    std::size_t bytes = memory_.bytes();
    enqueue_(memory_.data(), bytes);
  }

private:
  std::size_t bytes() const {
    std::size_t bytes = 0;
    enqueue_(nullptr, bytes);
    return bytes;
  }

  Enqueue enqueue_;
  DeviceMemory memory_;
};

/// The sum of all pixels of x and y.
void measure_cub_sum(benchmark::State& state, Device& device, Size const& size, std::int64_t batch) {
  std::int64_t const count = 2 * batch * size.pixels();
  Images<float> both(size, 2 * batch, false);
  both.fill(scene_of(size).x);
  DeviceMemory const sum(sizeof(float));
  WithScratch const enqueue([&](void* scratch, std::size_t& bytes) {
    scc_bench::launch_cub_sum(scratch, bytes, both.view().data, count, static_cast<float*>(sum.data()),
                              device.stream());
  });
  enqueue();
  check(cudaStreamSynchronize(device.stream()), "cudaStreamSynchronize");
  float actual = 0;
  check(cudaMemcpy(&actual, sum.data(), sizeof actual, cudaMemcpyDeviceToHost), "cudaMemcpy");
  double expected = 0;
  for (float const value : scene_of(size).x) {
    expected += 2 * static_cast<double>(batch) * static_cast<double>(value);
  }
  if (!(std::abs(static_cast<double>(actual) - expected) <= 1e-4 * static_cast<double>(count))) {
    throw std::runtime_error("cub::DeviceReduce: the sum is wrong");
  }
  double const time = measure(state, device, enqueue, [] {});
  state.counters["GB/s"] = 1e-9 * static_cast<double>(count) * sizeof(float) / time;
}

/// The joint histogram of x and y, image by image.
void measure_cub_histogram(benchmark::State& state, Device& device, Size const& size, std::int64_t batch, int bins) {
  scc_bench::Scene const& scene = scene_of(size);
  Images<float> x(size, batch, false), y(size, batch, false);
  x.fill(scene.x);
  y.fill(scene.y);
  std::vector<unsigned> expected(static_cast<std::size_t>(bins) * static_cast<std::size_t>(bins));
  for (std::size_t pixel = 0; pixel < scene.x.size(); ++pixel) {
    ++expected[static_cast<std::size_t>(scc_bench::bin_of(scene.x[pixel], bins) * bins +
                                        scc_bench::bin_of(scene.y[pixel], bins))];
  }
  DeviceMemory const counts(static_cast<std::size_t>(batch) * expected.size() * sizeof(unsigned));
  WithScratch const enqueue([&](void* scratch, std::size_t& bytes) {
    scc_bench::launch_cub_joint_histogram(scratch, bytes, x.view().data, y.view().data, static_cast<int>(batch),
                                          size.pixels(), bins, static_cast<unsigned*>(counts.data()), device.stream());
  });
  enqueue();
  check(cudaStreamSynchronize(device.stream()), "cudaStreamSynchronize");
  std::vector<unsigned> actual(expected.size());
  for (std::int64_t image = 0; image < batch; ++image) {
    check(cudaMemcpy(actual.data(),
                     static_cast<unsigned*>(counts.data()) + static_cast<std::size_t>(image) * expected.size(),
                     expected.size() * sizeof(unsigned), cudaMemcpyDeviceToHost),
          "cudaMemcpy");
    if (actual != expected) {
      throw std::runtime_error("cub::DeviceHistogram: the counts are wrong");
    }
  }
  double const time = measure(state, device, enqueue, [] {});
  state.counters["GB/s"] = 1e-9 * 2 * sizeof(float) * static_cast<double>(batch * size.pixels()) / time;
}

/// What a user could build from CUB.
void add_cub(Device& device) {
  Size const size{256, 256, 3};
  for (std::int64_t const batch : {16, 1}) {
    std::string const suffix = "/256x256x3/batch_" + std::to_string(batch);
    add_row("cub/sum/float" + suffix,
            [&device, size, batch](benchmark::State& state) { measure_cub_sum(state, device, size, batch); });
    for (int const bins : {35, 131}) {
      add_row("cub/joint_histogram_" + std::to_string(bins) + "/float" + suffix,
              [&device, size, batch, bins](benchmark::State& state) {
                measure_cub_histogram(state, device, size, batch, bins);
              });
    }
  }
}

void add_all_rows(Device& device) {
  Options narrow;
  narrow.bandwidth = 0.1;
  narrow.centers_per_axis = 15;
  Configuration const chebyshev{"chebyshev", Options{}};
  Configuration const released_code{"released_code", Options::released_code()};
  Configuration const histogram{"histogram", narrow};
  Size const middle{256, 256, 3};

  add_launches(device);
  add_ceilings(device);
  add_cub(device);
  for (std::int64_t const batch : {16, 1}) {
    add_passes<float>(device, "target/", "float", chebyshev, Layout::channels_first, middle, batch);
  }

  for (Size const& size : {Size{28, 28, 1}, Size{32, 32, 3}, middle, Size{1024, 1024, 3}}) {
    for (std::int64_t const batch : {1, 16, 64}) {
      for (Configuration const& configuration : {chebyshev, released_code, histogram}) {
        add_passes<float>(device, "", "float", configuration, Layout::channels_first, size, batch);
      }
    }
  }
  for (std::int64_t const batch : {1, 16}) {
    for (Configuration const& configuration :
         {Configuration{"chebyshev_mask", Options{}, true}, Configuration{"histogram_mask", narrow, true}}) {
      add_passes<float>(device, "", "float", configuration, Layout::channels_first, middle, batch);
      add_passes<Eigen::half>(device, "", "half", configuration, Layout::channels_first, middle, batch);
    }
    for (Configuration const& configuration : {chebyshev, histogram}) {
      Layout const layout = Layout::channels_first;
      add_passes<double>(device, "", "double", configuration, layout, middle, batch);
      add_passes<Eigen::half>(device, "", "half", configuration, layout, middle, batch);
      add_passes<Eigen::bfloat16>(device, "", "bfloat16", configuration, layout, middle, batch);
      add_passes<std::uint8_t, float>(device, "", "uint8_and_float", configuration, layout, middle, batch);
      for (Layout const other : {Layout::channels_last, Layout::mixed}) {
        add_passes<float>(device, "", "float", configuration, other, middle, batch);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) try {
  int devices = 0;
  cudaError_t const code = cudaGetDeviceCount(&devices);
  if (code != cudaSuccess || devices == 0) {
    std::cerr << "gpu_bench: no CUDA device was found (" << cudaGetErrorString(code) << ")\n";
    return 77;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  Device device;
  benchmark::AddCustomContext("device", device.properties().name);
  benchmark::AddCustomContext("multiprocessors", std::to_string(device.properties().multiProcessorCount));
  benchmark::AddCustomContext("second-level cache, bytes", std::to_string(device.properties().l2CacheSize));
  add_all_rows(device);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
} catch (std::exception const& error) {
  std::cerr << "gpu_bench: " << error.what() << '\n';
  return 1;
}
