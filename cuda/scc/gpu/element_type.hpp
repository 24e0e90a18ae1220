// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// CUDA's 16-bit types as elements of images and gradients.

#pragma once

#include <scc/element_type.hpp>

// Declared, not included: whoever has such pixels includes <cuda_fp16.h> or <cuda_bf16.h> anyway.
struct __half;
struct __nv_bfloat16;

namespace scc {

template <>
struct ElementTypeOf<__half> : std::integral_constant<ElementType, ElementType::float16> {};
template <>
struct ElementTypeOf<__nv_bfloat16> : std::integral_constant<ElementType, ElementType::bfloat16> {};

}  // namespace scc
