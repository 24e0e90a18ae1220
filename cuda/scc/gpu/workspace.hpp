// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a forward pass leaves in device memory, for the backward pass and for inspection.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <memory>
#include <scc/detail/forward_record.hpp>
#include <scc/diagnostics.hpp>
#include <scc/estimator/solve.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "device_memory.hpp"
#include "device_scope.hpp"
#include "device_state.hpp"
#include "error.hpp"

namespace scc::gpu {

class Loss;

/// What is to be known of weights before they are used.
struct WeightSummary {
  double largest;        ///< Of the valid ones; 0 without any
  std::int64_t invalid;  ///< How many are negative, infinite or NaN
};

/// What a backward pass has to know of the weights of an image.
struct ImageWeights {
  double scale;          ///< The power of two that they are multiplied by, see scc/estimator/weights.hpp
  double inverse_total;  ///< 1 / the sum of the scaled weights; 0 if that is 0, NaN if a weight is invalid
};

/// The parts of a workspace, in device memory. Plain data, an argument of kernels.
struct WorkspaceView {
  unsigned* finished_images;    ///< [1]; the block that solves the last one adds up the loss
  unsigned long long* bins;     ///< [images, B, B] histogram basis: sums in fixed point, in the place of moments
  double* moments;              ///< [images, B, B]
  double* drsmi_dmoments;       ///< [images, B, B]
  float* differences;           ///< [images, 2, B, B] drsmi_dmoments: next along y, then along x, minus this; or null
  double* alpha;                ///< [images, unknowns]
  double* rsmi;                 ///< [images]
  double* loss;                 ///< [1]
  float* loss_float;            ///< [1] the same
  Diagnostics* counts;          ///< [images]
  Diagnostics* partial_counts;  ///< [partial_count()] of the blocks
  ImageWeights* weights;        ///< [images] with weights
  WeightSummary* summaries;     ///< [partial_count()] with weights: of the blocks
  double* partial_sums;         ///< of the blocks: [partial_count(), parts, terms of a part] of the moments;
                                ///< histogram basis: [partial_count()] of weights, if there are any
  double* solve_scratch;        ///< [images, SolveScratch] where that is too large for shared memory

  /// Points the parts into `memory`, if that is not null; returns the bytes they take.
  std::size_t carve(DeviceState const& state, std::int64_t max_images, unsigned char* memory) {
    auto const images = static_cast<std::size_t>(max_images);
    std::size_t used = 0;
    auto const take = [&](auto*& part, std::size_t count) {
      part = memory == nullptr ? nullptr : reinterpret_cast<std::remove_reference_t<decltype(part)>>(memory + used);
      used += (count * sizeof(*part) + alignment - 1) / alignment * alignment;
    };
    take(finished_images, 1);
    take(counts, images);
    take(partial_counts, state.most_partials(max_images));
    take(weights, images);
    take(summaries, state.most_partials(max_images));
    take(moments, images * state.plan().moment_count());
    bins = reinterpret_cast<unsigned long long*>(moments);
    take(drsmi_dmoments, images * state.plan().moment_count());
    take(differences, state.stores_differences() ? 2 * images * state.plan().moment_count() : 0);
    differences = state.stores_differences() ? differences : nullptr;
    take(alpha, images * static_cast<std::size_t>(state.plan().unknowns()));
    take(rsmi, images);
    take(loss, 1);
    take(loss_float, 1);
    take(partial_sums, state.most_partial_sums(max_images));
    take(solve_scratch, state.solves_in_shared_memory() ? 0 : images * SolveScratch::size(state.plan().view()));
    return used;
  }

  /// Of the memory, and of each part, in bytes.
  static constexpr std::size_t alignment = 256;
};

/// Results and working memory of one batch at a time, on the device of its loss: O(images), not O(pixels). Fixed in size,
/// so that passes allocate nothing. One forward pass at a time may use it, and the backward passes that follow on the same
/// stream, or on streams that wait for it. Any device may be current in its calls, and remains so.
///
/// A graph of captured passes holds the addresses of the workspace's memory, of the loss's tables, and of the caller's
/// pixels, gradients and grad_loss: all must stay where they are for as long as the graph is launched. A workspace that
/// is moved keeps its memory, and keeps the tables of its loss, even if that is destroyed. It may be destroyed while a
/// stream is captured, by this thread or another. Its memory is not part of the graph: while its own stream is captured
/// it is freed at once, and work enqueued before the capture must have finished.
/// @ingroup loss
class Workspace {
public:
  /// Bytes of device memory that batches of up to `max_images` images need.
  ///
  /// @param loss        The loss that the workspace is for.
  /// @param max_images  At least 0.
  /// @throws std::invalid_argument if max_images is negative or beyond all memory.
  static std::size_t bytes(Loss const& loss, std::int64_t max_images);

  /// Owns its memory, allocated in the order of `stream` (cudaMallocAsync) and freed in its order on destruction; the
  /// stream must outlive the workspace. On devices without memory pools, and while the stream is captured, by
  /// cudaMalloc. Allocates; does not synchronise.
  ///
  /// @param loss        The loss that the workspace is for.
  /// @param max_images  Most images of a batch, at least 0.
  /// @param stream      Where the memory is allocated and freed; of the loss's device.
  /// @throws std::invalid_argument as bytes() does; Error if the memory cannot be had, or the stream is of another
  ///         device.
  Workspace(Loss const& loss, std::int64_t max_images, cudaStream_t stream);

