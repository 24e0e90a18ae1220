// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// How the pixels of a batch are partitioned among the blocks of a grid.

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <scc/config.hpp>
#include <stdexcept>
#include <string>

#include "tuning.hpp"

namespace scc::gpu {

/// A range of tiles of one image, the part of it that one block works on.
struct TileRange {
  std::int64_t image;  ///< Number of the image in the batch
  int first_tile;      ///< First tile of the image
  int last_tile;       ///< The tile behind the last one
};

/// The partition of a batch: every image is a row of tiles of block_threads * group_size pixels, the last one
/// incomplete; all tiles, image after image, are dealt out to the blocks in equal contiguous ranges, which may
/// straddle images. Depends on the sizes alone, so that sums over blocks have one order.
struct TilePartition {
  std::int64_t images;       ///< N, at least 1
  std::int64_t pixels;       ///< M of each image, at least 1
  std::int64_t tiles;        ///< of one image
  std::int64_t tile_pixels;  ///< Pixels of a tile
  int blocks;                ///< of the grid

  /// First tile, of the whole batch, of a block.
  SCC_HOST_DEVICE std::int64_t start(std::int64_t block) const { return block * (images * tiles) / blocks; }

  /// The block that has a tile of the batch.
  SCC_HOST_DEVICE std::int64_t block_of_tile(std::int64_t tile) const {
    return ((tile + 1) * blocks - 1) / (images * tiles);
  }

  /// Number of blocks that have tiles of an image.
  SCC_HOST_DEVICE std::int64_t contributing_blocks(std::int64_t image) const {
    return last_contributing_block(image) - first_contributing_block(image) + 1;
  }
  /// The first of them.
  SCC_HOST_DEVICE std::int64_t first_contributing_block(std::int64_t image) const {
    return block_of_tile(image * tiles);
  }
  /// The last of them.
  SCC_HOST_DEVICE std::int64_t last_contributing_block(std::int64_t image) const {
    return block_of_tile((image + 1) * tiles - 1);
  }

  /// Calls body(range) for each image that a block has tiles of.
  template <class Body>
  SCC_HOST_DEVICE void for_each_range(std::int64_t block, Body const& body) const {
    std::int64_t const last = (start(block + 1) - 1) / tiles;
    for (std::int64_t image = start(block) / tiles; image <= last; ++image) {
      std::int64_t const first_tile = start(block) - image * tiles, last_tile = start(block + 1) - image * tiles;
      body(TileRange{image, static_cast<int>(first_tile > 0 ? first_tile : 0),
                     static_cast<int>(last_tile < tiles ? last_tile : tiles)});
    }
  }

  /// Where a block leaves its partial sums over the tiles that it has of an image: from block to block, and from image to
  /// image, the index grows by at least one.
  SCC_HOST_DEVICE std::int64_t partial_index(std::int64_t block, std::int64_t image) const { return block + image; }
};

/// Number of partial indices of a partition of at most this many blocks and images.
inline std::int64_t partial_count(int most_blocks, std::int64_t images) { return most_blocks + images; }

/// The partition of a batch of at least one image, and one pixel in each.
///
/// @param images             N
/// @param pixels             M, of each image.
/// @param block_threads      Threads of a block.
/// @param most_blocks        Blocks that the device runs at a time.
/// @param pixels_per_thread  Pixels that are worth a thread, in large images.
/// @throws std::invalid_argument if a thread could get more pixels of an image than 32 bits can count: an image has more
///         than 2^30 tiles, some 10^12 pixels.
inline TilePartition make_tile_partition(std::int64_t images, std::int64_t pixels, int block_threads, int most_blocks,
                                         int pixels_per_thread) {
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

}  // namespace scc::gpu
