// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Shared memory comes from mmap: what a kernel's threads do must not reach malloc, which sanitizers watch.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#include "sanitizers.hpp"
#include "shared_arena.hpp"

namespace scc_emulation {
namespace {

/// Not by memset: ThreadSanitizer sees that, and would take it for an access by the kernel's thread that comes first.
/// May write up to 7 bytes of the red zone that follows.
void fill(char* memory, std::size_t bytes) {
  auto* const words = reinterpret_cast<std::uint64_t volatile*>(memory);
  for (std::size_t i = 0; i < (bytes + 7) / 8; ++i) {
    words[i] = ~std::uint64_t{0};
  }
}

}  // namespace

void SharedArena::begin_block(std::size_t dynamic_bytes, std::size_t limit) {
  if (memory_ == nullptr) {
    void* const memory = mmap(nullptr, capacity_ + token_bytes_, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      std::perror("emulation: no memory for a block's shared memory");
      std::abort();
    }
    memory_ = static_cast<char*>(memory);
    end_ = capacity_;
  }
  poison(memory_, end_);
  end_ = 0;
  variable_count_ = 0;
  bytes_left_ = limit;
  constexpr std::size_t dynamic_alignment = 128;
  dynamic_ = allocate(dynamic_bytes, dynamic_alignment);
}

void SharedArena::unmap() {
  if (memory_ != nullptr) {
    unpoison(memory_, capacity_);
    munmap(memory_, capacity_ + token_bytes_);
    memory_ = nullptr;
  }
}

void* SharedArena::variable(void const* variable, std::size_t bytes, std::size_t alignment) {
  for (int i = 0; i < variable_count_; ++i) {
    if (variables_[i].key == variable) {
      return variables_[i].address;
    }
  }
  void* const address = variable_count_ < max_variables_ ? allocate(bytes, alignment) : nullptr;
  if (address != nullptr) {
    variables_[variable_count_++] = {variable, address};
  }
  return address;
}

void* SharedArena::allocate(std::size_t bytes, std::size_t alignment) {
  // AddressSanitizer tells bytes that must not be touched from others only behind those, in groups of 8.
  alignment = std::max<std::size_t>(alignment, 8);
  std::size_t const begin = (end_ + red_zone_ + alignment - 1) / alignment * alignment;
  if (bytes > bytes_left_ || begin + bytes + red_zone_ > capacity_) {
    return nullptr;
  }
  bytes_left_ -= bytes;
  end_ = begin + bytes;
  unpoison(memory_ + begin, bytes);
  fill(memory_ + begin, bytes);
  return memory_ + begin;
}

}  // namespace scc_emulation
