// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Estimates of the cycles that a warp takes if it has a scheduler of the multiprocessor to itself. The latencies are
/// rough values for sm_80 and sm_90; caches, bank conflicts and other warps are not modelled. Good to compare two
/// versions of a kernel, not to predict a time.

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "program.hpp"

namespace ptx {

/// Two estimates of the same work, in cycles, and a count.
struct Estimate {
  std::uint64_t instructions = 0;
  std::int64_t scheduled = 0;  ///< In any order within a basic block, as ptxas may put them
  std::int64_t dataflow = 0;   ///< As many at a time as their operands allow: no schedule is faster
};

struct WarpTiming {
  Estimate total;
  bool has_mark = false;
  Estimate mark;  ///< When the warp came to a marked instruction for the first time
};

/// Of the last launch while Config::keeps_timing was set: [block][warp].
std::vector<std::vector<WarpTiming>> const& timing();

/// Marks the instructions of which some place, theirs or one they are inlined at, satisfies the condition.
void mark_instructions(Kernel& kernel, std::function<bool(SourcePlace const&)> const& condition);

/// When registers and predicates are there, and the warp's clocks.
struct WarpClocks {
  struct Ready {
    std::int64_t scheduled = 0, dataflow = 0;
  };
  std::vector<Ready> registers, predicates;
  std::int64_t dataflow_floor = 0, dataflow_most = 0;  ///< Nothing begins before the floor.
  std::vector<bool> used_slots;                        ///< Cycles since block_begin in which something is issued
  std::int64_t block_begin = 0, block_end = 0;         ///< Of the basic block, scheduled
  std::int64_t last_store = 0, last_load = 0, scheduled_done = 0;
  WarpTiming timing;
};

// For the loop that runs warps; only with Config::keeps_timing.
void forget_timing();
void start_clocks(Warp& warp);
void time_instruction(Warp& warp, Instruction const& instruction);
void time_warp_barrier(Warp& warp);
void time_block_barrier(Block& block);  ///< To be called while the threads still wait
void keep_timing(Block& block);
/// Sets Instruction::latency and is_double_operation.
void set_latency(Instruction& instruction);

}  // namespace ptx
