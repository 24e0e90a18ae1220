// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A first check on a device that needs nvcc and nothing else: value and gradient of each golden case in float pixels,
/// against the authors' released code or an independent evaluation in float64. tests/gpu.sh compiles and runs it. Exit
/// status: 0 passed, 1 failed, 77 there is no device.
///
///     nvcc -std=c++17 -arch=native -Iinclude -Icuda -DSCC_TEST_DATA='"tests/data"' tests/gpu_smoke.cpp cuda/scc/gpu/loss.cu

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cuda_runtime_api.h>
#include <exception>
#include <scc/gpu/loss.hpp>
#include <string>
#include <vector>

#include "support/golden.hpp"

namespace {

using scc::gpu::check;
using scc::gpu::DeviceMemory;

/// Pixels in device memory.
class Images {
public:
  Images(scc_test::Golden const& golden, std::vector<double> const& values)
      : golden_(golden),
        pixels_(values.begin(), values.end()),
        memory_(bytes(), 0) {
    check(cudaMemcpy(memory_.data(), pixels_.data(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }

  scc::ImageBatch<float> view() const {
    return scc::ImageBatch<float>::contiguous(static_cast<float*>(memory_.data()), golden_.images, golden_.channels,
                                              golden_.height, golden_.width);
  }

  /// |actual - expected| / |expected|, where the actual values are those in device memory.
  double relative_error(std::vector<double> const& expected) {
    check(cudaMemcpy(pixels_.data(), memory_.data(), bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    double difference = 0, norm = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      difference += std::pow(static_cast<double>(pixels_[k]) - expected[k], 2);
      norm += std::pow(expected[k], 2);
    }
    return std::sqrt(difference / norm);
  }

private:
  std::size_t bytes() const { return pixels_.size() * sizeof(float); }

  scc_test::Golden const& golden_;
  std::vector<float> pixels_;
  DeviceMemory memory_;
};

/// Whether value and gradient of a case are right.
bool passes(std::string const& name) {
  scc_test::Golden const golden = scc_test::read_golden(name);
  Images const x(golden, golden.x), y(golden, golden.y);
  Images dloss_dy(golden, std::vector<double>(golden.y.size(), NAN));
  scc::gpu::Loss const loss(golden.options);
  scc::gpu::Workspace workspace(loss, golden.images, nullptr);
  loss.forward(x.view(), y.view(), workspace, nullptr);
  loss.backward(x.view(), y.view(), workspace, nullptr, 1.0F, dloss_dy.view(), scc::GradientMode::overwrite, nullptr);
  double const loss_error = std::abs(workspace.read_loss(nullptr) - golden.loss);
  double const gradient_error = dloss_dy.relative_error(golden.grad_y);
  // A histogram's derivative is what a narrow kernel is less exact in.
  bool const is_right = loss_error <= 2e-7 && gradient_error <= (name == "n1_narrow" ? 1e-3 : 2e-5);
  std::printf("%-14s error of the loss %8.1e, of the gradient %8.1e  %s\n", name.c_str(), loss_error, gradient_error,
              is_right ? "passed" : "FAILED");
  return is_right;
}

}  // namespace

int main() try {
  int devices = 0;
  cudaError_t const code = cudaGetDeviceCount(&devices);
  if (code != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "gpu_smoke: there is no CUDA device (%s)\n", cudaGetErrorString(code));
    return 77;
  }
  bool all_pass = true;
  for (std::string const& name : scc_test::golden_names()) {
    all_pass = passes(name) && all_pass;
  }
  return all_pass ? 0 : 1;
} catch (std::exception const& error) {
  std::fprintf(stderr, "gpu_smoke: %s\n", error.what());
  return 1;
}
