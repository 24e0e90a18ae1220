// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The kernels of scc::gpu::Loss and their launches. Needs nvcc; everything else is in loss.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>
#include <scc/estimator/spline.hpp>
#include <type_traits>

#include "kernels/gradient.cuh"
#include "kernels/histogram.cuh"
#include "kernels/moments.cuh"
#include "kernels/solve.cuh"
#include "launch.cuh"
#include "load_kernel.cuh"
#include "loss.hpp"

namespace scc::gpu {

/// A kernel of the first pass, and what it is launched with.
template <class Real>
struct MomentsKernel {
  void (*function)(ForwardArguments<Real> const);  ///< moments_triangle, moments_tile or moments_histogram
  char const* name;                                ///< Its name, for errors
  int threads;                                     ///< Threads of a block
  int pixels_per_thread;                           ///< Pixels that are worth a thread, in large images
  int parts;                                       ///< Parts of the moments, each worked on by blocks of its own
  int rows_of_part;                                ///< histogram: rows of bins that one part has at most
  std::size_t shared_bytes;                        ///< Dynamic shared memory of a block
  MomentLayout layout;                             ///< Where it leaves the moments
  int degree;                                      ///< chebyshev basis: of that layout
  int terms;                                       ///< chebyshev basis: sums of a block of each part together
};

/// Launches a kernel of the first pass, and the solve; before them a memset where moments are added up in bins.
///
/// @param kernel  Which, and how.
/// @param state   Of the loss.
/// @param pass    What is asked for.
/// @param stream  Where the work is enqueued. No synchronisation, no allocation.
/// @throws Error if a call fails.
template <class Real>
void launch_forward(MomentsKernel<Real> const& kernel, DeviceState const& state, ForwardPass const& pass,
                    cudaStream_t stream) {
  Options const& options = state.plan().options();
  ForwardArguments<Real> arguments{};
  arguments.x = pass.x;
  arguments.y = pass.y;
  arguments.shape = pass.shape;
  arguments.x_domain = make_domain_map<Real>(options, pass.x.type);
  arguments.y_domain = make_domain_map<Real>(options, pass.y.type);
  arguments.partition = make_tile_partition(pass.images, pass.pixels, kernel.threads,
                                            state.most_forward_blocks(kernel.parts), kernel.pixels_per_thread);
  arguments.basis_size = state.plan().basis_size();
  arguments.parts = kernel.parts;
  arguments.rows_of_part = kernel.rows_of_part;
  arguments.unit = spline::fixed_point_unit(pass.pixels, std::is_same_v<Real, float> ? 32 : 50);
  arguments.workspace = pass.workspace;

  SolveArguments solve{};
  solve.plan = state.view();
  solve.partition = arguments.partition;
  solve.layout = kernel.layout;
  solve.degree = kernel.degree;
  solve.terms = kernel.terms;
  double const pixels = static_cast<double>(pass.pixels);
  solve.inverse_total = 1 / (kernel.layout == MomentLayout::bins ? arguments.unit * pixels : pixels);
  solve.workspace = pass.workspace;
  std::size_t const collected = static_cast<std::size_t>(collected_sums(kernel.terms));
  std::size_t const scratch = SolveScratch::size(solve.plan);
  std::size_t const tables = static_cast<std::size_t>(solve.plan.functions + solve.plan.products) *
                             static_cast<std::size_t>(solve.plan.basis_size);
  std::size_t const most = state.shared_bytes() / sizeof(double);
  auto* solve_kernel = solve_images<SolveMemory::none>;
  std::size_t solve_numbers = collected;
  if (kernel.layout != MomentLayout::bins && collected + scratch + tables <= most) {
    solve_kernel = solve_images<SolveMemory::all>;
    solve_numbers += scratch + tables;
  } else if (state.solves_in_shared_memory()) {
    solve_kernel = solve_images<SolveMemory::scratch>;
    solve_numbers += scratch;
  }

  if (kernel.layout == MomentLayout::bins) {
    std::size_t const bytes =
      static_cast<std::size_t>(pass.images) * state.plan().moment_count() * sizeof(unsigned long long);
    check(cudaMemsetAsync(pass.workspace.bins, 0, bytes, stream), "cudaMemsetAsync");
  }
  dim3 const grid(static_cast<unsigned>(arguments.partition.blocks), static_cast<unsigned>(kernel.parts));
  launch(kernel.function, kernel.name, grid, kernel.threads, kernel.shared_bytes, stream, arguments);
  launch(solve_kernel, "solve_images", dim3(static_cast<unsigned>(pass.images)), solve_threads,
         solve_numbers * sizeof(double), stream, solve);
}

/// Chebyshev basis of at most this degree, in float: all moments in a thread's registers.
template <int Degree>
void launch_triangle(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  constexpr int terms = padded_terms(Degree);
  MomentsKernel<float> kernel{};
  bool const dense = is_dense(pass.x, pass.pixels) && is_dense(pass.y, pass.pixels);
  kernel.function = dense ? moments_triangle<Degree, true> : moments_triangle<Degree, false>;
  kernel.name = "moments_triangle";
  kernel.threads = moments_threads;
  kernel.pixels_per_thread = moments_pixels_per_thread;
  kernel.parts = 1;
  kernel.shared_bytes = moments_threads / warp_size * terms * sizeof(double);
  kernel.layout = MomentLayout::triangle;
  kernel.degree = Degree;
  kernel.terms = terms;
  launch_forward(kernel, state, pass, stream);
}

/// Chebyshev basis of any degree: a tile of the moments in a thread's registers.
template <class Real>
void launch_tiles(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  constexpr int terms = tile_size * tile_size;
  MomentsKernel<Real> kernel{};
  kernel.function = moments_tile<Real>;
  kernel.name = "moments_tile";
  kernel.threads = moments_threads;
  kernel.pixels_per_thread = moments_pixels_per_thread;
  kernel.parts = tile_count(state.plan().degree());
  kernel.shared_bytes = moments_threads / warp_size * terms * sizeof(double);
  kernel.layout = MomentLayout::tiles;
  kernel.degree = state.plan().degree();
  kernel.terms = kernel.parts * terms;
  launch_forward(kernel, state, pass, stream);
}

/// Histogram basis: rows of bins in a block's shared memory.
template <class Real>
void launch_histogram(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  int const bins = state.plan().basis_size();
  std::size_t const row_bytes = static_cast<std::size_t>(bins) * 2 * sizeof(unsigned);
  int const most_rows = static_cast<int>(state.shared_bytes() / row_bytes);
  MomentsKernel<Real> kernel{};
  kernel.function = moments_histogram<Real>;
  kernel.name = "moments_histogram";
  kernel.threads = histogram_threads;
  kernel.pixels_per_thread = histogram_pixels_per_thread;
  kernel.parts = (bins + most_rows - 1) / most_rows;
  kernel.rows_of_part = (bins + kernel.parts - 1) / kernel.parts;
  kernel.shared_bytes = static_cast<std::size_t>(kernel.rows_of_part) * row_bytes;
  kernel.layout = MomentLayout::bins;
  launch_forward(kernel, state, pass, stream);
}

/// A gradient kernel, and what it is launched with.
template <class Real>
struct GradientKernel {
  void (*function)(GradientArguments<Real> const);  ///< gradient_triangle, gradient_tile or gradient_histogram
  char const* name;                                 ///< Its name, for errors
  std::size_t shared_bytes;                         ///< Dynamic shared memory of a block
  bool stages_coefficients;                         ///< Whether the coefficients G_ab are copied there first
};

/// Launches a gradient kernel.
///
/// @param kernel  Which, and how.
/// @param state   Of the loss.
/// @param pass    What is asked for.
/// @param stream  Where the work is enqueued. No synchronisation, no allocation.
/// @throws Error if a call fails.
template <class Real>
void launch_gradient(GradientKernel<Real> const& kernel, DeviceState const& state, BackwardPass const& pass,
                     cudaStream_t stream) {
  Options const& options = state.plan().options();
  GradientArguments<Real> arguments{};
  arguments.fixed = pass.fixed;
  arguments.differentiated = pass.differentiated;
  arguments.gradient = pass.gradient;
  arguments.shape = pass.shape;
  arguments.fixed_domain = make_domain_map<Real>(options, pass.fixed.type);
  arguments.differentiated_domain = make_domain_map<Real>(options, pass.differentiated.type);
  arguments.partition = make_tile_partition(pass.images, pass.pixels, gradient_threads, state.most_gradient_blocks(),
                                            gradient_pixels_per_thread);
  arguments.basis_size = state.plan().basis_size();
  arguments.side = pass.side;
  arguments.accumulate = pass.mode == GradientMode::accumulate;
  arguments.stages_coefficients = kernel.stages_coefficients;
  arguments.factor = pass.factor;
  arguments.grad_loss = pass.grad_loss;
  arguments.drsmi_dmoments = pass.drsmi_dmoments;
  arguments.differences = pass.differences;
  launch(kernel.function, kernel.name, dim3(static_cast<unsigned>(arguments.partition.blocks)), gradient_threads,
         kernel.shared_bytes, stream, arguments);
}

/// Chebyshev basis of at most this degree, in float.
template <int Degree>
void launch_triangle_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  bool const dense = is_dense(pass.fixed, pass.pixels) && is_dense(pass.differentiated, pass.pixels) &&
                     is_dense(pass.gradient, pass.pixels);
  GradientKernel<float> const kernel{dense ? gradient_triangle<Degree, true> : gradient_triangle<Degree, false>,
                                     "gradient_triangle", TriangleGradient<Degree>::shared_bytes, true};
  launch_gradient(kernel, state, pass, stream);
}

