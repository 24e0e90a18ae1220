// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The one unit that a program without CUDA code of its own compiles with nvcc.

#include "loss.cuh"
