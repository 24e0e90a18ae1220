// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// For snippets: a step of a LibTorch trainer up to where the loss comes in.

#pragma once

#include <torch/torch.h>

namespace snippets::tensors {

extern torch::Tensor input, translation, adversarial;
extern double weight;

}  // namespace snippets::tensors
