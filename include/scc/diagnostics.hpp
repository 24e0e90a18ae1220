// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Counts of the pixels that the estimator had to treat specially.

#pragma once

#include <cstdint>

namespace scc {

/// Pixels outside the domain, which count as its nearest end, NaN pixels, which make the image's rSMI NaN, and invalid
/// weights, which do, too. Pixels of weight 0 are not counted. What is repeated by stride 0 counts as often as it is
/// repeated.
/// @ingroup inspection
struct Diagnostics {
  std::int64_t x_outside = 0;       ///< Pixels of the input outside the domain.
  std::int64_t x_nan = 0;           ///< NaN pixels of the input.
  std::int64_t y_outside = 0;       ///< Pixels of the translation outside the domain.
  std::int64_t y_nan = 0;           ///< NaN pixels of the translation.
  std::int64_t weight_invalid = 0;  ///< Weights that are negative, infinite or NaN.

  /// Adds the counts of other images.
  Diagnostics& operator+=(Diagnostics const& other) {
    x_outside += other.x_outside;
    x_nan += other.x_nan;
    y_outside += other.y_outside;
    y_nan += other.y_nan;
    weight_invalid += other.weight_invalid;
    return *this;
  }
};

}  // namespace scc
