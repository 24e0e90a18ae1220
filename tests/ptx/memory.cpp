// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Allocations, and the instructions that access memory.

#include <algorithm>
#include <sstream>

#include "decoder.hpp"

namespace ptx {
namespace {

std::map<std::uint64_t, std::unique_ptr<Region>>& allocations() {
  static auto& value = *new std::map<std::uint64_t, std::unique_ptr<Region>>;
  return value;
}

std::uint64_t address_of(void const* memory) { return reinterpret_cast<std::uint64_t>(memory); }

/// The allocation that has these bytes, null if there is none
Region* find_allocation(std::uint64_t address, std::size_t bytes) {
  auto const next = allocations().upper_bound(address);
  Region* const region = next == allocations().begin() ? nullptr : std::prev(next)->second.get();
  return region != nullptr && region->contains(address, bytes) ? region : nullptr;
}

// -------------------------------------------------------------------------------------------------------------- places

unsigned char* memory_at(Place const& place) { return reinterpret_cast<unsigned char*>(place.address); }
unsigned char* written_at(Place const& place) {
  return place.region->written.data() + (place.address - place.region->begin);
}

Region* region_of(Warp& warp, Space space, std::uint64_t address, std::size_t bytes) {
  Region& shared = warp.block->shared;
  Region& parameters = current_launch().parameters;
  if (space == Space::parameter || space == Space::shared) {
    return space == Space::shared ? &shared : &parameters;
  }
  if (warp.last_region != nullptr && warp.last_region->contains(address, bytes)) {
    return warp.last_region;
  }
  if (space == Space::generic && (shared.contains(address, 1) || parameters.contains(address, 1))) {
    return shared.contains(address, 1) ? &shared : &parameters;
  }
  return warp.last_region = find_allocation(address, 1);
}

/// Reports the access, and stops the launch if the check is on.
void refuse(Check check, std::string const& text, Warp const& warp, int lane) {
  report(check, text + " by thread " + std::to_string(warp.thread(lane)) + where(warp));
  current_launch().is_stopped |= config().is_on(check);
}

std::string describe_bounds(Place const& place, std::size_t bytes) {
  std::ostringstream text;
  text << bytes << " bytes at 0x" << std::hex << place.address << std::dec;
  if (place.region != nullptr) {
    text << ", which is " << static_cast<std::int64_t>(place.address - place.region->begin) << " bytes into "
         << (place.region->is_shared                        ? "shared memory"
             : place.region == &current_launch().parameters ? "parameters"
                                                            : "an allocation")
         << " of " << place.region->size << " bytes,";
  }
  return text.str();
}

/// Empty if the access is out of bounds or misaligned.
Place find_place(Warp& warp, Instruction const& instruction, int lane, std::size_t bytes) {
  Place place;
  place.address = warp.registers[instruction.sources[0]].values[lane] + static_cast<std::uint64_t>(instruction.offset);
  place.region = region_of(warp, instruction.space, place.address, bytes);
  if (instruction.space == Space::parameter) {
    place.address += place.region->begin;
  } else if (instruction.space == Space::shared) {
    place.address = place.region->begin + static_cast<std::uint32_t>(place.address);
  }
  if (place.region == nullptr || !place.region->contains(place.address, bytes)) {
    refuse(Check::bounds, describe_bounds(place, bytes), warp, lane);
    return {};
  }
  // Shared memory and parameters begin at a multiple of every size.
  if ((place.address & (bytes - 1)) != 0) {
    std::string const offset = std::to_string(place.address - place.region->begin);
    refuse(Check::alignment, std::to_string(bytes) + " bytes at offset " + offset, warp, lane);
    return {};  // it may be on two pages of histories
  }
  return place;
}

void find_places(Warp& warp, Instruction const& instruction, Lanes lanes, std::size_t bytes, Place* places) {
  std::uint64_t const* const addresses = warp.registers[instruction.sources[0]].values;
  Region* const likely = instruction.space == Space::global ? warp.last_region : nullptr;
  for_each_lane(lanes, [&](int lane) {
    std::uint64_t const address = addresses[lane] + static_cast<std::uint64_t>(instruction.offset);
    bool const is_likely = likely != nullptr && likely->contains(address, bytes) && (address & (bytes - 1)) == 0;
    places[lane] = is_likely ? Place{likely, address} : find_place(warp, instruction, lane, bytes);
  });
}

// -------------------------------------------------------------------------------------------------------- instructions

std::size_t element_bytes(Instruction const& instruction) { return static_cast<std::size_t>(instruction.type.bytes); }
std::size_t all_bytes(Instruction const& instruction) {
  return element_bytes(instruction) * static_cast<std::size_t>(instruction.vector_size);
}

/// 1, 2, 4 or 8 bytes; each with a constant size, which is fast
std::uint64_t read(unsigned char const* memory, std::size_t bytes) {
  std::uint64_t value = 0;
  bytes == 8   ? std::memcpy(&value, memory, 8)
  : bytes == 4 ? std::memcpy(&value, memory, 4)
  : bytes == 2 ? std::memcpy(&value, memory, 2)
               : std::memcpy(&value, memory, 1);
  return value;
}

/// An element as a register holds it; registers may be wider than what is loaded.
std::uint64_t extend(Type type, std::uint64_t value) {
  int const unused = type.kind == Type::signed_integer ? 64 - 8 * type.bytes : 0;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

bool is_written(Place const& place, std::size_t offset, std::size_t bytes) {
  constexpr unsigned char all_written[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  return read(written_at(place) + offset, bytes) == read(all_written, bytes);
}

/// Two lanes of those that load from one place, or all if they load from several. Two are enough to find what they race
/// with, as long as all lanes know the same of other lanes and blocks.
Lanes distinct_lanes(Warp const& warp, Instruction const& instruction, Lanes lanes) {
  auto const& addresses = warp.registers[instruction.sources[0]].values;
  bool is_uniform = warp.block->epochs.threads.size() <= 1 && warp.epochs.for_pairs.empty();
  std::uint64_t const first = addresses[__builtin_ctz(lanes)];
  for_each_lane(lanes, [&](int lane) { is_uniform &= addresses[lane] == first; });
  Lanes const but_first = lanes & (lanes - 1), but_two = but_first & (but_first - 1);
  return is_uniform ? lanes & ~but_two : lanes;
}

void load(Warp& warp, Instruction const& instruction, Lanes lanes) {
  constexpr std::uint64_t unreadable = 0xdeadbeefdeadbeef;
  Launch& launch = current_launch();
  std::size_t const bytes = element_bytes(instruction);
  bool const is_parameter = instruction.space == Space::parameter;
  Place places[32];
  Lanes const distinct = distinct_lanes(warp, instruction, lanes);
  find_places(warp, instruction, distinct, all_bytes(instruction), places);
  if (launch.keeps_histories && !is_parameter) {
    note_accesses(warp, instruction, distinct, places, all_bytes(instruction), Access::read);
  }
  std::size_t offset = 0;
  for (Index const destination : instruction.destinations) {
    Register& result = warp.registers[destination];
    Lanes written = lanes;
    for_each_lane(distinct, [&](int lane) {
      Place const& place = places[lane];
      bool const is_there = place.region != nullptr;
      result.values[lane] = is_there ? extend(instruction.type, read(memory_at(place) + offset, bytes)) : unreadable;
      if (is_there && !is_parameter && !is_written(place, offset, bytes)) {
        written &= ~(Lanes{1} << lane);
      }
    });
    if (distinct != lanes) {
      std::uint64_t const value = result.values[__builtin_ctz(lanes)];
      for_each_lane(lanes & ~distinct, [&](int lane) { result.values[lane] = value; });
      written = (written & distinct) == distinct ? lanes : 0;
    }
    if (written != lanes && launch.checks_written) {
      report(Check::uninitialized_memory, "load of memory that nobody wrote" + where(warp));
    }
    result.defined = (result.defined & ~lanes) | written;
    offset += bytes;
  }
}

void store(Warp& warp, Instruction const& instruction, Lanes lanes) {
  std::size_t const bytes = element_bytes(instruction);
  Place places[32];
  find_places(warp, instruction, lanes, all_bytes(instruction), places);
  if (current_launch().keeps_histories) {
    note_accesses(warp, instruction, lanes, places, all_bytes(instruction), Access::write);
  }
  for_each_lane(lanes, [&](int lane) {
    Place const& place = places[lane];
    if (place.region == nullptr) {
      return;
    }
    unsigned char* memory = memory_at(place);
    for (int element = 0; element < instruction.vector_size; ++element) {
      std::memcpy(memory, &warp.registers[instruction.sources[1 + element]].values[lane], bytes);
      memory += bytes;
    }
    std::memset(written_at(place), 1, all_bytes(instruction));
  });
}

/// Handler of an atomic: the new value is operation(old, operand).
template <class T, class Operation>
Handler atomic(Operation operation) {
  static Operation const kept = operation;
  return [](Warp& warp, Instruction const& instruction, Lanes lanes) {
    Launch& launch = current_launch();
    if (instruction.releases) {
      note_fence(warp, lanes);
    }
    Place places[32];
    find_places(warp, instruction, lanes, sizeof(T), places);
    if (launch.keeps_histories) {
      note_accesses(warp, instruction, lanes, places, sizeof(T), Access::atomic);
    }
    for_each_lane(lanes, [&](int lane) {
      Place const& place = places[lane];
      T old{};
      if (place.region != nullptr) {
        if (launch.keeps_histories && !place.region->is_shared) {
          note_atomic(warp, place.address, lane);
        }
        if (launch.checks_written && !is_written(place, 0, sizeof(T))) {
          report(Check::uninitialized_memory, "atomic on memory that nobody wrote" + where(warp));
        }
        std::memcpy(&old, memory_at(place), sizeof(T));
        T const now = kept(old, value_of<T>(warp.registers[instruction.sources[1]].values[lane]));
        std::memcpy(memory_at(place), &now, sizeof(T));
      }
      for (Index const destination : instruction.destinations) {
        warp.registers[destination].values[lane] = bits_of(old);
      }
    });
    if (instruction.acquires) {
      note_fence(warp, lanes);
    }
  };
}

template <class List, class Operation>
Handler atomic(Type type, List list, Operation operation) {
  return handler_for(type, list, [=](auto value) { return atomic<decltype(value)>(operation); });
}

// ------------------------------------------------------------------------------------------------------------ decoders

void decode_memory_space(Decoder& decoder) {
  decoder.instruction.space = decoder.take("global")                        ? Space::global
                              : decoder.take_any({"shared", "shared::cta"}) ? Space::shared
                              : decoder.take("param")                       ? Space::parameter
                                                                            : Space::generic;
  decoder.take_any({"cta", "gpu", "sys"});
}

/// What a load and a store have in common: the address, and as many registers as the vector has elements.
void decode_access(Decoder& decoder, Kind kind, std::size_t address, std::size_t registers, Handler handler) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = kind;
  decode_memory_space(decoder);
  decoder.take_any(
    {"weak", "cs", "L1::no_allocate", "L1::evict_last", "L1::evict_first", "L2::64B", "L2::128B", "L2::256B"});
  instruction.vector_size = decoder.take("v2") ? 2 : decoder.take("v4") ? 4 : 1;
  decoder.set_address(decoder.operand(address));
  auto const names = decoder.vector(registers);
  require(names.size() == static_cast<std::size_t>(instruction.vector_size), "not as many elements as the vector has");
  for (std::string_view const name : names) {
    kind == Kind::load ? decoder.add_destination(name) : decoder.add_source(name);
  }
  instruction.run = decoder.has_type ? handler : nullptr;
}

void decode_load(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.is_read_only = decoder.take("nc");
  instruction.bypasses_cache = decoder.take_any({"cg", "cv", "volatile", "relaxed"});
  decoder.take_any({"ca", "lu"});
  decode_access(decoder, Kind::load, 1, 0, load);
}

void decode_store(Decoder& decoder) {
  decoder.take_any({"cg", "wb", "wt", "volatile", "relaxed"});
  decode_access(decoder, Kind::store, 0, 1, store);
  require(decoder.instruction.space != Space::parameter, "unknown variant of an opcode");
}

void decode_atomic(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::atomic;
  decode_memory_space(decoder);
  decoder.take("relaxed");
  bool const does_both = decoder.take("acq_rel");
  instruction.acquires = decoder.take("acquire") || does_both;
  instruction.releases = decoder.take("release") || does_both;
  std::size_t operand = 0;
  if (decoder.operation() == "atom") {
    decoder.add_destination(decoder.operand(operand++));
  }
  decoder.set_address(decoder.operand(operand));
  decoder.add_source(decoder.operand(operand + 1));
  require(decoder.operand_count() == operand + 2, "unknown operands of an atomic");
  Type const type = instruction.type;
  constexpr auto integers = TypeList<std::uint32_t, std::uint64_t, std::int32_t, std::int64_t>{};
  constexpr auto unsigned_integers = TypeList<std::uint32_t, std::uint64_t>{};
  instruction.run = decoder.choose<Handler>(
    {{"add", atomic(type.kind == Type::signed_integer ? Type{Type::bits, type.bytes} : type,
                    unsigned_integers + Floats{}, [](auto old, auto b) { return old + b; })},
     {"min", atomic(type, integers, [](auto old, auto b) { return std::min(old, b); })},
     {"max", atomic(type, integers, [](auto old, auto b) { return std::max(old, b); })},
     {"or", atomic(type, unsigned_integers, [](auto old, auto b) { return old | b; })},
     {"inc", atomic(type, unsigned_integers, [](auto old, auto b) { return old >= b ? 0 : old + 1; })},
     {"exch", atomic(type, unsigned_integers, [](auto, auto b) { return b; })}});
}

/// Generic addresses are those of this process; those of shared memory and of parameters count from their begin.
void decode_convert_address(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  bool const is_to = decoder.take("to");
  decode_memory_space(decoder);
  require(instruction.type.bytes == 8, "unknown type of an opcode");
  require(instruction.space != Space::generic && (instruction.space != Space::parameter || !is_to),
          "unknown variant of an opcode");
  instruction.mode = is_to ? 1 : 0;
  decoder.set_operands(2, [](Warp& warp, Instruction const& of, Lanes lanes) {
    std::uint64_t const begin = of.space == Space::global   ? 0
                                : of.space == Space::shared ? warp.block->shared.begin
                                                            : current_launch().parameters.begin;
    auto const& source = warp.registers[of.sources[0]].values;
    auto& result = warp.registers[of.destinations[0]].values;
    for_each_lane(lanes, [&](int lane) { result[lane] = of.mode == 1 ? source[lane] - begin : source[lane] + begin; });
  });
}

}  // namespace

void add_memory_instructions(DecodeTable& table) {
  table.insert({{"cvta", decode_convert_address},
                {"ld", decode_load},
                {"st", decode_store},
                {"atom", decode_atomic},
                {"red", decode_atomic}});
}

void add_allocation(void* memory, std::size_t bytes) {
  auto region = std::make_unique<Region>();
  region->begin = address_of(memory);
  region->size = bytes;
  region->written.assign(bytes, 0);
  allocations()[region->begin] = std::move(region);
}

void remove_allocation(void* memory) { allocations().erase(address_of(memory)); }

bool is_device_memory(void const* memory, std::size_t bytes) {
  return find_allocation(address_of(memory), bytes) != nullptr;
}

void mark_written(void* memory, std::size_t bytes) {
  if (Region* const region = find_allocation(address_of(memory), bytes)) {
    std::memset(region->written.data() + (address_of(memory) - region->begin), 1, bytes);
  }
}

}  // namespace ptx
