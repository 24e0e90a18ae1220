// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the machine can do at most, with the library's own SIMD lanes: multiplications with addition out of registers,
/// and bytes out of memory. docs/performance.md compares loss_bench with these.

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <scc/scc.hpp>
#include <vector>

namespace {

using scc::cpu::Lanes;

/// Enough independent sums to fill the pipeline: two units of four cycles each, with room to spare.
constexpr int sums = 12;
constexpr int steps = 1000;

double smallest(std::vector<double> const& values) { return *std::min_element(values.begin(), values.end()); }

template <int Bytes, int Sums>
SCC_ALWAYS_INLINE float multiply_and_add(float factor) {
  using L = Lanes<float, Bytes>;
  L sum[Sums];
  for (int k = 0; k < Sums; ++k) {
    sum[k] = L::broadcast(factor * static_cast<float>(k));
  }
  L const a = L::broadcast(factor);
  for (int step = 0; step < steps; ++step) {
    SCC_UNROLL
    for (int k = 0; k < Sums; ++k) {
      // sum = sum * a + a: a chain that no compiler can shorten.
      L next = a;
      next.add_product(sum[k], a);
      sum[k] = next;
    }
  }
  L total = sum[0];
  for (int k = 1; k < Sums; ++k) {
    total = total + sum[k];
  }
  alignas(64) float values[L::count];
  total.store(values);
  return values[0];
}

/// Steps of `Sums` chains with the best instructions of the processor.
template <int Sums>
float multiply_and_add(float factor) {
  return scc::cpu::with_instructions(scc::cpu::available_instructions(), [factor](auto bytes) SCC_INLINE_LAMBDA {
    return multiply_and_add<decltype(bytes)::value, Sums>(factor);
  });
}

void multiply_add_float(benchmark::State& state) {
  float factor = 0.5F;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(factor);
    benchmark::DoNotOptimize(multiply_and_add<sums>(factor));
  }
  int const lanes = scc::cpu::lane_bytes(scc::cpu::available_instructions()) / 4;
  state.counters["GFMA"] =
    benchmark::Counter(1e-9 * lanes * sums * steps, benchmark::Counter::kIsIterationInvariantRate);
}

/// One dependent chain: the time of a step is the latency of the instruction, a fixed number of cycles of the clock.
void multiply_add_latency(benchmark::State& state) {
  float factor = 0.5F;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(factor);
    benchmark::DoNotOptimize(multiply_and_add<1>(factor));
  }
  state.counters["Gsteps"] = benchmark::Counter(1e-9 * steps, benchmark::Counter::kIsIterationInvariantRate);
}

void read_memory(benchmark::State& state) {
  std::vector<std::int64_t> const memory(std::size_t{1} << 26, 1);
  for ([[maybe_unused]] auto _ : state) {
    std::int64_t sum = 0;
    for (std::int64_t const value : memory) {
      sum += value;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.counters["GB"] = benchmark::Counter(1e-9 * static_cast<double>(memory.size() * sizeof(std::int64_t)),
                                            benchmark::Counter::kIsIterationInvariantRate);
}

void copy_memory(benchmark::State& state) {
  std::vector<std::int64_t> const from(std::size_t{1} << 25, 1);
  std::vector<std::int64_t> to(from.size());
  for ([[maybe_unused]] auto _ : state) {
    std::memcpy(to.data(), from.data(), to.size() * sizeof(std::int64_t));
    benchmark::ClobberMemory();
  }
  state.counters["GB"] = benchmark::Counter(2e-9 * static_cast<double>(to.size() * sizeof(std::int64_t)),
                                            benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

BENCHMARK(multiply_add_float)->UseRealTime()->ComputeStatistics("min", smallest);
BENCHMARK(multiply_add_latency)->UseRealTime()->ComputeStatistics("min", smallest);
BENCHMARK(read_memory)->UseRealTime()->ComputeStatistics("min", smallest);
BENCHMARK(copy_memory)->UseRealTime()->ComputeStatistics("min", smallest);
