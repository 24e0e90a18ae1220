// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Passes of the GPU in CUDA graphs: what they consist of, and that replays do what calls do.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <functional>
#include <scc/gpu/loss.hpp>
#include <scc/scc.hpp>
#include <string>
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

namespace {

/// What is enqueued on the stream while `work` runs, instead of being done. Whatever cannot be captured, such as an
/// allocation or a wait, makes the work or the end of the capture throw.
class Graph {
public:
  explicit Graph(std::function<void()> const& work) {
    check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
    work();
    check(cudaStreamEndCapture(stream(), &graph_), "cudaStreamEndCapture");
  }
  Graph(Graph const&) = delete;
  Graph& operator=(Graph const&) = delete;
  ~Graph() {
    if (executable_ != nullptr) {
      static_cast<void>(cudaGraphExecDestroy(executable_));
    }
    static_cast<void>(cudaGraphDestroy(graph_));
  }

  /// The number of its nodes.
  std::size_t size() const {
    std::size_t count = 0;
    check(cudaGraphGetNodes(graph_, nullptr, &count), "cudaGraphGetNodes");
    return count;
  }

  /// The number of its nodes of a type.
  std::size_t count(cudaGraphNodeType type) const {
    std::size_t found = size();
    std::vector<cudaGraphNode_t> nodes(found);
    if (found > 0) {
      check(cudaGraphGetNodes(graph_, nodes.data(), &found), "cudaGraphGetNodes");
    }
    return static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [&](cudaGraphNode_t node) {
      cudaGraphNodeType actual{};
      check(cudaGraphNodeGetType(node, &actual), "cudaGraphNodeGetType");
      return actual == type;
    }));
  }

  void replay() {
    if (executable_ == nullptr) {
      check(cudaGraphInstantiate(&executable_, graph_, 0), "cudaGraphInstantiate");
    }
    check(cudaGraphLaunch(executable_, stream()), "cudaGraphLaunch");
    wait();
  }

private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

/// Setups whose kernels differ: degrees up to 12, up to 16 and beyond, a histogram.
std::vector<Setup> setups_of_all_kernels() {
  std::vector<Setup> setups = kernels_and_bases();
  scc::Options low_degree;
  low_degree.tolerance = 1e-3;
  scc::Options high_degree;
  high_degree.bandwidth = 0.25;
  high_degree.basis = scc::Basis::chebyshev;
  scc::Options large_histogram;
  large_histogram.centers_per_axis = 4;
  large_histogram.bandwidth = 0.1;
  large_histogram.lambda = 1e-3;
  large_histogram.tolerance = 1e-8;
  large_histogram.basis = scc::Basis::histogram;
  setups.push_back({"low degree", low_degree});
  setups.push_back({"high degree", high_degree});
  setups.push_back({"large histogram", large_histogram});
  return setups;
}

/// Buffers of a training step, in device memory, whose contents change from step to step.
template <class T>
struct Step {
  Shape shape;
  DeviceArray<T> x, y, dx, dy;
  DeviceArray<float> grad_loss, weight;
  bool has_weight;

  explicit Step(Shape extents, bool with_weights = false)
      : shape(extents),
        x(std::vector<T>(shape.size())),
        y(x.read()),
        dx(x.read()),
        dy(x.read()),
        grad_loss(std::vector<float>(static_cast<std::size_t>(shape.images))),
        weight(std::vector<float>(shape.size() / static_cast<std::size_t>(shape.channels))),
        has_weight(with_weights) {}

  ImageBatch<T> view(DeviceArray<T> const& array) const {
    return ImageBatch<T>::contiguous(array.data(), shape.images, shape.channels, shape.height, shape.width);
  }
  /// One mask for all channels.
  ImageBatch<float> weight_view() const {
    return repeated(ImageBatch<float>::contiguous(weight.data(), shape.images, 1, shape.height, shape.width), shape);
  }
  scc::gpu::GradLoss for_each_image() const { return {grad_loss.data(), shape.images}; }

  /// Puts new pixels, another weight, and a gradient of another loss into the buffers.
  void refill(unsigned seed) {
    Pair<T> const pair(shape, seed);
    x.write(pair.x.pixels);
    y.write(pair.y.pixels);
    dx.write(Batch<T>(shape, random_values(shape.size(), seed + 2)).pixels);
    dy.write(Batch<T>(shape, T(7)).pixels);
    grad_loss.write(std::vector<float>(static_cast<std::size_t>(shape.images), static_cast<float>(seed) + 0.25F));
    weight.write(Batch<float>({shape.images, 1, shape.height, shape.width},
                              random_values(shape.size() / static_cast<std::size_t>(shape.channels), seed + 3, 0, seed))
                   .pixels);
  }

