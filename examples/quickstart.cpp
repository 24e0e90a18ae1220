// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Forward, backward, and 50 steps that repair a corrupted translation: what a training loop does with the loss.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <random>
#include <scc/scc.hpp>
#include <vector>

namespace {

constexpr std::int64_t channels = 3, height = 64, width = 64;

std::vector<float> make_input() {
  std::vector<float> pixels;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t row = 0; row < height; ++row) {
      for (std::int64_t column = 0; column < width; ++column) {
        auto const u = static_cast<double>(column) / width, v = static_cast<double>(row) / height;
        pixels.push_back(static_cast<float>(0.9 * std::sin(5 * u + static_cast<double>(c)) * std::cos(4 * v)));
      }
    }
  }
  return pixels;
}

// A night version of the input in which most pixels have lost their structure to noise.
std::vector<float> make_corrupted_translation(std::vector<float> const& input) {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same picture every time
  std::vector<float> pixels;
  for (float const value : input) {
    auto const noise = static_cast<float>(random() % 1000) / 500 - 1;
    pixels.push_back(0.4F * (0.5F * value - 0.4F) + 0.6F * noise);
  }
  return pixels;
}

}  // namespace

int main() try {
  auto const x = make_input();
  auto y = make_corrupted_translation(x);
  double rsmi_before = 0, rsmi_after = 0;

  // [quickstart]
  // One loss for the whole training: it holds the tables for its options. Threads may share it.
  scc::cpu::Loss const loss(scc::Options{});
  // One workspace per thread: it holds what backward needs of forward, and its memory is used again.
  scc::cpu::Workspace workspace;

  // Views of memory you own, NCHW, with pixel values in [-1, 1]; a batch has more images than 1.
  std::vector<float> gradient(y.size());
  auto const x_view = scc::ImageBatch<float const>::contiguous(x.data(), 1, channels, height, width);
  auto const y_view = scc::ImageBatch<float const>::contiguous(y.data(), 1, channels, height, width);
  auto const gradient_view = scc::ImageBatch<float>::contiguous(gradient.data(), 1, channels, height, width);

  for (int step = 0; step <= 50; ++step) {
    // The loss is -mean rSMI, so it is negative, and it falls as the structure of x returns to y.
    double const value = loss.forward(x_view, y_view, workspace);
    rsmi_after = workspace.rsmi()[0];
    if (step == 0) {
      rsmi_before = rsmi_after;
    }
    if (step % 10 == 0) {
      std::cout << "step " << step << ": loss " << value << '\n';
    }

    // d(weight * loss)/dy. A trainer gives the weight of this term, and GradientMode::accumulate to add it to the
    // gradient of the others.
    double const weight = 1;
    loss.backward(x_view, y_view, workspace, weight, gradient_view);

    // Here the pixels are optimised themselves. The derivative of one pixel is about 1 / (number of pixels): scale it.
    float largest = 1e-20F;
    for (float const derivative : gradient) {
      largest = std::max(largest, std::abs(derivative));
    }
    for (std::size_t j = 0; j < y.size(); ++j) {
      y[j] = std::clamp(y[j] - 0.05F * gradient[j] / largest, -1.0F, 1.0F);
    }
  }
  // [quickstart]

  std::cout << "rSMI before " << rsmi_before << ", after " << rsmi_after << '\n';
  bool const has_risen = rsmi_after > 1.5 * rsmi_before && rsmi_after > rsmi_before + 0.05;
  if (!has_risen) {
    std::cerr << "scc_quickstart: rSMI did not rise as it must\n";
  }
  return has_risen ? 0 : 1;
} catch (std::exception const& error) {  // std::invalid_argument: bad options, or views that do not fit together
  std::cerr << "scc_quickstart: " << error.what() << '\n';
  return 1;
}
