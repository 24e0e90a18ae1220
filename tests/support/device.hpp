// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Device memory for tests: a stream, arrays, and batches of images copied from host memory as they lie there.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cuda_runtime_api.h>
#include <memory>
#include <scc/gpu/error.hpp>
#include <scc/image_batch.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace scc_test {

using scc::gpu::check;

/// Why there is no device to run tests on; empty if there is one.
inline std::string missing_device() {
  int devices = 0;
  cudaError_t const error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) {
    return std::string("there is no CUDA device: ") + cudaGetErrorString(error);
  }
  return devices > 0 ? "" : "there is no CUDA device";
}

/// The stream of the tests, which is not the default one and does not wait for it.
inline cudaStream_t stream() {
  static cudaStream_t const value = [] {
    cudaStream_t created = nullptr;
    check(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    return created;
  }();
  return value;
}

inline void wait() { check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize"); }

/// Device memory of exactly so many bytes, so that tools which watch memory see any step beyond it.
class DeviceMemory {
public:
  explicit DeviceMemory(std::size_t bytes) : bytes_(bytes) { check(cudaMalloc(&data_, bytes), "cudaMalloc"); }
  DeviceMemory(DeviceMemory const&) = delete;
  DeviceMemory& operator=(DeviceMemory const&) = delete;
  ~DeviceMemory() { static_cast<void>(cudaFree(data_)); }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

  void fill(int byte) {
    check(cudaMemsetAsync(data_, byte, bytes_, stream()), "cudaMemsetAsync");
    wait();
  }

private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

/// Copies `count` elements out of device memory, after all work on the stream.
template <class T>
std::vector<T> read_device(T const* data, std::size_t count) {
  std::vector<T> values(count);
  check(cudaMemcpyAsync(values.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost, stream()), "cudaMemcpyAsync");
  wait();
  return values;
}

template <class T>
void write_device(T* data, std::vector<T> const& values) {
  check(cudaMemcpyAsync(data, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice, stream()),
        "cudaMemcpyAsync");
  wait();
}

/// Numbers in device memory.
template <class T>
class DeviceArray {
public:
  explicit DeviceArray(std::vector<T> const& values) : memory_(values.size() * sizeof(T)), size_(values.size()) {
    write(values);
  }

  T* data() const { return static_cast<T*>(memory_.data()); }
  std::vector<T> read() const { return read_device(data(), size_); }
  void write(std::vector<T> const& values) { write_device(data(), values); }

private:
  DeviceMemory memory_;
  std::size_t size_;
};

/// Whether the library must accept a view of images, or of a gradient.
enum class Access { read, write };

template <class T>
bool is_valid(scc::ImageBatch<T> const& view, Access access) {
  try {
    scc::detail::require_valid(view, "view");
    if (access == Access::write) {
      scc::detail::require_no_overlap(view, "view");
    }
  } catch (std::invalid_argument const&) {
    return false;
  }
  return true;
}

/// A view of host memory copied to the device: all elements from the first to the last that the view reaches, gaps
/// included, in memory of that size and alignment. A view without pixels, or one that the library must refuse, is handed
/// on as it is, and nothing is read through it.
template <class T>
class DeviceImages {
public:
  DeviceImages(scc::ImageBatch<T> const& host, Access access) : host_(host) {
    if (is_valid(host, access) && host.images > 0 && host.pixels() > 0) {
      find_reach();
    }
    if (count_ > 0) {
      // Vectors of the GPU have at most 32 bytes here: four doubles.
      std::size_t const phase = reinterpret_cast<std::uintptr_t>(first_of_host()) % 32;
      memory_ = std::make_unique<DeviceMemory>(phase + bytes());
      first_ = static_cast<unsigned char*>(memory_->data()) + phase;
      check(cudaMemcpyAsync(first_, first_of_host(), bytes(), cudaMemcpyHostToDevice, stream()), "cudaMemcpyAsync");
      wait();
    }
  }

  scc::ImageBatch<T> view() const {
    scc::ImageBatch<T> view = host_;
    if (count_ > 0) {
      view.data = reinterpret_cast<T*>(first_) + before_;
    }
    return view;
  }

  /// Copies everything back, gaps included.
  void copy_back() const {
    static_assert(!std::is_const_v<T>, "nothing writes to images");
    if (count_ > 0) {
      check(cudaMemcpyAsync(first_of_host(), first_, bytes(), cudaMemcpyDeviceToHost, stream()), "cudaMemcpyAsync");
    }
    wait();
  }

private:
  void find_reach() {
    count_ = 1;
    for (std::size_t axis = 0; axis < 4; ++axis) {
      std::int64_t const steps = scc::detail::extents(host_)[axis] - 1;
      if (steps > 0) {
        std::int64_t const length = steps * scc::detail::strides(host_)[axis];
        before_ += std::max<std::int64_t>(-length, 0);
        count_ += std::abs(length);
      }
    }
  }

  T* first_of_host() const { return host_.data - before_; }
  std::size_t bytes() const { return static_cast<std::size_t>(count_) * sizeof(T); }

  scc::ImageBatch<T> host_;
  std::int64_t before_ = 0, count_ = 0;  // elements that the view reaches: before its data, and in all
  std::unique_ptr<DeviceMemory> memory_;
  unsigned char* first_ = nullptr;
};

}  // namespace scc_test
