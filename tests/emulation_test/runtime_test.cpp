// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The runtime functions: they refuse what the real ones refuse, record what a capturing stream must, and count.

#include <cmath>
#include <cstddef>
#include <cuda_runtime.h>
#include <string>
#include <thread>
#include <vector>

#include "../catch.hpp"
#include "../emulation/control.hpp"
#include "launch.hpp"

using namespace emulation_test;
using namespace scc_emulation;

namespace {

__global__ void add(float* out, float summand) { out[threadIdx.x] += summand; }

class Stream {
public:
  explicit Stream(unsigned flags = cudaStreamNonBlocking) { cudaStreamCreateWithFlags(&stream_, flags); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;
  cudaStream_t get() const { return stream_; }

private:
  cudaStream_t stream_ = nullptr;
};

struct RestoreConfig {
  Config const saved = config();
  ~RestoreConfig() { config() = saved; }
};

TEST_CASE("device memory is NaN at first and moves") {
  DeviceArray<float> array(5);
  for (float const value : array.to_host()) {
    CHECK(std::isnan(value));
  }
  float const values[] = {1, 2, 3, 4, 5};
  Stream const stream;
  CHECK(cudaMemcpyAsync(array.data(), values, sizeof values, cudaMemcpyHostToDevice, stream.get()) == cudaSuccess);
  CHECK(cudaMemsetAsync(array.data() + 1, 0, sizeof(float), stream.get()) == cudaSuccess);
  CHECK(array.to_host() == std::vector<float>{1, 0, 3, 4, 5});

  void* none = &array;
  CHECK(cudaMallocAsync(&none, 0, stream.get()) == cudaSuccess);
  CHECK(none == nullptr);
  CHECK(cudaFreeAsync(none, stream.get()) == cudaSuccess);
}

TEST_CASE("counters") {
  DeviceArray<float> array(1);
  Stream const stream;
  counters() = {};
  array.set_zero();
  CHECK(launch(shape(1, 1), add, array.data(), 1.f) == cudaSuccess);
  CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 1.f) == cudaSuccess);
  CHECK(cudaMemsetAsync(array.data(), 0, sizeof(float), stream.get()) == cudaSuccess);
  CHECK(cudaStreamSynchronize(stream.get()) == cudaSuccess);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 1) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaSuccess);
  CHECK(counters().launches == 2);
  CHECK(counters().kernels_run == 2);
  CHECK(counters().memsets == 2);
  CHECK(counters().copies == 0);
  CHECK(counters().allocations == 1);
  CHECK(counters().frees == 1);
  CHECK(counters().synchronizations == 2);  // one by cudaMemset
}

TEST_CASE("threads of the host take turns") {
  DeviceArray<float> array(64);
  array.set_zero();
  auto const launch_often = [&array] {
    for (int i = 0; i < 50; ++i) {
      launch(shape(1, 64), add, array.data(), 1.f);
    }
  };
  std::thread other(launch_often);
  launch_often();
  other.join();
  CHECK(array.to_host() == std::vector<float>(64, 100.f));
}

