// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the device functions of cuda_runtime.h ask of the scheduler, and how a kernel gets there.

#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

namespace scc_emulation {

/// A place in the source. As default argument it is that of the call.
struct Site {
  char const* file;
  int line;
};
#define SCC_EMULATION_SITE ::scc_emulation::Site const site = {__builtin_FILE(), __builtin_LINE()}

/// A kernel and the values of its arguments.
class KernelCall {
public:
  KernelCall() = default;
  KernelCall& operator=(KernelCall const&) = delete;
  virtual ~KernelCall() = default;

  virtual void run_thread() const = 0;
  virtual KernelCall* copy() const = 0;  // for the caller to delete

protected:
  KernelCall(KernelCall const&) = default;
};

template <class... Parameters>
class BoundKernel final : public KernelCall {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "kernel arguments reach the device byte by byte");

public:
  template <class... Arguments>
  explicit BoundKernel(void (*kernel)(Parameters...), Arguments&&... arguments)
      : kernel_(kernel),
        arguments_(static_cast<Arguments&&>(arguments)...) {}

  void run_thread() const override { std::apply(kernel_, arguments_); }
  KernelCall* copy() const override { return new BoundKernel(*this); }

private:
  void (*kernel_)(Parameters...);
  std::tuple<Parameters...> arguments_;
};

// The rest is for threads of a kernel. Those that wait return when all that take part have come to the same site.

void block_barrier(Site);
void warp_barrier(unsigned mask, Site);
unsigned warp_ballot(unsigned mask, bool predicate, Site);
/// The value that `source_lane` brought.
std::uint64_t warp_shuffle(unsigned mask, std::uint64_t value, unsigned source_lane, Site);
unsigned lane();

/// The running block's own instance of the shared variable that `variable` stands for.
void* static_shared(void const* variable, std::size_t bytes, std::size_t alignment, Site);
void* dynamic_shared();

void memory_fence();
/// To stand before and after every atomic operation.
void before_atomic(void const*);
void after_atomic(void const*);

}  // namespace scc_emulation
