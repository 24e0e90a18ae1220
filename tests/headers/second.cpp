// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <array>

#include "agreement.hpp"
#include "all_headers.hpp"

double loss_of_second_unit() {
  std::array<float, 4> const x{-0.9F, -0.2F, 0.3F, 0.8F};
  std::array<float, 4> const y{-0.7F, -0.1F, 0.4F, 0.6F};
  scc::cpu::Workspace workspace;
  return scc::cpu::Loss().forward(scc::ImageBatch<float const>::contiguous(x.data(), 1, 1, 2, 2),
                                  scc::ImageBatch<float const>::contiguous(y.data(), 1, 1, 2, 2), workspace);
}
