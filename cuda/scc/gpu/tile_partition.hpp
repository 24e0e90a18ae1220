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
  int image;       ///< Number of the image in the batch
  int first_tile;  ///< First tile of the image
  int last_tile;   ///< The tile behind the last one
};

/// The partition of a batch: every image is a row of tiles of block_threads * group_size pixels, the last one
/// incomplete; all tiles, image after image, are dealt out to the blocks in contiguous ranges that differ by one tile at
/// most, and may straddle images. Depends on the sizes alone, so that sums over blocks have one order.
struct TilePartition {
  int images;           ///< N, at least 1
  std::int64_t pixels;  ///< M of each image, at least 1
  int tiles;            ///< of one image
  int tile_pixels;      ///< Pixels of a tile
  int blocks;           ///< of the grid
  int tiles_of_block;   ///< Tiles that a block has at least
  int longer_blocks;    ///< Number of blocks, the first ones, that have one tile more

  /// First tile, of the whole batch, of a block.
  SCC_HOST_DEVICE int start(int block) const {
    return block * tiles_of_block + (block < longer_blocks ? block : longer_blocks);
  }

  /// The block that has a tile of the batch.
  SCC_HOST_DEVICE int block_of_tile(int tile) const {
    int const in_longer = longer_blocks * (tiles_of_block + 1);
    return tile < in_longer ? tile / (tiles_of_block + 1) : longer_blocks + (tile - in_longer) / tiles_of_block;
  }

  /// The first image that a block has tiles of.
  SCC_HOST_DEVICE int first_image(int block) const { return start(block) / tiles; }
  /// The image behind the last one that it has tiles of.
  SCC_HOST_DEVICE int last_image(int block) const { return (start(block + 1) - 1) / tiles + 1; }

  /// The tiles of an image that a block has.
  SCC_HOST_DEVICE TileRange range(int block, int image) const {
    int const first_tile = start(block) - image * tiles, last_tile = start(block + 1) - image * tiles;
    return {image, first_tile > 0 ? first_tile : 0, last_tile < tiles ? last_tile : tiles};
  }

  /// Where a block leaves its partial sums over the tiles that it has of an image: from block to block, and from image to
  /// image, the index grows by at least one.
  SCC_HOST_DEVICE std::int64_t partial_index(int block, int image) const { return std::int64_t{block} + image; }
  /// Of the first block that has tiles of an image.
  SCC_HOST_DEVICE std::int64_t first_partial(int image) const {
    return partial_index(block_of_tile(image * tiles), image);
  }
  /// Of the last one.
  SCC_HOST_DEVICE std::int64_t last_partial(int image) const {
    return partial_index(block_of_tile(image * tiles + tiles - 1), image);
  }
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
/// @throws std::invalid_argument if the batch has more than 2^30 tiles, some 10^12 pixels.
inline TilePartition make_tile_partition(std::int64_t images, std::int64_t pixels, int block_threads, int most_blocks,
                                         int pixels_per_thread) {
  int const tile_pixels = block_threads * group_size;
  std::int64_t const tiles = pixels / tile_pixels + (pixels % tile_pixels > 0 ? 1 : 0);
  constexpr std::int64_t most_tiles = std::numeric_limits<std::int32_t>::max() / 2;
  if (tiles > most_tiles / images) {
    throw std::invalid_argument("scc: a batch of " + std::to_string(images) + " images of " + std::to_string(pixels) +
                                " pixels is too large for a GPU pass");
  }
  auto const all_tiles = static_cast<int>(images * tiles);
  std::int64_t const worth = std::int64_t{all_tiles} * group_size / pixels_per_thread;
  // Small images deserve a block each while there are multiprocessors for them.
  int const wanted = static_cast<int>(std::min<std::int64_t>(std::max(worth, images), most_blocks));
  int const longest = (all_tiles + wanted - 1) / wanted;
  int const blocks = (all_tiles + longest - 1) / longest;  // no more than it takes to have no longer ones
  return {static_cast<int>(images), pixels, static_cast<int>(tiles), tile_pixels, blocks, all_tiles / blocks,
          all_tiles % blocks};
}

}  // namespace scc::gpu