  /// Both passes: the gradient of x is added to what is there.
  void enqueue(scc::gpu::Loss const& loss, scc::gpu::Workspace& workspace) const {
    if (has_weight) {
      loss.forward(view(x), view(y), weight_view(), workspace, stream());
      loss.backward(view(x), view(y), weight_view(), workspace, for_each_image(), 0.5F, view(dy),
                    GradientMode::overwrite, stream());
      loss.backward_x(view(x), view(y), weight_view(), workspace, nullptr, 100.0F, view(dx), GradientMode::accumulate,
                      stream());
      return;
    }
    loss.forward(view(x), view(y), workspace, stream());
    loss.backward(view(x), view(y), workspace, grad_loss.data(), 0.5F, view(dy), GradientMode::overwrite, stream());
    loss.backward_x(view(x), view(y), workspace, nullptr, 100.0F, view(dx), GradientMode::accumulate, stream());
  }

  Results<T> read(scc::gpu::Workspace const& workspace) const {
    return {read_device(workspace.loss(), 1)[0], read_device(workspace.rsmi(), static_cast<std::size_t>(shape.images)),
            dx.read(), dy.read()};
  }
};

template <class T>
void check_replays(Setup const& setup, Shape const& shape, bool with_weights) {
  INFO(setup.name << ", " << type_name<T>());
  scc::gpu::Loss const loss(setup.options);
  scc::gpu::Workspace captured(loss, shape.images, stream()), direct(loss, shape.images, stream());
  Step<T> step(shape, with_weights);
  Graph graph([&] { step.enqueue(loss, captured); });
  CHECK(same_bits(step.dx.read(), std::vector<T>(shape.size())));  // captured, not done
  for (unsigned seed = 1; seed <= 2; ++seed) {
    INFO("replay " << seed);
    step.refill(10 * seed);
    graph.replay();
    auto const replayed = step.read(captured);
    step.refill(10 * seed);
    step.enqueue(loss, direct);
    CHECK(same_bits(replayed, step.read(direct)));
    CHECK(std::isfinite(replayed.loss));
  }
}

}  // namespace

TEST_CASE("replays of a captured step do what calls do, to the bit") {
  for (auto const& setup : setups_of_all_kernels()) {
    check_replays<float>(setup, {3, 3, 19, 31}, false);
    check_replays<float>(setup, {2, 3, 19, 31}, true);
    check_replays<double>(setup, {3, 1, 19, 31}, false);
  }
}

TEST_CASE("a forward pass is two kernels, with bins a memset before them, a backward pass one kernel") {
  Shape const shape{3, 3, 19, 31};
  Step<float> step(shape);
  step.refill(1);
  auto const x = step.view(step.x), y = step.view(step.y), dx = step.view(step.dx), dy = step.view(step.dy);
  for (auto const& setup : setups_of_all_kernels()) {
    INFO(setup.name);
    scc::gpu::Loss const loss(setup.options);
    scc::gpu::Workspace workspace(loss, 3, stream());
    Graph const forward([&] { loss.forward(x, y, workspace, stream()); });
    std::size_t const memsets = loss.plan().basis() == scc::Basis::histogram ? 1 : 0;
    CHECK(forward.size() == 2 + memsets);
    CHECK(forward.count(cudaGraphNodeTypeKernel) == 2);
    CHECK(forward.count(cudaGraphNodeTypeMemset) == memsets);
    Graph const both([&] {
      loss.forward_backward(x, y, workspace, step.grad_loss.data(), 2.0F, dy, GradientMode::overwrite, stream());
    });
    CHECK(both.size() == 3 + memsets);
    CHECK(both.count(cudaGraphNodeTypeKernel) == 3);
    for (auto const mode : {GradientMode::overwrite, GradientMode::accumulate}) {
      Graph const backward([&] { loss.backward(x, y, workspace, step.grad_loss.data(), 2.0F, dy, mode, stream()); });
      CHECK(backward.size() == 1);
      CHECK(backward.count(cudaGraphNodeTypeKernel) == 1);
      Graph const backward_x([&] { loss.backward_x(x, y, workspace, nullptr, 2.0F, dx, mode, stream()); });
      CHECK(backward_x.size() == 1);
      CHECK(backward_x.count(cudaGraphNodeTypeKernel) == 1);
      Graph const backward_xy([&] { loss.backward_xy(x, y, workspace, nullptr, 2.0F, dx, dy, mode, stream()); });
      CHECK(backward_xy.size() == 2);
      CHECK(backward_xy.count(cudaGraphNodeTypeKernel) == 2);
    }
  }
}

