// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstring>
#include <map>
#include <sstream>
#include <type_traits>

#include "machine.hpp"
#include "memory.hpp"
#include "report.hpp"

namespace ptx {
namespace {

constexpr std::uint64_t unreadable = 0xdeadbeefdeadbeef;

std::map<std::uint64_t, std::unique_ptr<Region>>& allocations() {
  static auto& value = *new std::map<std::uint64_t, std::unique_ptr<Region>>;
  return value;
}

std::uint64_t address_of(void const* memory) { return reinterpret_cast<std::uint64_t>(memory); }

unsigned char* memory_at(Place const& place) { return reinterpret_cast<unsigned char*>(place.address); }
unsigned char* written_at(Place const& place) {
  return place.region->written.data() + (place.address - place.region->begin);
}

/// Empty if the access is out of bounds.
Place find_place(Warp& warp, Instruction const& instruction, int lane, int bytes) {
  Block& block = *warp.block;
  Place place;
  place.address = warp.registers[instruction.sources[0]][lane] + static_cast<std::uint64_t>(instruction.offset);
  auto const size = static_cast<std::size_t>(bytes);
  switch (instruction.space) {
    case Space::parameter:
      place.region = &current_launch().parameters;
      place.address += place.region->begin;
      break;
    case Space::shared:
      place.region = &block.shared;
      place.address = place.region->begin + static_cast<std::uint32_t>(place.address);
      break;
    default:
      if (warp.last_region != nullptr && warp.last_region->contains(place.address, size)) {
        place.region = warp.last_region;
      } else if (instruction.space == Space::generic && block.shared.contains(place.address, 1)) {
        place.region = &block.shared;
      } else if (instruction.space == Space::generic && current_launch().parameters.contains(place.address, 1)) {
        place.region = &current_launch().parameters;
      } else {
        place.region = warp.last_region = find_allocation(place.address);
      }
  }
  if (place.region == nullptr || !place.region->contains(place.address, size)) {
    std::ostringstream text;
    text << bytes << " bytes at 0x" << std::hex << place.address << std::dec << " by thread " << warp.thread(lane);
    if (place.region != nullptr) {
      text << ", which is " << static_cast<std::int64_t>(place.address - place.region->begin) << " bytes into "
           << (place.region == &block.shared           ? "shared memory"
               : instruction.space == Space::parameter ? "parameters"
                                                       : "an allocation")
           << " of " << place.region->size << " bytes";
    }
    report(Check::bounds, text.str() + where(warp));
    current_launch().is_stopped |= config().is_on(Check::bounds);
    return {};
  }
  // Shared memory and parameters begin at a multiple of every size.
  if ((place.address & (size - 1)) != 0) {
    report(Check::alignment, std::to_string(bytes) + " bytes at offset " +
                               std::to_string(place.address - place.region->begin) + " by thread " +
                               std::to_string(warp.thread(lane)) + where(warp));
    current_launch().is_stopped |= config().is_on(Check::alignment);
    return {};  // it may be on two pages of histories
  }
  return place;
}

void find_places(Warp& warp, Instruction const& instruction, Lanes lanes, int bytes, Place* places) {
  std::uint64_t const* const addresses = warp.registers[instruction.sources[0]];
  Region* const likely = instruction.space == Space::global ? warp.last_region : nullptr;
  for_each_lane(lanes, [&](int lane) {
    std::uint64_t const address = addresses[lane] + static_cast<std::uint64_t>(instruction.offset);
    if (likely != nullptr && likely->contains(address, static_cast<std::size_t>(bytes)) &&
        address % static_cast<unsigned>(bytes) == 0) {
      places[lane] = {likely, address};
    } else {
      places[lane] = find_place(warp, instruction, lane, bytes);
    }
  });
}

bool are_same(std::uint64_t const* values, Lanes lanes) {
  std::uint64_t const first = values[__builtin_ctz(lanes)];
  bool same = true;
  for_each_lane(lanes, [&](int lane) { same &= values[lane] == first; });
  return same;
}

/// An element as a register holds it; registers may be wider than what is loaded.
std::uint64_t extend(Type type, unsigned char const* memory, int bytes) {
  std::uint64_t value = 0;
  if (bytes == 8) {
    std::memcpy(&value, memory, 8);
  } else if (bytes == 4) {
    std::memcpy(&value, memory, 4);
  } else {
    std::memcpy(&value, memory, static_cast<std::size_t>(bytes));
  }
  switch (type) {
    case Type::s8:
      return static_cast<std::uint64_t>(std::int64_t{value_of<std::int8_t>(value)});
    case Type::s16:
      return static_cast<std::uint64_t>(std::int64_t{value_of<std::int16_t>(value)});
    case Type::s32:
      return static_cast<std::uint64_t>(std::int64_t{value_of<std::int32_t>(value)});
    default:
      return value;
  }
}

template <class T>
bool all_ones(unsigned char const* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value == static_cast<T>(0x0101010101010101);
}

bool is_written(unsigned char const* written, int bytes) {
  switch (bytes) {
    case 1:
      return *written == 1;
    case 2:
      return all_ones<std::uint16_t>(written);
    case 4:
      return all_ones<std::uint32_t>(written);
    default:
      return all_ones<std::uint64_t>(written);
  }
}

/// Two functions for what differs between float and integer types.
template <AtomicOperation operation, class T>
T updated(T old, T operand, T replacement) {
  if constexpr (operation == AtomicOperation::add) {
    return static_cast<T>(old + operand);
  } else if constexpr (operation == AtomicOperation::exchange) {
    return operand;
  } else if constexpr (operation == AtomicOperation::compare_and_swap) {
    return old == operand ? replacement : old;
  } else if constexpr (operation == AtomicOperation::minimum) {
    return operand < old ? operand : old;
  } else if constexpr (operation == AtomicOperation::maximum) {
    return operand > old ? operand : old;
  } else if constexpr (operation == AtomicOperation::conjunction) {
    return old & operand;
  } else if constexpr (operation == AtomicOperation::disjunction) {
    return old | operand;
  } else if constexpr (operation == AtomicOperation::exclusive) {
    return old ^ operand;
  } else if constexpr (operation == AtomicOperation::increment) {
    return old >= operand ? 0 : old + 1;
  } else {
    return old == 0 || old > operand ? operand : old - 1;
  }
}

template <AtomicOperation operation, class T>
void update_memory(Warp& warp, Instruction const& instruction, Lanes lanes) {
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
    Place const place = places[lane];
    T old{};
    if (place.region != nullptr) {
      if (launch.keeps_histories) {
        if (!place.region->is_shared) {
          note_atomic(warp, place.address, lane);
        }
      }
      if (launch.checks_written && !is_written(written_at(place), sizeof(T))) {
        report(Check::uninitialized_memory, "atomic on memory that nobody wrote" + where(warp));
      }
      std::memcpy(&old, memory_at(place), sizeof(T));
      T const operand = value_of<T>(warp.registers[instruction.sources[1]][lane]);
      T const replacement = value_of<T>(warp.registers[instruction.sources[instruction.source_count - 1]][lane]);
      T const now = updated<operation, T>(old, operand, replacement);
      std::memcpy(memory_at(place), &now, sizeof(T));
    }
    if (instruction.destination_count > 0) {
      warp.registers[instruction.destinations[0]][lane] = bits_of(old);
    }
  });
  if (instruction.acquires) {
    note_fence(warp, lanes);
  }
}

