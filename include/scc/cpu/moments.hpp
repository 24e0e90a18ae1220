// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// First pass, chebyshev basis: M_ab = sum_j w_j T_a(x_j) T_b(y_j) / W for a + b <= D, and W = sum_j w_j is the sum of
/// a = b = 0.
///
/// A block of pixels is a small matrix product, T(x) T(y)^T over the block, of which only the triangle is wanted. It is
/// cut into tiles whose sums stay in registers while the block goes by: rectangles, and at the end of each group of rows
/// a trapezoid along the diagonal.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>

#include "../diagnostics.hpp"
#include "../estimator/chebyshev.hpp"
#include "aligned_buffer.hpp"
#include "blocks.hpp"
#include "lanes.hpp"
#include "parallel.hpp"
#include "pixels.hpp"
#include "weights.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// Sums of w_j T_a(x_j) T_b(y_j), a + b <= D, over pixels added a block at a time.
///
/// A SIMD lane adds the few pixels of a block, then a few blocks, in `Real` before its sum goes to a double: float sums
/// lose no more than a few units in the last place, whatever the size of the image.
template <class Real>
class ChebyshevMoments {
public:
  static constexpr int tile_rows = 4;  ///< Values of a in a tile

  /// Number of Reals of memory that an instance needs, aligned to 64 bytes.
  static std::size_t table_size(int degree) {
    return static_cast<std::size_t>(2 * rows(degree)) * block_size +
           static_cast<std::size_t>(sum_count(degree)) * max_lanes;
  }
  /// Number of doubles of memory that an instance needs, aligned to 64 bytes.
  static std::size_t sum_size(int degree) { return static_cast<std::size_t>(sum_count(degree)) * max_double_lanes; }

  /// @param instructions  Instructions to use; the processor must have them.
  /// @param degree        D
  /// @param tables        [table_size(degree)] working memory
  /// @param sums          [sum_size(degree)] working memory
  ChebyshevMoments(Instructions instructions, int degree, Real* tables, double* sums)
      : instructions_(instructions),
        degree_(degree),
        x_table_(tables),
        y_table_(x_table_ + static_cast<std::ptrdiff_t>(rows(degree)) * block_size),
        lane_sums_(y_table_ + static_cast<std::ptrdiff_t>(rows(degree)) * block_size),
        sums_(sums) {
    // The rows beyond the degree are multiplied like the others, into sums that nobody reads.
    std::fill(tables, tables + table_size(degree), Real(0));
    std::fill(sums, sums + sum_size(degree), 0.0);
  }

  /// Adds the first `count` pixels of two blocks, with weights or, if that is null, without.
  void add(PixelBlock<Real> const& x, PixelBlock<Real> const& y, WeightBlock<Real> const* weights, int count) {
    if (weights != nullptr && weights->is_empty()) {
      return;
    }
    with_instructions(instructions_, [&](auto bytes) SCC_INLINE_LAMBDA {
      add_lanes<decltype(bytes)::value>(x.t, y.t, weights == nullptr ? nullptr : weights->w, count);
    });
  }

  /// Writes the sums [triangle_terms(D)], row a after row a - 1.
  void finish(double* totals) {
    with_instructions(instructions_, [&](auto bytes) SCC_INLINE_LAMBDA {
      constexpr int lanes = decltype(bytes)::value / static_cast<int>(sizeof(double));
      flush<decltype(bytes)::value>();
      double const* lane = sums_;
      for_each_tile<decltype(bytes)::value>([&](auto tile, int a0, int b0) {
        for (std::size_t sum = 0; sum < tile.size; ++sum, lane += lanes) {
          int const a = a0 + tile.row(sum), b = b0 + tile.column(sum);
          if (a + b <= degree_) {
            totals[chebyshev::triangle_index(degree_, a, b)] = std::accumulate(lane, lane + lanes, 0.0);
          }
        }
      });
    });
  }

private:
  static constexpr int pixels_per_lane = 128;
  static constexpr int max_lanes = max_lane_bytes / static_cast<int>(sizeof(Real));
  static constexpr int max_double_lanes = max_lane_bytes / static_cast<int>(sizeof(double));

  /// A rectangle of sums, and with `Diagonal` a triangle to the right of it: row i has Columns + tile_rows - 1 - i sums.
  template <int Columns, bool Diagonal>
  struct Tile {
    static constexpr int columns(int row) { return Columns + (Diagonal ? tile_rows - 1 - row : 0); }
    static constexpr std::size_t size = tile_rows * Columns + (Diagonal ? tile_rows * (tile_rows - 1) / 2 : 0);
    /// Row of a sum, which are numbered row by row.
    static constexpr int row(std::size_t at) {
      int i = 0, sum = static_cast<int>(at);
      for (; sum >= columns(i); ++i) {
        sum -= columns(i);
      }
      return i;
    }
    /// Column of a sum.
    static constexpr int column(std::size_t at) {
      int sum = static_cast<int>(at);
      for (int i = 0; sum >= columns(i); ++i) {
        sum -= columns(i);
      }
      return sum;
    }
  };

