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
#include "kernels/weights.cuh"
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

/// Launches find_largest_weights.
///
/// @param state   Of the loss.
/// @param pass    What is asked for.
/// @param stream  Where the work is enqueued. No synchronisation, no allocation.
/// @return how that kernel parts the weights.
/// @throws Error if a call fails.
inline TilePartition launch_weights(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  WeightPass const& weights = pass.weights;
  WeightArguments const arguments{
    weights.weight,
    make_tile_partition(pass.images, weights.pixels, weight_threads, state.most_forward_blocks(1), weights_per_thread),
    weights.repeats, pass.workspace.summaries};
  bool const in_double = weights.weight.view.type == ElementType::float64;
  launch(in_double ? find_largest_weights<double> : find_largest_weights<float>, "find_largest_weights",
         dim3(static_cast<unsigned>(arguments.partition.blocks)), weight_threads, 0, stream, arguments);
  return arguments.partition;
}

/// Launches a kernel of the first pass, and the solve; before them that of the weights, if there are any, and a memset where
/// moments are added up in bins.
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
  arguments.weight = pass.weight;

  SolveArguments solve{};
  solve.plan = state.view();
  solve.partition = arguments.partition;
  solve.layout = kernel.layout;
  solve.degree = kernel.degree;
  solve.terms = kernel.terms;
  double const pixels = static_cast<double>(pass.pixels);
  solve.inverse_total = 1 / (kernel.layout == MomentLayout::bins ? arguments.unit * pixels : pixels);
  solve.workspace = pass.workspace;
  solve.with_gradient = pass.with_gradient;
  solve.has_weight = pass.has_weight;
  solve.weight_type = pass.weight.view.type;
  solve.unit = arguments.unit;
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

  if (pass.has_weight) {
    arguments.weights_partition = solve.weights_partition = launch_weights(state, pass, stream);
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
template <int Degree, bool HasWeight>
void launch_triangle(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  constexpr int terms = padded_terms(Degree);
  MomentsKernel<float> kernel{};
  bool const dense = is_dense(pass.x, pass.pixels) && is_dense(pass.y, pass.pixels);
  kernel.function = dense ? moments_triangle<Degree, true, HasWeight> : moments_triangle<Degree, false, HasWeight>;
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
template <class Real, bool HasWeight>
void launch_tiles(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  constexpr int terms = tile_size * tile_size;
  MomentsKernel<Real> kernel{};
  kernel.function = moments_tile<Real, HasWeight>;
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
template <class Real, bool HasWeight>
void launch_histogram(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  int const bins = state.plan().basis_size();
  std::size_t const row_bytes = static_cast<std::size_t>(bins) * 2 * sizeof(unsigned);
  int const most_rows = static_cast<int>(state.shared_bytes() / row_bytes);
  MomentsKernel<Real> kernel{};
  kernel.function = moments_histogram<Real, HasWeight>;
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
  arguments.grad_loss = pass.grad_loss.values();
  arguments.grad_loss_stride = pass.grad_loss.stride();
  arguments.drsmi_dmoments = pass.workspace.drsmi_dmoments;
  arguments.differences = pass.workspace.differences;
  arguments.weight = pass.weight;
  arguments.image_weights = pass.workspace.weights;
  launch(kernel.function, kernel.name, dim3(static_cast<unsigned>(arguments.partition.blocks)), gradient_threads,
         kernel.shared_bytes, stream, arguments);
}

/// Chebyshev basis of at most this degree, in float.
template <int Degree, bool HasWeight>
void launch_triangle_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  bool const dense = is_dense(pass.fixed, pass.pixels) && is_dense(pass.differentiated, pass.pixels) &&
                     is_dense(pass.gradient, pass.pixels);
  GradientKernel<float> const kernel{
    dense ? gradient_triangle<Degree, true, HasWeight> : gradient_triangle<Degree, false, HasWeight>,
    "gradient_triangle", TriangleGradient<Degree>::shared_bytes, true};
  launch_gradient(kernel, state, pass, stream);
}

/// Chebyshev basis of any degree.
template <class Real, bool HasWeight>
void launch_tile_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  GradientKernel<Real> const kernel{gradient_tile<Real, HasWeight>, "gradient_tile",
                                    TileGradient<Real>::shared_bytes(state.plan().degree()), true};
  launch_gradient(kernel, state, pass, stream);
}

/// Histogram basis; its coefficients stay in global memory if they do not fit shared memory.
template <class Real, bool HasWeight>
void launch_histogram_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  bool const fits = state.fits_coefficients<Real>();
  std::size_t const bytes = fits ? state.plan().moment_count() * sizeof(Real) : 0;
  GradientKernel<Real> const kernel{gradient_histogram<Real, HasWeight>, "gradient_histogram", bytes, fits};
  launch_gradient(kernel, state, pass, stream);
}

