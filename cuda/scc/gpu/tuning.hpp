// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The numbers that shape the kernels: sizes of blocks, tiles and grids. docs/performance_gpu.md has the reasons.

#pragma once

#include <cstddef>
#include <scc/config.hpp>
#include <scc/estimator/chebyshev.hpp>

namespace scc::gpu {

/// Pixels that one thread works on at a time, read in one piece where memory allows.
inline constexpr int group_size = 4;

/// Largest degree of the kernels that keep the whole triangle of a thread's moments in registers, and a smaller one for
/// wide kernels and loose tolerances. Other degrees are rounded up to these; beyond them the triangle is cut into tiles.
inline constexpr int triangle_degree = 16;
/// The smaller one.
inline constexpr int small_triangle_degree = 12;

/// Rows and columns of a tile of the triangle a + b <= D; a thread keeps one tile in registers.
inline constexpr int tile_size = 8;

/// Threads of a block of a forward pass, chebyshev basis.
inline constexpr int moments_threads = 256;
/// Of a forward pass, histogram basis.
inline constexpr int histogram_threads = 512;
/// Of the pass over the weights.
inline constexpr int weight_threads = 256;
/// Of a solve.
inline constexpr int solve_threads = 256;
/// Of a backward pass.
inline constexpr int gradient_threads = 128;

/// Blocks that a multiprocessor runs at a time: registers, or the shared memory of a histogram, allow no more. In a
/// forward pass.
inline constexpr int forward_blocks_per_multiprocessor = 1;
/// In the pass over the weights.
inline constexpr int weight_blocks_per_multiprocessor = 4;
/// In a solve that has its scratch memory in shared memory.
inline constexpr int solve_blocks_per_multiprocessor = 2;
/// In a backward pass.
inline constexpr int gradient_blocks_per_multiprocessor = 3;
/// In a backward pass with weights, histogram basis: one block more spills on sm_120.
inline constexpr int weighted_histogram_gradient_blocks_per_multiprocessor = 2;
/// In a backward pass in double, chebyshev basis.
inline constexpr int double_gradient_blocks_per_multiprocessor = 2;

/// Fewer pixels than this do not pay for the sum over the threads of another block: forward, chebyshev basis.
inline constexpr int moments_pixels_per_thread = 8;
/// Forward, histogram basis.
inline constexpr int histogram_pixels_per_thread = 32;
/// Backward.
inline constexpr int gradient_pixels_per_thread = 4;
/// Weights that are worth a thread: one warp reads what all blocks say of an image.
inline constexpr int weights_per_thread = 16;

/// Pixels that a thread adds up in float before the sums go on in double. Short sums lose little to rounding.
inline constexpr int pixels_per_float_sum = 64;

/// What the kernels' static variables take of a block's shared memory at most: 16 bytes for a thread's counts of
/// out-of-domain and NaN pixels, or FitMemory, and some room.
inline constexpr std::size_t static_shared_bytes = histogram_threads * 16 + 2048;

/// Number of moments of a triangle, filled up so that the lanes of a warp get equally many.
SCC_HOST_DEVICE constexpr int padded_terms(int degree) { return (chebyshev::triangle_terms(degree) + 31) / 32 * 32; }

/// The degree of the triangle kernel that serves this degree, or 0 if none does.
SCC_HOST_DEVICE constexpr int triangle_for(int degree) {
  return degree <= small_triangle_degree ? small_triangle_degree : degree <= triangle_degree ? triangle_degree : 0;
}

/// Number of the tile in this row and column of tiles, among those that cover the triangle a + b <= degree: they are a
/// triangle themselves.
SCC_HOST_DEVICE constexpr int tile_index(int degree, int row, int column) {
  return chebyshev::triangle_index(degree / tile_size, row, column);
}

/// Number of tiles that cover the triangle.
SCC_HOST_DEVICE constexpr int tile_count(int degree) { return chebyshev::triangle_terms(degree / tile_size); }

/// Numbers that a block which solves an image collects first, from partial sums of so many terms, an even number: a sum of
/// all terms in each group of threads with two terms to a thread.
SCC_HOST_DEVICE constexpr int collected_sums(int terms) {
  return terms < 2 * solve_threads && terms > 0 ? 2 * solve_threads / terms * terms : terms;
}

}  // namespace scc::gpu
