// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>

#include "machine.hpp"

namespace ptx {
namespace {

std::vector<std::vector<WarpTiming>>& kept() {
  static std::vector<std::vector<WarpTiming>> timing;
  return timing;
}

void raise(std::int64_t& value, std::int64_t least) { value = std::max(value, least); }

/// Calls use(ready) for each register and predicate that the instruction reads.
template <class Use>
void for_each_operand(WarpClocks const& clocks, Instruction const& instruction, Use use) {
  for (Index const source : instruction.sources) {
    use(clocks.registers[source]);
  }
  for (Index const source : instruction.predicate_sources) {
    use(clocks.predicates[source]);
  }
  if (instruction.guard != none) {
    use(clocks.predicates[instruction.guard]);
  }
}

template <class Set>
void for_each_result(WarpClocks& clocks, Instruction const& instruction, Set set) {
  for (Index const destination : instruction.destinations) {
    set(clocks.registers[destination]);
  }
  for (Index const destination : instruction.predicate_destinations) {
    set(clocks.predicates[destination]);
  }
}

void end_basic_block(WarpClocks& clocks) {
  clocks.block_begin = clocks.last_store = clocks.last_load = clocks.block_end;
  clocks.used_slots.clear();
}

/// Takes the first free slots of the basic block from a cycle on.
std::int64_t take_slots(WarpClocks& clocks, std::int64_t at, int slots) {
  auto slot = static_cast<std::size_t>(at - clocks.block_begin);
  auto const is_used = [&](std::size_t n) { return n < clocks.used_slots.size() && clocks.used_slots[n]; };
  while (is_used(slot) || (slots == 2 && is_used(slot + 1))) {
    ++slot;
  }
  auto const end = slot + static_cast<std::size_t>(slots);
  clocks.used_slots.resize(std::max(clocks.used_slots.size(), end));
  std::fill(clocks.used_slots.begin() + static_cast<std::ptrdiff_t>(slot),
            clocks.used_slots.begin() + static_cast<std::ptrdiff_t>(end), true);
  return clocks.block_begin + static_cast<std::int64_t>(slot);
}

/// Issues the instruction in the first free slot of its basic block in which its operands are there; loads and stores
/// do not pass each other.
void schedule(WarpClocks& clocks, Instruction const& instruction) {
  Kind const kind = instruction.kind;
  if (instruction.starts_basic_block) {
    end_basic_block(clocks);
  }
  std::int64_t at = clocks.block_begin;
  for_each_operand(clocks, instruction, [&](WarpClocks::Ready const& ready) { raise(at, ready.scheduled); });
  bool const is_store = kind == Kind::store || kind == Kind::atomic;
  bool const is_load = kind == Kind::load && instruction.space != Space::parameter;
  bool const ends_block =
    kind == Kind::branch || kind == Kind::block_barrier || kind == Kind::warp_barrier || kind == Kind::fence;
  if (is_store || (is_load && !instruction.is_read_only)) {
    raise(at, clocks.last_store);
  }
  if (is_store) {
    raise(at, clocks.last_load);
  }
  if (ends_block) {
    raise(at, clocks.block_end);
  }
  bool const has_half_rate = instruction.is_double_operation || kind == Kind::warp_exchange || kind == Kind::load;
  int const slots = has_half_rate ? 2 : 1;
  at = take_slots(clocks, at, slots);
  raise(clocks.block_end, at + slots);
  raise(clocks.last_load, is_load ? at + 1 : 0);
  raise(clocks.last_store, is_store ? at + 1 : 0);
  std::int64_t const done = at + instruction.latency;
  for_each_result(clocks, instruction, [&](WarpClocks::Ready& ready) { ready.scheduled = done; });
  raise(clocks.scheduled_done, kind != Kind::store ? done : 0);
  if (kind == Kind::fence) {
    clocks.block_end = done;
  }
  if (ends_block) {
    end_basic_block(clocks);
  }
}

bool is_any_of(std::string_view operation, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), operation) != names.end();
}

int latency_of_plain(Instruction const& instruction, std::string_view operation) {
  auto const has = [&](char const* part) { return instruction.opcode.find(part) != std::string_view::npos; };
  bool const is_float = instruction.type.is_float(), is_wide = instruction.type.bytes == 8;
  if (operation == "div" && !is_float) {
    return is_wide ? 150 : instruction.type.bytes == 4 ? 40 : 4;
  }
  if (is_any_of(operation, {"rsqrt", "rcp"})) {
    return is_wide && !has("approx") ? 90 : 22;
  }
  if (operation == "cvt") {
    return has("f64") || has("f16") || has("rzi") ? 14 : 4;
  }
  if (is_float && is_wide && is_any_of(operation, {"div", "sqrt"})) {
    return 110;
  }
  if (is_float && is_wide && is_any_of(operation, {"add", "sub", "mul", "fma", "setp", "min", "max"})) {
    return 8;
  }
  return operation == "mul" && !is_float && is_wide ? 12 : 4;
}

