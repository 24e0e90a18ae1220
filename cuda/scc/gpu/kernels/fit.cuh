// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The fit of the density ratio by one block, for up to 96 unknowns: the threads have the system in their registers, and
/// eliminate an unknown per barrier. Larger systems are fitted by fit_density_ratio() of scc/estimator/solve.hpp.

#pragma once

#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/solve.hpp>
#include <scc/plan/plan_view.hpp>

#include "../tuning.hpp"
#include "warp.cuh"

namespace scc::gpu {

/// The threads are rows and columns of a square, and a thread has the elements of the system at its place in each tile of
/// such squares.
inline constexpr int fit_side = 16;
/// Most tiles in a row.
inline constexpr int most_fit_tiles = 6;
/// Most unknowns of a fit in registers.
inline constexpr int most_unknowns_in_registers = most_fit_tiles * fit_side;

/// Shared memory of a fit.
struct FitMemory {
  double pivot_row[2][most_unknowns_in_registers];  ///< Two, so that one barrier is enough for each
  double inverse[most_unknowns_in_registers];       ///< D^{-1}
  double sums[solve_threads / warp_size][most_unknowns_in_registers];
  double rsmi;
};

/// A = R^T D R, R with a diagonal of 1, and W = R^{-T}, in the registers of a block. The elimination that makes row k of D R
/// final does the same for row k of W, which begins as the identity, and whose elements below the diagonal need the places
/// of the elements of A that the elimination leaves. With W each of the products that follow is one step, where a triangular
/// sweep would be as many as there are unknowns.
///
/// @tparam Tiles  Tiles in a row; Tiles * fit_side is at least the number of unknowns. What is beyond the system is 0.
template <int Tiles>
class InverseFactor {
public:
  /// All threads of the block construct it. Ends before a barrier.
  __device__ InverseFactor(double const* system, int size, FitMemory& memory)
      : memory_(memory),
        row_(thread_index() / fit_side),
        column_(thread_index() % fit_side) {
    SCC_UNROLL
    for (int i = 0; i < Tiles; ++i) {
      SCC_UNROLL
      for (int j = 0; j < Tiles; ++j) {
        int const l = row_ + i * fit_side, m = column_ + j * fit_side;
        a_[i][j] = j >= i && l < size && m < size ? system[l * size + m] : 0.0;
      }
    }
    SCC_UNROLL
    for (int tile = 0; tile < Tiles; ++tile) {
      a_[tile][tile] = column_ < row_ ? 0 : a_[tile][tile];
#pragma unroll 1
      for (int k = 0; k < fit_side && tile * fit_side + k < size; ++k) {
        eliminate(tile, k);
      }
    }
    bool is_usable = true;
    SCC_UNROLL
    for (int tile = 0; tile < Tiles; ++tile) {
      is_usable = is_usable && (column_ != row_ || row_ + tile * fit_side >= size || is_usable_pivot(a_[tile][tile]));
      a_[tile][tile] = column_ < row_ ? a_[tile][tile] : column_ == row_ ? 1 : 0;
    }
    is_usable_ = __syncthreads_and(is_usable) != 0;
  }

  /// Whether A is positive definite.
  __device__ bool is_usable() const { return is_usable_; }

  /// Calls store(l, element l of W x), for one thread each. x must be there.
  template <class Store>
  __device__ void multiply(double const* x, Store const& store) const {
    double sums[Tiles] = {};
    SCC_UNROLL
    for (int j = 0; j < Tiles; ++j) {
      double const factor = x[column_ + j * fit_side];
      SCC_UNROLL
      for (int i = j; i < Tiles; ++i) {
        sums[i] = fma(a_[i][j], factor, sums[i]);
      }
    }
    SCC_UNROLL
    for (int step = fit_side / 2; step > 0; step /= 2) {
      SCC_UNROLL
      for (double& sum : sums) {
        sum += __shfl_xor_sync(all_lanes, sum, step);
      }
    }
    if (column_ == 0) {
      SCC_UNROLL
      for (int i = 0; i < Tiles; ++i) {
        store(row_ + i * fit_side, sums[i]);
      }
    }
  }

