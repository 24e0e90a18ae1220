// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// All of the library that needs neither CUDA nor LibTorch.

#pragma once

#include "cpu/loss.hpp"
#include "image_batch.hpp"
#include "options.hpp"
#include "reference.hpp"
#include "select_parameters.hpp"
#include "statistics.hpp"
#include "version.hpp"
