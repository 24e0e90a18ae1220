// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The number of OpenMP's threads.

#pragma once

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace scc_test {

/// Sets the number of OpenMP's threads, and sets it back; without OpenMP there is one thread.
class Threads {
public:
#if defined(_OPENMP)
  static constexpr bool can_be_set = true;
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before_); }
#else
  static constexpr bool can_be_set = false;
  explicit Threads(int count) : before_(count) {}
  ~Threads() = default;
#endif
  Threads(Threads const&) = delete;
  Threads& operator=(Threads const&) = delete;

private:
  [[maybe_unused]] int before_;
};

}  // namespace scc_test
