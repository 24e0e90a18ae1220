// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <sstream>
#include <utility>

#include "machine.hpp"
#include "races.hpp"
#include "report.hpp"

namespace ptx {
namespace {

void report_race(Warp const& warp, Region const& region, std::uint64_t address, int lane, Access access,
                 History const& history, bool after_read) {
  std::ostringstream text;
  text << (access == Access::read    ? "read"
           : access == Access::write ? "write"
                                     : "atomic")
       << " of " << (region.is_shared ? "shared" : "global") << " byte " << address - region.begin << " by thread "
       << warp.thread(lane) << " of block " << warp.block->id << ", unordered after "
       << (after_read                          ? "a read"
           : history.written == Access::atomic ? "an atomic"
                                               : "a write")
       << " by ";
  int const thread = after_read ? history.reading_thread : history.writing_thread;
  std::int64_t const block = after_read ? history.reading_block : std::int64_t(history.writing_block);
  if (thread == History::several) {
    text << "several threads";
  } else {
    text << "thread " << thread;
  }
  if (block == History::several) {
    text << " of several blocks";
  } else {
    text << " of block " << block;
  }
  report(Check::race, text.str() + where(warp));
}

bool is_ordered_in_warp(Warp const& warp, std::uint32_t epoch, int lane, int other_thread) {
  WarpEpochs const& epochs = warp.epochs;
  return epoch < epochs.for_all || (!epochs.for_pairs.empty() && other_thread >= 0 &&
                                    epoch < epochs.for_pairs[static_cast<std::size_t>(lane * 32 + other_thread % 32)]);
}

bool is_ordered_between_blocks(Warp const& warp, std::uint32_t block, std::uint32_t block_epoch, int other_thread,
                               std::uint32_t fences, int lane) {
  BlockEpochs const& epochs = warp.block->epochs;
  if (epochs.known.covers(block, block_epoch, other_thread, fences)) {
    return true;
  }
  auto const own = epochs.threads.find(warp.thread(lane));
  return own != epochs.threads.end() && own->second.acquired.covers(block, block_epoch, other_thread, fences);
}

bool is_after_write(Warp const& warp, History const& history, int lane) {
  int const thread = warp.thread(lane);
  if (history.writing_block != warp.block->id) {
    return is_ordered_between_blocks(warp, history.writing_block, history.write_block_epoch, history.writing_thread,
                                     history.write_fences, lane);
  }
  return history.writing_thread == thread || history.write_block_epoch < warp.block->epochs.now ||
         (history.writing_thread / 32 == warp.index &&
          is_ordered_in_warp(warp, history.write_warp_epoch, lane, history.writing_thread));
}

bool is_after_reads(Warp const& warp, History const& history, int lane) {
  if (history.reading_block == History::several) {
    return false;  // a block that knows of all others would be in order; too rare to be worth a list of readers
  }
  auto const block = static_cast<std::uint32_t>(history.reading_block);
  if (block != warp.block->id) {
    return is_ordered_between_blocks(warp, block, history.read_block_epoch, history.reading_thread, history.read_fences,
                                     lane);
  }
  return history.reading_thread == warp.thread(lane) || history.read_block_epoch < warp.block->epochs.now ||
         (history.reading_warp == warp.index &&
          is_ordered_in_warp(warp, history.read_warp_epoch, lane, history.reading_thread));
}

void add_read(Warp const& warp, History& history, int lane) {
  auto const block = static_cast<std::int32_t>(warp.block->id);
  auto const thread = static_cast<std::int16_t>(warp.thread(lane));
  auto const index = static_cast<std::int16_t>(warp.index);
  std::uint32_t const epoch = warp.block->epochs.now;
  if (history.reading_block == History::nobody ||
      (history.reading_block == block && history.read_block_epoch < epoch)) {
    history.reading_block = block;
    history.reading_thread = thread;
    history.reading_warp = index;
  } else {
    // Of several readers the latest epochs count, so that no order is seen where one is missing.
    if (history.reading_block != block) {
      history.reading_block = History::several;
    }
    if (history.reading_thread != thread) {
      history.reading_thread = History::several;
    }
    if (history.reading_warp != index) {
      history.reading_warp = History::several;
    }
  }
  history.read_block_epoch = epoch;
  history.read_warp_epoch = warp.epochs.now;
  history.read_fences = warp.epochs.fences[lane];
}

void add_write(Warp const& warp, History& history, int lane, Access access) {
  history.written = access;
  history.writing_block = warp.block->id;
  history.writing_thread = static_cast<std::uint16_t>(warp.thread(lane));
  history.write_block_epoch = warp.block->epochs.now;
  history.write_warp_epoch = warp.epochs.now;
  history.write_fences = warp.epochs.fences[lane];
  if (access == Access::write) {
    history.reading_block = history.reading_thread = history.reading_warp = History::nobody;
  }
}

}  // namespace

void HistoryPage::divide(int access_bytes) {
  int const old_shift = shift;
  while (1 << shift > access_bytes) {
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

bool Knowledge::covers(std::uint32_t block, std::uint32_t block_epoch, int thread, std::uint32_t thread_fences) const {
  if (block < barriers.size() && barriers[block] > block_epoch) {
    return true;
  }
  auto const found = fences.find({block, thread});
  return found != fences.end() && found->second > thread_fences;
}

void note_accesses(Warp& warp, Instruction const& instruction, Lanes lanes, Place const* places, int bytes,
                   Access access) {
  bool is_written = false, is_stale = false;
  for_each_lane(lanes, [&](int lane) {
    if (places[lane].region == nullptr) {
      return;
    }
    Region& region = *places[lane].region;
    unsigned const stamp = region.is_shared ? region.stamp : current_launch().number;
    auto const offset = static_cast<std::size_t>(places[lane].address - region.begin);
    int count = 0;
    History* const histories = region.histories_for(offset, bytes, count);
    bool races = false;
    auto const report_first_race = [&](int k, bool after_read) {
      if (!races) {
        races = true;
        report_race(warp, region, places[lane].address + static_cast<unsigned>(k * bytes / count), lane, access,
                    histories[k], after_read);
      }
    };
    for (int k = 0; k < count; ++k) {
      History& history = histories[k];
      if (history.stamp != stamp) {
        history = History{};
        history.stamp = stamp;
      } else if (history.written != Access::none && !(access == Access::atomic && history.written == Access::atomic)) {
        if (!is_after_write(warp, history, lane)) {
          report_first_race(k, false);
        }
        is_written |= access == Access::read && instruction.is_read_only;
        is_stale |= access == Access::read && !region.is_shared && history.writing_block != warp.block->id &&
                    !instruction.bypasses_cache;
      }
      if (access == Access::read) {
        add_read(warp, history, lane);
      } else {
        if (history.reading_block != History::nobody && !is_after_reads(warp, history, lane)) {
          report_first_race(k, true);
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
  auto const found = released.find(address);
  auto const own = threads.find(warp.thread(lane));
  bool const releases = own != threads.end() && !own->second.released.barriers.empty();
  if (found != released.end()) {
    threads[warp.thread(lane)].seen.join(found->second);
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
