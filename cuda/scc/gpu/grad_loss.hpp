// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the gradient of the loss is multiplied by.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace scc::gpu {

/// Gradient of the final objective with respect to L: one number c in device memory, or a number c_n for each image, by which
/// a trainer weights or drops images. Image n then adds -(c_n / N) rSMI_n to the objective, so that the same number for each
/// image is that number. Read by the kernels, in the order of their stream; not copied.
/// @ingroup loss
class GradLoss {
public:
  /// c
  ///
  /// @param value  [1] device memory; null means 1.
  GradLoss(float const* value) : values_(value) {}  // NOLINT(google-explicit-constructor): one number is the usual

  /// c_n
  ///
  /// @param values  [count] device memory; null if count is 0.
  /// @param count   Number of images of the batch; another one is refused by the call that is given it.
  /// @throws std::invalid_argument if values is null and count is not 0.
  GradLoss(float const* values, std::int64_t count) : values_(values), count_(count), is_one_(false) {
    if (values == nullptr && count != 0) {
      throw std::invalid_argument("scc: grad_loss has " + std::to_string(count) + " numbers but its data is null");
    }
  }

  /// The number of the first image, or null for 1.
  float const* values() const { return values_; }
  /// From image to image.
  int stride() const { return is_one_ ? 0 : 1; }

  /// Throws std::invalid_argument if there are numbers for another batch than one of so many images.
  void require_count(std::int64_t images) const {
    if (!is_one_ && count_ != images) {
      throw std::invalid_argument("scc: grad_loss has " + std::to_string(count_) + " numbers but there are " +
                                  std::to_string(images) + " images");
    }
  }

private:
  float const* values_;
  std::int64_t count_ = 0;
  bool is_one_ = true;
};

}  // namespace scc::gpu
