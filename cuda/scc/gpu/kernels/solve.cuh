// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The step between the passes, by one block per image: collects the partial sums of the moments, solves the image
/// (scc/estimator/solve.hpp, for both backends), and, in the block that finishes last, adds up the loss.

#pragma once

#include <cmath>
#include <cstdint>
#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/diagnostics.hpp>
#include <scc/estimator/chebyshev.hpp>
#include <scc/estimator/solve.hpp>
#include <scc/plan/plan_view.hpp>
#include <type_traits>

#include "../tile_partition.hpp"
#include "../tuning.hpp"
#include "../workspace.hpp"
#include "fit.cuh"
#include "forward.cuh"
#include "warp.cuh"
#include "weights.cuh"

namespace scc::gpu {

/// Where a kernel of the first pass leaves moments.
enum class MomentLayout {
  triangle,  ///< Partial sums of the triangle a + b <= D of a kernel's degree D, row after row
  tiles,     ///< Partial sums of tiles of the triangle, row of tiles after row
  bins,      ///< Sums in fixed point
};

/// What a solve has in shared memory.
enum class SolveMemory {
  all,      ///< The moments, the tables psi and psi_psi, and the scratch memory: chebyshev basis
  scratch,  ///< The scratch memory alone
  none,     ///< Nothing
};

/// Argument of solve_images.
struct SolveArguments {
  PlanView plan;
  TilePartition partition;  ///< Of the first pass
  MomentLayout layout;
  int degree;            ///< Of the triangle, or of the moments that are tiled
  int terms;             ///< Sums that a block of the first pass leaves of an image; 0 for bins
  double inverse_total;  ///< 1 / what a moment is the sum of; not used with weights
  WorkspaceView workspace;
  bool with_gradient;               ///< Whether d rSMI / d moments is wanted
  bool has_weight;                  ///< Whether the pixels have weights
  ElementType weight_type;          ///< likewise
  TilePartition weights_partition;  ///< likewise, of find_largest_weights
  double unit;                      ///< likewise: what a weight of 1 counts in bins
};

/// Number of the sum of T_a T_b among those that a block leaves.
__device__ inline int index_of_moment(MomentLayout layout, int degree, int a, int b) {
  if (layout == MomentLayout::triangle) {
    return chebyshev::triangle_index(degree, a, b);
  }
  return tile_index(degree, a / tile_size, b / tile_size) * (tile_size * tile_size) + a % tile_size * tile_size +
         b % tile_size;
}

/// Moments of an image from the sums of its blocks, chebyshev basis. Returns 1 / what a moment is the sum of. Ends before a
/// barrier.
///
/// @param sums     [collected_sums(terms)] shared memory.
/// @param moments  [B, B] out.
/// @param result   [B, B] out: the same in the workspace.
__device__ inline double collect_sums(SolveArguments const& arguments, int image, double* sums, double* moments,
                                      double* result) {
  constexpr int loads = 8;  // under way at a time
  int const terms = arguments.terms, pairs = terms / 2;
  std::int64_t const first = arguments.partition.first_partial(image), last = arguments.partition.last_partial(image);
  // The threads in groups with a thread for each pair of sums; each group adds up every so-manyth partial sum.
  int const groups = collected_sums(terms) / terms;
  int const group = pairs < thread_count() ? thread_index() / pairs : 0;
  for (int pair = thread_index() - group * pairs; pair < pairs && group < groups; pair += thread_count()) {
    auto const* const source = reinterpret_cast<double2 const*>(arguments.workspace.partial_sums) + pair;
    double2 sum{0, 0};
    for (std::int64_t partial = first + group; partial <= last; partial += loads * groups) {
      double2 parts[loads];
      SCC_UNROLL
      for (int k = 0; k < loads; ++k) {
        std::int64_t const at = partial + k * groups;
        parts[k] = at <= last ? load_pair_from_l2(source + at * pairs) : double2{0, 0};
      }
      SCC_UNROLL
      for (int k = 0; k < loads; ++k) {
        sum.x += parts[k].x;
        sum.y += parts[k].y;
      }
    }
    sums[group * terms + 2 * pair] = sum.x;
    sums[group * terms + 2 * pair + 1] = sum.y;
  }
  __syncthreads();
  double inverse_total = arguments.inverse_total;
  if (arguments.has_weight) {
    double total = 0;  // the sum of T_0 T_0
    for (int k = 0; k < groups; ++k) {
      total += sums[k * terms];
    }
    inverse_total = 1 / total;
  }
  int const size = arguments.plan.basis_size;
  Arrangement const threads = BlockTeam(thread_index()).arrange(size);
  for (int a = threads.row; a < size; a += threads.rows) {
    for (int b = threads.column; b < size; b += threads.columns) {
      double sum = 0;
      if (a + b < size) {
        int const index = index_of_moment(arguments.layout, arguments.degree, a, b);
        for (int k = 0; k < groups; ++k) {
          sum += sums[k * terms + index];
        }
      }
      moments[a * size + b] = result[a * size + b] = sum * inverse_total;
    }
  }
  return inverse_total;
}

/// Moments of an image from its bins, each in the place of its bin. Returns 1 / what a moment is the sum of. Ends before a
/// barrier.
__device__ inline double collect_bins(SolveArguments const& arguments, std::int64_t image, double* moments) {
  std::int64_t const count = std::int64_t{arguments.plan.basis_size} * arguments.plan.basis_size;
  double inverse_total = arguments.inverse_total;
  if (arguments.has_weight) {
    std::int64_t const last = arguments.partition.last_partial(static_cast<int>(image));
    double total = 0;
    for (std::int64_t partial = arguments.partition.first_partial(static_cast<int>(image)) + lane_index();
         partial <= last; partial += warp_size) {
      total += arguments.workspace.partial_sums[partial];
    }
    SCC_UNROLL
    for (int step = warp_size / 2; step > 0; step /= 2) {
      total += __shfl_xor_sync(all_lanes, total, step);
    }
    inverse_total = 1 / (arguments.unit * total);
  }
  for (std::int64_t bin = thread_index(); bin < count; bin += thread_count()) {
    moments[bin] = static_cast<double>(arguments.workspace.bins[image * count + bin]) * inverse_total;
  }
  return inverse_total;
}

/// Counts one more arrival at `counter`; true in all threads of the block if it is number `expected`. What thread 0 of
/// the blocks that arrived before had written, and their other threads before the last barrier of their block, is then
/// there for this block to read, from the second-level cache.
__device__ inline bool is_last_arrival(unsigned* counter, unsigned expected) {
  bool is_last = false;
  if (thread_index() == 0) {
    __threadfence();
    is_last = atomicAdd(counter, 1u) + 1 == expected;
    __threadfence();
  }
  return __syncthreads_or(is_last) != 0;
}

/// Copies numbers, by all threads of the block.
__device__ inline void copy_numbers(double const* from, int count, double* to) {
  constexpr int loads = 4;  // under way at a time
  for (int first = thread_index(); first < count; first += loads * thread_count()) {
    double numbers[loads];
    SCC_UNROLL
    for (int n = 0; n < loads; ++n) {
      int const k = first + n * thread_count();
      numbers[n] = __ldg(from + (k < count ? k : first));
    }
    SCC_UNROLL
    for (int n = 0; n < loads; ++n) {
      int const k = first + n * thread_count();
      if (k < count) {
        to[k] = numbers[n];
      }
    }
  }
}

/// 0, of which the compiler does not know that.
__device__ inline unsigned opaque_zero() {
  unsigned zero = 0;
  asm volatile("" : "+r"(zero));
  return zero;
}

/// WorkspaceView::differences of an image: made once, as a pixel reads 12 of them. Those of the last row along x, which
/// nobody reads, are 0.
__device__ inline void store_differences(BlockTeam const& block, double const* drsmi_dmoments, int basis_size,
                                         float* differences) {
  int const count = basis_size * basis_size;
  auto const store = [&](auto loads, int first) {  // as many are under way at a time
    double here[loads.value], along_y[loads.value], along_x[loads.value];
    SCC_UNROLL
    for (int n = 0; n < loads.value; ++n) {
      int const k = first + n * block.size();
      here[n] = drsmi_dmoments[k];
      along_y[n] = drsmi_dmoments[k + 1 < count ? k + 1 : k];
      along_x[n] = drsmi_dmoments[k + basis_size < count ? k + basis_size : k];
    }
    SCC_UNROLL
    for (int n = 0; n < loads.value; ++n) {
      int const k = first + n * block.size();
      differences[k] = static_cast<float>(along_y[n] - here[n]);
      differences[count + k] = static_cast<float>(along_x[n] - here[n]);
    }
  };
  constexpr std::integral_constant<int, 4> many{};
  constexpr std::integral_constant<int, 1> one{};
  int k = block.rank();
  for (; k + (many.value - 1) * block.size() < count; k += many.value * block.size()) {
    store(many, k);
  }
  for (; k < count; k += block.size()) {
    store(one, k);
  }
}

/// The loss -sum / images, where sum is that of rSMI over the images.
__device__ inline void store_loss(WorkspaceView const& workspace, double sum, int images) {
  double const loss = -sum / images;
  *workspace.loss = loss;
  *workspace.loss_float = static_cast<float>(loss);
}

/// Partial sums, or bins, and counts of each image -> its moments, rSMI, alpha, d rSMI / d moments and counts in the
/// workspace, and the loss. All but the counts are NaN if the image has a NaN pixel or an invalid weight, or if its system
/// could not be factorised; 0 if its weights are.
///
/// @tparam Shared  What is in shared memory.
template <SolveMemory Shared>
static __global__ void __launch_bounds__(solve_threads,
                                         Shared == SolveMemory::none ? 1 : solve_blocks_per_multiprocessor)
  solve_images(__grid_constant__ SolveArguments const arguments) {
  using Reduce = BlockReduce<double, solve_threads>;
  __shared__ typename Reduce::TempStorage storage;
  BlockTeam const block(thread_index());
  WorkspaceView const& workspace = arguments.workspace;
  PlanView plan = arguments.plan;
  int const image = static_cast<int>(blockIdx.x);
  auto const moment_count = static_cast<std::int64_t>(plan.basis_size) * plan.basis_size;
  double* const sums = dynamic_shared<double>();
  double* scratch_memory = sums + collected_sums(arguments.terms);
  if constexpr (Shared == SolveMemory::none) {
    scratch_memory = workspace.solve_scratch + image * static_cast<std::int64_t>(SolveScratch::size(plan));
  }
  SolveScratch const scratch(plan, scratch_memory);
  double* solved_moments = workspace.moments + image * moment_count;
  if constexpr (Shared == SolveMemory::all) {
    double* const psi = scratch_memory + SolveScratch::size(plan);
    double* const psi_psi = psi + plan.functions * plan.basis_size;
    copy_numbers(plan.psi, plan.functions * plan.basis_size, psi);
    copy_numbers(plan.psi_psi, plan.products * plan.basis_size, psi_psi);
    plan.psi = psi;
    plan.psi_psi = psi_psi;
    solved_moments = scratch.moments;
  }

  Diagnostics counts{};
  for (std::int64_t partial = arguments.partition.first_partial(image) + block.rank();
       partial <= arguments.partition.last_partial(image); partial += block.size()) {
    Diagnostics const& of_block = workspace.partial_counts[partial];
    counts.x_outside += of_block.x_outside;
    counts.x_nan += of_block.x_nan;
    counts.y_outside += of_block.y_outside;
    counts.y_nan += of_block.y_nan;
  }
  std::int64_t invalid = 0;
  bool is_empty = false;
  double unit = 1;  // what a scaled weight of 1 counts in the sums
  if (arguments.has_weight) {
    WeightSummary const summary = summarise_image(workspace.summaries, arguments.weights_partition, image);
    invalid = summary.invalid;
    is_empty = summary.largest == 0;
    WeightScale const scale(arguments.weight_type, summary.largest);
    unit = arguments.layout == MomentLayout::bins ? arguments.unit * scale.rest : 1;
    if (block.rank() == 0) {
      workspace.weights[image] = {scale.scale, invalid > 0 ? static_cast<double>(NAN) : 0.0};
    }
  }
  bool has_nan = invalid > 0;
  if (__syncthreads_or(any(counts))) {
    has_nan = __syncthreads_or(has_nan || counts.x_nan + counts.y_nan > 0) != 0;
    counts = sum_counts<solve_threads>(counts);
  }
  if (block.rank() == 0) {
    counts.weight_invalid = invalid;
    workspace.counts[image] = counts;
  }

  double rsmi = has_nan ? static_cast<double>(NAN) : 0.0;
  if (has_nan || is_empty) {
    double* const moments = workspace.moments + image * moment_count;
    double* const drsmi_dmoments = workspace.drsmi_dmoments + image * moment_count;
    double* const alpha = workspace.alpha + std::int64_t{image} * plan.unknowns;
    for (std::int64_t k = block.rank(); k < moment_count; k += block.size()) {
      moments[k] = drsmi_dmoments[k] = rsmi;
    }
    for (int l = block.rank(); l < plan.unknowns; l += block.size()) {
      alpha[l] = rsmi;
    }
  } else {
    double inverse_total;
    if (Shared != SolveMemory::all && arguments.layout == MomentLayout::bins) {
      inverse_total = collect_bins(arguments, image, solved_moments);
    } else {
      inverse_total = collect_sums(arguments, image, sums, solved_moments, workspace.moments + image * moment_count);
    }
    if (arguments.has_weight && block.rank() == 0) {
      workspace.weights[image].inverse_total = inverse_total * unit;
    }
    block.sync();
    assemble_system(block, plan, solved_moments, scratch);
    rsmi = fit(block, plan, scratch);
    // Addresses are computed again, as the fit needs the registers in which they would be kept.
    BlockTeam const team(thread_index() + static_cast<int>(opaque_zero()));
    SolveScratch const fitted(plan, scratch_memory + opaque_zero());
    auto const number = static_cast<std::int64_t>(blockIdx.x + opaque_zero());
    for (int l = team.rank(); l < plan.unknowns; l += team.size()) {
      workspace.alpha[number * plan.unknowns + l] = fitted.alpha[l];
    }
    if (arguments.with_gradient) {
      differentiate(team, plan, fitted, workspace.drsmi_dmoments + number * moment_count);
    }
  }

  if (workspace.differences != nullptr && arguments.with_gradient) {
    block.sync();
    auto const first = static_cast<std::int64_t>(blockIdx.x + opaque_zero()) * moment_count;
    store_differences(block, workspace.drsmi_dmoments + first, plan.basis_size, workspace.differences + 2 * first);
  }

  if (thread_index() == 0) {
    workspace.rsmi[blockIdx.x] = rsmi;
  }
  int const images = arguments.partition.images;
  if (images == 1) {
    if (block.rank() == 0) {
      store_loss(workspace, rsmi, 1);
    }
  } else if (is_last_arrival(workspace.finished_images, static_cast<unsigned>(images))) {
    double sum = 0;  // in an order that depends on the number of images and threads alone
    for (int k = block.rank(); k < images; k += block.size()) {
      sum += load_from_l2(workspace.rsmi + k);
    }
    sum = Reduce(storage).Sum(sum);
    if (block.rank() == 0) {
      store_loss(workspace, sum, images);
    }
  }
}

}  // namespace scc::gpu
