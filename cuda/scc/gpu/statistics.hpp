// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// h, H and alpha of an image that was worked on by the GPU, for people who want to look at them.

#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>
#include <scc/estimator/original_kernels.hpp>
#include <scc/statistics.hpp>
#include <vector>

#include "loss.hpp"

namespace scc::gpu {

inline Statistics Loss::statistics(Workspace const& workspace, std::int64_t image, cudaStream_t stream) const {
  require_filled(workspace);
  detail::require_image(image, workspace.record_.images());
  std::size_t const moment_count = plan().moment_count(), unknowns = static_cast<std::size_t>(plan().unknowns());
  auto const index = static_cast<std::size_t>(image);
  std::vector<double> moments(moment_count), alpha(unknowns);
  double rsmi = 0;
  workspace.read(moments.data(), workspace.view_.moments + index * moment_count, moment_count, stream);
  workspace.read(alpha.data(), workspace.view_.alpha + index * unknowns, unknowns, stream);
  workspace.read(&rsmi, workspace.view_.rsmi + index, 1, stream);
  return statistics_in_original_kernels(plan(), moments.data(), alpha.data(), rsmi);
}

}  // namespace scc::gpu
