// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <cstdlib>

#include "gpu_agreement.hpp"

LossAndGradient loss_of_first_unit() { return loss_of_this_unit(); }

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("SKIPPED: there is no CUDA device");
    return std::getenv("SCC_REQUIRE_GPU") != nullptr ? 1 : 4;
  }
  LossAndGradient const result = loss_of_first_unit();
  return result[0] < 0 && result[1] != 0 && result == loss_of_second_unit() ? 0 : 1;
}
