// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What scc::gpu::Loss, which any compiler compiles, asks of the launches, which nvcc compiles.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <scc/detail/collapsed_shape.hpp>
#include <scc/estimator/gradient_coefficients.hpp>
#include <scc/gradient_mode.hpp>

#include "device_state.hpp"
#include "grad_loss.hpp"
#include "pixel_view.hpp"
#include "workspace.hpp"

namespace scc::gpu {

/// A pass over the weights of a batch, each once where an image repeats it.
struct WeightPass {
  WeightView weight;     ///< Collapsed, without the axes that it repeats
  std::int64_t pixels;   ///< Weights of an image, at least 1
  std::int64_t repeats;  ///< How often an image has each
};

/// The pass over these weights.
inline WeightPass weight_pass(std::array<std::int64_t, 4> extents, PixelView const& weight) {
  WeightPass pass{{}, 1, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    std::int64_t& extent = extents[axis + 1];
    if (weight.stride[axis] == 0) {
      pass.repeats *= extent;
      extent = 1;
    }
    pass.pixels *= extent;
  }
  pass.weight = collapse_weights(extents, axis_order(extents, weight), weight);
  return pass;
}

/// A forward pass as the kernels' side of the library is asked for it.
struct ForwardPass {
  PixelView x;              ///< The input
  PixelView y;              ///< Its translation
  CollapsedShape shape;     ///< of an image, in both
  std::int64_t images;      ///< N, at least 1
  std::int64_t pixels;      ///< M of each image, at least 1
  WorkspaceView workspace;  ///< Receives what the pass makes
  bool with_gradient;       ///< Whether a backward pass may follow
  bool has_weight;          ///< Whether the pixels have weights
  WeightView weight;        ///< These
  WeightPass weights;       ///< The pass over them
};

/// A backward pass, likewise.
struct BackwardPass {
  PixelView fixed;           ///< The image that is not differentiated
  PixelView differentiated;  ///< The image that is
  PixelView gradient;        ///< Where the gradient of `differentiated` goes
  CollapsedShape shape;      ///< of an image, in all three
  std::int64_t images;       ///< N, at least 1
  std::int64_t pixels;       ///< M of each image, at least 1
  Side side;                 ///< Which image `differentiated` is
  GradientMode mode;         ///< Whether the gradient is added to what is there
  double factor;             ///< What gradients are multiplied by, on top of grad_loss
  GradLoss grad_loss;        ///< likewise
  WorkspaceView workspace;   ///< What the forward pass made
  bool has_weight;           ///< Whether the pixels have weights
  WeightView weight;         ///< These
};

/// The launches, defined in loss.cuh. A template only so that many translation units may define it; Dispatch<> is the
/// one that is used. Not inline, so that all calls go to one unit's: kernels are static, and a unit loads its own.
template <class = void>
struct Dispatch {
  /// Loads all kernels on the device of the state, which is current; throws Error if a CUDA call fails.
  [[gnu::noinline]] static void load_kernels(DeviceState const& state);
  /// Enqueues a forward pass on the stream; throws Error if a launch fails.
  [[gnu::noinline]] static void forward(DeviceState const& state, ForwardPass const& pass, cudaStream_t stream);
  /// Enqueues a backward pass, likewise.
  [[gnu::noinline]] static void backward(DeviceState const& state, BackwardPass const& pass, cudaStream_t stream);
};

}  // namespace scc::gpu
