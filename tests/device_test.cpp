// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Devices, streams and captures: which device a loss is on, what calls leave as it was, and what may happen while a
/// stream is captured.

#include <cmath>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <functional>
#include <memory>
#include <optional>
#include <scc/gpu/loss.hpp>
#include <scc/gpu/statistics.hpp>
#include <scc/scc.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/device.hpp"
#include "support/images.hpp"
#include "support/results.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::GradientMode;
using scc::ImageBatch;
using scc::gpu::DeviceScope;

namespace {

int current_device() {
  int device = -1;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

bool has_second_device() {
  int devices = 0;
  check(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  return devices > 1;
}

/// A stream, and images and gradients in memory, of one device.
class OnDevice {
public:
  explicit OnDevice(int device) : device_(device) {
    DeviceScope const scope(device);
    check(cudaStreamCreate(&stream_), "cudaStreamCreate");  // one that the default stream waits for
    Pair<float> const pair({3, 1, 19, 23}, 5);
    for (auto const& pixels : {pair.x.pixels, pair.y.pixels, pair.x.pixels, pair.y.pixels}) {
      check(cudaMalloc(&memory_.emplace_back(), bytes), "cudaMalloc");
      check(cudaMemcpy(memory_.back(), pixels.data(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    }
  }
  OnDevice(OnDevice const&) = delete;
  OnDevice& operator=(OnDevice const&) = delete;
  ~OnDevice() {
    DeviceScope const scope(device_);
    for (void* const memory : memory_) {
      static_cast<void>(cudaFree(memory));
    }
    static_cast<void>(cudaStreamDestroy(stream_));
  }

  cudaStream_t stream() const { return stream_; }
  ImageBatch<float> x() const { return view(0); }
  ImageBatch<float> y() const { return view(1); }
  ImageBatch<float> dx() const { return view(2); }
  ImageBatch<float> dy() const { return view(3); }

  std::vector<float> read(ImageBatch<float> const& images) const {
    DeviceScope const scope(device_);
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    std::vector<float> values(bytes / sizeof(float));
    check(cudaMemcpy(values.data(), images.data, bytes, cudaMemcpyDeviceToHost), "cudaMemcpy");
    return values;
  }

private:
  static constexpr std::size_t bytes = 3 * 19 * 23 * sizeof(float);

  ImageBatch<float> view(std::size_t k) const {
    return ImageBatch<float>::contiguous(static_cast<float*>(memory_[k]), 3, 1, 19, 23);
  }

  int device_;
  cudaStream_t stream_ = nullptr;
  std::vector<void*> memory_;
};

/// The code of the scc::gpu::Error that a call throws.
std::optional<cudaError_t> error_of(std::function<void()> const& call) {
  try {
    call();
  } catch (scc::gpu::Error const& error) {
    return error.code();
  }
  return std::nullopt;
}

/// A capture by this thread of all that is enqueued on a stream while it exists.
class Capture {
public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
  }
  Capture(Capture const&) = delete;
  Capture& operator=(Capture const&) = delete;
  ~Capture() { static_cast<void>(cudaGraphDestroy(graph_)); }

  /// Ends the capture; throws if it has been invalidated.
  void end() { check(cudaStreamEndCapture(stream_, &graph_), "cudaStreamEndCapture"); }

  void replay() {
    cudaGraphExec_t executable = nullptr;
    check(cudaGraphInstantiate(&executable, graph_, 0), "cudaGraphInstantiate");
    check(cudaGraphLaunch(executable, stream_), "cudaGraphLaunch");
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    check(cudaGraphExecDestroy(executable), "cudaGraphExecDestroy");
  }

private:
  cudaStream_t stream_;
  cudaGraph_t graph_ = nullptr;
};

/// Does it in another thread, which leaves no CUDA error behind.
void in_other_thread(std::function<void()> const& work) {
  std::string failure;
  cudaError_t left = cudaSuccess;
  std::thread([&] {
    try {
      work();
    } catch (std::exception const& error) {
      failure = error.what();
    }
    left = cudaGetLastError();
  }).join();
  CHECK(failure.empty());
  CHECK(left == cudaSuccess);
}

}  // namespace

TEST_CASE("a loss is on the device that it was made for, and no call changes the current one") {
  if (!has_second_device()) {
    SCC_SKIP("there is one device only");
  }
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    std::vector<double> losses;
    for (int const device : {0, 1}) {
      OnDevice const on(device);
      float* copied = nullptr;
      check(cudaMallocHost(reinterpret_cast<void**>(&copied), sizeof(float)), "cudaMallocHost");
      {
        scc::gpu::Loss const loss(setup.options, device);
        CHECK(loss.device() == device);
        CHECK(current_device() == 0);
        // The default stream is that of the loss's device.
        for (cudaStream_t const stream : {on.stream(), cudaStream_t{}}) {
          scc::gpu::Workspace workspace(loss, 3, stream);
          CHECK(current_device() == 0);
          loss.forward(on.x(), on.y(), workspace, stream);
          CHECK(current_device() == 0);
          loss.backward(on.x(), on.y(), workspace, nullptr, 1.0F, on.dy(), GradientMode::overwrite, stream);
          CHECK(current_device() == 0);
          loss.backward_x(on.x(), on.y(), workspace, nullptr, 1.0F, on.dx(), GradientMode::overwrite, stream);
          CHECK(current_device() == 0);
          auto const dx = on.read(on.dx()), dy = on.read(on.dy());
          loss.backward_xy(on.x(), on.y(), workspace, nullptr, 1.0F, on.dx(), on.dy(), GradientMode::overwrite, stream);
          CHECK(same_bits(on.read(on.dx()), dx));
          CHECK(same_bits(on.read(on.dy()), dy));
          losses.push_back(workspace.read_loss(stream));
          workspace.copy_loss(copied, stream);
          CHECK(loss.statistics(workspace, 2, stream).rsmi <= 1);
          CHECK(*copied == static_cast<float>(losses.back()));
          CHECK(workspace.diagnostics(stream).x_outside == workspace.diagnostics(0, stream).x_outside +
                                                             workspace.diagnostics(1, stream).x_outside +
                                                             workspace.diagnostics(2, stream).x_outside);
          CHECK(current_device() == 0);
        }
      }
      CHECK(current_device() == 0);
      check(cudaFreeHost(copied), "cudaFreeHost");
    }
    for (double const value : losses) {
      CHECK(std::abs(value - losses[0]) <= 1e-7);
    }
  }
}

TEST_CASE("a loss that names no device is on the current one") {
  CHECK(scc::gpu::Loss().device() == 0);
  if (!has_second_device()) {
    SCC_SKIP("there is one device only");
  }
  std::optional<scc::gpu::Loss> loss;
  std::optional<scc::gpu::Workspace> workspace;
  {
    DeviceScope const scope(1);
    loss.emplace(scc::Plan(scc::Options()));
    CHECK(current_device() == 1);
  }
  CHECK(current_device() == 0);
  CHECK(loss->device() == 1);
  workspace.emplace(*loss, 3, nullptr);
  CHECK(scc::gpu::device_of(workspace->loss()) == 1);
}

TEST_CASE("a device that does not exist is an error") {
  for (int const device : {-1, 1000}) {
    CHECK(error_of([&] { scc::gpu::Loss loss(scc::Options(), device); }) == cudaErrorInvalidDevice);
  }
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("workspaces and streams of another device are refused") {
  if (!has_second_device()) {
    SCC_SKIP("there is one device only");
  }
  OnDevice const here(0), there(1);
  scc::gpu::Loss const loss(scc::Options(), 0), other(scc::Options(), 1);
  scc::gpu::Workspace workspace(loss, 3, here.stream()), of_other(other, 3, there.stream());
  CHECK_THAT(message_of([&] { loss.forward(here.x(), here.y(), of_other, here.stream()); }),
             contains("the workspace was made for a loss on device 1 but this loss is on device 0"));
  CHECK_THAT(message_of([&] { static_cast<void>(loss.statistics(of_other, 0, here.stream())); }),
             contains("the workspace was made for a loss on device 1 but this loss is on device 0"));

  std::size_t const bytes = scc::gpu::Workspace::bytes(loss, 3);
  std::optional<DeviceMemory> memory;
  {
    DeviceScope const scope(1);
    memory.emplace(bytes);
  }
  CHECK_THAT(message_of([&] { scc::gpu::Workspace wrapped(loss, 3, memory->data(), bytes); }),
             contains("the workspace's memory is on device 1 but the loss is on device 0"));
  CHECK_NOTHROW(scc::gpu::Workspace(other, 3, memory->data(), bytes));
  {
    DeviceScope const scope(1);
    memory.reset();
  }

  CHECK(error_of([&] { scc::gpu::Workspace owned(loss, 3, there.stream()); }) == cudaErrorInvalidResourceHandle);
  CHECK(error_of([&] { loss.forward(here.x(), here.y(), workspace, there.stream()); }) ==
        cudaErrorInvalidResourceHandle);
  auto const backward_in = [&](cudaStream_t stream) {
    loss.backward(here.x(), here.y(), workspace, nullptr, 1.0F, here.dy(), GradientMode::overwrite, stream);
  };
  CHECK_THAT(message_of([&] { backward_in(here.stream()); }), contains("the workspace is empty"));
  loss.forward(here.x(), here.y(), workspace, here.stream());
  CHECK(error_of([&] { backward_in(there.stream()); }) == cudaErrorInvalidResourceHandle);
  CHECK(current_device() == 0);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK_NOTHROW(backward_in(here.stream()));
}

TEST_CASE("the loss is read with a wait, and copied without one") {
  OnDevice const on(0);
  scc::gpu::Loss const loss;
  scc::gpu::Workspace workspace(loss, 3, on.stream());
  DeviceArray<float> const on_device({7.0F});
  float* pinned = nullptr;
  check(cudaMallocHost(reinterpret_cast<void**>(&pinned), sizeof(float)), "cudaMallocHost");
  CHECK_THAT(message_of([&] { static_cast<void>(workspace.read_loss(on.stream())); }),
             contains("the workspace is empty"));
  CHECK_THAT(message_of([&] { workspace.copy_loss(pinned, on.stream()); }), contains("the workspace is empty"));

  // A training step in a graph ends with a loss that the host can look at later.
  Capture capture(on.stream());
  loss.forward(on.x(), on.y(), workspace, on.stream());
  workspace.copy_loss(pinned, on.stream());
  workspace.copy_loss(on_device.data(), on.stream());
  capture.end();
  *pinned = 7;
  capture.replay();
  double const value = workspace.read_loss(on.stream());
  CHECK(value < 0);
  CHECK(value == read_device(workspace.loss(), 1)[0]);
  CHECK(*pinned == static_cast<float>(value));
  CHECK(on_device.read()[0] == *pinned);

  auto const empty = ImageBatch<float>::contiguous(nullptr, 3, 1, 0, 23);
  loss.forward(empty, empty, workspace, on.stream());
  CHECK(same_bits(workspace.read_loss(on.stream()), 0.0));

  scc::gpu::Workspace const moved(std::move(workspace));
  CHECK(same_bits(moved.read_loss(on.stream()), 0.0));
  // NOLINTNEXTLINE(bugprone-use-after-move): what is left of it is what is tested
  CHECK_THAT(message_of([&] { static_cast<void>(workspace.read_loss(on.stream())); }), contains("has been moved from"));
  check(cudaFreeHost(pinned), "cudaFreeHost");
}

TEST_CASE("a capture goes on while other threads make and destroy losses and workspaces") {
  OnDevice const on(0), other(0);
  scc::gpu::Loss const loss;
  scc::gpu::Workspace workspace(loss, 3, on.stream()), direct(loss, 3, on.stream());
  loss.forward(on.x(), on.y(), direct, on.stream());
  auto ended = std::make_unique<scc::gpu::Loss>();
  auto of_other_stream = std::make_unique<scc::gpu::Workspace>(*ended, 3, other.stream());
  auto of_captured_stream = std::make_unique<scc::gpu::Workspace>(*ended, 3, on.stream());
  auto of_default_stream = std::make_unique<scc::gpu::Workspace>(*ended, 3, nullptr);
  check(cudaStreamSynchronize(on.stream()), "cudaStreamSynchronize");

  Capture capture(on.stream());
  in_other_thread([&] {
    ended.reset();
    of_other_stream.reset();
    of_captured_stream.reset();
    of_default_stream.reset();
    scc::gpu::Loss const made;
    scc::gpu::Workspace made_workspace(made, 3, other.stream());
    scc::gpu::Workspace const of_stream_in_capture(made, 3, on.stream());
    made.forward(other.x(), other.y(), made_workspace, other.stream());
    CHECK(std::isfinite(made_workspace.read_loss(other.stream())));
  });
  loss.forward(on.x(), on.y(), workspace, on.stream());
  capture.end();
  capture.replay();
  CHECK(same_bits(workspace.read_loss(on.stream()), direct.read_loss(on.stream())));
}

TEST_CASE("the thread that captures may destroy losses and workspaces") {
  OnDevice const on(0);
  scc::gpu::Loss const loss;
  scc::gpu::Workspace workspace(loss, 3, on.stream());
  auto ended = std::make_unique<scc::gpu::Loss>();
  auto ended_workspace = std::make_unique<scc::gpu::Workspace>(*ended, 3, on.stream());
  Capture capture(on.stream());
  loss.forward(on.x(), on.y(), workspace, on.stream());
  ended_workspace.reset();
  ended.reset();
  CHECK(cudaGetLastError() == cudaSuccess);
  capture.end();
  capture.replay();
  CHECK(workspace.read_loss(on.stream()) < 0);
}

TEST_CASE("a graph needs the workspace, and not the loss") {
  OnDevice const on(0);
  auto loss = std::make_unique<scc::gpu::Loss>();
  scc::gpu::Workspace workspace(*loss, 3, on.stream());
  Capture capture(on.stream());
  loss->forward(on.x(), on.y(), workspace, on.stream());
  loss->backward(on.x(), on.y(), workspace, nullptr, 1.0F, on.dy(), GradientMode::overwrite, on.stream());
  capture.end();
  loss.reset();
  scc::gpu::Workspace const moved(std::move(workspace));
  capture.replay();
  CHECK(moved.read_loss(on.stream()) < 0);
}
