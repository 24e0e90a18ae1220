// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a forward pass leaves for the backward pass and for inspection.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../diagnostics.hpp"
#include "../plan/plan.hpp"
#include "aligned_buffer.hpp"

namespace scc::cpu {

class Loss;

/// Results and working memory of one batch at a time: O(images), not O(pixels). It owns its memory and keeps it between
/// calls, so that calls of the same size or smaller allocate nothing. One thread at a time may pass it to forward();
/// after that any number of threads may read it.
class Workspace {
public:
  /// rSMI of each image of the last forward pass, [images], or none if the images had no pixels; NaN for an image that
  /// held a NaN pixel or whose system could not be solved.
  std::vector<double> const& rsmi() const { return rsmi_; }

  /// Counts of odd pixels in the last forward pass, over all images.
  Diagnostics diagnostics() const {
    Diagnostics total;
    for (auto const& image : diagnostics_) {
      total += image;
    }
    return total;
  }

  /// Counts of odd pixels of one image of the last forward pass.
  ///
  /// @param image  Which image, 0 <= image < images.
  /// @throws std::invalid_argument if there is no such image.
  Diagnostics diagnostics(std::int64_t image) const {
    require_image(image);
    return diagnostics_[static_cast<std::size_t>(image)];
  }

private:
  friend class Loss;

  void require_image(std::int64_t image) const {
    if (image < 0 || image >= static_cast<std::int64_t>(rsmi_.size())) {
      throw std::invalid_argument("scc: image " + std::to_string(image) + " was asked for, but the workspace holds " +
                                  std::to_string(rsmi_.size()) + " images");
    }
  }

  std::shared_ptr<Plan const> plan_;       // whose forward pass filled this; null before the first
  std::array<std::int64_t, 4> extents_{};  // of the batch
  std::vector<double> rsmi_;
  std::vector<Diagnostics> diagnostics_;
  std::vector<double> moments_;         // [images, B, B]
  std::vector<double> alpha_;           // [images, unknowns] of the compressed system
  std::vector<double> drsmi_dmoments_;  // [images, B, B]

  // Working memory of a forward pass: per thread unless said otherwise.
  AlignedBuffer<float> float_tables_;
  AlignedBuffer<double> double_tables_;
  AlignedBuffer<double> sums_;
  AlignedBuffer<std::int64_t> bins_;
  AlignedBuffer<double> solve_;
  std::vector<double> chunk_sums_;              // [images * chunks, terms]
  std::vector<Diagnostics> chunk_diagnostics_;  // [images * chunks]
};

}  // namespace scc::cpu