TEST_CASE("launches that a device refuses") {
  DeviceArray<float> array(1024);
  auto const refused = [&](cudaLaunchConfig_t const& config) {
    unsigned long long const before = counters().kernels_run;
    cudaError_t const error = launch(config, add, array.data(), 1.f);
    CHECK(counters().kernels_run == before);
    CHECK(cudaGetLastError() == error);
    CHECK(cudaPeekAtLastError() == cudaSuccess);
    return error;
  };
  CHECK(refused(shape(0, 1)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, 0)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, 1025)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, dim3(33, 32))) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, dim3(1, 1, 65))) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(dim3(1, 65536), 1)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, 1, 48 * 1024 + 1)) == cudaErrorInvalidValue);
  CHECK(launch(shape(1, 1024, 48 * 1024), add, array.data(), 1.f) == cudaSuccess);

  auto const kernel = reinterpret_cast<void const*>(add);
  auto const set_limit = [kernel](int bytes) {
    return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  };
  int most = 0;
  REQUIRE(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0) == cudaSuccess);
  CHECK(set_limit(most + 1) == cudaErrorInvalidValue);
  CHECK(set_limit(100000) == cudaSuccess);
  int blocks = 0;
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 256, 100000) == cudaSuccess);
  CHECK(blocks == config().blocks_per_multiprocessor);
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 256, 100001) == cudaSuccess);
  CHECK(blocks == 0);
  CHECK(launch(shape(1, 1, 100000), add, array.data(), 1.f) == cudaSuccess);
  cudaGetLastError();
  CHECK(refused(shape(1, 1, 100001)) == cudaErrorInvalidValue);
  CHECK(set_limit(48 * 1024) == cudaSuccess);

  Stream destroyed;
  cudaStreamDestroy(destroyed.get());
  CHECK(refused(shape(1, 1, 0, destroyed.get())) == cudaErrorInvalidResourceHandle);
}

TEST_CASE("devices") {
  RestoreConfig const restore;
  int device = -1;
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
  config().devices = 2;
  Stream const stream;
  CHECK(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaGetDevice(&device) == cudaSuccess);
  CHECK(device == 1);
  DeviceArray<float> array(1);
  CHECK(launch(shape(1, 1), add, array.data(), 1.f) == cudaSuccess);
  CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 1.f) == cudaErrorInvalidResourceHandle);
  CHECK(cudaSetDevice(0) == cudaSuccess);

  int multiprocessors = 0;
  config().multiprocessors = 7;
  CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 1) == cudaSuccess);
  CHECK(multiprocessors == 7);
  CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 2) == cudaErrorInvalidDevice);

  int count = -1;
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 2);
  config().devices = 0;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
  CHECK(count == 0);
  config().devices = 1;
  CHECK(cudaGetLastError() == cudaErrorNoDevice);
}

TEST_CASE("failures on demand") {
  void* first = nullptr;
  void* second = nullptr;
  {
    FailingCall const failure("cudaMallocAsync", 2, cudaErrorMemoryAllocation);
    unsigned long long const before = counters().allocations;
    CHECK(cudaMallocAsync(&first, 8, nullptr) == cudaSuccess);
    CHECK_FALSE(failure.happened());
    CHECK(cudaMallocAsync(&second, 8, nullptr) == cudaErrorMemoryAllocation);
    CHECK(failure.happened());
    CHECK(counters().allocations == before + 1);
    CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
    CHECK(cudaMallocAsync(&second, 8, nullptr) == cudaSuccess);
  }
  FailingCall const launch_failure("cudaLaunchKernelEx", 1, cudaErrorLaunchOutOfResources);
  CHECK(launch(shape(1, 1), add, static_cast<float*>(first), 1.f) == cudaErrorLaunchOutOfResources);
  CHECK(std::isnan(*static_cast<float*>(first)));
  {
    FailingCall const never("cudaFreeAsync", 1, cudaErrorCudartUnloading);
    CHECK_FALSE(never.happened());
  }
  CHECK(cudaFreeAsync(first, nullptr) == cudaSuccess);
  CHECK(cudaFreeAsync(second, nullptr) == cudaSuccess);
  CHECK(cudaGetLastError() == cudaErrorLaunchOutOfResources);
}

