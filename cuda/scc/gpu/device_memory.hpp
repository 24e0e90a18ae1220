// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Device memory that a loss or a workspace owns.

#pragma once

#include <cstddef>
#include <cuda_runtime_api.h>
#include <new>
#include <string>
#include <utility>

#include "device_scope.hpp"
#include "error.hpp"

namespace scc::gpu {

/// Number of the device that has this memory; -1 if no device has it, or all (managed memory).
///
/// @throws Error if a CUDA call fails.
inline int device_of(void const* memory) {
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, memory), "cudaPointerGetAttributes");
  return attributes.type == cudaMemoryTypeDevice ? attributes.device : -1;
}

/// Memory of one device, freed there whichever device is current by then. May be made and destroyed while a stream is
/// captured, in this thread or another: it is not part of the graph.
class DeviceMemory {
public:
  /// Owns nothing.
  DeviceMemory() = default;

  /// By cudaMalloc.
  ///
  /// @throws Error if the memory cannot be had.
  DeviceMemory(std::size_t bytes, int device) : device_(device) {
    DeviceScope const scope(device);
    OutsideCaptures const outside;
    check(cudaMalloc(&data_, bytes), "cudaMalloc");
  }

  /// In the order of a stream: by cudaMallocAsync, or by cudaMalloc on a device without memory pools, or while the
  /// stream is captured.
  ///
  /// @param bytes   May be 0.
  /// @param device  Where the memory is.
  /// @param stream  A stream of the device; must outlive the memory.
  /// @throws Error if the memory cannot be had, or the stream is another device's.
  DeviceMemory(std::size_t bytes, int device, cudaStream_t stream) : DeviceMemory() {  // so that throwing below frees
    device_ = device;
    stream_ = stream;
    DeviceScope const scope(device);
    OutsideCaptures const outside;
    int has_pools = 0;
    check(cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, device), "cudaDeviceGetAttribute");
    if (has_pools == 0 || may_be_captured(stream)) {
      check(cudaMalloc(&data_, bytes), "cudaMalloc");
      return;
    }
    check(cudaMallocAsync(&data_, bytes, stream), "cudaMallocAsync");
    is_stream_ordered_ = true;
    // The memory is on the stream's device.
    if (int const of_stream = data_ != nullptr ? device_of(data_) : device; of_stream != device) {
      throw Error(cudaErrorInvalidResourceHandle, "cudaMallocAsync in a stream of device " + std::to_string(of_stream) +
                                                    " for a loss on device " + std::to_string(device));
    }
  }

  /// Takes the memory of the other, which then owns nothing.
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  /// Exchanges the two.
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(device_, other.device_);
    std::swap(stream_, other.stream_);
    std::swap(is_stream_ordered_, other.is_stream_ordered_);
    return *this;
  }
  ~DeviceMemory() { free(); }

  /// The memory, aligned to 256 bytes.
  void* data() const { return data_; }

private:
  /// Whether the stream is captured, or cannot say, as the default stream cannot while streams that wait for it are.
  static bool may_be_captured(cudaStream_t stream) noexcept {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cudaError_t const code = cudaStreamIsCapturing(stream, &status);
    ignore(code);
    return code != cudaSuccess || status != cudaStreamCaptureStatusNone;
  }

  // Fails if the driver is gone, as it may be for a static object; all its memory is gone then, too.
  void free() noexcept {
    if (data_ == nullptr) {
      return;
    }
    DeviceScope const scope(device_, std::nothrow);
    OutsideCaptures const outside;
    // A free that is captured would be the graph's.
    bool const in_order = is_stream_ordered_ && !may_be_captured(stream_);
    ignore(in_order ? cudaFreeAsync(data_, stream_) : cudaFree(data_));
  }

  void* data_ = nullptr;
  int device_ = 0;
  cudaStream_t stream_ = nullptr;
  bool is_stream_ordered_ = false;
};

}  // namespace scc::gpu