/// Chebyshev basis of any degree.
template <class Real>
void launch_tile_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  GradientKernel<Real> const kernel{gradient_tile<Real>, "gradient_tile",
                                    TileGradient<Real>::shared_bytes(state.plan().degree()), true};
  launch_gradient(kernel, state, pass, stream);
}

/// Histogram basis; its coefficients stay in global memory if they do not fit shared memory.
template <class Real>
void launch_histogram_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  bool const fits = state.fits_coefficients<Real>();
  std::size_t const bytes = fits ? state.plan().moment_count() * sizeof(Real) : 0;
  GradientKernel<Real> const kernel{gradient_histogram<Real>, "gradient_histogram", bytes, fits};
  launch_gradient(kernel, state, pass, stream);
}

template <class Tag>
void Dispatch<Tag>::load_kernels(DeviceState const& state) {
  auto const load = [&state](auto... kernels) { (load_kernel(kernels, state.block_shared_bytes()), ...); };
  load(moments_triangle<small_triangle_degree, true>, moments_triangle<small_triangle_degree, false>);
  load(moments_triangle<triangle_degree, true>, moments_triangle<triangle_degree, false>);
  load(gradient_triangle<small_triangle_degree, true>, gradient_triangle<small_triangle_degree, false>);
  load(gradient_triangle<triangle_degree, true>, gradient_triangle<triangle_degree, false>);
  load(solve_images<SolveMemory::all>, solve_images<SolveMemory::scratch>, solve_images<SolveMemory::none>);
  load(moments_tile<float>, moments_tile<double>, gradient_tile<float>, gradient_tile<double>);
  load(moments_histogram<float>, moments_histogram<double>, gradient_histogram<float>, gradient_histogram<double>);
}

