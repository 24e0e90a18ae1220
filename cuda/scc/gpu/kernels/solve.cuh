// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The step between the passes, by one block per image: the mathematics is scc/estimator/solve.hpp, for both backends.

#pragma once

#include <cmath>
#include <cstdint>
#include <cuda_runtime.h>
#include <scc/estimator/solve.hpp>

#include "../tuning.hpp"
#include "../workspace.hpp"
#include "warp.cuh"

namespace scc::gpu {

/// Moments of an image -> its rSMI, alpha and d rSMI / d moments in the workspace; NaN in all of them if the image has
/// a NaN pixel or its system could not be factorised.
///
/// @param moments  [B, B] of the image; made NaN with the rest if a pixel is.
__device__ inline void solve_image(PlanView const& plan, WorkspaceView const& workspace, std::int64_t image,
                                   double* moments, bool has_nan, bool in_shared_memory) {
  BlockTeam const block;
  auto const moment_count = static_cast<std::int64_t>(plan.basis_size) * plan.basis_size;
  double* const drsmi_dmoments = workspace.drsmi_dmoments + image * moment_count;
  double* const alpha = workspace.alpha + image * plan.unknowns;
  if (has_nan) {
    for (std::int64_t k = block.rank(); k < moment_count; k += block.size()) {
      moments[k] = drsmi_dmoments[k] = static_cast<double>(NAN);
    }
    for (int l = block.rank(); l < plan.unknowns; l += block.size()) {
      alpha[l] = static_cast<double>(NAN);
    }
    if (block.rank() == 0) {
      workspace.rsmi[image] = static_cast<double>(NAN);
    }
    return;
  }
  SolveScratch const scratch(
    plan, in_shared_memory ? dynamic_shared<double>()
                           : workspace.solve_scratch + image * static_cast<std::int64_t>(SolveScratch::size(plan)));
  double rsmi = 0;
  assemble_system(block, plan, moments, scratch);
  if (plan.unknowns > most_unknowns_of_a_warp) {
    rsmi = fit_density_ratio(block, plan, scratch);
  } else if (warp_index() == 0) {
    rsmi = fit_density_ratio(WarpTeam{}, plan, scratch);
  }
  block.sync();
  differentiate(block, plan, scratch, drsmi_dmoments);
  for (int l = block.rank(); l < plan.unknowns; l += block.size()) {
    alpha[l] = scratch.alpha[l];
  }
  if (block.rank() == 0) {
    workspace.rsmi[image] = rsmi;
  }
}

}  // namespace scc::gpu
