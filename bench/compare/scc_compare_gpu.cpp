// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// scc::gpu::Loss for scc_library.py. Pointers are to device memory unless said otherwise; the stream is the caller's.

#include <cstddef>
#include <cuda_runtime_api.h>
#include <optional>
#include <scc/gpu/loss.hpp>

#include "../gpu/probes.hpp"
#include "scc_compare.hpp"

using scc_compare::message_of;
using scc_compare::view;

/// A loss with a workspace in memory of the caller.
struct scc_compare_gpu_loss {
  scc::gpu::Loss loss;
  std::optional<scc::gpu::Workspace> workspace;

  void forward(float const* x, float const* y, scc_compare_shape const& shape, cudaStream_t stream) {
    loss.forward(view(x, shape), view(y, shape), workspace.value(), stream);
  }
};

extern "C" {

char const* scc_compare_gpu_create(scc_compare_options const* options, scc_compare_gpu_loss** loss) {
  return message_of([&] { *loss = new scc_compare_gpu_loss{scc::gpu::Loss(scc_compare::options_from(*options)), {}}; });
}

void scc_compare_gpu_destroy(scc_compare_gpu_loss* loss) { delete loss; }

char const* scc_compare_gpu_workspace_bytes(scc_compare_gpu_loss const* loss, std::int64_t images, std::size_t* bytes) {
  return message_of([&] { *bytes = scc::gpu::Workspace::bytes(loss->loss, images); });
}

char const* scc_compare_gpu_use_workspace(scc_compare_gpu_loss* loss, std::int64_t images, void* memory,
                                          std::size_t bytes) {
  return message_of([&] { loss->workspace.emplace(loss->loss, images, memory, bytes); });
}

char const* scc_compare_gpu_forward(scc_compare_gpu_loss* loss, float const* x, float const* y,
                                    scc_compare_shape const* shape, cudaStream_t stream) {
  return message_of([&] { loss->forward(x, y, *shape, stream); });
}

char const* scc_compare_gpu_forward_backward(scc_compare_gpu_loss* loss, float const* x, float const* y,
                                             scc_compare_shape const* shape, float* dloss_dy, cudaStream_t stream) {
  return message_of([&] {
    loss->forward(x, y, *shape, stream);
    loss->loss.backward(view(x, *shape), view(y, *shape), *loss->workspace, nullptr, 1, view(dloss_dy, *shape),
                        scc::GradientMode::overwrite, stream);
  });
}

/// @param rsmi  [images] out, host memory. Waits for the stream.
char const* scc_compare_gpu_rsmi(scc_compare_gpu_loss const* loss, std::int64_t images, double* rsmi,
                                 cudaStream_t stream) {
  return message_of([&] {
    scc::gpu::check(cudaMemcpyAsync(rsmi, loss->workspace.value().rsmi(),
                                    static_cast<std::size_t>(images) * sizeof(double), cudaMemcpyDeviceToHost, stream),
                    "cudaMemcpyAsync");
    scc::gpu::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  });
}

char const* scc_compare_gpu_launch_empty_kernel(cudaStream_t stream) {
  return message_of([&] { scc_bench::launch_empty_kernel(stream); });
}
}
