// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a loss keeps on its device: the tables of its plan, and the limits of the device.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <scc/estimator/solve.hpp>
#include <scc/plan/plan.hpp>
#include <utility>

#include "error.hpp"
#include "tile_partition.hpp"
#include "tuning.hpp"

namespace scc::gpu {

/// Tables and limits of one loss on one device, the one that was current at construction. Immutable.
class DeviceState {
public:
  /// Allocates the tables of `plan` on the current device and copies them there (synchronises).
  ///
  /// @throws Error if a CUDA call fails.
  explicit DeviceState(Plan plan) : plan_(std::move(plan)), tables_(plan_.tables()) {
    check(cudaGetDevice(&device_), "cudaGetDevice");
    multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount);
    shared_bytes_ = static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)) - static_shared_bytes;

    auto const numbers = (1 + tables_.functions + tables_.products) * tables_.basis_size;
    auto const indices = 2 * (tables_.functions + tables_.unknowns + tables_.products);
    memory_.allocate(static_cast<std::size_t>(numbers) * sizeof(double) +
                     static_cast<std::size_t>(indices) * sizeof(int));
    auto* next = static_cast<unsigned char*>(memory_.data);
    auto const upload = [&](auto const*& array, int count) {
      std::size_t const bytes = static_cast<std::size_t>(count) * sizeof(*array);
      check(cudaMemcpy(next, array, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
      array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(next);
      next += bytes;
    };
    upload(tables_.one, tables_.basis_size);
    upload(tables_.psi, tables_.functions * tables_.basis_size);
    upload(tables_.psi_psi, tables_.products * tables_.basis_size);
    upload(tables_.kept, tables_.functions);
    upload(tables_.first_unknown, tables_.functions);
    upload(tables_.unknown_i, tables_.unknowns);
    upload(tables_.unknown_j, tables_.unknowns);
    upload(tables_.product_i, tables_.products);
    upload(tables_.product_k, tables_.products);
    // A copy from pageable memory may return before it is done, and other streams do not wait for it.
    check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
  }

  /// The plan of the loss, in host memory.
  Plan const& plan() const { return plan_; }
  /// The plan's tables in device memory.
  Tables const& tables() const { return tables_; }
  /// Number of the device that has them.
  int device() const { return device_; }
  /// Dynamic shared memory that a block can have at most, in bytes.
  std::size_t shared_bytes() const { return shared_bytes_; }

  /// Blocks that the device runs at a time in a forward pass, for each of so many parts of the moments.
  int most_forward_blocks(int parts) const {
    return std::max(1, multiprocessors_ * forward_blocks_per_multiprocessor / parts);
  }
  /// Blocks that the device runs at a time in a backward pass.
  int most_gradient_blocks() const { return multiprocessors_ * gradient_blocks_per_multiprocessor; }

  /// Whether a solve fits the shared memory of a block.
  bool solves_in_shared_memory() const { return SolveScratch::size(tables_) * sizeof(double) <= shared_bytes_; }

  /// Number of moments of one image, B * B.
  std::size_t moment_count() const {
    return static_cast<std::size_t>(tables_.basis_size) * static_cast<std::size_t>(tables_.basis_size);
  }
  /// Number of unknowns of the system of one image.
  std::size_t unknown_count() const { return static_cast<std::size_t>(tables_.unknowns); }

  /// Number of sums that the blocks of a forward pass may leave, whatever the types of the pixels.
  std::size_t most_sums(std::int64_t images) const {
    if (plan_.basis() == Basis::histogram) {
      return 0;
    }
    int const degree = plan_.resolution();
    int const parts = tile_count(degree);
    std::int64_t const triangle = Cut::slots(most_forward_blocks(1), images) * padded_terms(triangle_for(degree));
    std::int64_t const tiles = Cut::slots(most_forward_blocks(parts), images) * parts * tile_size * tile_size;
    return static_cast<std::size_t>(std::max(triangle, tiles));
  }

private:
  struct Memory {
    void* data = nullptr;

    Memory() = default;
    Memory(Memory const&) = delete;
    Memory& operator=(Memory const&) = delete;
    // The driver may be gone already, with all its memory, if the loss is a static object.
    ~Memory() { static_cast<void>(cudaFree(data)); }
    void allocate(std::size_t bytes) { check(cudaMalloc(&data, bytes), "cudaMalloc"); }
  };

  int attribute(cudaDeviceAttr which) const {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, device_), "cudaDeviceGetAttribute");
    return value;
  }

  Plan plan_;
  Tables tables_;
  int device_ = 0;
  int multiprocessors_ = 0;
  std::size_t shared_bytes_ = 0;
  Memory memory_;
};

}  // namespace scc::gpu
