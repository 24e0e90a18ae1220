// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Working memory of a workspace.

#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace scc::cpu {

/// An array of uninitialised numbers, aligned to 64 bytes, that only grows.
template <class T>
class AlignedBuffer {
public:
  /// Has no memory.
  AlignedBuffer() = default;
  /// Takes the memory of the other, which has none afterwards.
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : memory_(std::move(other.memory_)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  /// Likewise; frees its own.
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  /// Makes room for `count` numbers. What was there before is lost if the buffer has to grow.
  void reserve(std::size_t count) {
    if (count > capacity_) {
      memory_.reset();
      capacity_ = 0;
      memory_.reset(static_cast<T*>(::operator new(count * sizeof(T), alignment)));
      capacity_ = count;
    }
  }

  /// The numbers, host memory; null before the first reserve().
  T* data() { return memory_.get(); }
  /// Likewise.
  T const* data() const { return memory_.get(); }

private:
  static constexpr std::align_val_t alignment{64};
  struct Deleter {
    void operator()(T* memory) const { ::operator delete(memory, alignment); }
  };

  std::unique_ptr<T, Deleter> memory_;
  std::size_t capacity_ = 0;
};

/// The next multiple of 64 bytes, in elements of T: keeps the parts of a buffer aligned, and threads apart.
template <class T>
std::size_t aligned_size(std::size_t count) {
  std::size_t const step = 64 / sizeof(T);
  return (count + step - 1) / step * step;
}

}  // namespace scc::cpu
