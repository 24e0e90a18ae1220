// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// How the pixels of a batch are shared out to the blocks of a grid.

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <scc/config.hpp>
#include <stdexcept>
#include <string>

namespace scc::gpu {

/// Pixels that one thread works on at a time, read in one piece where memory allows.
inline constexpr int group_size = 4;

/// A run of tiles of one image, the share that one block has in it.
struct Segment {
  std::int64_t image;         ///< Number of the image in the batch
  int first_tile, last_tile;  ///< Tiles [first, last) of the image
};

/// The cut of a batch: every image is a row of tiles of block_threads * group_size pixels, the last one incomplete; all
/// tiles, image after image, are dealt out to the blocks in equal contiguous runs, which may straddle images. Depends on
/// the sizes alone, so that sums over blocks have one order.
struct Cut {
  std::int64_t images, pixels;  ///< N, and M per image; at least 1
  std::int64_t tiles;           ///< of one image
  std::int64_t tile_pixels;     ///< Pixels of a tile
  int blocks;                   ///< of the grid

  /// The cut of a batch of at least one image, and one pixel in each.
  ///
  /// @param images             N
  /// @param pixels             M, of each image.
  /// @param block_threads      Threads of a block.
  /// @param most_blocks        Blocks that the device runs at a time.
  /// @param pixels_per_thread  Pixels that are worth a thread, in large images.
  /// @throws std::invalid_argument if a thread could get more pixels of an image than 32 bits can count: an image has more
  ///   than 2^30 tiles, some 10^12 pixels.
  static Cut of(std::int64_t images, std::int64_t pixels, int block_threads, int most_blocks, int pixels_per_thread) {
    std::int64_t const tile_pixels = std::int64_t{block_threads} * group_size;
    std::int64_t const tiles = (pixels + tile_pixels - 1) / tile_pixels;
    if (tiles > std::numeric_limits<std::uint32_t>::max() / group_size) {
      throw std::invalid_argument("scc: an image of " + std::to_string(pixels) + " pixels is too large for a GPU pass");
    }
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
  /// The first of them.
  SCC_HOST_DEVICE std::int64_t first_sharer(std::int64_t image) const { return owner(image * tiles); }
  /// The last of them.
  SCC_HOST_DEVICE std::int64_t last_sharer(std::int64_t image) const { return owner((image + 1) * tiles - 1); }

  /// Calls body(segment) for each image that a block has a share in.
  template <class Body>
  SCC_HOST_DEVICE void for_each_segment(std::int64_t block, Body const& body) const {
    std::int64_t const last = (start(block + 1) - 1) / tiles;
    for (std::int64_t image = start(block) / tiles; image <= last; ++image) {
      std::int64_t const first_tile = start(block) - image * tiles, last_tile = start(block + 1) - image * tiles;
      body(Segment{image, static_cast<int>(first_tile > 0 ? first_tile : 0),
                   static_cast<int>(last_tile < tiles ? last_tile : tiles)});
    }
  }

  /// Where a block leaves its sums over a segment, one place each: from block to block, and from image to image, the
  /// number grows by at least one.
  SCC_HOST_DEVICE std::int64_t slot(std::int64_t block, std::int64_t image) const { return block + image; }
  /// Number of slots of a cut of at most this many blocks and images.
  static std::int64_t slots(int most_blocks, std::int64_t images) { return most_blocks + images; }
};

}  // namespace scc::gpu