/// Calls load(kernels...) with those for pixels with weights, or without.
template <bool HasWeight, class Load>
void load_pixel_kernels(Load const& load) {
  load(moments_triangle<small_triangle_degree, true, HasWeight>,
       moments_triangle<small_triangle_degree, false, HasWeight>);
  load(moments_triangle<triangle_degree, true, HasWeight>, moments_triangle<triangle_degree, false, HasWeight>);
  load(gradient_triangle<small_triangle_degree, true, HasWeight>,
       gradient_triangle<small_triangle_degree, false, HasWeight>);
  load(gradient_triangle<triangle_degree, true, HasWeight>, gradient_triangle<triangle_degree, false, HasWeight>);
  load(moments_tile<float, HasWeight>, moments_tile<double, HasWeight>);
  load(gradient_tile<float, HasWeight>, gradient_tile<double, HasWeight>);
  load(moments_histogram<float, HasWeight>, moments_histogram<double, HasWeight>);
  load(gradient_histogram<float, HasWeight>, gradient_histogram<double, HasWeight>);
}

/// A forward pass for pixels with weights, or without: chooses its kernel.
template <bool HasWeight>
void launch_forward_pass(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  bool const in_double = state.plan().needs_double(pass.x.type, pass.y.type);
  if (state.plan().basis() == Basis::histogram) {
    in_double ? launch_histogram<double, HasWeight>(state, pass, stream)
              : launch_histogram<float, HasWeight>(state, pass, stream);
  } else if (in_double) {
    launch_tiles<double, HasWeight>(state, pass, stream);
  } else {
    switch (triangle_for(state.plan().degree())) {
      case small_triangle_degree:
        return launch_triangle<small_triangle_degree, HasWeight>(state, pass, stream);
      case triangle_degree:
        return launch_triangle<triangle_degree, HasWeight>(state, pass, stream);
      default:
        return launch_tiles<float, HasWeight>(state, pass, stream);
    }
  }
}

/// A backward pass, likewise.
template <bool HasWeight>
void launch_backward_pass(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  bool const in_double = state.plan().needs_double(pass.fixed.type, pass.differentiated.type);
  if (state.plan().basis() == Basis::histogram) {
    in_double ? launch_histogram_gradient<double, HasWeight>(state, pass, stream)
              : launch_histogram_gradient<float, HasWeight>(state, pass, stream);
  } else if (in_double) {
    launch_tile_gradient<double, HasWeight>(state, pass, stream);
  } else {
    switch (triangle_for(state.plan().degree())) {
      case small_triangle_degree:
        return launch_triangle_gradient<small_triangle_degree, HasWeight>(state, pass, stream);
      case triangle_degree:
        return launch_triangle_gradient<triangle_degree, HasWeight>(state, pass, stream);
      default:
        return launch_tile_gradient<float, HasWeight>(state, pass, stream);
    }
  }
}

template <class Tag>
void Dispatch<Tag>::load_kernels(DeviceState const& state) {
  auto const load = [&state](auto... kernels) { (load_kernel(kernels, state.block_shared_bytes()), ...); };
  load(find_largest_weights<float>, find_largest_weights<double>);
  load(solve_images<SolveMemory::all>, solve_images<SolveMemory::scratch>, solve_images<SolveMemory::none>);
  load_pixel_kernels<false>(load);
  load_pixel_kernels<true>(load);
}

template <class Tag>
void Dispatch<Tag>::forward(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  pass.has_weight ? launch_forward_pass<true>(state, pass, stream) : launch_forward_pass<false>(state, pass, stream);
}

template <class Tag>
void Dispatch<Tag>::backward(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  pass.has_weight ? launch_backward_pass<true>(state, pass, stream) : launch_backward_pass<false>(state, pass, stream);
}

// All of it in every unit, so that the linker takes all of it from the same one.
template struct Dispatch<>;

}  // namespace scc::gpu
