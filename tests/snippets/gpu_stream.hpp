// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// For snippets: what a step on the GPU is given besides images.

#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

namespace snippets::gpu_stream {

extern cudaStream_t stream;
extern std::int64_t max_images;
extern float weight;

}  // namespace snippets::gpu_stream
