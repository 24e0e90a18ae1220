// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The fit of the density ratio by one warp, for up to 32 unknowns: lane j has column j of the system in its registers.
/// Larger systems are fitted by the block, fit_density_ratio() of scc/estimator/solve.hpp.

#pragma once

#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/solve.hpp>
#include <scc/plan/plan_view.hpp>

#include "warp.cuh"

namespace scc::gpu {

/// Most unknowns of a fit by one warp.
inline constexpr int most_unknowns_of_a_warp = warp_size;

/// Solves a triangular system by columns, from unknown First on in steps of Step. A lane whose unknown is known goes on with
/// numbers that nobody needs, which costs less than to stop it.
///
/// @param r  Element k of lane j is the factor of unknown k in row j.
/// @param x  Right side, one element in each lane.
/// @return the unknown of each lane.
template <int First, int Step>
__device__ inline double sweep(double const (&r)[warp_size], double x) {
  double result = 0;
#pragma unroll
  for (int n = 0; n < warp_size; ++n) {
    int const k = First + Step * n;
    double const solved = __shfl_sync(all_lanes, x, k);
    result = lane_index() == k ? solved : result;
    x = fma(-r[k], solved, x);
  }
  return result;
}

/// fit_density_ratio() by one warp, all of whose lanes call it and get rSMI.
__device__ inline double fit_in_registers(PlanView const& plan, SolveScratch const& scratch) {
  // Rows of R, for all lanes to read; two, so that one barrier is enough for each.
  __shared__ __align__(sizeof(double2)) double rows[2][warp_size];
  int const size = plan.unknowns;
  int const j = lane_index();
  bool const exists = j < size;
  // Column j of A, which is its row j, too: A is symmetric. What is beyond the system is the identity.
  double a[warp_size];
#pragma unroll
  for (int i = 0; i < warp_size; ++i) {
    a[i] = exists && i < size ? scratch.system[i * size + j] : 0.0;
  }
  double diagonal = exists ? scratch.system[j * size + j] : 1.0;
  double const h = exists ? scratch.h[j] : 0.0;  // not read again below: that would spill on sm_90
  double z = h;
  // A = R^T D R. Lane j ends with column j of R above the diagonal, and row j of D R below it.
#pragma unroll
  for (int k = 0; k < warp_size; ++k) {
    double const inverse_k = reciprocal_of_pivot(__shfl_sync(all_lanes, diagonal, k));
    double const row = j > k ? a[k] : 0.0;  // row k of D R
    double const r = row * inverse_k;
    z = fma(-r, __shfl_sync(all_lanes, z, k), z);
    diagonal = fma(-r, row, diagonal);
    if (k < warp_size - 1) {
      rows[k % 2][j] = r;
      __syncwarp();
    }
#pragma unroll
    for (int pair = (k + 1) / 2; pair < warp_size / 2; ++pair) {
      double const volatile* const r_i = rows[k % 2] + 2 * pair;  // volatile: not all at once, registers are short
      a[2 * pair] = 2 * pair > k ? fma(-row, r_i[0], a[2 * pair]) : a[2 * pair];
      a[2 * pair + 1] = fma(-row, r_i[1], a[2 * pair + 1]);
    }
    a[k] = j > k ? r : a[k];
  }
  bool const is_usable = __all_sync(all_lanes, is_usable_pivot(diagonal)) != 0;
  double const inverse = is_usable ? reciprocal_of_pivot(diagonal) : static_cast<double>(NAN);
#pragma unroll
  for (int i = 1; i < warp_size; ++i) {
    a[i] = i > j ? a[i] * inverse : a[i];  // row j of R
  }
  double const alpha = sweep<warp_size - 1, -1>(a, z * inverse);
  double const g = sweep<warp_size - 1, -1>(a, sweep<0, 1>(a, alpha) * inverse);
  if (exists) {
    scratch.alpha[j] = alpha;
    scratch.g[j] = g;
  }
  double rsmi = exists ? alpha * (h + plan.lambda * alpha) : 0.0;
#pragma unroll
  for (int step = warp_size / 2; step > 0; step /= 2) {
    rsmi += __shfl_xor_sync(all_lanes, rsmi, step);
  }
  return rsmi - 1;
}

}  // namespace scc::gpu
