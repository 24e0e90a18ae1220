// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a trainer without CUDA code includes and calls, for the host's compiler and for clang-tidy: compiled, not run.

#include <cstddef>
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <scc/gpu/loss.hpp>
#include <scc/gpu/statistics.hpp>
#include <utility>

#include "all_headers.hpp"

namespace {

/// Calls every function of the loss with these types of pixels.
template <class X, class Y, class G>
void call_passes(scc::gpu::Loss const& loss, scc::gpu::Workspace& workspace, cudaStream_t stream) {
  auto const x = scc::ImageBatch<X const>::contiguous(nullptr, 0, 3, 8, 8);
  auto const y = scc::ImageBatch<Y const>::channels_last(nullptr, 0, 3, 8, 8);
  auto const gradient = scc::ImageBatch<G>::contiguous(nullptr, 0, 3, 8, 8);
  auto const mode = scc::GradientMode::accumulate;
  loss.forward(x, y, workspace, stream);
  loss.backward(x, y, workspace, workspace.loss_float(), 1.0F, gradient, mode, stream);
  if constexpr (scc::is_gradient_type<X>) {
    loss.backward_x(x, y, workspace, nullptr, 1.0F, gradient, mode, stream);
    loss.backward_xy(x, y, workspace, nullptr, 1.0F, gradient, gradient, mode, stream);
  }
}

}  // namespace

scc::Diagnostics call_all(scc::Options const& options, void* memory, std::size_t bytes, cudaStream_t stream) {
  scc::gpu::Loss const loss(options, 0);
  scc::gpu::Workspace owned(loss, 16, stream);
  scc::gpu::Workspace wrapped(loss, 16, memory, bytes);
  call_passes<float, float, float>(loss, owned, stream);
  call_passes<double, double, double>(loss, wrapped, stream);
  call_passes<std::uint8_t, __half, __half>(loss, owned, stream);
  call_passes<__nv_bfloat16, Eigen::half, __nv_bfloat16>(loss, owned, stream);
  static_cast<void>(loss.statistics(owned, 0, stream));
  scc::gpu::Workspace moved = std::move(owned);
  static_cast<void>(moved.read_loss(stream));
  moved.copy_loss(static_cast<float*>(memory), stream);
  scc::Diagnostics total = moved.diagnostics(stream);
  total += wrapped.diagnostics(0, stream);
  return total;
}
