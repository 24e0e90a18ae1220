// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the threads of a warp, and of a block, do together.

#pragma once

#include <climits>
#include <cstring>
#include <cub/block/block_reduce.cuh>
#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/solve.hpp>

namespace scc::gpu {

inline constexpr int warp_size = 32;
inline constexpr unsigned all_lanes = 0xffffffffu;

__device__ inline int thread_index() { return static_cast<int>(threadIdx.x); }
__device__ inline int thread_count() { return static_cast<int>(blockDim.x); }
__device__ inline int lane_index() { return thread_index() % warp_size; }
__device__ inline int warp_index() { return thread_index() / warp_size; }
__device__ inline int warp_count() { return thread_count() / warp_size; }

/// Reads what other blocks have written, from the second-level cache: __ldcg(), which clang++ has not for 64 bits.
template <class T>
__device__ inline T load_from_l2(T const* address) {
  static_assert(sizeof(T) == sizeof(unsigned long long), "64 bits");
  unsigned long long bits;
  asm volatile("ld.global.cg.u64 %0, [%1];" : "=l"(bits) : "l"(__cvta_generic_to_global(address)));
  T value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
/// Two of them.
__device__ inline double2 load_pair_from_l2(double2 const* address) {
  double2 pair;
  asm volatile("ld.global.cg.v2.f64 {%0, %1}, [%2];"
               : "=d"(pair.x), "=d"(pair.y)
               : "l"(__cvta_generic_to_global(address)));
  return pair;
}

/// Dynamic shared memory of the block, aligned to 16 bytes; all uses share it.
template <class T>
__device__ inline T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char scc_dynamic_shared[];
  return reinterpret_cast<T*>(scc_dynamic_shared);
}

/// Sums `Count` numbers over the lanes of a warp, and deals the sums out: afterwards the first Count / 32 elements of
/// lane l are the sums number (Count / 32) l and following. Each step sends half of what is left, so that there are
/// Count exchanges, not 5 Count.
///
/// @tparam Step  Distance of the lanes of the first exchange; for the recursion.
template <int Step = warp_size / 2, class Real, int Count>
__device__ inline void sum_over_warp(Real (&values)[Count]) {
  static_assert(Count % warp_size == 0, "every lane gets equally many sums");
  // Constants, so that the array can stay in registers.
  constexpr int half = Count / warp_size * Step;
  bool const takes_upper = (lane_index() & Step) != 0;
  SCC_UNROLL
  for (int i = 0; i < half; ++i) {
    Real const sent = takes_upper ? values[i] : values[i + half];
    Real const kept = takes_upper ? values[i + half] : values[i];
    values[i] = kept + __shfl_xor_sync(all_lanes, sent, Step);
  }
  if constexpr (Step > 1) {
    sum_over_warp<Step / 2>(values);
  }
}

/// Sums over a block by a fixed algorithm: the same bits from run to run.
template <class T, int Threads>
using BlockReduce = cub::BlockReduce<T, Threads, cub::BLOCK_REDUCE_WARP_REDUCTIONS>;

/// The block as the team that solves an image.
class BlockTeam {
public:
  template <class Number>
  using Row = Number;
  static constexpr int tile_rows = 2, tile_columns = 1;

  __device__ explicit BlockTeam(int rank) : rank_(rank) {}
  __device__ int rank() const { return rank_; }
  __device__ int size() const { return thread_count(); }
  __device__ Arrangement arrange(int columns) const {
    int const width = columns < size() ? columns : size();
    int const rows = size() / width, row = rank() / width;
    // Threads that do not fill a row have no elements.
    return {row < rows ? row : INT_MAX / 2, rows, rank() - row * width, width};
  }
  __device__ void sync() const { __syncthreads(); }

private:
  int rank_;
};

}  // namespace scc::gpu
