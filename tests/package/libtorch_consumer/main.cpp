// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cmath>
#include <cstdio>
#include <scc/libtorch.hpp>

// The step of a trainer as docs/libtorch.md has it: the gradient of the term must reach the generator.
int main() {
  torch::manual_seed(1);
  torch::nn::Conv2d generator(torch::nn::Conv2dOptions(1, 3, 3).padding(1));
  auto const input = torch::rand({4, 1, 16, 16}) * 2 - 1;

  static scc::libtorch::SccLoss scc;
  auto const translation = torch::tanh(generator(input));
  auto const adversarial = translation.pow(2).mean();
  auto const without = torch::autograd::grad({adversarial}, {generator->weight}, {}, true)[0];
  auto const loss = adversarial + 5 * scc(input, translation);
  loss.backward();

  double const gradient = (generator->weight.grad() - without).norm().item<double>();
  double const rsmi = scc.last_rsmi().mean().item<double>();
  std::printf("rSMI %.4f, gradient of the term %.4f\n", rsmi, gradient);
  return std::isfinite(rsmi) && gradient > 1e-5 ? 0 : 1;
}