template <class Tag>
void Dispatch<Tag>::forward(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  bool const in_double = state.plan().needs_double(pass.x.type, pass.y.type);
  if (state.plan().basis() == Basis::histogram) {
    in_double ? launch_histogram<double>(state, pass, stream) : launch_histogram<float>(state, pass, stream);
  } else if (in_double) {
    launch_tiles<double>(state, pass, stream);
  } else {
    switch (triangle_for(state.plan().degree())) {
      case small_triangle_degree:
        return launch_triangle<small_triangle_degree>(state, pass, stream);
      case triangle_degree:
        return launch_triangle<triangle_degree>(state, pass, stream);
      default:
        return launch_tiles<float>(state, pass, stream);
    }
  }
}

template <class Tag>
void Dispatch<Tag>::backward(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  bool const in_double = state.plan().needs_double(pass.fixed.type, pass.differentiated.type);
  if (state.plan().basis() == Basis::histogram) {
    in_double ? launch_histogram_gradient<double>(state, pass, stream)
              : launch_histogram_gradient<float>(state, pass, stream);
  } else if (in_double) {
    launch_tile_gradient<double>(state, pass, stream);
  } else {
    switch (triangle_for(state.plan().degree())) {
      case small_triangle_degree:
        return launch_triangle_gradient<small_triangle_degree>(state, pass, stream);
      case triangle_degree:
        return launch_triangle_gradient<triangle_degree>(state, pass, stream);
      default:
        return launch_tile_gradient<float>(state, pass, stream);
    }
  }
}

// All of it in every unit, so that the linker takes all of it from the same one.
template struct Dispatch<>;

}  // namespace scc::gpu
