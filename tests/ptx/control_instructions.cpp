// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Branches, fences, barriers, and instructions in which lanes see each other. When the handlers here are called, all lanes
/// that the mask asks for are there; execution.cpp sees to it.

#include "decoder.hpp"

namespace ptx {
namespace {

enum Shuffle { butterfly, indexed, up, down };
enum Vote { all, any, uniform, ballot };

/// The clamp holds the first or last lane of a segment in bits 0 to 4, and the segments' mask in bits 8 to 12.
void shuffle(Warp& warp, Instruction const& instruction, Lanes lanes) {
  auto const& values = warp.registers[instruction.sources[0]].values;
  std::uint64_t results[32];
  Lanes in_range = 0;
  for_each_lane(lanes, [&](int lane) {
    int const distance = static_cast<int>(warp.registers[instruction.sources[1]].values[lane] & 31);
    int const clamp = static_cast<int>(warp.registers[instruction.sources[2]].values[lane]);
    int const segment = clamp >> 8 & 31, limit = (lane & segment) | (clamp & 31 & ~segment);
    int const sources[] = {lane ^ distance, (lane & segment) | (distance & ~segment), lane - distance, lane + distance};
    int source = sources[instruction.mode];
    bool const is_in_range = instruction.mode == up ? source >= limit : source <= limit;
    source = is_in_range ? source : lane;
    if ((lanes >> source & 1) == 0) {
      report(Check::shuffle, "lane " + std::to_string(lane) + " takes the value of lane " + std::to_string(source) +
                               ", which does not take part" + where(warp));
    }
    results[lane] = values[source];
    in_range |= Lanes{is_in_range} << lane;
  });
  for_each_lane(lanes, [&](int lane) { warp.registers[instruction.destinations[0]].values[lane] = results[lane]; });
  for (Index const predicate : instruction.predicate_destinations) {
    warp.predicates[predicate].set(lanes, in_range);
  }
}

void decode_shuffle(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::warp_exchange;
  decoder.take_required("sync");
  instruction.mode = decoder.choose<int>({{"bfly", butterfly}, {"idx", indexed}, {"up", up}, {"down", down}});
  auto const results = split(decoder.operand(0), '|');
  decoder.add_destination(results[0]);
  if (results.size() > 1) {
    decoder.add_predicate_destination(results[1]);
  }
  decoder.add_sources(1, 5);
  instruction.run = instruction.type.bytes == 4 ? shuffle : nullptr;
}

void vote(Warp& warp, Instruction const& instruction, Lanes lanes) {
  Lanes const votes = warp.predicate_source(instruction) & lanes;
  bool const results[] = {votes == lanes, votes != 0, votes == lanes || votes == 0};
  for (Index const predicate : instruction.predicate_destinations) {
    warp.predicates[predicate].set(lanes, results[instruction.mode] ? all_lanes : 0);
  }
  for (Index const destination : instruction.destinations) {
    for_each_lane(lanes, [&](int lane) { warp.registers[destination].values[lane] = votes; });
  }
}

void decode_vote(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::warp_exchange;
  decoder.take_required("sync");
  instruction.mode = decoder.choose<int>({{"all", all}, {"any", any}, {"uni", uniform}, {"ballot", ballot}});
  if (instruction.mode == ballot) {
    decoder.add_destination(decoder.operand(0));
  } else {
    decoder.add_predicate_destination(decoder.operand(0));
  }
  decoder.add_predicate_source(decoder.operand(1));
  decoder.add_source(decoder.operand(2));
  instruction.run = vote;
}

/// bar.sync a{, b}; bar.red.operation.type result, a{, b}, p; bar.arrive a, b; bar.warp.sync mask
void decode_barrier(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = decoder.take("warp") ? Kind::warp_barrier : Kind::block_barrier;
  decoder.take_any({"cta", "aligned"});
  std::size_t operand = 0, end = decoder.operand_count();
  if (decoder.take("red")) {
    instruction.combination = decoder.choose<Combination>(
      {{"and", Combination::conjunction}, {"or", Combination::disjunction}, {"popc", Combination::count}});
    if (instruction.combination == Combination::count) {
      decoder.add_destination(decoder.operand(operand++));
    } else {
      decoder.add_predicate_destination(decoder.operand(operand++));
    }
    decoder.add_predicate_source(decoder.operand(--end));
  } else {
    instruction.mode = decoder.choose<int>({{"sync", 0}, {"arrive", 1}});
  }
  decoder.add_sources(operand, end);
  require(instruction.sources.count >= 1 && instruction.sources.count <= 2, "unknown operands of a barrier");
}

/// What a fence of a block orders, its barriers order anyway; `mode` says whether it orders more.
void decode_fence(Decoder& decoder) {
  decoder.instruction.kind = Kind::fence;
  decoder.take_any({"sc", "acq_rel"});
  decoder.instruction.mode = decoder.choose<int>({{"cta", 0}, {"gl", 1}, {"gpu", 1}, {"sys", 1}});
}

Decode jump(Kind kind) {
  return [=](Decoder& decoder) {
    decoder.instruction.kind = kind;
    decoder.take("uni");
    require(decoder.operand_count() == (kind == Kind::branch ? 1 : 0), "unknown operands of a branch");
  };
}

}  // namespace

void add_control_instructions(DecodeTable& table) {
  table.insert({{"bra", jump(Kind::branch)},
                {"ret", jump(Kind::exit)},
                {"exit", jump(Kind::exit)},
                {"membar", decode_fence},
                {"fence", decode_fence},
                {"bar", decode_barrier},
                {"barrier", decode_barrier},
                {"shfl", decode_shuffle},
                {"vote", decode_vote}});
}

}  // namespace ptx
