// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Its presence says that this is a LibTorch with CUDA; see host_cuda.cpp.

#pragma once
