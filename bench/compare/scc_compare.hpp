// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the two parts of the shared library have in common: it is called from Python, through ctypes. Every function
/// that can fail returns null, or a message that stays valid until the same thread's next call.

#pragma once

#include <cstdint>
#include <exception>
#include <scc/image_batch.hpp>
#include <scc/options.hpp>
#include <string>

/// scc::Options as ctypes passes them.
struct scc_compare_options {
  std::int32_t is_reciprocal, centers_per_axis;
  double bandwidth, center_min, center_max, beta, lambda, tolerance;
};

/// A batch [images, channels, height, width] of densely packed floats.
struct scc_compare_shape {
  std::int64_t images, channels, height, width;
};

namespace scc_compare {

inline scc::Options options_from(scc_compare_options const& given) {
  scc::Options options;
  options.kernel = given.is_reciprocal != 0 ? scc::Kernel::reciprocal_gaussian : scc::Kernel::gaussian;
  options.centers_per_axis = given.centers_per_axis;
  options.bandwidth = given.bandwidth;
  options.center_min = given.center_min;
  options.center_max = given.center_max;
  options.beta = given.beta;
  options.lambda = given.lambda;
  options.tolerance = given.tolerance;
  return options;
}

template <class T>
scc::ImageBatch<T> view(T* data, scc_compare_shape const& shape) {
  return scc::ImageBatch<T>::contiguous(data, shape.images, shape.channels, shape.height, shape.width);
}

/// Calls `body`; null, or what it threw.
template <class Body>
char const* message_of(Body const& body) {
  thread_local std::string message;
  try {
    body();
    return nullptr;
  } catch (std::exception const& error) {
    message = error.what();
  }
  return message.c_str();
}

}  // namespace scc_compare
