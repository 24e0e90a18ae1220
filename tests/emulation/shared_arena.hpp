// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The shared memory of one block.

#pragma once

#include <cstddef>

namespace scc_emulation {

/// Hands out the dynamic shared memory and then each static variable when it is first asked for. All are filled with
/// 0xff, which reads as NaN, and lie between red zones that AddressSanitizer knows of.
class SharedArena {
public:
  SharedArena() = default;
  ~SharedArena() { unmap(); }
  SharedArena(SharedArena const&) = delete;
  SharedArena& operator=(SharedArena const&) = delete;

  /// For a new block, which may have `limit` bytes, the dynamic ones included.
  void begin_block(std::size_t dynamic_bytes, std::size_t limit);

  /// Gives the memory back.
  void unmap();

  void* dynamic() const { return dynamic_; }

  /// The nth of some addresses that nobody reads or writes, and that mean something to ThreadSanitizer only.
  char* token(unsigned n) const { return memory_ + capacity_ + std::size_t{8} * n; }

  /// Null if the block has not so much left.
  void* variable(void const* variable, std::size_t bytes, std::size_t alignment);

private:
  struct Variable {
    void const* key;
    void* address;
  };
  static constexpr std::size_t capacity_ = 1 << 20;  // of variables; memory is used only where it is touched
  static constexpr std::size_t token_bytes_ = 4096;  // behind them
  static constexpr std::size_t red_zone_ = 512;      // before each variable, and at least as much after the last
  static constexpr int max_variables_ = 64;

  void* allocate(std::size_t bytes, std::size_t alignment);

  char* memory_ = nullptr;
  std::size_t end_ = 0;  // of what was allocated, from memory_
  std::size_t bytes_left_ = 0;
  void* dynamic_ = nullptr;
  Variable variables_[max_variables_] = {};
  int variable_count_ = 0;
};

}  // namespace scc_emulation
