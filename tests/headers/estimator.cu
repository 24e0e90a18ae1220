// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Every host and device function of the estimator, called from a kernel, so that nvcc compiles it for devices.

#include <scc/estimator/chebyshev.hpp>
#include <scc/estimator/kernel_grid.hpp>
#include <scc/estimator/plan.hpp>
#include <scc/estimator/solve.hpp>
#include <scc/estimator/spline_histogram.hpp>
#include <scc/estimator/tables.hpp>

#ifdef EIGEN_WORLD_VERSION
#error "the estimator must not need Eigen: it is compiled for devices"
#endif

namespace {

/// A block of threads as the team that solves one image.
struct BlockTeam {
  __device__ static int rank() { return static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x); }
  __device__ static int size() { return static_cast<int>(blockDim.x * blockDim.y); }
  __device__ static int row() { return static_cast<int>(threadIdx.y); }
  __device__ static int rows() { return static_cast<int>(blockDim.y); }
  __device__ static int column() { return static_cast<int>(threadIdx.x); }
  __device__ static int columns() { return static_cast<int>(blockDim.x); }
  __device__ static void sync() { __syncthreads(); }
};

}  // namespace

__global__ void solve_image(scc::Tables tables, double const* moments, double* scratch, double* drsmi_dmoments,
                            double* rsmi) {
  *rsmi = scc::solve(BlockTeam{}, tables, moments, scc::SolveScratch::in(scratch, tables), drsmi_dmoments);
}

__global__ void evaluate_basis(double t, int intervals, double* out) {
  auto const at = scc::spline_histogram::locate(t, intervals);
  scc::spline_histogram::weights(at.fraction, out);
  scc::spline_histogram::difference_weights(at.fraction, out + 4);
  out[8] = scc::chebyshev::next(2 * t, t, 1.0);
}
