// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a test may set and ask: the checks and what they found, the schedule, the device's properties, counts of what was
/// done, failures on demand.

#pragma once

#include <array>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <optional>
#include <string>
#include <vector>

namespace ptx {

/// The checks. Each can be switched off (Config::checks), so that the interpreter's own tests can show that it is needed.
enum class Check {
  undefined_register,    ///< An instruction reads a register or predicate that was never written.
  uninitialized_memory,  ///< A load or atomic of memory that nobody wrote
  bounds,                ///< An access outside of every allocation, of shared memory or of the parameters
  alignment,             ///< An address that is not a multiple of the access's size
  shuffle,               ///< A shuffle from a lane that does not take part
  barrier,               ///< Threads of a block at different barriers, or ended while others wait
  deadlock,              ///< No thread can go on.
  race,                  ///< Two accesses to a byte, one of them a write, that nothing orders
  read_only_load,        ///< ld.global.nc of memory that the same kernel writes
  stale_load,            ///< A cached load of what another block wrote
  launch,                ///< A launch that no device would accept
  runtime,               ///< A call of the CUDA runtime that is wrong, such as a free of what was not allocated
};
inline constexpr int check_count = 12;

/// Name of a check, as in reports: "race", "out of bounds", ...
char const* name(Check check);

/// One finding.
struct Report {
  Check check;
  std::string text;  ///< What, and where: kernel, line of the PTX, source file and line, block, warp
};

/// Adds a finding, and prints the first few of each check to stderr unless Config::quiet is set. Does nothing if the check
/// is switched off.
void report(Check check, std::string const& text);
/// Number of findings since the last take_reports(), of which the first 100 are kept.
std::size_t report_count();
/// Text of a finding by its number, from 0 on; "see the reports" if it was not kept.
std::string report_text(std::size_t number);
/// The findings that were kept, which are forgotten. A process that ends with findings that nobody took ends with status
/// 1: see runtime.cpp.
std::vector<Report> take_reports();

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

/// Calls of the program, whether they worked or not, but for those that a FailingCall stopped. To count from here on:
/// counters() = {}.
struct Counters {
  unsigned long long launches = 0;  // of kernels
  unsigned long long graph_launches = 0;
  unsigned long long memsets = 0;
  unsigned long long copies = 0;
  unsigned long long allocations = 0;
  unsigned long long frees = 0;             // of memory, not counting null pointers
  unsigned long long synchronizations = 0;  // of streams; cudaMemcpy and cudaMemset wait too
  unsigned long long kernels_run = 0;       // by launches and by graphs
};
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

/// What the runtime function that begins now must return without doing anything, if a FailingCall wants it to.
std::optional<cudaError_t> planned_failure(char const* function);

/// Says that the program itself has written device memory, which is host memory here. May be called by several threads.
void mark_written_by_host(void* memory, std::size_t bytes);

/// Random schedules begin anew, so that they depend on Config::seed and on what follows alone.
void restart_schedule();

}  // namespace ptx
