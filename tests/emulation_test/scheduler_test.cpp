// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The execution model: device functions do what CUDA's do, and planted defects are found. Every defect stands beside
/// the kernel without it, which must pass.

#include <cmath>
#include <cstddef>
#include <cub/block/block_reduce.cuh>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "../emulation/schedules.hpp"
#include "launch.hpp"

using namespace emulation_test;
using namespace scc_emulation;
using scc_test::contains;

namespace {

constexpr unsigned all_lanes = 0xffffffffu;

struct QuietReports {
  bool const saved = config().quiet;
  QuietReports() { config().quiet = true; }
  ~QuietReports() { config().quiet = saved; }
};

/// Whether a launch was stopped; last_report() has the reason.
bool is_stopped(cudaError_t error) { return error == cudaErrorLaunchFailure; }

// ------------------------------------------------------------------------------------------------ defects of barriers

enum class BarrierDefect { none, missing, divergent, early_return, half_at_warp_barrier };

__global__ void reverse_block(int* out, BarrierDefect defect) {
  SCC_EMULATION_SHARED(values, int[96]);
  unsigned const i = threadIdx.x;
  unsigned const size = blockDim.x;
  if (defect == BarrierDefect::early_return && i >= size - 3) {
    return;
  }
  values[i] = static_cast<int>(i);
  if (defect == BarrierDefect::divergent && i < 32) {
    __syncthreads();
  } else if (defect == BarrierDefect::half_at_warp_barrier && i < 16) {
    __syncwarp();
  } else if (defect != BarrierDefect::missing) {
    __syncthreads();
  }
  out[blockIdx.x * size + i] = values[size - 1 - i];
}

ScheduleRuns run_reverse_block(BarrierDefect defect) {
  return run_schedules([defect] {
    DeviceArray<int> out(5 * 96);
    launch(shape(5, 96), reverse_block, out.data(), defect);
    return bytes_of(out.to_host());
  });
}

TEST_CASE("barriers of a block") {
  ScheduleRuns const runs = run_reverse_block(BarrierDefect::none);
  CHECK(runs.problem == "");
  std::vector<int> expected;
  for (int i = 0; i < 5 * 96; ++i) {
    expected.push_back(95 - i % 96);
  }
  CHECK(runs.bytes == bytes_of(expected));

  CHECK_THAT(run_reverse_block(BarrierDefect::missing).problem, contains("results differ"));
  CHECK_THAT(run_reverse_block(BarrierDefect::divergent).problem, contains("different __syncthreads"));
  std::string const early_return = run_reverse_block(BarrierDefect::early_return).problem;
  CHECK_THAT(early_return, contains("no thread can run"));
  CHECK_THAT(early_return, contains("block (0,0,0): 93 threads from (0,0,0): in __syncthreads at"));
  CHECK_THAT(early_return, contains("block (0,0,0): 3 threads from (93,0,0): returned from the kernel"));
  std::string const deadlock = run_reverse_block(BarrierDefect::half_at_warp_barrier).problem;
  CHECK_THAT(deadlock, contains("no thread can run"));
  CHECK_THAT(deadlock, contains("16 threads from (0,0,0): in __syncwarp at"));
  CHECK_THAT(deadlock, contains("80 threads from (16,0,0): in __syncthreads at"));
}

// ---------------------------------------------------------------------------------------------------- defects of warps

enum class WarpDefect {
  none,
  missing_barrier,
  absent_lane,
  foreign_mask,
  half_warp,
  different_operations,
  different_masks
};

__global__ void exchange_in_warp(int* out, WarpDefect defect) {
  SCC_EMULATION_SHARED(values, int[64]);
  unsigned const i = threadIdx.x;
  unsigned const lane = i % 32;
  values[i] = static_cast<int>(i);
  if (defect != WarpDefect::missing_barrier) {
    __syncwarp();
  }
  int value = values[i ^ 5];
  unsigned const half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  switch (defect) {
    case WarpDefect::absent_lane:
      value = __shfl_xor_sync(half, value, 16);
      break;
    case WarpDefect::foreign_mask:
      value = __shfl_xor_sync(~half, value, 1);
      break;
    case WarpDefect::half_warp:
      if (lane < 16) {
        value = __shfl_xor_sync(all_lanes, value, 1);
      }
      break;
    case WarpDefect::different_operations:
      if (lane < 16) {
        value = __shfl_xor_sync(all_lanes, value, 1);
      } else {
        value = __shfl_xor_sync(all_lanes, value, 2);
      }
      break;
    case WarpDefect::different_masks:
      value = __shfl_xor_sync(lane < 16 ? all_lanes : 0xffff0001u, value, 1);
      break;
    default:
      value = __shfl_xor_sync(all_lanes, value, 1);
  }
  out[i] = value;
}

ScheduleRuns run_exchange_in_warp(WarpDefect defect) {
  return run_schedules([defect] {
    DeviceArray<int> out(64);
    launch(shape(1, 64), exchange_in_warp, out.data(), defect);
    return bytes_of(out.to_host());
  });
}

TEST_CASE("warps") {
  ScheduleRuns const runs = run_exchange_in_warp(WarpDefect::none);
  CHECK(runs.problem == "");
  std::vector<int> expected;
  for (int i = 0; i < 64; ++i) {
    expected.push_back(i ^ 4);
  }
  CHECK(runs.bytes == bytes_of(expected));

  CHECK_THAT(run_exchange_in_warp(WarpDefect::missing_barrier).problem, contains("results differ"));
  CHECK_THAT(run_exchange_in_warp(WarpDefect::absent_lane).problem, contains("lane that does not take part"));
  CHECK_THAT(run_exchange_in_warp(WarpDefect::foreign_mask).problem, contains("not in its own mask"));
  CHECK_THAT(run_exchange_in_warp(WarpDefect::different_operations).problem, contains("different warp operations"));
  CHECK_THAT(run_exchange_in_warp(WarpDefect::different_masks).problem, contains("mask 0xffff0001"));
  std::string const half_warp = run_exchange_in_warp(WarpDefect::half_warp).problem;
  CHECK_THAT(half_warp, contains("no thread can run"));
  CHECK_THAT(half_warp, contains("in a shuffle at"));
  CHECK_THAT(half_warp, contains("mask 0xffffffff"));
}

// --------------------------------------------------------------------------------------------------- defects of blocks

enum class BlockDefect { none, missing_reset, sums_by_arrival };

/// Adds the blocks' parts in the block whose ticket is the last.
__global__ void sum_by_last_block(float* parts, unsigned* ticket, float* sum, BlockDefect defect) {
  SCC_EMULATION_SHARED(number, unsigned);
  if (threadIdx.x == 0) {
    number = atomicAdd(ticket, 1u);
    unsigned const place = defect == BlockDefect::sums_by_arrival ? number : blockIdx.x;
    parts[place] = 1.f / static_cast<float>(3 + blockIdx.x);
    __threadfence();
  }
  __syncthreads();
  if (number == gridDim.x - 1 && threadIdx.x == 0) {
    __threadfence();
    *sum = 0;
    for (unsigned i = 0; i < gridDim.x; ++i) {
      *sum += parts[i];
    }
    if (defect != BlockDefect::missing_reset) {
      atomicExch(ticket, 0u);
    }
  }
}

/// The ticket is zeroed once and must serve two launches.
ScheduleRuns run_sum_by_last_block(BlockDefect defect) {
  return run_schedules([defect] {
    constexpr unsigned blocks = 20;
    DeviceArray<float> parts(blocks), first(1), second(1);
    DeviceArray<unsigned> ticket(1);
    ticket.set_zero();
    launch(shape(blocks, 32), sum_by_last_block, parts.data(), ticket.data(), first.data(), defect);
    launch(shape(blocks, 32), sum_by_last_block, parts.data(), ticket.data(), second.data(), defect);
    if (std::isnan(second.to_host()[0])) {
      throw std::runtime_error("the second launch has no sum");
    }
    return bytes_of(first.to_host(), second.to_host());
  });
}

TEST_CASE("tickets of blocks") {
  CHECK(run_sum_by_last_block(BlockDefect::none).problem == "");
  CHECK_THAT(run_sum_by_last_block(BlockDefect::missing_reset).problem, contains("the second launch has no sum"));
  CHECK_THAT(run_sum_by_last_block(BlockDefect::sums_by_arrival).problem, contains("results differ"));
}

// ----------------------------------------------------------------------------------------------------- shared memory

__global__ void use_shared_memory(float* out) {
  SCC_EMULATION_SHARED(large, double[5000]);
  SCC_EMULATION_SHARED(small, float[3]);
  auto const* const dynamic = static_cast<float const*>(dynamic_shared());
  out[0] = small[2];
  out[1] = static_cast<float>(large[4999]);
  out[2] = dynamic[10];
  small[2] = 1;
}

__global__ void use_too_much_shared_memory() {
  SCC_EMULATION_SHARED(values, double[6145]);
  static_cast<void>(values);
}

TEST_CASE("shared memory is NaN at first, and limited") {
  QuietReports const quiet;
  DeviceArray<float> out(3);
  for (int launches = 0; launches < 2; ++launches) {
    out.set_zero();
    REQUIRE(launch(shape(1, 1, 44), use_shared_memory, out.data()) == cudaSuccess);
    for (float const value : out.to_host()) {
      CHECK(std::isnan(value));
    }
  }

  // 40012 bytes are static; 48 KB are there for those that have not asked for more.
  CHECK(is_stopped(launch(shape(1, 1, 9200), use_shared_memory, out.data())));
  CHECK_THAT(last_report(), contains("more shared memory"));
  auto const kernel = reinterpret_cast<void const*>(use_shared_memory);
  REQUIRE(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 190000) == cudaSuccess);
  CHECK(launch(shape(1, 1, 190000), use_shared_memory, out.data()) == cudaSuccess);
  CHECK(is_stopped(launch(shape(1, 1), use_too_much_shared_memory)));
  cudaGetLastError();
}

