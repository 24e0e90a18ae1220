// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The loss and the gradient of one fixed pair of images on the GPU, as two units of CUDA code compute them.

#pragma once

#include <array>
#include <cuda_runtime.h>
#include <scc/gpu/error.hpp>
#include <scc/gpu/loss.cuh>

#ifdef EIGEN_WORLD_VERSION
#error "CUDA code must not get Eigen, of which nvcc complains"
#endif

/// The loss, and its derivatives by the pixels of y.
using LossAndGradient = std::array<float, 5>;

LossAndGradient loss_of_first_unit();
LossAndGradient loss_of_second_unit();

/// Internal to each unit, so that each has code of its own.
static LossAndGradient loss_of_this_unit() {
  using scc::gpu::check;
  std::array<float, 12> pixels{-0.9F, -0.2F, 0.3F, 0.8F, -0.7F, -0.1F, 0.4F, 0.6F};
  float* memory = nullptr;
  check(cudaMalloc(&memory, sizeof pixels), "cudaMalloc");
  check(cudaMemcpy(memory, pixels.data(), sizeof pixels, cudaMemcpyHostToDevice), "cudaMemcpy");
  auto const image = [&](int index) { return scc::ImageBatch<float>::contiguous(memory + 4 * index, 1, 1, 2, 2); };

  scc::gpu::Loss const loss;
  scc::gpu::Workspace workspace(loss, 1, nullptr);
  loss.forward(image(0), image(1), workspace, nullptr);
  loss.backward(image(0), image(1), workspace, nullptr, 1.0F, image(2), scc::GradientMode::overwrite, nullptr);
  LossAndGradient result{};
  check(cudaMemcpy(result.data(), workspace.loss_float(), sizeof(float), cudaMemcpyDeviceToHost), "cudaMemcpy");
  check(cudaMemcpy(result.data() + 1, image(2).data, 4 * sizeof(float), cudaMemcpyDeviceToHost), "cudaMemcpy");
  check(cudaFree(memory), "cudaFree");
  return result;
}
