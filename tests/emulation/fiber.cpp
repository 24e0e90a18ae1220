// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The switch itself, and what the sanitizers must hear of it.

#include <cstdlib>

#include "fiber.hpp"
#include "sanitizers.hpp"

#if !defined(SCC_EMULATION_UCONTEXT)
// scc_emulation_switch(&from.stack_pointer, to.stack_pointer): saves the registers that a call must preserve on the one
// stack and takes them from the other. It returns to where the other was left, or to begin().
extern "C" void scc_emulation_switch(void** from, void* to);
asm(R"(
.text
.globl scc_emulation_switch
.type scc_emulation_switch, @function
scc_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size scc_emulation_switch, . - scc_emulation_switch
)");
#endif

namespace scc_emulation {
namespace {

// How to tell ThreadSanitizer of a switch that is the scheduler's doing, and orders nothing.
constexpr unsigned unordered_switch = 1;
constexpr unsigned ordered_switch = 0;

// Of the last switch.
Fiber* left = nullptr;
Fiber* entered = nullptr;

// The first thing on the stack that was switched to.
void complete_switch() {
  if (__sanitizer_finish_switch_fiber != nullptr) {
    __sanitizer_finish_switch_fiber(entered->asan_fake_stack, &left->stack, &left->stack_bytes);
  }
}

void begin() noexcept {
  complete_switch();
  entered->body();
  std::abort();
}

}  // namespace

void create(Fiber& fiber, void* stack, std::size_t stack_bytes, void (*body)()) {
  fiber.body = body;
  fiber.stack = stack;
  fiber.stack_bytes = stack_bytes;
  fiber.asan_fake_stack = nullptr;
  fiber.tsan_fiber = under_thread_sanitizer() ? __tsan_create_fiber(0) : nullptr;
#if defined(SCC_EMULATION_UCONTEXT)
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = stack;
  fiber.context.uc_stack.ss_size = stack_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, reinterpret_cast<void (*)()>(begin), 0);
#else
  // As if begin() had been called from nowhere and had then called scc_emulation_switch; top is a multiple of 16.
  void** const top = reinterpret_cast<void**>(static_cast<char*>(stack) + stack_bytes);
  top[-1] = nullptr;
  top[-2] = reinterpret_cast<void*>(begin);
  constexpr int registers = 6;
  for (int i = 0; i < registers; ++i) {
    top[-3 - i] = nullptr;
  }
  fiber.stack_pointer = top - 2 - registers;
#endif
}

void adopt_current_stack(Fiber& host) {
  host.tsan_fiber = under_thread_sanitizer() ? __tsan_get_current_fiber() : nullptr;
}

void order_after(Fiber& fiber, Fiber& host) {
  if (fiber.tsan_fiber != nullptr) {
    __tsan_switch_to_fiber(fiber.tsan_fiber, unordered_switch);
    __tsan_switch_to_fiber(host.tsan_fiber, ordered_switch);
  }
}

void abandon(Fiber& fiber, Fiber& host) {
  if (__sanitizer_start_switch_fiber != nullptr) {
    // A fiber's fake stack is freed by its last switch, which is acted here.
    __sanitizer_start_switch_fiber(&host.asan_fake_stack, fiber.stack, fiber.stack_bytes);
    __sanitizer_finish_switch_fiber(fiber.asan_fake_stack, &host.stack, &host.stack_bytes);
    __sanitizer_start_switch_fiber(nullptr, host.stack, host.stack_bytes);
    __sanitizer_finish_switch_fiber(host.asan_fake_stack, nullptr, nullptr);
    unpoison(fiber.stack, fiber.stack_bytes);
  }
  if (fiber.tsan_fiber != nullptr) {
    __tsan_destroy_fiber(fiber.tsan_fiber);
  }
  fiber = Fiber{};
}

void switch_fibers(Fiber& from, Fiber& to) {
  left = &from;
  entered = &to;
  if (to.tsan_fiber != nullptr) {
    __tsan_switch_to_fiber(to.tsan_fiber, unordered_switch);
  }
  if (__sanitizer_start_switch_fiber != nullptr) {
    __sanitizer_start_switch_fiber(&from.asan_fake_stack, to.stack, to.stack_bytes);
  }
#if defined(SCC_EMULATION_UCONTEXT)
  swapcontext(&from.context, &to.context);
#else
  scc_emulation_switch(&from.stack_pointer, to.stack_pointer);
#endif
  complete_switch();
}

}  // namespace scc_emulation