// -------------------------------------------------------------------------------------------------- device functions

template <class T>
__global__ void shuffle(T* out) {
  T const value = static_cast<T>(threadIdx.x);
  unsigned const half = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  T* const mine = out + 6 * threadIdx.x;
  mine[0] = __shfl_xor_sync(all_lanes, value, 3);
  mine[1] = __shfl_xor_sync(all_lanes, value, 12, 8);  // out of the segment: the own value
  mine[2] = __shfl_down_sync(all_lanes, value, 2);
  mine[3] = __shfl_down_sync(half, value, 2, 16);
  mine[4] = __shfl_sync(all_lanes, value, 35);
  mine[5] = __shfl_sync(all_lanes, value, 9, 8);
}

template <class T>
void check_shuffles() {
  DeviceArray<T> out(6 * 64);
  ScheduleRuns const runs = run_schedules([&] {
    launch(shape(1, 64), shuffle<T>, out.data());
    return bytes_of(out.to_host());
  });
  CHECK(runs.problem == "");
  std::vector<T> expected;
  for (int i = 0; i < 64; ++i) {
    int const warp = i / 32 * 32;
    // Of lanes beyond the segment one gets the own value.
    int const sources[] = {
      i ^ 3,        (i ^ 12) < i / 8 * 8 + 8 ? i ^ 12 : i, i % 32 < 30 ? i + 2 : i, i % 16 < 14 ? i + 2 : i, warp + 3,
      i / 8 * 8 + 1};
    for (int const source : sources) {
      expected.push_back(static_cast<T>(source));
    }
  }
  CHECK(out.to_host() == expected);
}

