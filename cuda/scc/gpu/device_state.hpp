// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a loss keeps on its device: its plan, and the limits of the device.

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

/// Plan and limits of one loss on one device, the one that was current at construction. Immutable.
class DeviceState {
public:
  /// Allocates the arrays of `plan` on the current device and copies them there (synchronises).
  ///
  /// @throws Error if a CUDA call fails.
  explicit DeviceState(Plan plan) : plan_(std::move(plan)), view_(plan_.view()) {
    check(cudaGetDevice(&device_), "cudaGetDevice");
    multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount);
    shared_bytes_ = static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)) - static_shared_bytes;

    auto const numbers = (1 + view_.functions + view_.products) * view_.basis_size;
    auto const indices = 2 * (view_.functions + view_.unknowns + view_.products);
    memory_.allocate(static_cast<std::size_t>(numbers) * sizeof(double) +
                     static_cast<std::size_t>(indices) * sizeof(int));
    auto* next = static_cast<unsigned char*>(memory_.data);
    auto const upload = [&](auto const*& array, int count) {
      std::size_t const bytes = static_cast<std::size_t>(count) * sizeof(*array);
      check(cudaMemcpy(next, array, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
      array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(next);
      next += bytes;
    };
    upload(view_.one, view_.basis_size);
    upload(view_.psi, view_.functions * view_.basis_size);
    upload(view_.psi_psi, view_.products * view_.basis_size);
    upload(view_.kept, view_.functions);
    upload(view_.first_unknown, view_.functions);
    upload(view_.unknown_i, view_.unknowns);
    upload(view_.unknown_j, view_.unknowns);
    upload(view_.product_i, view_.products);
    upload(view_.product_k, view_.products);
    // A copy from pageable memory may return before it is done, and other streams do not wait for it.
    check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
  }

  /// The plan of the loss, in host memory.
  Plan const& plan() const { return plan_; }
  /// The plan, in device memory.
  PlanView const& view() const { return view_; }
  /// Number of the device that has it.
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
  bool solves_in_shared_memory() const {
    auto const collected = static_cast<std::size_t>(collected_sums(most_terms()));
    return (collected + SolveScratch::size(view_)) * sizeof(double) <= shared_bytes_;
  }

  /// Most sums that a block of a forward pass, or the blocks of all parts, leave of an image, whatever the types of the
  /// pixels.
  int most_terms() const {
    if (plan_.basis() == Basis::histogram) {
      return 0;
    }
    return std::max(padded_terms(triangle_for(plan_.degree())), tile_count(plan_.degree()) * tile_size * tile_size);
  }
  /// Number of partial indices of the blocks of a forward pass at most.
  std::size_t most_partials(std::int64_t images) const {
    return static_cast<std::size_t>(partial_count(most_forward_blocks(1), images));
  }
  /// Number of partial sums that the blocks of a forward pass may leave.
  std::size_t most_partial_sums(std::int64_t images) const {
    if (plan_.basis() == Basis::histogram) {
      return 0;
    }
    int const degree = plan_.degree();
    int const parts = tile_count(degree);
    std::int64_t const triangle = partial_count(most_forward_blocks(1), images) * padded_terms(triangle_for(degree));
    std::int64_t const tiles = partial_count(most_forward_blocks(parts), images) * parts * tile_size * tile_size;
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
  PlanView view_;
  int device_ = 0;
  int multiprocessors_ = 0;
  std::size_t shared_bytes_ = 0;
  Memory memory_;
};

}  // namespace scc::gpu
