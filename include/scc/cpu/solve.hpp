// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The step between the passes, by one thread per image: the mathematics is estimator/solve.hpp, for both backends.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../diagnostics.hpp"
#include "../estimator/solve.hpp"
#include "../plan/plan_view.hpp"
#include "aligned_buffer.hpp"
#include "lanes.hpp"
#include "parallel.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// Moments of each image -> its rSMI, alpha and d rSMI / d moments; NaN in all of them, and in the moments, if the
/// image has a NaN pixel.
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
  auto const images = static_cast<std::int64_t>(results.rsmi.size());
  auto const scratch_size = aligned_size<double>(SolveScratch::size(plan));
  scratch.solve.reserve(scratch_size * static_cast<std::size_t>(threads));

  parallel_for(images, threads, [&](std::int64_t image, int thread) {
    auto const index = static_cast<std::size_t>(image);
    double* const drsmi_dmoments = &results.drsmi_dmoments[index * moment_count];
    double* const alpha = &results.alpha[index * unknowns];
    double* const moments = &results.moments[index * moment_count];
    Diagnostics const& found = results.diagnostics[index];
    if (found.x_nan + found.y_nan > 0) {
      double const nan = std::numeric_limits<double>::quiet_NaN();
      results.rsmi[index] = nan;
      std::fill(moments, moments + moment_count, nan);
      std::fill(drsmi_dmoments, drsmi_dmoments + moment_count, nan);
      std::fill(alpha, alpha + unknowns, nan);
      return;
    }
    SolveScratch const parts(plan, scratch.solve.data() + scratch_size * static_cast<std::size_t>(thread));
    results.rsmi[index] = with_instructions(
      instructions, [&](auto) SCC_INLINE_LAMBDA { return solve(SerialTeam{}, plan, moments, parts, drsmi_dmoments); });
    std::copy(parts.alpha, parts.alpha + unknowns, alpha);
  });
}

}  // namespace scc::cpu
