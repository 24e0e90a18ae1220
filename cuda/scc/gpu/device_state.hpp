// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a loss keeps on its device: its plan, and the limits of the device.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <cuda_runtime_api.h>
#include <optional>
#include <scc/estimator/solve.hpp>
#include <scc/plan/plan.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "device_memory.hpp"
#include "device_scope.hpp"
#include "error.hpp"
#include "tile_partition.hpp"
#include "tuning.hpp"

namespace scc::gpu {

/// Plan and limits of one loss on one device. Immutable.
class DeviceState {
public:
  /// Allocates the arrays of `plan` on the device and copies them there. Waits for that copy, and for nothing else. The
  /// current device stays as it is.
  ///
  /// @param plan    Kept.
  /// @param device  Number of the device; without it, the one that is current.
  /// @throws Error if there is no such device, or a CUDA call fails.
  explicit DeviceState(Plan plan, std::optional<int> device = std::nullopt)
      : plan_(std::move(plan)),
        view_(plan_.view()),
        device_(device ? *device : current_device()),
        multiprocessors_(attribute(cudaDevAttrMultiProcessorCount)),
        block_shared_bytes_(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)) {
    auto const numbers = (1 + view_.functions + view_.products) * view_.basis_size;
    auto const indices = 2 * (view_.functions + view_.unknowns + view_.products);
    std::vector<unsigned char> arrays(static_cast<std::size_t>(numbers) * sizeof(double) +
                                      static_cast<std::size_t>(indices) * sizeof(int));
    memory_ = DeviceMemory(arrays.size(), device_);
    std::size_t used = 0;
    auto const take = [&](auto const*& array, int count) {
      std::size_t const bytes = static_cast<std::size_t>(count) * sizeof(*array);
      std::memcpy(arrays.data() + used, array, bytes);
      array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(
        static_cast<unsigned char const*>(memory_.data()) + used);
      used += bytes;
    };
    take(view_.one, view_.basis_size);
    take(view_.psi, view_.functions * view_.basis_size);
    take(view_.psi_psi, view_.products * view_.basis_size);
    take(view_.kept, view_.functions);
    take(view_.first_unknown, view_.functions);
    take(view_.unknown_i, view_.unknowns);
    take(view_.unknown_j, view_.unknowns);
    take(view_.product_i, view_.products);
    take(view_.product_k, view_.products);
    upload(arrays);
  }

  /// The plan of the loss, in host memory.
  Plan const& plan() const { return plan_; }
  /// The plan, in device memory.
  PlanView const& view() const { return view_; }
  /// Number of the device that has it.
  int device() const { return device_; }
  /// Shared memory that a block can have at most, static and dynamic together, in bytes.
  int block_shared_bytes() const { return block_shared_bytes_; }
  /// Dynamic shared memory that a block of any kernel can have at most, in bytes.
  std::size_t shared_bytes() const { return static_cast<std::size_t>(block_shared_bytes_) - static_shared_bytes; }

  /// Blocks that the device runs at a time in a forward pass, for each of so many parts of the moments.
  int most_forward_blocks(int parts) const {
    return std::max(1, multiprocessors_ * forward_blocks_per_multiprocessor / parts);
  }
  /// Blocks that the device runs at a time in a backward pass.
  int most_gradient_blocks() const { return multiprocessors_ * gradient_blocks_per_multiprocessor; }

  /// Whether a solve fits the shared memory of a block.
  bool solves_in_shared_memory() const {
    auto const collected = static_cast<std::size_t>(collected_sums(most_terms()));
    return (collected + SolveScratch::size(view_)) * sizeof(double) <= shared_bytes();
  }

  /// Whether a block of a backward pass has room for a table [B, B] of numbers of this type.
  template <class Real>
  bool fits_coefficients() const {
    return plan_.moment_count() * sizeof(Real) <= shared_bytes();
  }
  /// Whether a solve leaves the differences that gradient_histogram<float> reads.
  bool stores_differences() const { return plan_.basis() == Basis::histogram && !fits_coefficients<float>(); }

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
      return most_partials(images);
    }
    int const degree = plan_.degree();
    int const parts = tile_count(degree);
    std::int64_t const triangle = partial_count(most_forward_blocks(1), images) * padded_terms(triangle_for(degree));
    std::int64_t const tiles = partial_count(most_forward_blocks(parts), images) * parts * tile_size * tile_size;
    return static_cast<std::size_t>(std::max(triangle, tiles));
  }

private:
  static int current_device() {
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    return device;
  }

  int attribute(cudaDeviceAttr which) const {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, device_), "cudaDeviceGetAttribute");
    return value;
  }

  /// Fills the device memory, in a stream of its own: the default stream cannot be used during some captures, and other
  /// streams do not wait for it.
  void upload(std::vector<unsigned char> const& arrays) const {
    DeviceScope const scope(device_);
    OutsideCaptures const outside;
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    cudaError_t const copied =
      cudaMemcpyAsync(memory_.data(), arrays.data(), arrays.size(), cudaMemcpyHostToDevice, stream);
    cudaError_t const waited = cudaStreamSynchronize(stream);
    ignore(cudaStreamDestroy(stream));
    check(copied, "cudaMemcpyAsync");
    check(waited, "cudaStreamSynchronize");
  }

  Plan plan_;
  PlanView view_;
  int device_;
  int multiprocessors_;
  int block_shared_bytes_;
  DeviceMemory memory_;
};

}  // namespace scc::gpu