TEST_CASE("shuffles") {
  check_shuffles<int>();
  check_shuffles<unsigned>();
  check_shuffles<float>();
  check_shuffles<double>();
  check_shuffles<unsigned long long>();
}

__global__ void vote(unsigned* out) { out[threadIdx.x] = __ballot_sync(all_lanes, threadIdx.x % 3 == 0); }

TEST_CASE("votes, also of a warp that is not full") {
  DeviceArray<unsigned> out(40);
  REQUIRE(launch(shape(1, 40), vote, out.data()) == cudaSuccess);
  std::vector<unsigned> const votes = out.to_host();
  CHECK(votes[31] == 0x49249249u);
  CHECK(votes[39] == 0x92u);  // threads 33, 36 and 39
}

struct LargeArgument {
  int values[1000];
};

__global__ void sum_indices(LargeArgument argument, int* out, int rest) {
  unsigned const thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  unsigned const block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  argument.values[999] += static_cast<int>(thread);  // its own copy
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = argument.values[999] + static_cast<int>(block) + rest;
}

TEST_CASE("indices in three dimensions, and large arguments") {
  DeviceArray<int> out(24 * 40);
  LargeArgument argument = {};
  argument.values[999] = 7;
  ScheduleRuns const runs = run_schedules([&] {
    launch(shape(dim3(2, 3, 4), dim3(5, 4, 2)), sum_indices, argument, out.data(), 100);
    return bytes_of(out.to_host());
  });
  CHECK(runs.problem == "");
  std::vector<int> const sums = out.to_host();
  CHECK(sums[0] == 107);
  CHECK(sums[39] == 107 + 39);
  CHECK(sums[23 * 40 + 39] == 107 + 39 + 23);
}