TEST_CASE("weights take one kernel more in a forward pass, and none in a backward pass") {
  Step<float> step({3, 3, 19, 31});
  step.refill(1);
  auto const x = step.view(step.x), y = step.view(step.y), dx = step.view(step.dx), dy = step.view(step.dy);
  auto const weight = step.weight_view();
  for (auto const& setup : setups_of_all_kernels()) {
    INFO(setup.name);
    scc::gpu::Loss const loss(setup.options);
    scc::gpu::Workspace workspace(loss, 3, stream());
    std::size_t const memsets = loss.plan().basis() == scc::Basis::histogram ? 1 : 0;
    Graph const forward([&] { loss.forward(x, y, weight, workspace, stream()); });
    CHECK(forward.size() == 3 + memsets);
    CHECK(forward.count(cudaGraphNodeTypeKernel) == 3);
    Graph const both([&] {
      loss.forward_backward(x, y, weight, workspace, step.for_each_image(), 2.0F, dy, GradientMode::overwrite,
                            stream());
    });
    CHECK(both.size() == 4 + memsets);
    CHECK(both.count(cudaGraphNodeTypeKernel) == 4);
    Graph const backward([&] {
      loss.backward(x, y, weight, workspace, step.for_each_image(), 2.0F, dy, GradientMode::accumulate, stream());
    });
    CHECK(backward.size() == 1);
    CHECK(backward.count(cudaGraphNodeTypeKernel) == 1);
    Graph const backward_x(
      [&] { loss.backward_x(x, y, weight, workspace, nullptr, 2.0F, dx, GradientMode::overwrite, stream()); });
    CHECK(backward_x.size() == 1);
    Graph const backward_xy(
      [&] { loss.backward_xy(x, y, weight, workspace, nullptr, 2.0F, dx, dy, GradientMode::overwrite, stream()); });
    CHECK(backward_xy.size() == 2);
    CHECK(backward_xy.count(cudaGraphNodeTypeKernel) == 2);
  }
}

TEST_CASE("a pass that was captured and never launched leaves nothing behind") {
  for (auto const& setup : setups_of_all_kernels()) {
    for (bool const with_weights : {false, true}) {
      INFO(setup.name << (with_weights ? ", weights" : ""));
      scc::gpu::Loss const loss(setup.options);
      scc::gpu::Workspace workspace(loss, 3, stream()), other(loss, 3, stream());
      Step<float> step({3, 3, 19, 31}, with_weights);
      step.refill(1);
      step.enqueue(loss, other);
      auto const expected = step.read(other);
      auto const check_pass = [&] {
        step.refill(1);
        step.enqueue(loss, workspace);
        CHECK(same_bits(step.read(workspace), expected));
      };
      {
        Graph const dropped([&] { step.enqueue(loss, workspace); });
      }
      check_pass();
      {
        Graph const dropped([&] { step.enqueue(loss, workspace); });
      }
      check_pass();
    }
  }
}

TEST_CASE("a batch without images or pixels takes no kernel") {
  scc::gpu::Loss const loss;
  scc::gpu::Workspace workspace(loss, 3, stream());
  for (auto const& view : {ImageBatch<float>{}, ImageBatch<float>::contiguous(nullptr, 3, 2, 0, 5)}) {
    Graph graph([&] {
      loss.forward(view, view, workspace, stream());
      loss.backward_xy(view, view, workspace, nullptr, 1.0F, view, view, GradientMode::accumulate, stream());
    });
    CHECK(graph.count(cudaGraphNodeTypeKernel) == 0);
    graph.replay();
    CHECK(same_bits(read_device(workspace.loss(), 1)[0], 0.0));
  }
}

TEST_CASE("what allocates or waits cannot be captured") {
  // That the captures above would have failed had there been an allocation or a wait in them.
  scc::gpu::Loss const loss;
  auto const capture_of = [&](std::function<void()> const& work) {
    try {
      Graph const graph(work);
    } catch (scc::gpu::Error const&) {
      // The stream is still capturing if it was the work that threw.
      cudaGraph_t abandoned = nullptr;
      static_cast<void>(cudaStreamEndCapture(stream(), &abandoned));
      static_cast<void>(cudaGetLastError());
      return false;
    }
    return true;
  };
  CHECK(capture_of([] {}));
  CHECK_FALSE(capture_of([] { DeviceMemory const memory(16); }));
  CHECK_FALSE(capture_of([] { wait(); }));
  scc::gpu::Workspace workspace(loss, 1, stream());
  DeviceArray<float> const pixels({0.5F, 0.25F});
  auto const view = ImageBatch<float const>::contiguous(pixels.data(), 1, 1, 1, 2);
  loss.forward(view, view, workspace, stream());
  CHECK_FALSE(capture_of([&] { static_cast<void>(workspace.diagnostics(stream())); }));
  CHECK_FALSE(capture_of([&] { static_cast<void>(workspace.read_loss(stream())); }));
  CHECK(capture_of([&] { loss.forward(view, view, workspace, stream()); }));
}