template <AtomicOperation operation, class... Types>
Handler atomic_for(Type type) {
  Handler handler = nullptr;
  auto const consider = [&](Type candidate, Handler found) {
    if (type == candidate) {
      handler = found;
    }
  };
  auto const consider_type = [&](auto value) {
    using T = decltype(value);
    constexpr bool is_32 = sizeof(T) == 4;
    if constexpr (std::is_floating_point_v<T>) {
      consider(is_32 ? Type::f32 : Type::f64, update_memory<operation, T>);
    } else if constexpr (std::is_signed_v<T>) {
      consider(is_32 ? Type::s32 : Type::s64, update_memory<operation, T>);
    } else {
      consider(is_32 ? Type::u32 : Type::u64, update_memory<operation, T>);
      consider(is_32 ? Type::b32 : Type::b64, update_memory<operation, T>);
    }
  };
  (consider_type(Types{}), ...);
  return handler;
}

}  // namespace

void add_allocation(void* memory, std::size_t bytes) {
  auto region = std::make_unique<Region>();
  region->begin = address_of(memory);
  region->size = bytes;
  region->written.assign(bytes, 0);
  allocations()[region->begin] = std::move(region);
}

void remove_allocation(void* memory) { allocations().erase(address_of(memory)); }

Region* find_allocation(std::uint64_t address) {
  auto const next = allocations().upper_bound(address);
  if (next == allocations().begin()) {
    return nullptr;
  }
  Region* const region = std::prev(next)->second.get();
  return region->contains(address, 1) ? region : nullptr;
}

bool is_device_memory(void const* memory, std::size_t bytes) {
  Region const* const region = find_allocation(address_of(memory));
  return region != nullptr && region->contains(address_of(memory), bytes);
}

void mark_written(void* memory, std::size_t bytes) {
  Region* const region = find_allocation(address_of(memory));
  if (region != nullptr && region->contains(address_of(memory), bytes)) {
    std::memset(region->written.data() + (address_of(memory) - region->begin), 1, bytes);
  }
}

