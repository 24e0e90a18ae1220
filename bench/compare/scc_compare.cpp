// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// scc::cpu::Loss for scc_library.py. Pointers are to host memory.

#include <algorithm>
#include <cstddef>
#include <malloc.h>
#include <scc/scc.hpp>

#include "scc_compare.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

using scc_compare::message_of;
using scc_compare::view;

/// A loss with its workspace.
struct scc_compare_cpu_loss {
  scc::cpu::Loss loss;
  scc::cpu::Workspace workspace;
};

extern "C" {

char const* scc_compare_cpu_create(scc_compare_options const* options, scc_compare_cpu_loss** loss) {
  return message_of([&] { *loss = new scc_compare_cpu_loss{scc::cpu::Loss(scc_compare::options_from(*options)), {}}; });
}

void scc_compare_cpu_destroy(scc_compare_cpu_loss* loss) { delete loss; }

/// A workspace that holds no memory yet.
void scc_compare_cpu_clear_workspace(scc_compare_cpu_loss* loss) { loss->workspace = scc::cpu::Workspace(); }

char const* scc_compare_cpu_forward(scc_compare_cpu_loss* loss, float const* x, float const* y,
                                    scc_compare_shape const* shape, double* value) {
  return message_of([&] { *value = loss->loss.forward(view(x, *shape), view(y, *shape), loss->workspace); });
}

char const* scc_compare_cpu_forward_backward(scc_compare_cpu_loss* loss, float const* x, float const* y,
                                             scc_compare_shape const* shape, float* dloss_dy, double* value) {
  return message_of([&] {
    *value = loss->loss.forward_backward(view(x, *shape), view(y, *shape), loss->workspace, 1, view(dloss_dy, *shape));
  });
}

/// @param rsmi  [images of the last forward pass] out
void scc_compare_cpu_rsmi(scc_compare_cpu_loss const* loss, double* rsmi) {
  std::copy(loss->workspace.rsmi().begin(), loss->workspace.rsmi().end(), rsmi);
}

/// Bytes that the process has allocated and not freed, large blocks included.
std::size_t scc_compare_heap_bytes() {
  struct mallinfo2 const info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Gives unused memory back, so that it does not count as resident.
void scc_compare_trim_heap() { malloc_trim(0); }

void scc_compare_use_threads([[maybe_unused]] int threads) {
#if defined(_OPENMP)
  omp_set_num_threads(threads);
#endif
}

/// Number of threads that a parallel region of this library gets.
int scc_compare_threads() {
  int threads = 1;
#if defined(_OPENMP)
#pragma omp parallel
  {
#pragma omp single
    threads = omp_get_num_threads();
  }
#endif
  return threads;
}
}
