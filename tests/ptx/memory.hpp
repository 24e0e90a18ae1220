// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Device memory: host memory whose bounds, and whose written bytes, the interpreter knows.

#pragma once

#include <cstddef>

#include "program.hpp"

namespace ptx {

/// Makes host memory device memory. Nothing of it counts as written.
void add_allocation(void* memory, std::size_t bytes);
/// It is device memory no more.
void remove_allocation(void* memory);
/// Says that bytes of device memory have been written, by a copy or a memset. Nothing happens if they are not device memory.
void mark_written(void* memory, std::size_t bytes);
/// Whether all these bytes belong to one allocation.
bool is_device_memory(void const* memory, std::size_t bytes);

// Handlers of ld, st, and of atom and red.
void load_from_memory(Warp& warp, Instruction const& instruction, Lanes lanes);
void store_to_memory(Warp& warp, Instruction const& instruction, Lanes lanes);
/// Null if there is none for this type.
Handler atomic_handler(AtomicOperation operation, Type type);

}  // namespace ptx
