// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the copies of the kernels are run on, what they must make of it, and the function that runs a copy.

#pragma once

#include <cstddef>
#include <cstdint>
#include <scc/diagnostics.hpp>
#include <scc/estimator/plan.hpp>
#include <scc/image_batch.hpp>
#include <string>
#include <vector>

namespace kernel_defects {

/// Two batches of single-channel images. Those of x begin where a kernel may read several pixels in one piece, those of
/// y do not. No image is a whole number of such pieces; a gap behind each but the last makes up for that.
struct Batch {
  std::int64_t images, height, width;
  std::vector<float> x{}, y{};  // as in memory

  static constexpr std::int64_t x_start = 0, y_start = 1;  // of the first pixel, in elements of the memory

  std::int64_t pixels() const { return height * width; }
  std::int64_t image_stride() const { return (pixels() + 3) / 4 * 4; }
  std::size_t memory_size(std::int64_t start) const {
    return static_cast<std::size_t>(start + (images - 1) * image_stride() + pixels());
  }

  template <class T>
  scc::ImageBatch<T> view(T* memory, std::int64_t start) const {
    return {memory + start, images, 1, height, width, image_stride(), pixels(), width, 1};
  }
};

struct Results {
  double loss = 0;
  std::vector<double> rsmi;
  std::vector<float> dloss_dx, dloss_dy;  // as in memory
  scc::Diagnostics diagnostics;
};

/// `multiprocessors` are so few that blocks straddle images.
struct Case {
  std::string name;
  scc::Plan plan;
  int multiprocessors;
  std::size_t shared_memory_bytes;
  Batch batch;
  Results expected;  // from the CPU backend
};

/// The cases of the kernels "triangle", "tile" or "histogram"; none for other names.
std::vector<Case> cases_of(std::string const& kernels);

/// The loss and both gradients, by the copy of the kernels in this program, in a workspace that was used before.
Results run_kernels(scc::Plan const& plan, Batch const& batch);

}  // namespace kernel_defects
