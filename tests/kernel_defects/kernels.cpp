// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Runs the copy of the kernels that the include path leads to.

#include <cuda_runtime.h>
#include <memory>
#include <scc/gpu/loss.cuh>

#include "cases.hpp"

namespace scc::gpu {

// The kernels under test alone, as there are many copies to compile.
template <>
void Passes<void>::forward(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream) {
  SCC_LAUNCH_FORWARD(state, pass, stream);
}
template <>
void Passes<void>::backward(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream) {
  SCC_LAUNCH_BACKWARD(state, pass, stream);
}

}  // namespace scc::gpu

namespace kernel_defects {
namespace {

struct Free {
  void operator()(float* memory) const { cudaFree(memory); }
};

/// Device memory of exactly this size.
std::unique_ptr<float[], Free> allocate(std::size_t size) {
  void* memory = nullptr;
  scc::gpu::check(cudaMalloc(&memory, size * sizeof(float)), "cudaMalloc");
  return std::unique_ptr<float[], Free>(static_cast<float*>(memory));
}

std::unique_ptr<float[], Free> upload(std::vector<float> const& values) {
  auto memory = allocate(values.size());
  scc::gpu::check(cudaMemcpy(memory.get(), values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice),
                  "cudaMemcpy");
  return memory;
}

template <class T>
std::vector<T> download(T const* memory, std::size_t size) {
  std::vector<T> values(size);
  scc::gpu::check(cudaMemcpy(values.data(), memory, size * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
  return values;
}

}  // namespace

Results run_kernels(scc::Plan const& plan, Batch const& batch) {
  auto const x_memory = upload(batch.x), y_memory = upload(batch.y);
  auto const dx_memory = allocate(batch.x.size()), dy_memory = allocate(batch.y.size());
  scc::ImageBatch<float const> const x = batch.view(x_memory.get(), Batch::x_start);
  scc::ImageBatch<float const> const y = batch.view(y_memory.get(), Batch::y_start);

  scc::gpu::Loss const loss(plan);
  scc::gpu::Workspace workspace(loss, batch.images, nullptr);
  loss.forward(x, x, workspace, nullptr);  // leaves numbers that are wrong for what follows
  loss.forward(x, y, workspace, nullptr);
  loss.backward_xy(x, y, workspace, nullptr, 1.0F, batch.view(dx_memory.get(), Batch::x_start),
                   batch.view(dy_memory.get(), Batch::y_start), scc::GradientMode::overwrite, nullptr);
  return {download(workspace.loss(), 1)[0], download(workspace.rsmi(), static_cast<std::size_t>(batch.images)),
          download(dx_memory.get(), batch.x.size()), download(dy_memory.get(), batch.y.size()),
          workspace.diagnostics(nullptr)};
}

}  // namespace kernel_defects
