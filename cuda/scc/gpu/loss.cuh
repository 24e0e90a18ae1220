// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The kernels of scc::gpu::Loss and their launches. Needs nvcc; everything else is in loss.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>
#include <scc/estimator/spline_histogram.hpp>
#include <stdexcept>
#include <string>

#include "kernels/gradient.cuh"
#include "kernels/histogram.cuh"
#include "kernels/moments.cuh"
#include "launch.cuh"
#include "loss.hpp"

namespace scc::gpu {

/// Whether a pass works in double: float sums would not do, or float would lose what the pixels hold.
inline bool works_in_double(Plan const& plan, ElementType first, ElementType second) {
  return first == ElementType::float64 || second == ElementType::float64 || !plan.allows_float_arithmetic();
}

/// Launches the forward kernel of a basis, and the memset before it.
///
/// @param kernel             moments_triangle, moments_tile or moments_histogram.
/// @param name               Its name, for errors.
/// @param state              Of the loss.
/// @param pass               What is asked for.
/// @param threads            Threads of a block.
/// @param pixels_per_thread  Pixels that are worth a thread, in large images.
/// @param parts              Parts of the moments, each worked on by blocks of its own.
/// @param rows_of_part       Rows of the histogram in a part; without meaning for the others.
/// @param add_shared_bytes   Dynamic shared memory that the sum over the pixels needs; the solve may need more.
/// @param stream             Where the work is enqueued. No synchronisation, no allocation.
/// @throws Error if a call fails.
template <class Real>
void launch_forward(void (*kernel)(ForwardArguments<Real> const), char const* name, DeviceState const& state,
                    ForwardPass const& pass, int threads, int pixels_per_thread, int parts, int rows_of_part,
                    std::size_t add_shared_bytes, cudaStream_t stream) {
  Options const& options = state.plan().options();
  ForwardArguments<Real> arguments{};
  arguments.tables = state.tables();
  arguments.x = pass.x;
  arguments.y = pass.y;
  arguments.order = pass.order;
  arguments.x_domain = DomainMap<Real>::of(options, pass.x.type);
  arguments.y_domain = DomainMap<Real>::of(options, pass.y.type);
  arguments.cut = Cut::of(pass.images, pass.pixels, threads, state.most_forward_blocks(parts), pixels_per_thread);
  arguments.parts = parts;
  arguments.rows_of_part = rows_of_part;
  arguments.unit = spline_histogram::fixed_point_unit(pass.pixels, std::is_same_v<Real, float> ? 32 : 50);
  arguments.solves_in_shared_memory = state.solves_in_shared_memory();
  arguments.workspace = pass.workspace;

  std::size_t shared_bytes = add_shared_bytes;
  if (arguments.solves_in_shared_memory) {
    shared_bytes = std::max(shared_bytes, SolveScratch::size(arguments.tables) * sizeof(double));
  }
  check(cudaMemsetAsync(pass.workspace.finished_images, 0, pass.workspace.zeroed_bytes, stream), "cudaMemsetAsync");
  launch(kernel, name, dim3(static_cast<unsigned>(arguments.cut.blocks), static_cast<unsigned>(parts)), threads,
         shared_bytes, stream, arguments);
}

/// Chebyshev basis of at most this degree, in float: all moments in a thread's registers.
template <int Degree>
void launch_triangle(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  std::size_t const shared_bytes = moments_threads / warp_size * TriangleMoments<Degree>::terms * sizeof(double);
  launch_forward(moments_triangle<Degree>, "moments_triangle", state, pass, moments_threads, moments_pixels_per_thread,
                 1, 0, shared_bytes, stream);
}

/// Chebyshev basis of any degree: a tile of the moments in a thread's registers.
template <class Real>
void launch_tiles(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  std::size_t const shared_bytes = moments_threads / warp_size * TileMoments<Real>::terms * sizeof(double);
  launch_forward(moments_tile<Real>, "moments_tile", state, pass, moments_threads, moments_pixels_per_thread,
                 tile_count(state.plan().resolution()), 0, shared_bytes, stream);
}

/// Histogram basis: rows of bins in a block's shared memory.
template <class Real>
void launch_histogram(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  int const bins = state.plan().basis_size();
  std::size_t const row_bytes = static_cast<std::size_t>(bins) * 2 * sizeof(unsigned);
  int const most_rows = static_cast<int>(state.shared_bytes() / row_bytes);
  int const parts = (bins + most_rows - 1) / most_rows;
  int const rows = (bins + parts - 1) / parts;
  launch_forward(moments_histogram<Real>, "moments_histogram", state, pass, histogram_threads,
                 histogram_pixels_per_thread, parts, rows, static_cast<std::size_t>(rows) * row_bytes, stream);
}

/// Launches a gradient kernel.
///
/// @param kernel               gradient_triangle, gradient_tile or gradient_histogram.
/// @param name                 Its name, for errors.
/// @param state                Of the loss.
/// @param pass                 What is asked for.
/// @param shared_bytes         Dynamic shared memory of a block.
/// @param stages_coefficients  Whether the coefficients G_ab are copied there first.
/// @param stream               Where the work is enqueued. No synchronisation, no allocation.
/// @throws Error if a call fails.
template <class Real>
void launch_gradient(void (*kernel)(GradientArguments<Real> const), char const* name, DeviceState const& state,
                     BackwardPass const& pass, std::size_t shared_bytes, bool stages_coefficients,
                     cudaStream_t stream) {
  Options const& options = state.plan().options();
  GradientArguments<Real> arguments{};
  arguments.other = pass.other;
  arguments.varied = pass.varied;
  arguments.gradient = pass.gradient;
  arguments.order = pass.order;
  arguments.other_domain = DomainMap<Real>::of(options, pass.other.type);
  arguments.varied_domain = DomainMap<Real>::of(options, pass.varied.type);
  arguments.cut =
    Cut::of(pass.images, pass.pixels, gradient_threads, state.most_gradient_blocks(), gradient_pixels_per_thread);
  arguments.basis_size = state.plan().basis_size();
  arguments.side = pass.side;
  arguments.accumulate = pass.mode == GradientMode::accumulate;
  arguments.stages_coefficients = stages_coefficients;
  arguments.factor = pass.factor;
  arguments.grad_loss = pass.grad_loss;
  arguments.drsmi_dmoments = pass.drsmi_dmoments;
  launch(kernel, name, dim3(static_cast<unsigned>(arguments.cut.blocks)), gradient_threads, shared_bytes, stream,
         arguments);
}

/// Chebyshev basis of at most this degree, in float.
template <int Degree>
void launch_triangle_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  launch_gradient(gradient_triangle<Degree>, "gradient_triangle", state, pass, TriangleGradient<Degree>::shared_bytes,
                  true, stream);
}

