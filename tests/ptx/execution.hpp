// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Runs a kernel: blocks of warps of 32 lanes, in the order that Config asks for.

#pragma once

#include <cstddef>

#include "program.hpp"

namespace ptx {

/// The shape of a launch.
struct LaunchShape {
  unsigned grid[3];
  unsigned block[3];
  std::size_t dynamic_shared_bytes;
};

/// Runs a kernel to its end, or until it can go no further. The argument is the kernel's one parameter (the library's
/// kernels take one struct), kernel.parameter_bytes bytes of it. True if nothing was reported meanwhile.
bool run_kernel(Kernel& kernel, LaunchShape const& shape, void const* argument);

}  // namespace ptx
