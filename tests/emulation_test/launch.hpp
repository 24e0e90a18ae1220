// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Launching in one line, and device memory that frees itself.

#pragma once

#include <cstddef>
#include <cuda_runtime.h>
#include <utility>
#include <vector>

namespace emulation_test {

inline cudaLaunchConfig_t shape(dim3 grid, dim3 block, std::size_t dynamic_bytes = 0, cudaStream_t stream = nullptr) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = dynamic_bytes;
  config.stream = stream;
  return config;
}

template <class... Parameters, class... Arguments>
cudaError_t launch(cudaLaunchConfig_t const& config, void (*kernel)(Parameters...), Arguments&&... arguments) {
  return cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
}

/// `size` elements on the device. What is in them at first is NaN or -1.
template <class T>
class DeviceArray {
public:
  explicit DeviceArray(std::size_t size) : size_(size) { cudaMalloc(&pointer_, size * sizeof(T)); }
  ~DeviceArray() { cudaFree(pointer_); }
  DeviceArray(DeviceArray const&) = delete;
  DeviceArray& operator=(DeviceArray const&) = delete;

  T* data() { return static_cast<T*>(pointer_); }
  void set_zero() { cudaMemset(pointer_, 0, size_ * sizeof(T)); }

  std::vector<T> to_host() const {
    std::vector<T> values(size_);
    cudaMemcpy(values.data(), pointer_, size_ * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }

private:
  void* pointer_ = nullptr;
  std::size_t size_;
};

}  // namespace emulation_test
