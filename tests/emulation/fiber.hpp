// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Fibers: functions with stacks of their own, between which one thread of the operating system switches.

#pragma once

#include <cstddef>

// Other processors than x86-64 take the system's ucontext, which is some 50 times slower.
#if !defined(__x86_64__) && !defined(SCC_EMULATION_UCONTEXT)
#define SCC_EMULATION_UCONTEXT
#endif
#if defined(SCC_EMULATION_UCONTEXT)
#include <ucontext.h>
#endif

namespace scc_emulation {

/// A function that can be left in the middle and resumed. The stack of the host is one too, with no body of its own.
struct Fiber {
  void (*body)() = nullptr;     // never returns
  void const* stack = nullptr;  // lowest address
  std::size_t stack_bytes = 0;
  void* asan_fake_stack = nullptr;  // where AddressSanitizer keeps the locals of a fiber that does not run
  void* tsan_fiber = nullptr;
#if defined(SCC_EMULATION_UCONTEXT)
  ucontext_t context = {};
#else
  void* stack_pointer = nullptr;  // of a fiber that does not run; its registers lie there
#endif
};

/// Makes a fiber that begins `body` when it is first switched to.
void create(Fiber&, void* stack, std::size_t stack_bytes, void (*body)());

/// Makes `host` stand for the stack that calls this.
void adopt_current_stack(Fiber& host);

/// Orders what `fiber` has done so far before what the caller, `host`, does next.
void order_after(Fiber& fiber, Fiber& host);

/// Gives up a fiber that does not run, wherever it is; `host` is the caller's. The stack may be used again.
void abandon(Fiber&, Fiber& host);

/// Leaves `from`, which calls this, and resumes `to`. Returns when something switches to `from`.
void switch_fibers(Fiber& from, Fiber& to);

}  // namespace scc_emulation
