// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <scc/gpu/loss.hpp>

// An empty batch needs no kernel but all the rest. Without a device the first call must say so.
int main() {
  int devices = 0;
  bool const has_device = cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
  try {
    scc::gpu::Loss const loss(scc::Options{});
    scc::gpu::Workspace workspace(loss, 1, nullptr);
    auto const none = scc::ImageBatch<float>::contiguous(nullptr, 0, 3, 8, 8);
    loss.forward(none, none, workspace, nullptr);
    loss.backward(none, none, workspace, nullptr, 1.0F, none, scc::GradientMode::overwrite, nullptr);
    double value = -1;
    scc::gpu::check(cudaMemcpy(&value, workspace.loss(), sizeof(value), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return value == 0 ? 0 : 1;
  } catch (scc::gpu::Error const& error) {
    std::printf("%s\n", error.what());
    return has_device ? 1 : 0;
  }
}
