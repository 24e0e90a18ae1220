// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// How the pixels of a batch are shared out to the blocks of a grid.

#pragma once

#include <algorithm>
#include <cstdint>
#include <scc/config.hpp>

namespace scc::gpu {

/// Pixels that one thread works on at a time, read in one piece where memory allows.
inline constexpr int group_size = 4;

/// A run of tiles of one image, the share that one block has in it.
struct Segment {
  std::int64_t image;
  std::int64_t first_tile, last_tile;  ///< Tiles [first, last) of the image
};

/// The cut of a batch: every image is a row of tiles of block_threads * group_size pixels, the last one incomplete; all
/// tiles, image after image, are dealt out to the blocks in equal contiguous runs, which may straddle images. Depends on
/// the sizes alone, so that sums over blocks have one order.
struct Cut {
  std::int64_t images, pixels;  ///< N, and M per image; at least 1
  std::int64_t tiles;           ///< of one image
  std::int64_t tile_pixels;
  int blocks;

  /// @param most_blocks       blocks that the device runs at a time
  /// @param pixels_per_thread pixels that are worth a thread, in large images
  static Cut of(std::int64_t images, std::int64_t pixels, int block_threads, int most_blocks, int pixels_per_thread) {
    std::int64_t const tile_pixels = std::int64_t{block_threads} * group_size;
    std::int64_t const tiles = (pixels + tile_pixels - 1) / tile_pixels;
    std::int64_t const worth = images * tiles * group_size / pixels_per_thread;
    // An image whose last block must still solve it deserves a block of its own.
    std::int64_t const wanted = std::min(std::max(worth, images), images * tiles);
    return {images, pixels, tiles, tile_pixels, static_cast<int>(std::min<std::int64_t>(wanted, most_blocks))};
  }

  /// First tile, of the whole batch, of a block.
  SCC_HOST_DEVICE std::int64_t start(std::int64_t block) const { return block * (images * tiles) / blocks; }

  /// The block that has a tile of the batch.
  SCC_HOST_DEVICE std::int64_t owner(std::int64_t tile) const { return ((tile + 1) * blocks - 1) / (images * tiles); }

  /// Number of blocks that have a share in an image.
  SCC_HOST_DEVICE std::int64_t sharers(std::int64_t image) const {
    return last_sharer(image) - first_sharer(image) + 1;
  }
  SCC_HOST_DEVICE std::int64_t first_sharer(std::int64_t image) const { return owner(image * tiles); }
  SCC_HOST_DEVICE std::int64_t last_sharer(std::int64_t image) const { return owner((image + 1) * tiles - 1); }

  /// Calls body(segment) for each image that a block has a share in.
  template <class Body>
  SCC_HOST_DEVICE void for_each_segment(std::int64_t block, Body const& body) const {
    std::int64_t const end = start(block + 1);
    for (std::int64_t tile = start(block); tile < end;) {
      std::int64_t const image = tile / tiles;
      std::int64_t const image_end = (image + 1) * tiles;
      std::int64_t const stop = image_end < end ? image_end : end;
      body(Segment{image, tile - image * tiles, stop - image * tiles});
      tile = stop;
    }
  }

  /// Where a block leaves its sums over a segment, one place each: from block to block, and from image to image, the
  /// number grows by at least one.
  SCC_HOST_DEVICE std::int64_t slot(std::int64_t block, std::int64_t image) const { return block + image; }
  /// Number of slots of a cut of at most this many blocks and images.
  static std::int64_t slots(int most_blocks, std::int64_t images) { return most_blocks + images; }
};

}  // namespace scc::gpu
