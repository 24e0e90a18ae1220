// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the emulation tells the sanitizers. Its own sources are compiled without any; these functions are there if the
/// rest of the program has one, else their addresses are null.

#pragma once

#include <cstddef>

extern "C" {
// AddressSanitizer: which memory must not be touched, and which stack is in use.
__attribute__((weak)) void __asan_poison_memory_region(void const volatile*, std::size_t);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile*, std::size_t);
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** fake_stack, void const* stack, std::size_t bytes);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* fake_stack, void const** stack, std::size_t* bytes);

// ThreadSanitizer: which fiber runs, and what is ordered. All that a thread did before a release of an address is
// visible to those that acquire the address later.
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void*);
__attribute__((weak)) void __tsan_switch_to_fiber(void*, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void*);
__attribute__((weak)) void __tsan_release(void*);
}

namespace scc_emulation {

inline void poison(void const* memory, std::size_t bytes) {
  if (__asan_poison_memory_region != nullptr) {
    __asan_poison_memory_region(memory, bytes);
  }
}

inline void unpoison(void const* memory, std::size_t bytes) {
  if (__asan_unpoison_memory_region != nullptr) {
    __asan_unpoison_memory_region(memory, bytes);
  }
}

inline bool under_thread_sanitizer() { return __tsan_create_fiber != nullptr; }

inline void acquire(void* address) {
  if (__tsan_acquire != nullptr) {
    __tsan_acquire(address);
  }
}

inline void release(void* address) {
  if (__tsan_release != nullptr) {
    __tsan_release(address);
  }
}

}  // namespace scc_emulation
