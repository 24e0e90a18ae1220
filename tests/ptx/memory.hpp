// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Device memory: host memory whose bounds, and whose written bytes, the interpreter knows.

#pragma once

#include <cstddef>

namespace ptx {

/// Makes host memory device memory. Nothing of it counts as written.
void add_allocation(void* memory, std::size_t bytes);
/// It is device memory no more.
void remove_allocation(void* memory);
/// Says that bytes of device memory have been written, by a copy or a memset. Nothing happens if they are not device memory.
void mark_written(void* memory, std::size_t bytes);
/// Whether all these bytes belong to one allocation.
bool is_device_memory(void const* memory, std::size_t bytes);

}  // namespace ptx