TEST_CASE("a graph replays what was captured") {
  DeviceArray<float> array(2);
  float const start[] = {10, 20};
  Stream const stream;
  counters() = {};
  REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  CHECK(cudaStreamIsCapturing(stream.get(), &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusActive);
  CHECK(cudaMemcpyAsync(array.data(), start, sizeof start, cudaMemcpyDefault, stream.get()) == cudaSuccess);
  CHECK(cudaMemsetAsync(array.data() + 1, 0, sizeof(float), stream.get()) == cudaSuccess);
  float summand = 3;
  CHECK(launch(shape(1, 2, 0, stream.get()), add, array.data(), summand) == cudaSuccess);
  summand = 5;  // the graph has its own copy
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
  CHECK(counters().launches == 1);
  CHECK(counters().kernels_run == 0);
  CHECK(std::isnan(array.to_host()[0]));

  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  for (int i = 0; i < 3; ++i) {
    CHECK(cudaGraphLaunch(executable, stream.get()) == cudaSuccess);
    CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 100.f) == cudaSuccess);
    CHECK(array.to_host() == std::vector<float>{113, 3});
  }
  CHECK(counters().graph_launches == 3);
  CHECK(counters().kernels_run == 6);
  CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);
}

TEST_CASE("what a capture does not permit makes it fail") {
  DeviceArray<float> array(1);
  Stream const stream(cudaStreamDefault);
  void* memory = nullptr;
  struct Violation {
    char const* name;
    std::function<cudaError_t()> commit;
    cudaError_t error;
  };
  Violation const violations[] = {
    {"cudaMalloc", [&] { return cudaMalloc(&memory, 4); }, cudaErrorStreamCaptureUnsupported},
    {"cudaMallocAsync", [&] { return cudaMallocAsync(&memory, 4, stream.get()); }, cudaErrorStreamCaptureUnsupported},
    {"cudaFree", [&] { return cudaFree(nullptr); }, cudaErrorStreamCaptureUnsupported},
    {"cudaFreeAsync", [&] { return cudaFreeAsync(nullptr, stream.get()); }, cudaErrorStreamCaptureUnsupported},
    {"cudaStreamSynchronize", [&] { return cudaStreamSynchronize(stream.get()); }, cudaErrorStreamCaptureUnsupported},
    {"cudaDeviceSynchronize", [] { return cudaDeviceSynchronize(); }, cudaErrorStreamCaptureUnsupported},
    {"cudaMemset", [&] { return cudaMemset(array.data(), 0, 4); }, cudaErrorStreamCaptureImplicit},
    {"default stream", [&] { return launch(shape(1, 1), add, array.data(), 1.f); }, cudaErrorStreamCaptureImplicit},
  };
  for (Violation const& violation : violations) {
    CAPTURE(violation.name);
    REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(violation.commit() == violation.error);
    CHECK(memory == nullptr);
    CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 1.f) == cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
    CHECK(violation.commit() == cudaSuccess);  // permitted again
    CHECK(cudaFree(std::exchange(memory, nullptr)) == cudaSuccess);
  }
  cudaGetLastError();
}

TEST_CASE("captures of the relaxed mode permit cudaMalloc") {
  Stream const stream;
  REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeRelaxed) == cudaSuccess);
  CHECK(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeRelaxed) == cudaErrorIllegalState);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 4) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaErrorIllegalState);
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed) == cudaErrorStreamCaptureUnsupported);
  cudaGetLastError();
}

TEST_CASE("events measure time") {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  REQUIRE(cudaEventCreate(&begin) == cudaSuccess);
  REQUIRE(cudaEventCreate(&end) == cudaSuccess);
  CHECK(cudaEventRecord(begin, nullptr) == cudaSuccess);
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventRecord(end, nullptr) == cudaSuccess);
  CHECK(cudaEventSynchronize(end) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaSuccess);
  CHECK(milliseconds >= 0);
  CHECK(cudaEventDestroy(begin) == cudaSuccess);
  CHECK(cudaEventDestroy(end) == cudaSuccess);
  cudaGetLastError();
}

TEST_CASE("errors have names") {
  CHECK(std::string(cudaGetErrorName(cudaErrorMemoryAllocation)) == "cudaErrorMemoryAllocation");
  CHECK(std::string(cudaGetErrorString(cudaSuccess)) == "no error");
  CHECK(std::string(cudaGetErrorName(static_cast<cudaError_t>(12345))) == "unrecognized error code");
}

}  // namespace
