// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Stands in for the file of a LibTorch that was built with CUDA; see host_cuda.cpp.

#pragma once

#include <c10/core/Device.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <cuda_runtime_api.h>

namespace c10::cuda {

class CUDAStream {
public:
  explicit CUDAStream(Stream stream) : stream_(stream) {}
  // Streams of the guard are numbers; those of the runtime are pointers, of which null is always there.
  cudaStream_t stream() const { return nullptr; }

private:
  Stream stream_;
};

/// The device whose stream was asked for last.
inline DeviceIndex& device_asked_for() {
  static DeviceIndex device = -1;
  return device;
}

inline CUDAStream getCurrentCUDAStream(DeviceIndex device) {
  device_asked_for() = device;
  return CUDAStream(impl::VirtualGuardImpl(DeviceType::CUDA).getStream(Device(DeviceType::CUDA, device)));
}

}  // namespace c10::cuda