  /// Has the compiler compute a number that it would leave to the program.
  template <int Value>
  static constexpr int constant = Value;

  /// Columns of the rectangles that start in row a0.
  static int full_columns(int degree, int a0) { return std::max(degree + 2 - tile_rows - a0, 0); }

  /// Rows of a table: those of the last tile may lie beyond the degree.
  static int rows(int degree) { return (degree + tile_rows) / tile_rows * tile_rows; }

  static int sum_count(int degree) {
    int count = 0;
    for (int a0 = 0; a0 <= degree; a0 += tile_rows) {
      count += tile_rows * full_columns(degree, a0) + tile_rows * (tile_rows - 1) / 2;
    }
    return count;
  }

  /// Calls body(tile, a0, b0) for all tiles; they are larger where there are 32 registers.
  template <int Bytes, class Body>
  SCC_ALWAYS_INLINE void for_each_tile(Body const& body) const {
    constexpr bool wide = register_count(Bytes) == 32;
    for (int a0 = 0; a0 <= degree_; a0 += tile_rows) {
      int const columns = full_columns(degree_, a0);
      int b0 = 0;
      if constexpr (wide) {
        for (; columns - b0 >= 6; b0 += 6) {
          body(Tile<6, false>{}, a0, b0);
        }
      }
      for (; columns - b0 >= 3; b0 += 3) {
        body(Tile<3, false>{}, a0, b0);
      }
      switch (columns - b0) {
        case 0:
          body(Tile<0, true>{}, a0, b0);
          break;
        case 1:
          body(Tile<1, true>{}, a0, b0);
          break;
        default:
          if constexpr (wide) {
            body(Tile<2, true>{}, a0, b0);
          } else {
            body(Tile<2, false>{}, a0, b0);
            body(Tile<0, true>{}, a0, b0 + 2);
          }
      }
    }
  }

  template <int Bytes>
  SCC_ALWAYS_INLINE void add_lanes(Real const* x, Real const* y, Real const* weights, int count) {
    fill_table<Bytes, false>(y, nullptr, y_table_);
    if (weights != nullptr) {  // 0 beyond the last pixel
      fill_table<Bytes, true>(x, weights, x_table_);
    } else {
      fill_table<Bytes, false>(x, nullptr, x_table_);
    }
    if (weights == nullptr && count < block_size) {
      for (int a = 0; a <= degree_; ++a) {
        std::fill(x_table_ + a * block_size + count, x_table_ + (a + 1) * block_size, Real(0));
      }
    }
    Real* tile = lane_sums_;
    for_each_tile<Bytes>([&](auto shape, int a0, int b0) SCC_INLINE_LAMBDA {
      using Shape = decltype(shape);
      add_tile<Bytes, Shape>(x_table_ + a0 * block_size, y_table_ + b0 * block_size, tile,
                             std::make_index_sequence<Shape::columns(0)>{}, std::make_index_sequence<Shape::size>{});
      tile += Shape::size * Lanes<Real, Bytes>::count;
    });
    ++blocks_;
    if (blocks_ * block_size >= pixels_per_lane * Lanes<Real, Bytes>::count) {
      flush<Bytes>();
    }
  }

  /// Moves the lanes' sums to the doubles; of floats, the two halves of the lanes are added in double.
  template <int Bytes>
  SCC_ALWAYS_INLINE void flush() {
    using L = Lanes<Real, Bytes>;
    constexpr int doubles = Bytes / static_cast<int>(sizeof(double));
    Real* const end = lane_sums_ + sum_count(degree_) * L::count;
    double* to = sums_;
    for (Real* from = lane_sums_; from < end; from += L::count, to += doubles) {
      SCC_UNROLL
      for (int k = 0; k < doubles; ++k) {
        auto sum = static_cast<double>(from[k]);
        if constexpr (L::count > doubles) {
          sum += static_cast<double>(from[k + doubles]);
        }
        to[k] += sum;
      }
      L::broadcast(Real(0)).store(from);
    }
    blocks_ = 0;
  }

  /// T_a(t_k) to table[a, k]; with `Weighted` w_k T_a(t_k), which obey the same recurrence.
  template <int Bytes, bool Weighted>
  SCC_ALWAYS_INLINE void fill_table(Real const* t, [[maybe_unused]] Real const* w, Real* table) const {
    using L = Lanes<Real, Bytes>;
    constexpr int together = 4;  // independent recurrences, to fill the pipeline
    for (int k = 0; k < block_size; k += together * L::count) {
      L two_t[together], previous[together], current[together];
      SCC_UNROLL
      for (int g = 0; g < together; ++g) {
        current[g] = L::load(t + k + g * L::count);
        two_t[g] = current[g] + current[g];
        if constexpr (Weighted) {
          previous[g] = L::load(w + k + g * L::count);
          current[g] = current[g] * previous[g];
        } else {
          previous[g] = L::broadcast(Real(1));
        }
        previous[g].store(table + k + g * L::count);
      }
      for (int a = 1; a <= degree_; ++a) {
        SCC_UNROLL
        for (int g = 0; g < together; ++g) {
          current[g].store(table + a * block_size + k + g * L::count);
          chebyshev::advance(two_t[g], previous[g], current[g]);
        }
      }
    }
  }

