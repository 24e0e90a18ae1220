// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a test may set and ask: the schedule, the device's properties, counts of what was done, failures on demand.

#pragma once

#include <cstddef>
#include <cuda_runtime.h>
#include <string>

namespace scc_emulation {

/// In which order the threads that can run do so. A thread runs until it returns or must wait.
enum class Order {
  forward,  // by index, blocks too
  reverse,
  random  // by Config::seed; here an atomic operation may let others go first as well
};

struct Config {
  Order order = Order::forward;
  unsigned seed = 1;
  int resident_blocks = 1;  // whose threads run in turns; a further block begins when one of them has ended
  int devices = 1;
  int multiprocessors = 4;
  int blocks_per_multiprocessor = 1;             // what the occupancy query answers
  std::size_t shared_memory_bytes = 227 * 1024;  // the most that a block can get
  bool quiet = false;                            // reports are kept but not written to stderr
};

/// May be changed between calls of the runtime. At first it has what the environment says: SCC_EMULATION_ORDER
/// (forward, reverse or random), _SEED, _RESIDENT_BLOCKS, _DEVICES, _SMS, _BLOCKS_PER_SM, _SHARED_MEMORY and _QUIET
/// (0 or 1).
Config& config();

/// Why the latest kernel stopped that a mistake stopped, and who waited where; empty if none did. A stopped kernel's
/// launch fails with cudaErrorLaunchFailure.
std::string const& last_report();
void clear_report();

/// Calls of the program, whether they worked or not, but for those that a FailingCall stopped.
struct Counters {
  unsigned long long launches = 0;  // of kernels, by cudaLaunchKernelEx
  unsigned long long graph_launches = 0;
  unsigned long long memsets = 0;
  unsigned long long copies = 0;
  unsigned long long allocations = 0;
  unsigned long long frees = 0;             // of memory, not counting null pointers
  unsigned long long synchronizations = 0;  // of streams, events and the device; cudaMemcpy and cudaMemset wait too

  // What the scheduler did.
  unsigned long long kernels_run = 0;  // by launches and by graphs
  unsigned long long switches = 0;     // from one thread to another
  unsigned long long warp_operations = 0;
  unsigned long long block_barriers = 0;  // times threads
};

/// To count from here on: counters() = {}.
Counters& counters();

/// While this exists, the nth call (1: the next) of the runtime function of this name returns `error` and does nothing.
class FailingCall {
public:
  FailingCall(std::string function, int nth, cudaError_t error);
  ~FailingCall();
  FailingCall(FailingCall const&) = delete;
  FailingCall& operator=(FailingCall const&) = delete;

  /// Whether that call was made; to be checked, as a misspelt name is never called.
  bool happened() const { return calls_left_ <= 0; }

private:
  friend cudaError_t planned_failure(char const* function);

  std::string function_;
  int calls_left_;
  cudaError_t error_;
};

/// What the runtime function that begins now must return without doing anything; cudaSuccess: nothing of the kind.
cudaError_t planned_failure(char const* function);

}  // namespace scc_emulation