void load_from_memory(Warp& warp, Instruction const& instruction, Lanes lanes) {
  Launch& launch = current_launch();
  int const bytes = instruction.bytes, count = instruction.vector_size;
  Place places[32];
  bool const is_parameter = instruction.space == Space::parameter;
  // Many loads are of one place by all lanes. Two of them are enough to find what they race with, as long as all lanes know
  // the same of other lanes and blocks.
  bool const is_uniform =
    warp.block->epochs.threads.size() <= 1 && are_same(warp.registers[instruction.sources[0]], lanes);
  Lanes const first_two = lanes & ~((lanes & (lanes - 1)) & ((lanes & (lanes - 1)) - 1));
  Lanes const distinct = is_uniform && warp.epochs.for_pairs.empty() ? first_two : lanes;
  find_places(warp, instruction, distinct, bytes * count, places);
  if (launch.keeps_histories && !is_parameter) {
    note_accesses(warp, instruction, distinct, places, bytes * count, Access::read);
  }
  for (int element = 0; element < count; ++element) {
    auto const destination = static_cast<std::size_t>(instruction.destinations[element]);
    std::uint64_t* const values = warp.registers[destination];
    Lanes written = lanes;
    for_each_lane(distinct, [&](int lane) {
      Place const& place = places[lane];
      if (place.region == nullptr) {
        values[lane] = unreadable;
        return;
      }
      values[lane] = extend(instruction.type, memory_at(place) + element * bytes, bytes);
      if (!is_parameter && !is_written(written_at(place) + element * bytes, bytes)) {
        written &= ~(Lanes{1} << lane);
      }
    });
    if (distinct != lanes) {
      int const first = __builtin_ctz(lanes);
      for_each_lane(lanes & ~distinct, [&](int lane) { values[lane] = values[first]; });
      written = (written & distinct) == distinct ? lanes : 0;
    }
    if (written != lanes && launch.checks_written) {
      report(Check::uninitialized_memory, "load of memory that nobody wrote" + where(warp));
    }
    Lanes& defined = warp.defined[destination];
    defined = (defined & ~lanes) | written;
  }
}

void store_to_memory(Warp& warp, Instruction const& instruction, Lanes lanes) {
  int const bytes = instruction.bytes, count = instruction.vector_size;
  Place places[32];
  find_places(warp, instruction, lanes, bytes * count, places);
  if (current_launch().keeps_histories) {
    note_accesses(warp, instruction, lanes, places, bytes * count, Access::write);
  }
  for_each_lane(lanes, [&](int lane) {
    Place const& place = places[lane];
    if (place.region == nullptr) {
      return;
    }
    for (int element = 0; element < count; ++element) {
      std::memcpy(memory_at(place) + element * bytes, &warp.registers[instruction.sources[1 + element]][lane],
                  static_cast<std::size_t>(bytes));
    }
    std::memset(written_at(place), 1, static_cast<std::size_t>(bytes * count));
  });
}

Handler atomic_handler(AtomicOperation operation, Type type) {
  using i32 = std::int32_t;
  using i64 = std::int64_t;
  using u32 = std::uint32_t;
  using u64 = std::uint64_t;
  switch (operation) {
    case AtomicOperation::add:
      return type == Type::s32 ? update_memory<AtomicOperation::add, u32>
                               : atomic_for<AtomicOperation::add, u32, u64, float, double>(type);
    case AtomicOperation::exchange:
      return atomic_for<AtomicOperation::exchange, u32, u64>(type);
    case AtomicOperation::compare_and_swap:
      return atomic_for<AtomicOperation::compare_and_swap, u32, u64>(type);
    case AtomicOperation::minimum:
      return atomic_for<AtomicOperation::minimum, i32, i64, u32, u64>(type);
    case AtomicOperation::maximum:
      return atomic_for<AtomicOperation::maximum, i32, i64, u32, u64>(type);
    case AtomicOperation::conjunction:
      return atomic_for<AtomicOperation::conjunction, u32, u64>(type);
    case AtomicOperation::disjunction:
      return atomic_for<AtomicOperation::disjunction, u32, u64>(type);
    case AtomicOperation::exclusive:
      return atomic_for<AtomicOperation::exclusive, u32, u64>(type);
    case AtomicOperation::increment:
      return type == Type::u32 ? update_memory<AtomicOperation::increment, u32> : nullptr;
    case AtomicOperation::decrement:
      return type == Type::u32 ? update_memory<AtomicOperation::decrement, u32> : nullptr;
  }
  return nullptr;
}

}  // namespace ptx