  template <int Bytes, class Tile, std::size_t... Column, std::size_t... Sum>
  static SCC_ALWAYS_INLINE void add_tile(Real const* x, Real const* y, Real* sums, std::index_sequence<Column...>,
                                         std::index_sequence<Sum...>) {
    using L = Lanes<Real, Bytes>;
    L sum[Tile::size];
    ((sum[Sum] = L::broadcast(Real(0))), ...);
    for (int k = 0; k < block_size; k += L::count) {
      L const yj[] = {L::load(y + Column * block_size + k)...};
      (sum[Sum].add_product(L::load(x + constant<Tile::row(Sum)> * block_size + k), yj[constant<Tile::column(Sum)>]),
       ...);
    }
    ((L::load(sums + Sum * L::count) + sum[Sum]).store(sums + Sum * L::count), ...);
  }

  Instructions instructions_;
  int degree_;
  Real* x_table_;
  Real* y_table_;
  Real* lane_sums_;
  double* sums_;
  int blocks_ = 0;
};

/// First pass over the images of a batch: M_ab of each image, and the counts of its out-of-domain and NaN pixels.
///
/// @param instructions  Instructions to use; the processor must have them.
/// @param degree        D
/// @param x, y          The two batches.
/// @param weights       Of their pixels; null without.
/// @param pixels        Of each image, at least 1.
/// @param scratch       Working memory.
/// @param results       Prepared for the batch and weighed; `moments`, totals of `weights` and `diagnostics` are written.
template <class Real>
void chebyshev_moments(Instructions instructions, int degree, PixelReader<Real> const& x, PixelReader<Real> const& y,
                       WeightReader const* weights, std::int64_t pixels, ForwardScratch& scratch,
                       ImageResults& results) {
  using Moments = ChebyshevMoments<Real>;
  int const threads = thread_count();
  auto const images = static_cast<std::int64_t>(results.rsmi.size());
  auto const size = static_cast<std::size_t>(degree) + 1;
  auto const terms = static_cast<std::size_t>(chebyshev::triangle_terms(degree));
  AlignedBuffer<Real>& tables = scratch.template tables<Real>();
  Chunks const chunks(pixels);
  auto const chunk_count = static_cast<std::size_t>(chunks.count());
  auto const tasks = results.rsmi.size() * chunk_count;
  auto const table_size = aligned_size<Real>(Moments::table_size(degree));
  auto const sum_size = aligned_size<double>(Moments::sum_size(degree));
  tables.reserve(table_size * static_cast<std::size_t>(threads));
  scratch.sums.reserve(sum_size * static_cast<std::size_t>(threads));
  scratch.chunk_sums.resize(tasks * terms);
  scratch.chunk_diagnostics.resize(tasks);

  parallel_for(static_cast<std::int64_t>(tasks), threads, [&](std::int64_t task, int thread) {
    std::int64_t const image = task / chunks.count(), chunk = task % chunks.count();
    Moments moments(instructions, degree, tables.data() + table_size * static_cast<std::size_t>(thread),
                    scratch.sums.data() + sum_size * static_cast<std::size_t>(thread));
    auto const index = static_cast<std::size_t>(task);
    scratch.chunk_diagnostics[index] =
      for_each_block(instructions, x, y, {weights, results.weights[static_cast<std::size_t>(image)].scale}, image,
                     chunks.start(chunk), chunks.length(chunk),
                     [&](auto const& x_block, auto const& y_block, auto const* weight_block, std::int64_t, int count) {
                       moments.add(x_block, y_block, weight_block, count);
                     });
    moments.finish(&scratch.chunk_sums[index * terms]);
  });

  parallel_for(images, threads, [&](std::int64_t image, int) {
    auto const first = static_cast<std::size_t>(image) * chunk_count;
    double* const moments = &results.moments[static_cast<std::size_t>(image) * size * size];
    auto const sum = [&](std::size_t term) {
      double of_chunks = 0;
      for (std::size_t chunk = first; chunk < first + chunk_count; ++chunk) {
        of_chunks += scratch.chunk_sums[chunk * terms + term];
      }
      return of_chunks;
    };
    double const total = sum(0);
    results.weights[static_cast<std::size_t>(image)].total = total;
    std::size_t term = 0;
    for (std::size_t a = 0; a < size; ++a) {
      for (std::size_t b = 0; b < size; ++b) {
        moments[a * size + b] = a + b < size && total > 0 ? sum(term++) / total : 0;
      }
    }
    for (std::size_t chunk = first; chunk < first + chunk_count; ++chunk) {
      results.diagnostics[static_cast<std::size_t>(image)] += scratch.chunk_diagnostics[chunk];
    }
  });
}

}  // namespace scc::cpu