/// Chebyshev basis of any degree.
template <class Real>
void launch_tile_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  launch_gradient(gradient_tile<Real>, "gradient_tile", state, pass,
                  TileGradient<Real>::shared_bytes(state.plan().resolution()), true, stream);
}

/// Histogram basis; its coefficients stay in global memory if they do not fit shared memory.
template <class Real>
void launch_histogram_gradient(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  std::size_t const bytes = state.moment_count() * sizeof(Real);
  bool const fits = bytes <= state.shared_bytes();
  launch_gradient(gradient_histogram<Real>, "gradient_histogram", state, pass, fits ? bytes : 0, fits, stream);
}

template <class Tag>
void Passes<Tag>::forward(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  bool const in_double = works_in_double(state.plan(), pass.x.type, pass.y.type);
  if (state.plan().basis() == Basis::histogram) {
    in_double ? launch_histogram<double>(state, pass, stream) : launch_histogram<float>(state, pass, stream);
  } else if (in_double) {
    launch_tiles<double>(state, pass, stream);
  } else {
    switch (triangle_for(state.plan().resolution())) {
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
void Passes<Tag>::backward(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  bool const in_double = works_in_double(state.plan(), pass.other.type, pass.varied.type);
  if (state.plan().basis() == Basis::histogram) {
    in_double ? launch_histogram_gradient<double>(state, pass, stream)
              : launch_histogram_gradient<float>(state, pass, stream);
  } else if (in_double) {
    launch_tile_gradient<double>(state, pass, stream);
  } else {
    switch (triangle_for(state.plan().resolution())) {
      case small_triangle_degree:
        return launch_triangle_gradient<small_triangle_degree>(state, pass, stream);
      case triangle_degree:
        return launch_triangle_gradient<triangle_degree>(state, pass, stream);
      default:
        return launch_tile_gradient<float>(state, pass, stream);
    }
  }
}

}  // namespace scc::gpu