__global__ void count(int* plain, unsigned* positive, unsigned long long* large, unsigned const* increments) {
  atomicAdd(plain, -1);
  atomicAdd(positive, __ldg(increments + threadIdx.x));
  atomicAdd(large, 1ull << 32);
}

TEST_CASE("atomic additions") {
  DeviceArray<int> plain(1);
  DeviceArray<unsigned> positive(1), increments(32);
  DeviceArray<unsigned long long> large(1);
  positive.set_zero();
  increments.set_zero();
  large.set_zero();
  ScheduleRuns const runs = run_schedules([&] {
    plain.set_zero();
    launch(shape(10, 32), count, plain.data(), positive.data(), large.data(), increments.data());
    return bytes_of(plain.to_host());
  });
  CHECK(runs.problem == "");
  CHECK(plain.to_host()[0] == -320);
  CHECK(positive.to_host()[0] == 0);
  CHECK(large.to_host()[0] == (14ull * 320) << 32);  // 14 schedules
}

__global__ void __launch_bounds__(96) sum_block(double* out) {
  using Reduction = cub::BlockReduce<double, 96>;
  SCC_EMULATION_SHARED(storage, Reduction::TempStorage);
  double const sum = Reduction(storage).Sum(threadIdx.x + 0.5);
  if (threadIdx.x == 0) {
    out[blockIdx.x] = sum;
  }
}

TEST_CASE("the stand-in for cub::BlockReduce") {
  DeviceArray<double> out(3);
  REQUIRE(launch(shape(3, 96), sum_block, out.data()) == cudaSuccess);
  CHECK(out.to_host() == std::vector<double>(3, 96 * 95 / 2 + 48.));
}

__global__ void convert(float const* in, __half* half, __nv_bfloat16* bfloat16) {
  half[threadIdx.x] = __float2half(in[threadIdx.x]);
  bfloat16[threadIdx.x] = __float2bfloat16(in[threadIdx.x]);
}

TEST_CASE("the toolkit's types of 16 bits") {
  DeviceArray<float> in(1);
  float const value = 1 + 1.f / 128;
  cudaMemcpy(in.data(), &value, sizeof value, cudaMemcpyHostToDevice);
  DeviceArray<__half> half(1);
  DeviceArray<__nv_bfloat16> bfloat16(1);
  REQUIRE(launch(shape(1, 1), convert, in.data(), half.data(), bfloat16.data()) == cudaSuccess);
  CHECK(__half2float(half.to_host()[0]) == value);
  CHECK(__bfloat162float(bfloat16.to_host()[0]) == value);
}

// ----------------------------------------------------------------------------------------------------- the harness

TEST_CASE("a stopped kernel leaves no trace") {
  QuietReports const quiet;
  for (int i = 0; i < 3; ++i) {
    DeviceArray<int> out(2 * 96);
    CHECK(is_stopped(launch(shape(2, 96), reverse_block, out.data(), BarrierDefect::early_return)));
    CHECK(is_stopped(launch(shape(1, 64), exchange_in_warp, out.data(), WarpDefect::half_warp)));
    CHECK(launch(shape(2, 96), reverse_block, out.data(), BarrierDefect::none) == cudaSuccess);
    CHECK(out.to_host()[96] == 95);
  }
  cudaGetLastError();
}

TEST_CASE("run_schedules names the schedule that has the problem") {
  int runs = 0;
  ScheduleRuns const thrown = run_schedules([&]() -> std::string {
    if (++runs == 4) {
      throw std::runtime_error("the fourth");
    }
    return "same";
  });
  CHECK(thrown.bytes == "same");
  CHECK(thrown.problem ==
        "SCC_EMULATION_ORDER=random SCC_EMULATION_SEED=2 SCC_EMULATION_RESIDENT_BLOCKS=1: the fourth");

  runs = 0;
  ScheduleRuns const different = run_schedules([&] { return std::string(++runs < 14 ? "same" : "sane"); });
  CHECK(runs == 14);
  CHECK(
    different.problem ==
    "SCC_EMULATION_ORDER=random SCC_EMULATION_SEED=5 SCC_EMULATION_RESIDENT_BLOCKS=3: the results differ from those "
    "of the first schedule from byte 2 on");
}

}  // namespace
