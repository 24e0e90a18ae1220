// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <scc/scc.hpp>
#include <vector>

#include "cpu_check.hpp"

bool agrees_with_cpu(Step const& step) {
  auto const count = static_cast<std::size_t>(step.x.images * step.x.pixels());
  std::vector<float> own_gradient(count);
  auto const own_view = scc::ImageBatch<float>::contiguous(own_gradient.data(), step.x.images, step.x.channels,
                                                           step.x.height, step.x.width);
  scc::cpu::Loss const loss(scc::Options{});
  scc::cpu::Workspace workspace;
  double const expected_loss = loss.forward_backward(step.x, step.y, workspace, step.weight, own_view);

  double difference = 0, size = 0;
  for (std::size_t j = 0; j < count; ++j) {
    auto const own = static_cast<double>(own_gradient[j]);
    double const expected = static_cast<double>(step.gradient_of_others[j]) + own;
    difference += std::pow(static_cast<double>(step.gradient[j]) - expected, 2);
    size += own * own;
  }
  double const loss_error = std::abs(step.loss - expected_loss);
  double const gradient_error = std::sqrt(difference / size);
  // Written so that a NaN does not pass.
  if (loss_error <= 1e-6 && gradient_error <= 1e-5) {
    return true;
  }
  std::cerr << "loss " << step.loss << ", on the CPU " << expected_loss << "; relative error of the gradient "
            << gradient_error << '\n';
  return false;
}
