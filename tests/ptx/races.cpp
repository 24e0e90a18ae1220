// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <sstream>

#include "machine.hpp"

namespace ptx {
namespace {

void report_race(Warp const& warp, Region const& region, std::uint64_t address, int lane, Access access,
                 History const& history, bool after_read) {
  Accessor const& earlier = after_read ? history.reader : history.writer;
  std::ostringstream text;
  text << (access == Access::read    ? "read"
           : access == Access::write ? "write"
                                     : "atomic")
       << " of " << (region.is_shared ? "shared" : "global") << " byte " << address - region.begin << " by thread "
       << warp.thread(lane) << " of block " << warp.block->id << ", unordered after "
       << (after_read                          ? "a read"
           : history.written == Access::atomic ? "an atomic"
                                               : "a write")
       << " by "
       << (earlier.thread == Accessor::several ? "several threads" : "thread " + std::to_string(earlier.thread))
       << " of " << (earlier.block == Accessor::several ? "several blocks" : "block " + std::to_string(earlier.block));
  report(Check::race, text.str() + where(warp));
}

/// Whether what the accessor did is ordered before what a lane does now.
bool is_ordered(Warp const& warp, Accessor const& earlier, int lane) {
  if (earlier.block == Accessor::several) {
    return false;  // a block that knows of all others would be in order; too rare to be worth a list of readers
  }
  BlockEpochs const& block = warp.block->epochs;
  if (earlier.block != static_cast<std::int32_t>(warp.block->id)) {
    auto const own = block.threads.find(warp.thread(lane));
    return block.known.covers(earlier) || (own != block.threads.end() && own->second.acquired.covers(earlier));
  }
  if (earlier.thread == warp.thread(lane) || earlier.block_epoch < block.now) {
    return true;
  }
  WarpEpochs const& epochs = warp.epochs;
  bool const is_ordered_for_pair =
    !epochs.for_pairs.empty() && earlier.thread >= 0 &&
    earlier.warp_epoch < epochs.for_pairs[static_cast<std::size_t>(lane * 32 + earlier.thread % 32)];
  return earlier.warp == warp.index && (earlier.warp_epoch < epochs.for_all || is_ordered_for_pair);
}

Accessor accessor_of(Warp const& warp, int lane) {
  return {static_cast<std::int32_t>(warp.block->id),
          static_cast<std::int16_t>(warp.thread(lane)),
          static_cast<std::int16_t>(warp.index),
          warp.block->epochs.now,
          warp.epochs.now,
          warp.epochs.fences[lane]};
}

/// Of several readers the latest epochs count, so that no order is seen where one is missing.
void add_read(Warp const& warp, History& history, int lane) {
  Accessor const before = history.reader;
  Accessor now = accessor_of(warp, lane);
  if (before.block != Accessor::nobody && (before.block != now.block || before.block_epoch >= now.block_epoch)) {
    now.block = before.block == now.block ? now.block : Accessor::several;
    now.thread = before.thread == now.thread ? now.thread : std::int16_t{Accessor::several};
    now.warp = before.warp == now.warp ? now.warp : std::int16_t{Accessor::several};
  }
  history.reader = now;
}

void add_write(Warp const& warp, History& history, int lane, Access access) {
  history.written = access;
  history.writer = accessor_of(warp, lane);
  if (access == Access::write) {
    history.reader = {};
  }
}

/// The histories of an access, from its first on; and how many there are of it.
History* histories_for(Region& region, std::size_t offset, std::size_t bytes, std::size_t& count) {
  if (region.pages.empty()) {
    region.pages.resize(region.size / HistoryPage::bytes + 1);
  }
  HistoryPage& page = region.pages[offset / HistoryPage::bytes];
  if (page.histories == nullptr || bytes >> page.shift == 0) {
    page.divide(bytes);
  }
  count = bytes >> page.shift;
  return page.histories.get() + (offset % HistoryPage::bytes >> page.shift);
}

}  // namespace

void HistoryPage::divide(std::size_t access_bytes) {
  int const old_shift = shift;
  while (access_bytes >> shift == 0) {
    --shift;
  }
  auto divided = std::make_unique<History[]>(bytes >> shift);
  for (std::size_t k = 0; histories != nullptr && k < bytes >> shift; ++k) {
    divided[k] = histories[k >> (old_shift - shift)];
  }
  histories = std::move(divided);
}

void Knowledge::join(Knowledge const& other) {
  if (barriers.size() < other.barriers.size()) {
    barriers.resize(other.barriers.size());
  }
  for (std::size_t block = 0; block < other.barriers.size(); ++block) {
    barriers[block] = std::max(barriers[block], other.barriers[block]);
  }
  for (auto const& [thread, count] : other.fences) {
    std::uint32_t& mine = fences[thread];
    mine = std::max(mine, count);
  }
}

bool Knowledge::covers(Accessor const& accessor) const {
  auto const block = static_cast<std::uint32_t>(accessor.block);
  auto const fence = fences.find({block, accessor.thread});
  return (block < barriers.size() && barriers[block] > accessor.block_epoch) ||
         (fence != fences.end() && fence->second > accessor.fences);
}

void note_accesses(Warp& warp, Instruction const& instruction, Lanes lanes, Place const* places, std::size_t bytes,
                   Access access) {
  bool is_written = false, is_stale = false;
  for_each_lane(lanes, [&](int lane) {
    if (places[lane].region == nullptr) {
      return;
    }
    Region& region = *places[lane].region;
    unsigned const stamp = region.is_shared ? region.stamp : current_launch().number;
    std::size_t count = 0;
    History* const histories = histories_for(region, places[lane].address - region.begin, bytes, count);
    bool races = false;
    auto const check_order = [&](std::size_t k, bool after_read) {
      if (!races && !is_ordered(warp, after_read ? histories[k].reader : histories[k].writer, lane)) {
        races = true;
        report_race(warp, region, places[lane].address + k * bytes / count, lane, access, histories[k], after_read);
      }
    };
    for (std::size_t k = 0; k < count; ++k) {
      History& history = histories[k];
      if (history.stamp != stamp) {
        history = History{};
        history.stamp = stamp;
      } else if (history.written != Access::none && (access != Access::atomic || history.written != Access::atomic)) {
        check_order(k, false);
        is_written |= access == Access::read && instruction.is_read_only;
        is_stale |= access == Access::read && !region.is_shared && !instruction.bypasses_cache &&
                    history.writer.block != static_cast<std::int32_t>(warp.block->id);
      }
      if (access == Access::read) {
        add_read(warp, history, lane);
      } else {
        if (history.reader.block != Accessor::nobody) {
          check_order(k, true);
        }
        add_write(warp, history, lane, access);
      }
    }
  });
  if (is_written) {
    report(Check::read_only_load, "ld.global.nc of what this kernel has written" + where(warp));
  }
  if (is_stale) {
    report(Check::stale_load, "load by way of the L1 cache of what another block has written" + where(warp));
  }
}

void note_atomic(Warp& warp, std::uint64_t address, int lane) {
  auto& released = current_launch().released;
  auto& threads = warp.block->epochs.threads;
  auto const own = threads.find(warp.thread(lane));
  bool const releases = own != threads.end() && !own->second.released.barriers.empty();
  if (auto const earlier = released.find(address); earlier != released.end()) {
    threads[warp.thread(lane)].seen.join(earlier->second);
  }
  if (releases) {
    released[address].join(own->second.released);
  }
}

void note_fence(Warp& warp, Lanes lanes) {
  for_each_lane(lanes, [&](int lane) {
    Block& block = *warp.block;
    ThreadKnowledge& thread = block.epochs.threads[warp.thread(lane)];
    thread.acquired.join(thread.seen);
    thread.released = block.epochs.known;
    thread.released.join(thread.acquired);
    if (thread.released.barriers.size() <= block.id) {
      thread.released.barriers.resize(block.id + 1);
    }
    thread.released.barriers[block.id] = block.epochs.now;
    thread.released.fences[{block.id, warp.thread(lane)}] = ++warp.epochs.fences[lane];
  });
}

void note_warp_barrier(Warp& warp, Lanes mask) {
  WarpEpochs& epochs = warp.epochs;
  std::uint32_t const epoch = ++epochs.now;
  if ((mask & warp.all) == warp.all) {
    epochs.for_all = epoch;
    return;
  }
  auto& pairs = epochs.for_pairs;
  pairs.resize(32 * 32);
  std::uint32_t known[32] = {};
  for_each_lane(mask, [&](int lane) {
    for (int other = 0; other < 32; ++other) {
      known[other] = std::max(known[other], pairs[static_cast<std::size_t>(lane * 32 + other)]);
    }
  });
  for_each_lane(mask, [&](int lane) { known[lane] = epoch; });
  for_each_lane(mask, [&](int lane) { std::copy(known, known + 32, pairs.begin() + lane * 32); });
}

void note_block_barrier(Block& block) {
  ++block.epochs.now;
  for (auto const& thread : block.epochs.threads) {
    block.epochs.known.join(thread.second.acquired);
  }
}

}  // namespace ptx
