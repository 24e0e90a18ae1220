// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Device memory that shows what was not written, graphs of captured work, and a stopwatch for work on a stream.

#pragma once

#include <chrono>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <scc/gpu/error.hpp>
#include <vector>

#include "probes.hpp"

namespace scc_bench {

using scc::gpu::check;

/// Device memory, at first poisoned.
class DeviceMemory {
public:
  explicit DeviceMemory(std::size_t bytes) : bytes_(bytes) {
    check(cudaMalloc(&data_, bytes), "cudaMalloc");
    poison();
  }
  DeviceMemory(DeviceMemory const&) = delete;
  DeviceMemory& operator=(DeviceMemory const&) = delete;
  ~DeviceMemory() { static_cast<void>(cudaFree(data_)); }

  /// Fills it with the byte 0xff, which makes every floating-point number NaN.
  void poison() { check(cudaMemset(data_, 0xff, bytes_), "cudaMemset"); }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

/// What some work enqueues, as a CUDA graph.
class Graph {
public:
  template <class Work>
  Graph(cudaStream_t stream, Work const& enqueue) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    enqueue();
    check(cudaStreamEndCapture(stream, &graph_), "cudaStreamEndCapture");
    check(cudaGraphInstantiate(&executable_, graph_, 0), "cudaGraphInstantiate");
  }
  Graph(Graph const&) = delete;
  Graph& operator=(Graph const&) = delete;
  ~Graph() {
    static_cast<void>(cudaGraphExecDestroy(executable_));
    static_cast<void>(cudaGraphDestroy(graph_));
  }

  void launch(cudaStream_t stream) const { check(cudaGraphLaunch(executable_, stream), "cudaGraphLaunch"); }

  /// Number of nodes of one type.
  int count(cudaGraphNodeType wanted) const {
    std::size_t size = 0;
    check(cudaGraphGetNodes(graph_, nullptr, &size), "cudaGraphGetNodes");
    std::vector<cudaGraphNode_t> nodes(size);
    check(cudaGraphGetNodes(graph_, nodes.data(), &size), "cudaGraphGetNodes");
    int found = 0;
    for (cudaGraphNode_t const node : nodes) {
      cudaGraphNodeType type{};
      check(cudaGraphNodeGetType(node, &type), "cudaGraphNodeGetType");
      found += type == wanted ? 1 : 0;
    }
    return found;
  }

private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

/// Seconds that a piece of work took.
struct Timing {
  double device;  ///< Between two events around it
  double host;    ///< In the calls that enqueued it
};

/// Times work that is enqueued on one stream.
class Stopwatch {
public:
  /// @param stream  Must outlive this.
  Stopwatch(cudaDeviceProp const& device, cudaStream_t stream)
      : multiprocessors_(device.multiProcessorCount),
        stream_(stream),
        flush_(4 * static_cast<std::size_t>(device.l2CacheSize) + 16) {
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
  }
  Stopwatch(Stopwatch const&) = delete;
  Stopwatch& operator=(Stopwatch const&) = delete;
  ~Stopwatch() {
    static_cast<void>(cudaEventDestroy(begin_));
    static_cast<void>(cudaEventDestroy(end_));
  }

  /// Time of one piece of work that finds nothing of its own in the second-level cache. The device is still busy emptying
  /// the cache while the host enqueues the work, so that `device` has the gaps between kernels, but no waiting for the host.
  template <class Work>
  Timing cold(Work const& enqueue) {
    flush();
    check(cudaEventRecord(begin_, stream_), "cudaEventRecord");
    auto const start = Clock::now();
    enqueue();
    std::chrono::duration<double> const host = Clock::now() - start;
    return {end_of_measurement(), host.count()};
  }

  /// Time of one piece of work of many in a row, with caches as they come. Where the device is faster than the host that
  /// enqueues, this is the host's time.
  template <class Work>
  double repeated(Work const& enqueue) {
    constexpr int count = 20;
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    check(cudaEventRecord(begin_, stream_), "cudaEventRecord");
    for (int k = 0; k < count; ++k) {
      enqueue();
    }
    return end_of_measurement() / count;
  }

private:
  using Clock = std::chrono::steady_clock;

  /// Replaces the contents of the second-level cache. By reading: had it been written, the work that is measured would
  /// wait until the cache has moved that to memory.
  void flush() { launch_read(flush_.data(), flush_.bytes(), multiprocessors_, stream_); }

  double end_of_measurement() {
    check(cudaEventRecord(end_, stream_), "cudaEventRecord");
    check(cudaEventSynchronize(end_), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
    return static_cast<double>(milliseconds) * 1e-3;
  }

  int multiprocessors_;
  cudaStream_t stream_;
  DeviceMemory flush_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace scc_bench
