// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What device_buffers.cu compares itself with. In a translation unit of its own for the sake of Eigen, which nvcc does
/// not compile without warnings.

#pragma once

#include <scc/image_batch.hpp>

/// A step of device_buffers.cu; all memory is the host's and dense.
struct Step {
  scc::ImageBatch<float const> x, y;
  double weight;
  float const* gradient_of_others;  ///< [pixels] before the step
  double loss;
  float const* gradient;  ///< [pixels] after the step: gradient_of_others + weight * dL/dy
};

/// Whether loss and gradient are what scc::cpu::Loss finds; if not, says so on the standard error stream.
bool agrees_with_cpu(Step const& step);
