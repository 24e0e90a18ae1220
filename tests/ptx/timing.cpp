// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>

#include "machine.hpp"
#include "timing.hpp"

namespace ptx {
namespace {

constexpr std::int64_t barrier_cycles = 20;

std::vector<std::vector<WarpTiming>>& kept() {
  static std::vector<std::vector<WarpTiming>> timing;
  return timing;
}

/// Calls use(ready) for each register and predicate that the instruction reads.
template <class Use>
void for_each_operand(WarpClocks const& clocks, Instruction const& instruction, Use use) {
  for (int n = 0; n < instruction.source_count; ++n) {
    use(clocks.registers[static_cast<std::size_t>(instruction.sources[n])]);
  }
  for (int n = 0; n < instruction.predicate_source_count; ++n) {
    use(clocks.predicates[static_cast<std::size_t>(instruction.predicate_sources[n])]);
  }
  if (instruction.guard >= 0) {
    use(clocks.predicates[static_cast<std::size_t>(instruction.guard)]);
  }
}

template <class Set>
void for_each_result(WarpClocks& clocks, Instruction const& instruction, Set set) {
  for (int n = 0; n < instruction.destination_count; ++n) {
    set(clocks.registers[static_cast<std::size_t>(instruction.destinations[n])]);
  }
  for (int const predicate : {instruction.predicate_destination, instruction.complement_destination}) {
    if (predicate >= 0) {
      set(clocks.predicates[static_cast<std::size_t>(predicate)]);
    }
  }
}

void end_basic_block(WarpClocks& clocks) {
  clocks.block_begin = clocks.last_store = clocks.last_load = clocks.block_end;
  clocks.used_slots.clear();
}

/// Issues the instruction in the first free slot of its basic block in which its operands are there; loads and stores
/// do not pass each other.
void schedule(WarpClocks& clocks, Instruction const& instruction) {
  Kind const kind = instruction.kind;
  if (instruction.starts_basic_block) {
    end_basic_block(clocks);
  }
  std::int64_t at = clocks.block_begin;
  for_each_operand(clocks, instruction, [&](WarpClocks::Ready const& ready) { at = std::max(at, ready.scheduled); });
  bool const is_store = kind == Kind::store || kind == Kind::atomic;
  if (kind == Kind::load && instruction.space != Space::parameter && !instruction.is_read_only) {
    at = std::max(at, clocks.last_store);
  }
  if (is_store) {
    at = std::max({at, clocks.last_store, clocks.last_load});
  }
  bool const ends_block =
    kind == Kind::branch || kind == Kind::block_barrier || kind == Kind::warp_barrier || kind == Kind::fence;
  if (ends_block) {
    at = std::max(at, clocks.block_end);
  }
  bool const has_half_rate = instruction.is_double_operation || kind == Kind::warp_exchange || kind == Kind::load;
  int const slots = has_half_rate ? 2 : 1;
  auto const is_free = [&](std::int64_t cycle) {
    for (int n = 0; n < slots; ++n) {
      auto const slot = static_cast<std::size_t>(cycle + n - clocks.block_begin);
      if (slot < clocks.used_slots.size() && clocks.used_slots[slot] != 0) {
        return false;
      }
    }
    return true;
  };
  while (!is_free(at)) {
    ++at;
  }
  auto const last_slot = static_cast<std::size_t>(at + slots - clocks.block_begin);
  if (clocks.used_slots.size() < last_slot) {
    clocks.used_slots.resize(last_slot + 64, 0);
  }
  for (int n = 0; n < slots; ++n) {
    clocks.used_slots[static_cast<std::size_t>(at + n - clocks.block_begin)] = 1;
  }
  clocks.block_end = std::max(clocks.block_end, at + slots);
  if (kind == Kind::load && instruction.space != Space::parameter) {
    clocks.last_load = std::max(clocks.last_load, at + 1);
  }
  if (is_store) {
    clocks.last_store = std::max(clocks.last_store, at + 1);
  }
  std::int64_t const done = at + instruction.latency;
  for_each_result(clocks, instruction, [&](WarpClocks::Ready& ready) { ready.scheduled = done; });
  if (kind != Kind::store) {
    clocks.scheduled_done = std::max(clocks.scheduled_done, done);
  }
  if (kind == Kind::fence) {
    clocks.block_end = done;
  }
  if (ends_block) {
    end_basic_block(clocks);
  }
}

}  // namespace

std::vector<std::vector<WarpTiming>> const& timing() { return kept(); }

void forget_timing() { kept().clear(); }

void mark_instructions(Kernel& kernel, std::function<bool(std::string const& file, int line)> const& condition) {
  std::vector<bool> marks(kernel.places.size());
  for (std::size_t place = 0; place < marks.size(); ++place) {
    for (int at = static_cast<int>(place); at > 0 && !marks[place];
         at = kernel.places[static_cast<std::size_t>(at)].caller) {
      SourcePlace const& source = kernel.places[static_cast<std::size_t>(at)];
      marks[place] = condition(source.file, source.line);
    }
  }
  for (Instruction& instruction : kernel.code) {
    instruction.is_marked = marks[static_cast<std::size_t>(instruction.place)];
  }
}

void start_clocks(Warp& warp) {
  warp.clocks = std::make_unique<WarpClocks>();
  warp.clocks->registers.resize(static_cast<std::size_t>(warp.kernel->register_count));
  warp.clocks->predicates.resize(static_cast<std::size_t>(warp.kernel->predicate_count));
}

void time_instruction(Warp& warp, Instruction const& instruction) {
  WarpClocks& clocks = *warp.clocks;
  WarpTiming& timing = clocks.timing;
  if (instruction.is_marked && !timing.has_mark) {
    timing.has_mark = true;
    timing.mark.instructions = timing.total.instructions;
    timing.mark.in_order = clocks.now;
    timing.mark.scheduled = clocks.block_end;
    timing.mark.dataflow = clocks.dataflow_most;
    timing.mark.double_chain = clocks.chain_most;
  }
  schedule(clocks, instruction);
  std::int64_t in_order = clocks.now + 1, dataflow = clocks.dataflow_floor;
  std::int32_t chain = clocks.chain_floor;
  for_each_operand(clocks, instruction, [&](WarpClocks::Ready const& ready) {
    in_order = std::max(in_order, ready.in_order);
    dataflow = std::max(dataflow, ready.dataflow);
    chain = std::max(chain, ready.double_chain);
  });
  WarpTiming::Share& share = timing.by_place[instruction.place];
  ++share.instructions;
  share.in_order += in_order - clocks.now;
  clocks.now = in_order;
  ++timing.total.instructions;
  std::int64_t const in_order_done = in_order + instruction.latency, dataflow_done = dataflow + instruction.latency;
  std::int32_t const chain_done = chain + (instruction.is_double_operation ? 1 : 0);
  for_each_result(clocks, instruction, [&](WarpClocks::Ready& ready) {
    ready.in_order = in_order_done;
    ready.dataflow = dataflow_done;
    ready.double_chain = chain_done;
  });
  if (instruction.kind != Kind::store) {
    clocks.last_done = std::max(clocks.last_done, in_order_done);
  }
  clocks.dataflow_most = std::max(clocks.dataflow_most, dataflow_done);
  clocks.chain_most = std::max(clocks.chain_most, chain_done);
  if (instruction.kind == Kind::fence) {
    clocks.now = in_order_done;
    clocks.dataflow_floor = clocks.dataflow_most;
  }
}

void time_warp_barrier(Warp& warp) {
  WarpClocks& clocks = *warp.clocks;
  clocks.dataflow_floor = std::max(clocks.dataflow_floor, clocks.dataflow_most);
  clocks.chain_floor = std::max(clocks.chain_floor, clocks.chain_most);
}

void time_block_barrier(Block& block) {
  std::int64_t now = 0, scheduled = 0, dataflow = 0;
  std::int32_t chain = 0;
  for (Warp const& warp : block.warps) {
    bool const waits = std::any_of(warp.fragments.begin(), warp.fragments.end(), [](Fragment const& fragment) {
      return fragment.state == FragmentState::at_block_barrier;
    });
    if (waits) {
      now = std::max(now, warp.clocks->now);
      scheduled = std::max(scheduled, warp.clocks->block_end);
      dataflow = std::max(dataflow, warp.clocks->dataflow_most);
      chain = std::max(chain, warp.clocks->chain_most);
    }
  }
  for (Warp& warp : block.warps) {
    WarpClocks& clocks = *warp.clocks;
    clocks.block_end = std::max(clocks.block_end, scheduled + barrier_cycles);
    end_basic_block(clocks);
    clocks.now = std::max(clocks.now, now + barrier_cycles);
    clocks.dataflow_floor = std::max(clocks.dataflow_floor, dataflow + barrier_cycles);
    clocks.dataflow_most = std::max(clocks.dataflow_most, clocks.dataflow_floor);
    clocks.chain_floor = std::max(clocks.chain_floor, chain);
  }
}

void keep_timing(Block& block) {
  if (kept().size() <= block.id) {
    kept().resize(block.id + 1);
  }
  for (Warp const& warp : block.warps) {
    WarpClocks const& clocks = *warp.clocks;
    WarpTiming timing = clocks.timing;
    timing.total.in_order = std::max(clocks.now, clocks.last_done);
    timing.total.scheduled = std::max(clocks.block_end, clocks.scheduled_done);
    timing.total.dataflow = clocks.dataflow_most;
    timing.total.double_chain = clocks.chain_most;
    kept()[block.id].push_back(timing);
  }
}

void set_latency(Instruction& instruction) {
  std::string_view const opcode = instruction.opcode;
  std::string_view const operation = opcode.substr(0, opcode.find('.'));
  auto const has = [&](char const* part) { return opcode.find(part) != std::string_view::npos; };
  auto const is_any_of = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), operation) != names.end();
  };
  bool const is_float = instruction.type == Type::f32 || instruction.type == Type::f64;
  bool const is_double = instruction.type == Type::f64;
  instruction.is_double_operation = is_double && is_any_of({"add", "sub", "mul", "fma", "div", "sqrt"});
  int& latency = instruction.latency;
  if (is_double && is_any_of({"add", "sub", "mul", "fma", "setp", "min", "max"})) {
    latency = 8;
  } else if (is_double && is_any_of({"div", "sqrt"})) {
    latency = 110;
  } else if (operation == "div" && !is_float) {
    latency = instruction.bytes == 8 ? 150 : instruction.bytes == 4 ? 40 : latency;
  } else if (operation == "mul" && !is_float && instruction.bytes == 8) {
    latency = 12;
  } else if (operation == "cvt" && (has("f64") || has("f16") || has("rzi"))) {
    latency = 14;
  } else if (is_any_of({"rsqrt", "rcp"})) {
    latency = is_double && !has("approx") ? 90 : 22;
  }
  switch (instruction.kind) {
    case Kind::warp_exchange:
      latency = 24;
      break;
    case Kind::load:
      if (instruction.space == Space::shared) {
        latency = 28;
      } else if (instruction.space == Space::parameter) {
        latency = 8;
      } else if (instruction.bypasses_cache) {
        latency = 260;
      } else if (instruction.is_read_only) {
        latency = 400;
      } else {
        latency = instruction.space == Space::generic ? 32 : 36;
      }
      break;
    case Kind::atomic:
      latency = instruction.space == Space::shared ? 50 : 400;
      break;
    case Kind::fence:
      latency = 400;
      break;
    default:
      break;
  }
}

}  // namespace ptx
