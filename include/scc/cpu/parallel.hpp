// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Threads, through OpenMP where the including program is compiled with it. No result depends on their number.

#pragma once

#include <algorithm>
#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace scc::cpu {

/// The partition of an image into chunks, the units of work. It depends on the image alone and not on the number of
/// threads, so that sums over chunks have one order only.
class Chunks {
public:
  /// @param pixels  Number of pixels of the image, at least 1.
  explicit Chunks(std::int64_t pixels) : pixels_(pixels) {
    std::int64_t const share = (pixels + most - 1) / most;
    size_ = std::max(smallest, (share + rounding - 1) / rounding * rounding);
  }

  /// Number of chunks.
  std::int64_t count() const { return (pixels_ + size_ - 1) / size_; }
  /// First pixel of a chunk.
  std::int64_t start(std::int64_t chunk) const { return chunk * size_; }
  /// Number of pixels of a chunk.
  std::int64_t length(std::int64_t chunk) const { return std::min(size_, pixels_ - start(chunk)); }

private:
  static constexpr std::int64_t smallest = 8192;
  static constexpr std::int64_t most = 32;
  static constexpr std::int64_t rounding = 1024;  // keeps all but the last chunk free of incomplete blocks

  std::int64_t pixels_, size_;
};

/// Number of threads that parallel_for() may use: omp_get_max_threads(), or 1 without OpenMP.
inline int thread_count() {
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Calls body(task, thread) for each task in [0, tasks), thread in [0, threads). The body must not throw.
template <class Body>
void parallel_for(std::int64_t tasks, int threads, Body const& body) {
#if defined(_OPENMP)
  if (threads > 1 && tasks > 1) {
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (std::int64_t task = 0; task < tasks; ++task) {
      body(task, omp_get_thread_num());
    }
    return;
  }
#endif
  static_cast<void>(threads);
  for (std::int64_t task = 0; task < tasks; ++task) {
    body(task, 0);
  }
}

}  // namespace scc::cpu
