// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The GPU backend's kernels for tests/emulation: what nvcc compiles, as C++.

#include <scc/gpu/loss.cu>
