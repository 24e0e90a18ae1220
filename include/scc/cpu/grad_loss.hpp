// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the gradient of the loss is multiplied by.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace scc::cpu {

/// Gradient of the final objective with respect to L, the weight of the loss with the loss scale: one number c, or a number
/// c_n for each image, by which a trainer weights or drops images. Image n then adds -(c_n / N) rSMI_n to the objective, so
/// that the same number for each image is that number.
/// @ingroup loss
class GradLoss {
public:
  /// c
  GradLoss(double value) : value_(value) {}  // NOLINT(google-explicit-constructor): a number is the usual one

  /// c_n
  ///
  /// @param values  [count] host memory, not copied; null if count is 0.
  /// @param count   Number of images of the batch; another one is refused by the call that is given it.
  /// @throws std::invalid_argument if values is null and count is not 0.
  GradLoss(double const* values, std::int64_t count) : values_(values), count_(count), is_one_(false) {
    if (values == nullptr && count != 0) {
      throw std::invalid_argument("scc: grad_loss has " + std::to_string(count) + " numbers but its data is null");
    }
  }

  /// What the gradient of an image is multiplied by.
  double of(std::int64_t image) const { return is_one_ ? value_ : values_[image]; }

  /// Throws std::invalid_argument if there are numbers for another batch than one of so many images.
  void require_count(std::int64_t images) const {
    if (!is_one_ && count_ != images) {
      throw std::invalid_argument("scc: grad_loss has " + std::to_string(count_) + " numbers but there are " +
                                  std::to_string(images) + " images");
    }
  }

private:
  double value_ = 1;
  double const* values_ = nullptr;
  std::int64_t count_ = 0;
  bool is_one_ = true;
};

}  // namespace scc::cpu
