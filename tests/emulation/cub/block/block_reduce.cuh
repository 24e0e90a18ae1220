// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Stands in for CUB's header of this name, which host compilers do not take. Adds in another order than CUB.

#pragma once

#include <cuda_runtime.h>

namespace cub {

template <class T, int threads>
class BlockReduce {
public:
  struct TempStorage {
    T values[threads];
  };

  explicit BlockReduce(TempStorage& storage) : storage_(storage) {}

  /// For thread 0 the sum of all threads' values, for the others nothing of use.
  T Sum(T value) {
    storage_.values[threadIdx.x] = value;
    __syncthreads();
    for (int i = 1; i < threads && threadIdx.x == 0; ++i) {
      value += storage_.values[i];
    }
    return value;
  }

private:
  TempStorage& storage_;
};

}  // namespace cub
