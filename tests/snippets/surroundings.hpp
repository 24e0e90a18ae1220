// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the C++ blocks of the pages take from the reader's program. Nothing defines it: blocks are compiled, not linked.

#pragma once

#include <cstdint>
#include <scc/image_batch.hpp>

// Pixels in memory, and views of them and of the gradient.
extern float const *x, *y;
extern float* dloss_dy;
extern std::int64_t images, channels, height, width;
extern scc::ImageBatch<float const> x_view, y_view;
extern scc::ImageBatch<float> dloss_dy_view;
extern float weight;

// A step on the GPU: a cudaStream_t, and the largest batch.
extern struct CUstream_st* stream;
extern std::int64_t max_images;

// A step of a LibTorch trainer.
namespace at {
class Tensor;
}
extern at::Tensor input, translation, adversarial, mask, confidence;
