// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Which functions of the CUDA runtime the library calls, and what it does if they fail or the device lacks something.

#include <cmath>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <memory>
#include <scc/gpu/loss.hpp>
#include <scc/scc.hpp>
#include <thread>
#include <vector>

#include "../catch.hpp"
#include "../support/backend.hpp"
#include "../support/device.hpp"
#include "../support/images.hpp"
#include "../support/results.hpp"
#include "control.hpp"

using namespace scc_test;
using ptx::FailingCall;

namespace {

struct RestoreConfig {
  ptx::Config const saved = ptx::config();
  ~RestoreConfig() { ptx::config() = saved; }
};

/// A histogram whose blocks have so many rows that the shared memory of all of them is used.
scc::Options large_histogram() {
  scc::Options options;
  options.bandwidth = 0.1;
  options.centers_per_axis = 4;
  options.basis = scc::Basis::histogram;
  return options;
}

/// What is allocated and not freed.
unsigned long long held() { return ptx::counters().allocations - ptx::counters().frees; }

}  // namespace

TEST_CASE("passes find their kernels ready, with all the shared memory of the device") {
  Pair<float> const pair({2, 1, 9, 11}, 3);
  Loss const large(large_histogram());
  Loss const small;
  FailingCall const unset("cudaFuncSetAttribute", 1, cudaErrorInvalidValue);
  CHECK(std::isfinite(evaluate<float>(large, pair).loss));
  CHECK(std::isfinite(evaluate<float>(small, pair).loss));
  CHECK(std::isfinite(evaluate<float>(large, pair).loss));
  CHECK(std::isfinite(evaluate<double>(large, Pair<double>({2, 1, 9, 11}, 3)).loss));
  CHECK_FALSE(unset.happened());
}

TEST_CASE("losses that other threads make leave the limits of this one's kernels alone") {
  Pair<float> const pair({1, 1, 9, 11}, 3);
  Loss const loss(large_histogram());
  double const expected = evaluate<float>(loss, pair).loss;
  std::vector<std::thread> others;
  for (int k = 0; k < 3; ++k) {
    others.emplace_back([] {
      for (int repetition = 0; repetition < 5; ++repetition) {
        scc::gpu::Loss const other;
      }
    });
  }
  for (int repetition = 0; repetition < 5; ++repetition) {
    CHECK(evaluate<float>(loss, pair).loss == expected);
  }
  for (std::thread& other : others) {
    other.join();
  }
}

TEST_CASE("a workspace needs no memory pools") {
  RestoreConfig const restore;
  scc::gpu::Loss const loss;
  auto const before = held();
  for (bool const has_memory_pools : {true, false}) {
    ptx::config().has_memory_pools = has_memory_pools;
    auto workspace = std::make_unique<scc::gpu::Workspace>(loss, 3, stream());
    CHECK(held() == before + 1);
    workspace.reset();
    CHECK(held() == before);
  }
}

TEST_CASE("what is made in part is freed") {
  Loss const warm;
  auto const before = held();
  for (char const* const function : {"cudaMalloc", "cudaMemcpyAsync", "cudaStreamCreateWithFlags",
                                     "cudaStreamSynchronize", "cudaFuncGetAttributes", "cudaFuncSetAttribute"}) {
    INFO(function);
    FailingCall const failure(function, 1, cudaErrorLaunchFailure);
    CHECK_THROWS_AS(scc::gpu::Loss(), scc::gpu::Error);
    CHECK(failure.happened());
    CHECK(held() == before);
    CHECK(cudaGetLastError() == cudaSuccess);
  }
  scc::gpu::Loss const loss;
  auto const with_loss = held();
  for (char const* const function : {"cudaMallocAsync", "cudaDeviceGetAttribute", "cudaPointerGetAttributes"}) {
    INFO(function);
    FailingCall const failure(function, 1, cudaErrorLaunchFailure);
    CHECK_THROWS_AS(scc::gpu::Workspace(loss, 3, stream()), scc::gpu::Error);
    CHECK(failure.happened());
    CHECK(held() == with_loss);
    CHECK(cudaGetLastError() == cudaSuccess);
  }
}

TEST_CASE("destructors forget the errors of a driver that is gone") {
  for (char const* const function :
       {"cudaGetDevice", "cudaThreadExchangeStreamCaptureMode", "cudaStreamIsCapturing", "cudaFreeAsync", "cudaFree"}) {
    INFO(function);
    auto loss = std::make_unique<scc::gpu::Loss>();
    auto workspace = std::make_unique<scc::gpu::Workspace>(*loss, 3, stream());
    FailingCall const failure(function, 1, cudaErrorCudartUnloading);
    workspace.reset();
    loss.reset();
    CHECK(failure.happened());
    CHECK(cudaGetLastError() == cudaSuccess);
  }
}
