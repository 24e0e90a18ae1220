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
#include "execution.hpp"
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
  /// The histories of an access, from its first on; and how many there are of it.
  History* histories_for(std::size_t offset, int bytes, int& count) {
    if (pages.empty()) {
      pages.resize(size / HistoryPage::bytes + 1);
    }
    HistoryPage& page = pages[offset / HistoryPage::bytes];
    if (page.histories == nullptr || bytes < 1 << page.shift) {
      page.divide(bytes);
    }
    count = bytes >> page.shift;
    return page.histories.get() + (offset % HistoryPage::bytes >> page.shift);
  }
};

/// Values of a register in all lanes. Those of less than 64 bits use the low ones.
using RegisterValues = std::uint64_t[32];

enum class FragmentState : std::uint8_t { running, at_block_barrier, at_warp_operation };

/// Lanes of a warp that are at the same instruction.
struct Fragment {
  int position;  ///< In Kernel::code
  Lanes lanes;
  FragmentState state = FragmentState::running;
  int barrier = 0;  ///< Number of the barrier it waits at
};

struct Block;

struct Warp {
  Block* block = nullptr;
  Kernel* kernel = nullptr;
  int index = 0;
  Lanes all = 0;     ///< The lanes that the warp began with
  Lanes exited = 0;  ///< Of these, those that have ended
  std::unique_ptr<RegisterValues[]> register_memory;
  std::size_t register_capacity = 0;
  RegisterValues* registers = nullptr;
  std::vector<Lanes> defined;  ///< By register: the lanes that have written it
  std::vector<Lanes> predicates, defined_predicates;
  std::vector<Fragment> fragments;
  int position = 0;  ///< Of the instruction that runs now
  Region* last_region = nullptr;
  WarpEpochs epochs;
  std::unique_ptr<WarpClocks> clocks;  ///< Only with Config::keeps_timing

  int thread(int lane) const { return index * 32 + lane; }
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

/// The region that has this address, null if there is none; registered allocations only.
Region* find_allocation(std::uint64_t address);

/// " [kernel, PTX line 12 add.f32, block 3 warp 1, file.cuh:7 < file.cu:3]" for the instruction that a warp runs now.
std::string where(Warp const& warp);

/// Calls work(lane) for each of the lanes, in rising order.
template <class Work>
inline void for_each_lane(Lanes lanes, Work work) {
  for (; lanes != 0; lanes &= lanes - 1) {
    work(__builtin_ctz(lanes));
  }
}

/// The low bits of a register as a T, and a T as a register.
template <class T>
inline T value_of(std::uint64_t bits) {
  T value;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "the interpreter takes the low bytes of a register to be the first"
#endif
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
