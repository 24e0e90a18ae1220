// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The pixels of both images and their weights, a block at a time.

#pragma once

#include <algorithm>
#include <cstdint>

#include "../diagnostics.hpp"
#include "lanes.hpp"
#include "pixels.hpp"
#include "weights.hpp"

namespace scc::cpu {

/// Weights that need not be there: those of one image, scaled.
struct ImageWeightReader {
  WeightReader const* reader = nullptr;  ///< Null without weights, which are then 1.
  double scale = 1;                      ///< See WeightReader::load().
};

/// Calls body(x_block, y_block, weight_block, first, length) for the pixels [start, start + count) of one image of both
/// batches, a block at a time, and counts the out-of-domain and NaN pixels among those that have a weight. `weight_block`
/// is null without weights. The pixels of a block whose weights are all 0 are not read: x_block and y_block hold others.
template <class Real, class Body>
Diagnostics for_each_block(Instructions instructions, PixelReader<Real> const& x, PixelReader<Real> const& y,
                           ImageWeightReader const& weights, std::int64_t image, std::int64_t start, std::int64_t count,
                           Body const& body) {
  PixelBlock<Real> x_block, y_block;
  WeightBlock<Real> weight_block;
  WeightBlock<Real> const* const weights_of_block = weights.reader == nullptr ? nullptr : &weight_block;
  Diagnostics found;
  for (std::int64_t offset = 0; offset < count; offset += block_size) {
    std::int64_t const length = std::min<std::int64_t>(block_size, count - offset);
    typename PixelBlock<Real>::Flag const* left_out = nullptr;
    if (weights.reader != nullptr) {
      weights.reader->load(instructions, image, start + offset, length, weights.scale, weight_block);
      left_out = weight_block.zero_count > 0 ? weight_block.is_zero : nullptr;
    }
    if (weights_of_block == nullptr || !weight_block.is_empty()) {
      x.load(instructions, image, start + offset, length, left_out, x_block);
      y.load(instructions, image, start + offset, length, left_out, y_block);
      found += {x_block.outside_count, x_block.nan_count, y_block.outside_count, y_block.nan_count};
    }
    body(x_block, y_block, weights_of_block, start + offset, static_cast<int>(length));
  }
  return found;
}

}  // namespace scc::cpu
