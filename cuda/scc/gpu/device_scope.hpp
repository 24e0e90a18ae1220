// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a call changes of the calling thread's state in the CUDA runtime, and puts back: the current device, and how
/// the thread takes part in captures.

#pragma once

#include <cuda_runtime_api.h>
#include <new>

#include "error.hpp"

namespace scc::gpu {

/// Makes a device current in this thread; at its end the one that was current before is so again.
class DeviceScope {
public:
  /// @param device  Number of the device.
  /// @throws Error if there is no such device.
  explicit DeviceScope(int device) { check(enter(device), "cudaSetDevice"); }
  /// For destructors: if the device cannot be made current, nothing changes, and no error is left in the runtime.
  ///
  /// @param device  Number of the device.
  DeviceScope(int device, std::nothrow_t const&) noexcept { ignore(enter(device)); }
  DeviceScope(DeviceScope const&) = delete;
  DeviceScope& operator=(DeviceScope const&) = delete;
  ~DeviceScope() {
    if (has_changed_) {
      ignore(cudaSetDevice(previous_));
    }
  }

private:
  cudaError_t enter(int device) noexcept {
    cudaError_t code = cudaGetDevice(&previous_);
    if (code == cudaSuccess && previous_ != device) {
      code = cudaSetDevice(device);
      has_changed_ = code == cudaSuccess;
    }
    return code;
  }

  int previous_ = 0;
  bool has_changed_ = false;
};

/// While this exists, calls of this thread that no graph can hold, such as cudaMalloc and cudaFree, are done at once.
/// They neither fail because this or another thread captures a stream, nor invalidate that capture.
class OutsideCaptures {
public:
  OutsideCaptures() noexcept { ignore(cudaThreadExchangeStreamCaptureMode(&mode_)); }
  OutsideCaptures(OutsideCaptures const&) = delete;
  OutsideCaptures& operator=(OutsideCaptures const&) = delete;
  ~OutsideCaptures() { ignore(cudaThreadExchangeStreamCaptureMode(&mode_)); }

private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace scc::gpu
