// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Errors of the CUDA runtime as exceptions.

#pragma once

#include <cuda_runtime_api.h>
#include <stdexcept>
#include <string>

namespace scc::gpu {

/// A CUDA call, or a kernel launch, that failed. what() has the call, the error's name and its text.
/// @ingroup loss
class Error : public std::runtime_error {
public:
  /// @param code  What the call returned, not cudaSuccess.
  /// @param call  Its name, or that of the kernel with its grid.
  Error(cudaError_t code, std::string const& call)
      : std::runtime_error("scc: " + call + " failed: " + cudaGetErrorName(code) + " (" + cudaGetErrorString(code) +
                           ")"),
        code_(code) {}

  /// What the call returned.
  cudaError_t code() const { return code_; }

private:
  cudaError_t code_;
};

/// Takes an error out of the runtime's memory of the last one, and goes on: for destructors.
inline void ignore(cudaError_t code) noexcept {
  if (code != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
  }
}

/// Throws Error unless `code`, the result of `call`, is success. Takes the error out of the runtime's memory of the last
/// one, so that it does not show up again in somebody else's check.
inline void check(cudaError_t code, char const* call) {
  if (code != cudaSuccess) {
    ignore(code);
    throw Error(code, call);
  }
}

}  // namespace scc::gpu
