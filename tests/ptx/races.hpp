// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Finds accesses to the same byte that nothing orders, whatever the order in which the interpreter happens to run them.
///
/// Within a block, bar.sync orders, and within a warp bar.warp.sync; shuffles and votes order nothing. Between blocks,
/// an order comes about only by way of fence, atomic - atomic, fence: what a block did before the barrier that precedes a
/// thread's fence, and what that thread did before it, has happened for a thread that sees the atomic and then
/// fences; and for its block from the next barrier on.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "program.hpp"

namespace ptx {

struct Region;

enum class Access : std::uint8_t { none, read, write, atomic };

/// Who wrote or read a few bytes last, and when.
struct Accessor {
  static constexpr int nobody = -1;
  static constexpr int several = -2;

  std::int32_t block = nobody;
  std::int16_t thread = nobody, warp = nobody;
  std::uint32_t block_epoch = 0, warp_epoch = 0, fences = 0;
};

struct History {
  std::uint32_t stamp = 0;  ///< Which launch the rest is about, or, in shared memory, which block
  Accessor writer, reader;
  Access written = Access::none;
};

/// The histories of some memory: one for each of its smallest accesses so far. No access is on two pages, as each is aligned.
struct HistoryPage {
  static constexpr std::size_t bytes = 256;

  std::unique_ptr<History[]> histories;
  int shift = 3;  ///< Logarithm of the bytes that each is about

  /// Makes room for accesses of so many bytes. What is known of some bytes is then known of each of them.
  void divide(std::size_t access_bytes);
};

/// What has happened for sure.
struct Knowledge {
  std::vector<std::uint32_t> barriers;  ///< By block: all that it did before this number of its barriers
  std::map<std::pair<std::uint32_t, int>, std::uint32_t>
    fences;  ///< By block and thread: before this number of its fences

  void join(Knowledge const& other);
  /// Whether an access of another block has happened.
  bool covers(Accessor const& accessor) const;
};

/// What a thread knows of other blocks.
struct ThreadKnowledge {
  Knowledge seen;      ///< By atomics, but not fenced yet
  Knowledge acquired;  ///< Fenced
  Knowledge released;  ///< What its next atomic passes on
};

struct WarpEpochs {
  std::uint32_t now = 0;                 ///< Number of bar.warp.sync
  std::uint32_t for_all = 0;             ///< What happened in earlier epochs is ordered for all lanes.
  std::vector<std::uint32_t> for_pairs;  ///< [lane, other lane]: the same for two lanes, once a mask was not full
  std::uint32_t fences[32] = {};         ///< By lane
};

struct BlockEpochs {
  std::uint32_t now = 0;  ///< Number of barriers that all threads took part in
  Knowledge known;        ///< By all threads
  std::map<int, ThreadKnowledge> threads;
};

/// Where a lane's access goes; a null region: nowhere.
struct Place {
  Region* region = nullptr;
  std::uint64_t address = 0;
};

/// Notes the accesses of lanes, places[lane], and reports those that race with earlier ones.
void note_accesses(Warp& warp, Instruction const& instruction, Lanes lanes, Place const* places, std::size_t bytes,
                   Access access);
/// An atomic on global memory takes what others released there, and releases what its thread fenced.
void note_atomic(Warp& warp, std::uint64_t address, int lane);
void note_fence(Warp& warp, Lanes lanes);
void note_warp_barrier(Warp& warp, Lanes mask);
void note_block_barrier(Block& block);

}  // namespace ptx
