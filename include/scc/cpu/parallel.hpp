// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Threads, through OpenMP where the including program is compiled with it. No result depends on their number.

#pragma once

#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace scc::cpu {

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
