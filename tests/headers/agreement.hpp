// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The loss of one fixed pair of images, as two translation units compute it.

#pragma once

#include <array>

#include "all_headers.hpp"

double loss_of_first_unit();
double loss_of_second_unit();

/// Internal to each unit, so that each has code of its own.
static double loss_of_this_unit() {
  std::array<float, 4> const x{-0.9F, -0.2F, 0.3F, 0.8F};
  std::array<float, 4> const y{-0.7F, -0.1F, 0.4F, 0.6F};
  scc::cpu::Workspace workspace;
  return scc::cpu::Loss().forward(scc::ImageBatch<float const>::contiguous(x.data(), 1, 1, 2, 2),
                                  scc::ImageBatch<float const>::contiguous(y.data(), 1, 1, 2, 2), workspace);
}
