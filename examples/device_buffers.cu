// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A trainer's step on raw device memory: forward, then backward into a gradient buffer that already holds the gradient
/// of another loss; first call by call, then as a CUDA graph that is launched 100 times. Compares all results with the
/// CPU's. Exit status 77: there is no device.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>
#include <exception>
#include <iostream>
#include <memory>
#include <scc/gpu/loss.cuh>
#include <vector>

#include "cpu_check.hpp"

namespace {

using scc::gpu::check;  // throws scc::gpu::Error, with the call and CUDA's text for the error

constexpr std::int64_t images = 2, channels = 3, height = 32, width = 32;
constexpr std::size_t pixels = images * channels * height * width;

template <class T>
scc::ImageBatch<T> view(T* data) {
  return scc::ImageBatch<T>::contiguous(data, images, channels, height, width);
}

struct Free {
  void operator()(float* memory) const { static_cast<void>(cudaFree(memory)); }
};
using DeviceBuffer = std::unique_ptr<float[], Free>;

DeviceBuffer allocate() {
  void* memory = nullptr;
  check(cudaMalloc(&memory, pixels * sizeof(float)), "cudaMalloc");
  return DeviceBuffer(static_cast<float*>(memory));
}

void copy(float* to, float const* from, cudaMemcpyKind direction, cudaStream_t stream) {
  check(cudaMemcpyAsync(to, from, pixels * sizeof(float), direction, stream), "cudaMemcpyAsync");
}

// Something to put into images and gradients.
std::vector<float> wave(double amplitude, double phase, double frequency) {
  std::vector<float> values(pixels);
  for (std::size_t j = 0; j < pixels; ++j) {
    values[j] = static_cast<float>(amplitude * std::sin(phase + frequency * static_cast<double>(j)));
  }
  return values;
}

// What a generator makes of the input: here more noise with every step.
std::vector<float> translate(std::vector<float> const& input, int step) {
  std::vector<float> translation = wave(0.004 * step, step, 0.37);
  std::transform(input.begin(), input.end(), translation.begin(), translation.begin(),
                 [](float pixel, float noise) { return 0.6F * pixel + noise; });
  return translation;
}

bool train(cudaStream_t stream) {
  std::vector<float> const input = wave(0.9, 0, 0.01);
  std::vector<float> const gradient_of_others = wave(1e-4, 1, 0.02);

  // [device_buffers]
  // What a trainer has in device memory: the input, its translation, and the gradient of the whole objective with
  // respect to the translation. NCHW here, with pixel values in [-1, 1]; an ImageBatch can describe other layouts.
  DeviceBuffer const x = allocate(), y = allocate(), gradient = allocate(), others = allocate();
  auto const x_view = view<float const>(x.get());
  auto const y_view = view<float const>(y.get());
  auto const gradient_view = view(gradient.get());
  copy(x.get(), input.data(), cudaMemcpyHostToDevice, stream);
  copy(others.get(), gradient_of_others.data(), cudaMemcpyHostToDevice, stream);

  // One loss for the whole training: its tables are on the current device. One workspace per stream: it holds what
  // backward needs of forward, has a fixed size, and must go before its stream does.
  scc::gpu::Loss const loss(scc::Options{});
  scc::gpu::Workspace workspace(loss, images, stream);

  // A step only enqueues work on the stream: it neither allocates nor waits.
  float const weight = 0.5F;
  auto const enqueue_step = [&] {
    // In place of the backward passes of the other losses, which fill the gradient first.
    copy(gradient.get(), others.get(), cudaMemcpyDeviceToDevice, stream);
    loss.forward(x_view, y_view, workspace, stream);
    // gradient += weight * dL/dy. If d objective / dL is a number in device memory, pass its address instead of null.
    loss.backward(x_view, y_view, workspace, nullptr, weight, gradient_view, scc::GradientMode::accumulate, stream);
  };

  // The same step as a graph. Nothing runs while the stream is captured.
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t step_graph = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  enqueue_step();
  check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
  check(cudaGraphInstantiate(&step_graph, graph, 0), "cudaGraphInstantiate");
  check(cudaGraphDestroy(graph), "cudaGraphDestroy");

  bool agrees = true;
  for (int step = 0; step <= 100 && agrees; ++step) {
    // The graph remembers addresses, not pixels: every step finds another translation in the same buffer.
    std::vector<float> const translation = translate(input, step);
    copy(y.get(), translation.data(), cudaMemcpyHostToDevice, stream);
    if (step == 0) {
      enqueue_step();
    } else {
      check(cudaGraphLaunch(step_graph, stream), "cudaGraphLaunch");
    }

    // The results stay in device memory. Whoever reads them waits; a trainer does it now and then, not in every step.
    double loss_value = 0;
    std::vector<float> gradient_values(pixels);
    check(cudaMemcpyAsync(&loss_value, workspace.loss(), sizeof(double), cudaMemcpyDeviceToHost, stream),
          "cudaMemcpyAsync");
    copy(gradient_values.data(), gradient.get(), cudaMemcpyDeviceToHost, stream);
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    if (step % 50 == 0) {
      std::cout << "step " << step << ": loss " << loss_value << '\n';
    }
    agrees = agrees_with_cpu({view<float const>(input.data()), view<float const>(translation.data()), weight,
                              gradient_of_others.data(), loss_value, gradient_values.data()});
  }
  check(cudaGraphExecDestroy(step_graph), "cudaGraphExecDestroy");
  // [device_buffers]
  return agrees;
}

}  // namespace

int main() try {
  int devices = 0;
  cudaError_t const code = cudaGetDeviceCount(&devices);
  if (code != cudaSuccess || devices == 0) {
    std::cerr << "scc_device_buffers: skipped, no CUDA device was found (" << cudaGetErrorString(code) << ")\n";
    return 77;
  }
  cudaStream_t stream = nullptr;
  check(cudaStreamCreate(&stream), "cudaStreamCreate");
  bool const agrees = train(stream);
  check(cudaStreamDestroy(stream), "cudaStreamDestroy");
  if (!agrees) {
    std::cerr << "scc_device_buffers: the device disagrees with the CPU\n";
  }
  return agrees ? 0 : 1;
} catch (std::exception const& error) {  // std::invalid_argument: options or views that do not fit; scc::gpu::Error
  std::cerr << "scc_device_buffers: " << error.what() << '\n';
  return 1;
}