  /// Works in memory of the caller, which must outlive it.
  ///
  /// @param loss          The loss that the workspace is for.
  /// @param max_images    Most images of a batch, at least 0.
  /// @param memory        Memory of the loss's device, aligned to 256 bytes, of any content.
  /// @param memory_bytes  At least bytes(loss, max_images).
  /// @throws std::invalid_argument if the memory is too small or not aligned, naming both sizes, or of another device;
  ///         Error if a CUDA call fails.
  Workspace(Loss const& loss, std::int64_t max_images, void* memory, std::size_t memory_bytes);

  /// Takes the memory of the other, which can then only be assigned to or destroyed.
  Workspace(Workspace&& other) noexcept { *this = std::move(other); }
  /// Exchanges the two.
  Workspace& operator=(Workspace&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(max_images_, other.max_images_);
    std::swap(view_, other.view_);
    std::swap(owned_, other.owned_);
    std::swap(record_, other.record_);
    return *this;
  }
  Workspace(Workspace const&) = delete;
  Workspace& operator=(Workspace const&) = delete;
  /// L = -mean rSMI of the last forward pass: one number in device memory, written in the order of its stream.
  double const* loss() const { return view_.loss; }
  /// The same as a float.
  float const* loss_float() const { return view_.loss_float; }
  /// [images] rSMI of each image of the last forward pass, in device memory; NaN for an image that held a NaN pixel or
  /// whose system could not be solved.
  double const* rsmi() const { return view_.rsmi; }

  /// L = -mean rSMI of the last forward pass, in host memory. Waits for `stream`.
  ///
  /// @param stream  That of the forward pass, or one that waits for it.
  /// @throws std::invalid_argument if there was no forward pass; Error if a CUDA call fails.
  double read_loss(cudaStream_t stream) const {
    require_filled();
    double loss = 0;
    read(&loss, view_.loss, 1, stream);
    return loss;
  }

  /// Copies L = -mean rSMI of the last forward pass. Only enqueues the copy, which can be captured; allocates nothing.
  ///
  /// @param loss    [1] out; pinned host memory, or device memory of any device. It must live until the stream has made
  ///                the copy; in a graph, until its last launch has. Into pageable host memory CUDA makes the copy
  ///                wait.
  /// @param stream  That of the forward pass, or one that waits for it.
  /// @throws std::invalid_argument if there was no forward pass; Error if a CUDA call fails.
  void copy_loss(float* loss, cudaStream_t stream) const {
    require_filled();
    DeviceScope const scope(state_->device());
    check(cudaMemcpyAsync(loss, view_.loss_float, sizeof(float), cudaMemcpyDefault, stream), "cudaMemcpyAsync");
  }

  /// Most images of a batch.
  std::int64_t max_images() const { return max_images_; }

  /// Counts of out-of-domain and NaN pixels in the last forward pass, over all images. Synchronises with the stream.
  ///
  /// @param stream  That of the forward pass, or one that waits for it.
  /// @throws Error if a CUDA call fails.
  Diagnostics diagnostics(cudaStream_t stream) const {
    std::vector<Diagnostics> counts(static_cast<std::size_t>(record_.images()));
    if (!counts.empty()) {
      read(counts.data(), view_.counts, counts.size(), stream);
    }
    Diagnostics total;
    for (Diagnostics const& image : counts) {
      total += image;
    }
    return total;
  }

  /// Counts of out-of-domain and NaN pixels of one image of the last forward pass. Synchronises with the stream.
  ///
  /// @param image   Which image, 0 <= image < images.
  /// @param stream  That of the forward pass, or one that waits for it.
  /// @throws std::invalid_argument if there is no such image; Error if a CUDA call fails.
  Diagnostics diagnostics(std::int64_t image, cudaStream_t stream) const {
    scc::detail::require_image(image, record_.images());
    Diagnostics counts;
    read(&counts, view_.counts + image, 1, stream);
    return counts;
  }

private:
  friend class Loss;

  /// Throws std::invalid_argument unless there was a forward pass.
  void require_filled() const {
    if (state_ == nullptr) {
      throw std::invalid_argument("scc: the workspace has been moved from");
    }
    record_.require_filled_by(state_);
  }

  /// Copies `count` elements to host memory. Waits for the stream.
  template <class T>
  void read(T* out, T const* device, std::size_t count, cudaStream_t stream) const {
    DeviceScope const scope(state_->device());
    check(cudaMemcpyAsync(out, device, count * sizeof(T), cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  }

  /// Bytes of memory for so many images.
  static std::size_t bytes(DeviceState const& state, std::int64_t max_images) {
    if (max_images < 0 || max_images > largest_images) {
      throw std::invalid_argument("scc: a workspace for " + std::to_string(max_images) +
                                  " images was asked for, must be between 0 and " + std::to_string(largest_images));
    }
    WorkspaceView sizes{};
    return sizes.carve(state, max_images, nullptr);
  }

  // More images than any memory holds, few enough for the sizes not to overflow.
  static constexpr std::int64_t largest_images = std::int64_t{1} << 31;

  std::shared_ptr<DeviceState const> state_;
  std::int64_t max_images_ = 0;
  WorkspaceView view_{};
  DeviceMemory owned_;
  scc::detail::ForwardRecord record_;
};

}  // namespace scc::gpu
