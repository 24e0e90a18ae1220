// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cmath>
#include <cstdio>
#include <scc/scc.hpp>
#include <vector>

// Identical images depend on each other more than shuffled ones: the loss must say so.
int main() {
  std::vector<float> x, shuffled;
  for (int j = 0; j < 256; ++j) {
    x.push_back(static_cast<float>(j) / 127.5F - 1);
    shuffled.push_back(static_cast<float>((j * 91) % 256) / 127.5F - 1);
  }
  auto const view = [](std::vector<float> const& pixels) {
    return scc::ImageBatch<float const>::contiguous(pixels.data(), 1, 1, 16, 16);
  };
  scc::cpu::Loss const loss;
  scc::cpu::Workspace workspace;
  double const same = loss.forward(view(x), view(x), workspace);
  double const unrelated = loss.forward(view(x), view(shuffled), workspace);
  std::printf("loss of identical images %.6f, of unrelated ones %.6f\n", same, unrelated);
  return std::isfinite(same) && std::isfinite(unrelated) && same < unrelated ? 0 : 1;
}
