// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The step between the passes, by one thread per image: the mathematics is estimator/solve.hpp, for both backends.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "../diagnostics.hpp"
#include "../estimator/solve.hpp"
#include "../plan/plan_view.hpp"
#include "aligned_buffer.hpp"
#include "lanes.hpp"
#include "parallel.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// One thread that solves one image, with SIMD vectors of neighbouring elements.
template <int Bytes>
struct VectorTeam : SerialTeam {
  /// Neighbouring sums of a row of a matrix product.
  template <class Number>
  using Row = Lanes<Number, Bytes>;
};

/// scc::inverse_pivot() of each lane.
template <int Bytes>
SCC_ALWAYS_INLINE Lanes<double, Bytes> inverse_pivot(Lanes<double, Bytes> const& pivot) {
  using L = Lanes<double, Bytes>;
  alignas(Bytes) double values[L::count];
  pivot.store(values);
  SCC_UNROLL
  for (int lane = 0; lane < L::count; ++lane) {
    values[lane] = scc::inverse_pivot(values[lane]);
  }
  return L::load(values);
}

/// Solves up to as many images as there are lanes: the moments of each -> its rSMI, alpha and d rSMI / d moments.
///
/// @param plan     In host memory.
/// @param first    The first image.
/// @param count    Number of images, at least 1.
/// @param memory   [SolveScratch::size(plan) * lanes] working memory, aligned to 64 bytes.
/// @param results  With the moments of the images; the rest is written.
template <int Bytes>
SCC_ALWAYS_INLINE void solve_lanes(PlanView const& plan, std::size_t first, std::size_t count, double* memory,
                                   ImageResults& results) {
  using L = Lanes<double, Bytes>;
  auto const moment_count = static_cast<std::size_t>(plan.basis_size) * static_cast<std::size_t>(plan.basis_size);
  auto const unknowns = static_cast<std::size_t>(plan.unknowns);
  BasicSolveScratch<L> const parts(plan, reinterpret_cast<L*>(memory));
  // Lanes without an image solve the first one again.
  auto const image_of = [&](std::size_t lane) SCC_INLINE_LAMBDA { return first + (lane < count ? lane : 0); };
  for (std::size_t k = 0; k < moment_count; ++k) {
    alignas(Bytes) double values[L::count];
    SCC_UNROLL
    for (std::size_t lane = 0; lane < L::count; ++lane) {
      values[lane] = results.moments[image_of(lane) * moment_count + k];
    }
    parts.moments[k] = L::load(values);
  }
  auto const store = [&](L const& numbers, double* of_first, std::size_t size) SCC_INLINE_LAMBDA {
    alignas(Bytes) double values[L::count];
    numbers.store(values);
    for (std::size_t lane = 0; lane < count; ++lane) {
      of_first[lane * size] = values[lane];
    }
  };
  // The moments are not needed any more when their derivatives are written.
  bool const with_gradient = !results.drsmi_dmoments.empty();
  store(solve(SerialTeam{}, plan, parts.moments, parts, with_gradient ? parts.moments : nullptr), &results.rsmi[first],
        1);
  for (std::size_t k = 0; k < moment_count && with_gradient; ++k) {
    store(parts.moments[k], &results.drsmi_dmoments[first * moment_count + k], moment_count);
  }
  for (std::size_t k = 0; k < unknowns; ++k) {
    store(parts.alpha[k], &results.alpha[first * unknowns + k], unknowns);
  }
}

/// Moments of each image -> its rSMI, alpha and d rSMI / d moments; NaN in all of them, and in the moments, if the
/// image has a NaN pixel or an invalid weight; 0 if its weights are all 0.
///
/// A thread solves one image at a time or, in the chebyshev basis, as many as a SIMD register has doubles, if the batch
/// has so many.
///
/// @param instructions  Instructions to use; the processor must have them.
/// @param plan          In host memory.
/// @param scratch       Working memory.
/// @param results       With the moments and the counts of each image; the rest is written.
inline void solve_images(Instructions instructions, PlanView const& plan, ForwardScratch& scratch,
                         ImageResults& results) {
  auto const moment_count = static_cast<std::size_t>(plan.basis_size) * static_cast<std::size_t>(plan.basis_size);
  auto const unknowns = static_cast<std::size_t>(plan.unknowns);
  int const threads = thread_count();
  std::size_t const images = results.rsmi.size();
  bool const with_gradient = !results.drsmi_dmoments.empty();
  std::size_t const lanes = static_cast<std::size_t>(lane_bytes(instructions)) / sizeof(double);
  bool const in_lanes = plan.basis == Basis::chebyshev && images >= lanes;
  std::size_t const together = in_lanes ? lanes : 1;
  auto const scratch_size = aligned_size<double>(SolveScratch::size(plan) * together);
  scratch.solve.reserve(scratch_size * static_cast<std::size_t>(threads));

  auto const groups = static_cast<std::int64_t>((images + together - 1) / together);
  parallel_for(groups, threads, [&](std::int64_t group, int thread) {
    std::size_t const first = static_cast<std::size_t>(group) * together;
    std::size_t const count = std::min(together, images - first);
    double* const memory = scratch.solve.data() + scratch_size * static_cast<std::size_t>(thread);
    with_instructions(instructions, [&](auto bytes) SCC_INLINE_LAMBDA {
      if (in_lanes) {
        solve_lanes<decltype(bytes)::value>(plan, first, count, memory, results);
      } else {
        SolveScratch const parts(plan, memory);
        double* const drsmi_dmoments = with_gradient ? &results.drsmi_dmoments[first * moment_count] : nullptr;
        results.rsmi[first] = solve(VectorTeam<decltype(bytes)::value>{}, plan, &results.moments[first * moment_count],
                                    parts, drsmi_dmoments);
        std::copy(parts.alpha, parts.alpha + unknowns, &results.alpha[first * unknowns]);
      }
    });
    for (std::size_t image = first; image < first + count; ++image) {
      Diagnostics const& found = results.diagnostics[image];
      if (found.x_nan + found.y_nan + found.weight_invalid > 0) {
        double const nan = std::numeric_limits<double>::quiet_NaN();
        results.rsmi[image] = nan;
        std::fill_n(&results.moments[image * moment_count], moment_count, nan);
        if (with_gradient) {
          std::fill_n(&results.drsmi_dmoments[image * moment_count], moment_count, nan);
        }
        std::fill_n(&results.alpha[image * unknowns], unknowns, nan);
      } else if (results.weights[image].total == 0) {  // alpha is 0, as h is
        results.rsmi[image] = 0;
        if (with_gradient) {
          std::fill_n(&results.drsmi_dmoments[image * moment_count], moment_count, 0.0);
        }
      }
    }
  });
}

}  // namespace scc::cpu