  /// Calls store(l, element l of W^T x), for one thread each, behind a barrier. x must be there. The last warp calls
  /// meanwhile().
  template <class Store, class Meanwhile>
  __device__ void multiply_transposed(double const* x, Store const& store, Meanwhile const& meanwhile) const {
    double sums[Tiles] = {};
    SCC_UNROLL
    for (int i = 0; i < Tiles; ++i) {
      double const factor = x[row_ + i * fit_side];
      SCC_UNROLL
      for (int j = 0; j <= i; ++j) {
        sums[j] = fma(a_[i][j], factor, sums[j]);
      }
    }
    SCC_UNROLL
    for (double& sum : sums) {
      sum += __shfl_xor_sync(all_lanes, sum, fit_side);
    }
    if (lane_index() < fit_side) {
      SCC_UNROLL
      for (int j = 0; j < Tiles; ++j) {
        memory_.sums[warp_index()][column_ + j * fit_side] = sums[j];
      }
    }
    __syncthreads();
    int const l = thread_index();
    if (l < Tiles * fit_side) {
      store(l, scc::detail::sum_of<double>(solve_threads / warp_size, [&](int warp) { return memory_.sums[warp][l]; }));
    } else if (warp_index() == solve_threads / warp_size - 1) {
      meanwhile();
    }
  }

private:
  /// Subtracts row k of the tiles in row `tile` from the rows below, so that their column k is 0.
  __device__ void eliminate(int const tile, int const k) {
    double* const pivot_row = memory_.pivot_row[k % 2];
    if (row_ == k) {
      SCC_UNROLL
      for (int j = 0; j < Tiles; ++j) {
        pivot_row[column_ + j * fit_side] = a_[tile][j];
      }
      if (column_ == k) {
        pivot_row[k + tile * fit_side] = 1;  // of W
        memory_.inverse[k + tile * fit_side] = reciprocal_of_pivot(a_[tile][tile]);
      }
    }
    __syncthreads();
    double const inverse = memory_.inverse[k + tile * fit_side];
    double pivots[Tiles];
    SCC_UNROLL
    for (int j = 0; j < Tiles; ++j) {
      pivots[j] = pivot_row[column_ + j * fit_side];
    }
    SCC_UNROLL
    for (int i = tile; i < Tiles; ++i) {
      double const quotient = pivot_row[row_ + i * fit_side] * inverse;
      double const factor = i > tile || row_ > k ? -quotient : 0;
      SCC_UNROLL
      for (int j = 0; j < Tiles; ++j) {
        // To the left elements of W, to the right of A; in between 0 as yet.
        if (j == tile) {
          double const pivot = column_ <= k || (i == tile && column_ >= row_) ? pivots[j] : 0;
          a_[i][j] = fma(factor, pivot, a_[i][j]);
        } else if (j < tile || j >= i) {
          a_[i][j] = fma(factor, pivots[j], a_[i][j]);
        }
      }
    }
  }

  FitMemory& memory_;
  int row_, column_;
  bool is_usable_;
  double a_[Tiles][Tiles];
};

/// fit_density_ratio() for at most Tiles * fit_side unknowns, by all threads of a block of solve_threads. Ends with a
/// barrier. All threads get rSMI.
template <int Tiles>
__device__ inline double fit_in_registers(PlanView const& plan, SolveScratch const& scratch, FitMemory& memory) {
  int const size = plan.unknowns;
  InverseFactor<Tiles> const w(scratch.system, size, memory);
  double* const x = memory.pivot_row[0];
  double* const y = memory.pivot_row[1];
  if (int const l = thread_index(); l < Tiles * fit_side) {
    x[l] = !w.is_usable() ? static_cast<double>(NAN) : l < size ? scratch.h[l] : 0;
  }
  auto const divide = [&](int l, double sum) { y[l] = l < size ? sum * memory.inverse[l] : 0; };
  __syncthreads();
  w.multiply(x, divide);
  __syncthreads();
  w.multiply_transposed(
    y,
    [&](int l, double sum) {
      x[l] = sum;
      if (l < size) {
        scratch.alpha[l] = sum;
      }
    },
    [] {});
  __syncthreads();
  w.multiply(x, divide);
  __syncthreads();
  w.multiply_transposed(
    y,
    [&](int l, double sum) {
      if (l < size) {
        scratch.g[l] = sum;
      }
    },
    [&] {
      double rsmi = 0;
      SCC_UNROLL
      for (int l = lane_index(); l < Tiles * fit_side; l += warp_size) {
        rsmi += x[l] * ((l < size ? scratch.h[l] : 0) + plan.lambda * x[l]);
      }
      SCC_UNROLL
      for (int step = warp_size / 2; step > 0; step /= 2) {
        rsmi += __shfl_xor_sync(all_lanes, rsmi, step);
      }
      if (lane_index() == 0) {
        memory.rsmi = rsmi - 1;
      }
    });
  __syncthreads();
  return memory.rsmi;
}

/// fit_density_ratio() by a block: in registers if the system fits there.
__device__ inline double fit(BlockTeam const& block, PlanView const& plan, SolveScratch const& scratch) {
  __shared__ FitMemory memory;
  if (plan.unknowns <= 2 * fit_side) {
    return fit_in_registers<2>(plan, scratch, memory);
  }
  if (plan.unknowns <= 4 * fit_side) {
    return fit_in_registers<4>(plan, scratch, memory);
  }
  if (plan.unknowns <= most_unknowns_in_registers) {
    return fit_in_registers<most_fit_tiles>(plan, scratch, memory);
  }
  return fit_density_ratio(block, plan, scratch);
}

}  // namespace scc::gpu
