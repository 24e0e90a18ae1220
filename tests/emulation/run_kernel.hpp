// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the runtime asks of the scheduler.

#pragma once

#include <cstddef>
#include <cuda_runtime.h>

namespace scc_emulation {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t dynamic_bytes;  // of shared memory
  std::size_t shared_limit;   // bytes of shared memory that a block may have, the dynamic ones included
};

/// Runs all threads to their ends, by the schedule of config(). False if a mistake stopped them; last_report() tells.
bool run_kernel(KernelCall const&, LaunchShape const&);

}  // namespace scc_emulation
