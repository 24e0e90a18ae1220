// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a test may set and ask: the schedule, the device's properties, counts of what was done, failures on demand.

#pragma once

#include <array>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <optional>
#include <string>

#include "report.hpp"

namespace ptx {

/// In which order blocks run.
enum class BlockOrder { forward, reverse, random, interleaved };  // interleaved: up to 16 blocks at a time, in turns
/// Which lanes of a diverged warp run first. `random` also splits warps that have not diverged.
enum class LaneOrder { lowest, highest, random };

struct Config {
  BlockOrder blocks = BlockOrder::forward;
  LaneOrder lanes = LaneOrder::lowest;
  unsigned seed = 1;
  int devices = 2;
  int multiprocessors = 4;
  std::size_t shared_memory_bytes = 227 * 1024;  ///< the most that a block can get, static and dynamic together
  int architecture = 0;                          ///< Which PTX of the program runs: 90 for sm_90; 0: the newest it has
  bool has_memory_pools = true;                  ///< Without them cudaMallocAsync is not supported.
  bool keeps_timing = false;                     ///< Estimates cycles, see timing.hpp; slower
  bool quiet = false;                            ///< Findings are kept but not printed.
  std::array<bool, check_count> checks{};        ///< By Check; all on at first

  bool is_on(Check check) const { return checks[static_cast<std::size_t>(check)]; }
  void set(Check check, bool on) { checks[static_cast<std::size_t>(check)] = on; }
};

/// May be changed between calls of the runtime. At first it has what the environment says: SCC_PTX_BLOCKS (forward,
/// reverse, random, interleaved), SCC_PTX_LANES (lowest, highest, random), SCC_PTX_SEED, SCC_PTX_DEVICES, SCC_PTX_SMS,
/// SCC_PTX_SHARED_MEMORY, SCC_PTX_ARCHITECTURE and SCC_PTX_QUIET (0 or 1).
Config& config();

/// Calls of the program, whether they worked or not, but for those that a FailingCall stopped.
struct Counters {
  unsigned long long launches = 0;  // of kernels
  unsigned long long graph_launches = 0;
  unsigned long long memsets = 0;
  unsigned long long copies = 0;
  unsigned long long allocations = 0;
  unsigned long long frees = 0;             // of memory, not counting null pointers
  unsigned long long synchronizations = 0;  // of streams, events and the device; cudaMemcpy and cudaMemset wait too
  unsigned long long kernels_run = 0;       // by launches and by graphs
};

/// To count from here on: counters() = {}.
Counters& counters();

/// While this exists, the nth call (1: the next) of the runtime function of this name returns `error` and does nothing.
/// With cudaSuccess it claims to have done its work: a call that a program forgot.
class FailingCall {
public:
  FailingCall(std::string function, int nth, cudaError_t error);
  ~FailingCall();
  FailingCall(FailingCall const&) = delete;
  FailingCall& operator=(FailingCall const&) = delete;

  /// Whether that call was made; to be checked, as a misspelt name is never called.
  bool happened() const { return calls_left_ <= 0; }

private:
  friend std::optional<cudaError_t> planned_failure(char const* function);

  std::string function_;
  int calls_left_;
  cudaError_t error_;
};

/// Says that the program itself has written device memory, which is host memory here. May be called by several threads.
void mark_written_by_host(void* memory, std::size_t bytes);

/// Random schedules begin anew, so that they depend on Config::seed and on what follows alone.
void restart_schedule();

/// What the runtime function that begins now must return without doing anything, if a FailingCall wants it to.
std::optional<cudaError_t> planned_failure(char const* function);

}  // namespace ptx