int latency_of_load(Instruction const& instruction) {
  return instruction.space == Space::shared      ? 28
         : instruction.space == Space::parameter ? 8
         : instruction.bypasses_cache            ? 260
         : instruction.is_read_only              ? 400
         : instruction.space == Space::generic   ? 32
                                                 : 36;
}

}  // namespace

std::vector<std::vector<WarpTiming>> const& timing() { return kept(); }

void forget_timing() { kept().clear(); }

void mark_instructions(Kernel& kernel, std::function<bool(SourcePlace const&)> const& condition) {
  for (Instruction& instruction : kernel.code) {
    auto const places = kernel.places_of(instruction);
    instruction.is_marked = std::any_of(places.begin(), places.end(), condition);
  }
}

void start_clocks(Warp& warp) {
  warp.clocks = std::make_unique<WarpClocks>();
  warp.clocks->registers.resize(warp.kernel->register_count);
  warp.clocks->predicates.resize(warp.kernel->predicate_count);
}

void time_instruction(Warp& warp, Instruction const& instruction) {
  WarpClocks& clocks = *warp.clocks;
  WarpTiming& timing = clocks.timing;
  if (instruction.is_marked && !timing.has_mark) {
    timing.has_mark = true;
    timing.mark = {timing.total.instructions, clocks.block_end, clocks.dataflow_most};
  }
  ++timing.total.instructions;
  schedule(clocks, instruction);
  std::int64_t dataflow = clocks.dataflow_floor;
  for_each_operand(clocks, instruction, [&](WarpClocks::Ready const& ready) { raise(dataflow, ready.dataflow); });
  dataflow += instruction.latency;
  for_each_result(clocks, instruction, [&](WarpClocks::Ready& ready) { ready.dataflow = dataflow; });
  raise(clocks.dataflow_most, dataflow);
  if (instruction.kind == Kind::fence) {
    clocks.dataflow_floor = clocks.dataflow_most;
  }
}

void time_warp_barrier(Warp& warp) { raise(warp.clocks->dataflow_floor, warp.clocks->dataflow_most); }

void time_block_barrier(Block& block) {
  constexpr std::int64_t barrier_cycles = 20;
  WarpClocks::Ready last;
  for (Warp const& warp : block.warps) {
    bool const waits = std::any_of(warp.fragments.begin(), warp.fragments.end(), [](Fragment const& fragment) {
      return fragment.state == FragmentState::at_block_barrier;
    });
    raise(last.scheduled, waits ? warp.clocks->block_end : 0);
    raise(last.dataflow, waits ? warp.clocks->dataflow_most : 0);
  }
  for (Warp& warp : block.warps) {
    WarpClocks& clocks = *warp.clocks;
    raise(clocks.block_end, last.scheduled + barrier_cycles);
    end_basic_block(clocks);
    raise(clocks.dataflow_floor, last.dataflow + barrier_cycles);
    raise(clocks.dataflow_most, clocks.dataflow_floor);
  }
}

void keep_timing(Block& block) {
  kept().resize(std::max<std::size_t>(kept().size(), block.id + 1));
  for (Warp const& warp : block.warps) {
    WarpClocks const& clocks = *warp.clocks;
    WarpTiming timing = clocks.timing;
    timing.total.scheduled = std::max(clocks.block_end, clocks.scheduled_done);
    timing.total.dataflow = clocks.dataflow_most;
    kept()[block.id].push_back(timing);
  }
}

void set_latency(Instruction& instruction) {
  std::string_view const operation = instruction.opcode.substr(0, instruction.opcode.find('.'));
  bool const is_double = instruction.type.is_float() && instruction.type.bytes == 8;
  instruction.is_double_operation = is_double && is_any_of(operation, {"add", "sub", "mul", "fma", "div", "sqrt"});
  Kind const kind = instruction.kind;
  instruction.latency = kind == Kind::warp_exchange ? 24
                        : kind == Kind::load        ? latency_of_load(instruction)
                        : kind == Kind::atomic      ? (instruction.space == Space::shared ? 50 : 400)
                        : kind == Kind::fence       ? 400
                                                    : latency_of_plain(instruction, operation);
}

}  // namespace ptx
