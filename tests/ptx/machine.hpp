// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// State of a launch: its blocks, their warps, the registers of these, and device memory.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "control.hpp"
#include "program.hpp"
#include "races.hpp"
#include "timing.hpp"

namespace ptx {

/// Memory with known bounds: an allocation, a block's shared memory, or the parameters.
struct Region {
  std::uint64_t begin = 0;  ///< Address in the memory of this process
  std::size_t size = 0;
  bool is_shared = false;
  std::uint32_t stamp = 0;             ///< Of shared memory: its block's, see History
  std::vector<unsigned char> written;  ///< By byte
  std::vector<HistoryPage> pages;

  bool contains(std::uint64_t address, std::size_t bytes) const {
    return address >= begin && address - begin <= size && bytes <= size - (address - begin);
  }
};

/// Those of less than 64 bits use the low bits.
struct Register {
  std::uint64_t values[32];
  Lanes defined = 0;  ///< The lanes that have written it
};
struct Predicate {
  Lanes values = 0, defined = 0;

  void set(Lanes lanes, Lanes new_values) { values = (values & ~lanes) | (new_values & lanes); }
};

enum class FragmentState : std::uint8_t { running, at_block_barrier, at_warp_operation };

/// Lanes of a warp that are at the same instruction.
struct Fragment {
  std::size_t position;  ///< In Kernel::code
  Lanes lanes;
  FragmentState state = FragmentState::running;
  std::size_t barrier = 0;  ///< Number of the barrier it waits at
};

struct Warp {
  Block* block = nullptr;
  Kernel* kernel = nullptr;
  int index = 0;
  Lanes all = 0;     ///< The lanes that the warp began with
  Lanes exited = 0;  ///< Of these, those that have ended
  std::vector<Register> registers;
  std::vector<Predicate> predicates;
  std::vector<Fragment> fragments;
  std::size_t position = 0;  ///< Of the instruction that runs now
  Region* last_region = nullptr;
  WarpEpochs epochs;
  std::unique_ptr<WarpClocks> clocks;  ///< Only with Config::keeps_timing

  int thread(int lane) const { return index * 32 + lane; }
  /// The lanes in which the only predicate source of an instruction is true
  Lanes predicate_source(Instruction const& instruction) const {
    Lanes const values = predicates[instruction.predicate_sources[0]].values;
    return instruction.predicate_is_negated ? ~values : values;
  }
};

/// A barrier of a block: PTX has 16 of them.
struct Barrier {
  int arrived = 0;      ///< Threads
  int expected = 0;     ///< Threads, as the instruction says; 0: all
  int true_values = 0;  ///< Predicates of bar.red that are true
};

struct Block {
  unsigned id = 0;
  unsigned index[3] = {};
  int threads = 0, live_threads = 0;
  Region shared;
  std::unique_ptr<unsigned char[]> shared_memory;
  std::vector<Warp> warps;
  std::array<Barrier, 16> barriers;
  BlockEpochs epochs;

  bool is_done() const { return live_threads == 0; }
};

/// The launch that runs now.
struct Launch {
  LaunchShape shape{};
  unsigned number = 0;
  std::vector<unsigned char> parameter_memory;
  Region parameters;
  std::mt19937_64 random;
  std::unordered_map<std::uint64_t, Knowledge> released;  ///< By address of an atomic
  bool is_stopped = false;
  // Which checks are on
  bool checks_registers = true, checks_written = true, keeps_histories = true;
};
extern Launch launch_in_progress;
inline Launch& current_launch() { return launch_in_progress; }

/// " [kernel, PTX line 12 add.f32, block 3 warp 1 file.cuh:7 < file.cu:3]" for the instruction that a warp runs now.
std::string where(Warp const& warp);

/// Calls work(lane) for each of the lanes, in rising order.
template <class Work>
inline void for_each_lane(Lanes lanes, Work work) {
  for (; lanes != 0; lanes &= lanes - 1) {
    work(__builtin_ctz(lanes));
  }
}
inline int lane_count(Lanes lanes) { return __builtin_popcount(lanes); }

/// The low bits of a register as a T, and a T as a register.
template <class T>
inline T value_of(std::uint64_t bits) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low bytes of a register are taken to be the first");
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
inline std::uint64_t bits_of(T value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

}  // namespace ptx
