// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Skips all tests of a program where there is no CUDA device: main() asks.

#pragma once

#include "../catch.hpp"
#include "device.hpp"

namespace scc_test {

inline bool const device_is_required = (requirement() = missing_device, true);

}  // namespace scc_test
