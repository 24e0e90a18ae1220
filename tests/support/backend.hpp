// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The loss that a test is about, under one name: of the CPU, or, if SCC_TEST_BACKEND_GPU is defined, of the GPU. Sources
/// that include this are compiled once for each.

#pragma once

#include <cstdint>
#include <scc/scc.hpp>
#include <string>
#include <type_traits>
#include <vector>

#if defined(SCC_TEST_BACKEND_GPU)
#include "gpu_loss.hpp"
#include "requires_device.hpp"
#endif

#include "images.hpp"
#include "setups.hpp"

namespace scc_test {

#if defined(SCC_TEST_BACKEND_GPU)
inline constexpr bool is_gpu = true;
#else
inline constexpr bool is_gpu = false;
using Loss = scc::cpu::Loss;
using Workspace = scc::cpu::Workspace;
using GradLoss = scc::cpu::GradLoss;
#endif

/// Both bases with both kernels; with one where that takes long, as kernels are but numbers in tables to the code that sees
/// pixels. golden_test.cpp has both everywhere.
inline std::vector<Setup> all_setups() {
#if defined(SCC_TEST_BACKEND_GPU) || defined(__SANITIZE_ADDRESS__)
  return both_bases();
#else
  return kernels_and_bases();
#endif
}

/// The workspace that goes with a loss, in tests that compare the backends.
template <class AnyLoss>
using WorkspaceOf = std::conditional_t<std::is_same_v<AnyLoss, scc::cpu::Loss>, scc::cpu::Workspace, Workspace>;

/// The name of a type of pixels or weights for the report of a failure.
template <class T>
std::string type_name() {
  if (std::is_same_v<T, bool>) {
    return "bool";
  }
  if (std::is_same_v<T, std::uint8_t>) {
    return "uint8";
  }
  if (std::is_same_v<T, Eigen::half>) {
    return "half";
  }
  if (std::is_same_v<T, Eigen::bfloat16>) {
    return "bfloat16";
  }
  return std::is_same_v<T, float> ? "float" : "double";
}

/// A weight of the loss as the backend holds it: a float on the GPU.
inline double held_grad_loss(double grad_loss) {
  return is_gpu ? static_cast<double>(static_cast<float>(grad_loss)) : grad_loss;
}

/// Equality of results of the same pixels in another layout, or in another batch. The CPU adds up pixels in one order and
/// must give the same bits. On the GPU the order is that of the pixels in memory, and is cut anew for each size of the
/// batch: there `rounding` bounds the relative error in the Euclidean norm.
template <class A, class B>
bool same_to_rounding(std::vector<A> const& actual, std::vector<B> const& expected, double rounding) {
  return is_gpu ? relative_error(actual, expected) <= rounding : same_bits(actual, expected);
}

}  // namespace scc_test
