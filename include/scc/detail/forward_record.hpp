// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the workspaces of both backends remember of the forward pass that filled them.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "../image_batch.hpp"

namespace scc::detail {

/// Which loss filled a workspace, and with a batch of which extents.
class ForwardRecord {
public:
  /// Makes the workspace empty: before a forward pass, as one that fails half-way must not look as if it had succeeded.
  void clear() { loss_.reset(); }

  /// Makes the workspace filled.
  ///
  /// @param loss          What all copies of the loss share. Kept, so that no later loss can have its address.
  /// @param x             The batch.
  /// @param has_gradient  Whether a backward pass may follow.
  /// @param has_weight    Whether the pixels of the batch had weights.
  template <class X>
  void set(std::shared_ptr<void const> loss, ImageBatch<X> const& x, bool has_gradient, bool has_weight) {
    loss_ = std::move(loss);
    extents_ = extents(x);
    has_gradient_ = has_gradient;
    has_weight_ = has_weight;
  }

  /// Number of images of the batch, if they had pixels.
  std::int64_t images() const {
    bool const has_pixels = extents_[1] > 0 && extents_[2] > 0 && extents_[3] > 0;
    return loss_ != nullptr && has_pixels ? extents_[0] : 0;
  }

  /// Throws std::invalid_argument unless the workspace was filled by this loss.
  void require_filled_by(std::shared_ptr<void const> const& loss) const {
    if (loss_ != loss) {
      throw std::invalid_argument(loss_ == nullptr
                                    ? "scc: the workspace is empty; call forward() with it first"
                                    : "scc: the workspace was filled by the forward pass of another loss");
    }
  }

  /// Throws std::invalid_argument if no backward pass may follow.
  void require_gradient() const {
    if (!has_gradient_) {
      throw std::invalid_argument(
        "scc: the workspace was filled by value(), which leaves nothing for a gradient; call "
        "forward() with it first");
    }
  }

  /// Throws std::invalid_argument unless x has the extents of the batch.
  template <class X>
  void require_same_batch(ImageBatch<X> const& x) const {
    if (extents_ != extents(x)) {
      auto const batch = ImageBatch<X>::contiguous(nullptr, extents_[0], extents_[1], extents_[2], extents_[3]);
      throw std::invalid_argument("scc: the workspace was filled by a batch of " + shape_text(batch) + " but x is " +
                                  shape_text(x));
    }
  }

  /// Throws std::invalid_argument unless the pixels had weights then if they have some now.
  void require_same_weights(bool has_weight) const {
    if (has_weight_ != has_weight) {
      throw std::invalid_argument(has_weight ? "scc: the workspace was filled without weights but there are some now"
                                             : "scc: the workspace was filled with weights but there are none now");
    }
  }

private:
  std::shared_ptr<void const> loss_;  // null while the workspace is empty
  std::array<std::int64_t, 4> extents_{};
  bool has_gradient_ = false, has_weight_ = false;
};

/// Throws std::invalid_argument unless there is such an image among the `images` of a workspace.
inline void require_image(std::int64_t image, std::int64_t images) {
  if (image < 0 || image >= images) {
    throw std::invalid_argument("scc: image " + std::to_string(image) + " was asked for, but the workspace holds " +
                                std::to_string(images) + " images");
  }
}

}  // namespace scc::detail
