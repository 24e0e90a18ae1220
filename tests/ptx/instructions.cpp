// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <utility>

#include "instructions.hpp"
#include "memory.hpp"

namespace ptx {

bool find_type(std::string_view name, Type& type) {
  static std::unordered_map<std::string_view, Type> const types{
    {"b8", Type::b8},   {"b16", Type::b16},       {"b32", Type::b32}, {"b64", Type::b64},   {"u8", Type::u8},
    {"u16", Type::u16}, {"u32", Type::u32},       {"u64", Type::u64}, {"s8", Type::s8},     {"s16", Type::s16},
    {"s32", Type::s32}, {"s64", Type::s64},       {"f16", Type::f16}, {"bf16", Type::bf16}, {"f32", Type::f32},
    {"f64", Type::f64}, {"pred", Type::predicate}};
  auto const found = types.find(name);
  if (found == types.end()) {
    return false;
  }
  type = found->second;
  return true;
}

int bytes_of(Type type) {
  switch (type) {
    case Type::b8:
    case Type::u8:
    case Type::s8:
      return 1;
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::f16:
    case Type::bf16:
      return 2;
    case Type::b32:
    case Type::u32:
    case Type::s32:
    case Type::f32:
      return 4;
    case Type::predicate:
      return 0;
    default:
      return 8;
  }
}

Decoder::Decoder(Statement const& statement, Registers& registers_)
    : registers(registers_),
      statement_(statement),
      parts_(split(statement.opcode, '.')),
      taken_(parts_.size()) {
  instruction.opcode = statement.opcode;
  taken_[0] = true;
  has_type = find_type(parts_.back(), instruction.type);
  if (has_type) {
    instruction.bytes = bytes_of(instruction.type);
    taken_.back() = true;
  }
}

bool Decoder::take(std::string_view part) {
  auto const found = std::find(parts_.begin() + 1, parts_.end(), part);
  if (found == parts_.end()) {
    return false;
  }
  taken_[static_cast<std::size_t>(found - parts_.begin())] = true;
  return true;
}

bool Decoder::take_any(std::initializer_list<std::string_view> parts) {
  bool any = false;
  for (std::string_view const part : parts) {
    any |= take(part);
  }
  return any;
}

void Decoder::require(std::initializer_list<std::string_view> parts) {
  if (!take_any(parts)) {
    throw std::runtime_error("unknown variant of an opcode");
  }
}

std::string_view Decoder::take_first() {
  if (parts_.size() < 2) {
    throw std::runtime_error("unknown variant of an opcode");
  }
  taken_[1] = true;
  return parts_[1];
}

void Decoder::take_all_like(std::string_view prefix) {
  for (std::size_t n = 1; n < parts_.size(); ++n) {
    if (parts_[n].substr(0, prefix.size()) == prefix) {
      taken_[n] = true;
    }
  }
}

std::string_view Decoder::operand(std::size_t n) const {
  if (n >= statement_.operands.size() || statement_.operands[n].empty()) {
    throw std::runtime_error("too few operands");
  }
  return statement_.operands[n];
}

std::vector<std::string_view> Decoder::vector(std::size_t n) const {
  std::string_view const text = operand(n);
  return text[0] == '{' ? split(text.substr(1, text.size() - 2), ',') : std::vector<std::string_view>{text};
}

std::pair<std::string_view, std::string_view> Decoder::pair(std::size_t n) const {
  std::string_view const text = operand(n);
  auto const bar = text.find('|');
  return {trimmed(text.substr(0, bar)),
          bar == std::string_view::npos ? std::string_view() : trimmed(text.substr(bar + 1))};
}

void Decoder::add_destination(std::string_view name) {
  if (instruction.destination_count == static_cast<int>(std::size(instruction.destinations))) {
    throw std::runtime_error("too many operands");
  }
  instruction.destinations[instruction.destination_count++] =
    name == "_" ? registers.scratch() : registers.destination(name);
}

void Decoder::add_source(std::string_view name) {
  if (instruction.source_count == static_cast<int>(std::size(instruction.sources))) {
    throw std::runtime_error("too many operands");
  }
  instruction.sources[instruction.source_count++] = registers.source(name);
}

void Decoder::add_predicate_source(std::string_view name) {
  instruction.predicate_sources[instruction.predicate_source_count++] = registers.predicate(name);
}

void Decoder::add_combined_predicate(std::string_view name) {
  instruction.combined_is_negated = name[0] == '!';
  add_predicate_source(instruction.combined_is_negated ? trimmed(name.substr(1)) : name);
}

void Decoder::set_address(std::string_view text) {
  if (text.size() < 3 || text[0] != '[' || text.back() != ']') {
    throw std::runtime_error("not an address: " + std::string(text));
  }
  text = trimmed(text.substr(1, text.size() - 2));
  auto const plus = text.find('+', 1);
  if (plus != std::string_view::npos) {
    instruction.offset = static_cast<std::int64_t>(parse_number(trimmed(text.substr(plus + 1))));
  }
  add_source(trimmed(text.substr(0, plus)));
}

void Decoder::set_operands(std::size_t count, Handler handler) {
  if (statement_.operands.size() != count) {
    throw std::runtime_error("not " + std::to_string(count) + " operands");
  }
  instruction.run = handler;
  add_destination(operand(0));
  for (std::size_t n = 1; n < count; ++n) {
    add_source(operand(n));
  }
}

void Decoder::finish() {
  for (std::size_t n = 0; n < parts_.size(); ++n) {
    if (!taken_[n]) {
      throw std::runtime_error("unknown opcode, for its ." + std::string(parts_[n]));
    }
  }
  bool const needs_handler = instruction.kind == Kind::plain || instruction.kind == Kind::warp_exchange ||
                             instruction.kind == Kind::load || instruction.kind == Kind::store ||
                             instruction.kind == Kind::atomic;
  if (needs_handler && instruction.run == nullptr) {
    throw std::runtime_error("unknown type of an opcode");
  }
}

namespace {

void add_to_shared_address(Warp& warp, Instruction const& instruction, Lanes lanes) {
  std::uint64_t const begin = warp.block->shared.begin;
  apply_to_one<std::uint64_t, std::uint64_t>(warp, instruction, lanes, [=](std::uint64_t a) { return begin + a; });
}

void subtract_from_shared_address(Warp& warp, Instruction const& instruction, Lanes lanes) {
  std::uint64_t const begin = warp.block->shared.begin;
  apply_to_one<std::uint64_t, std::uint64_t>(warp, instruction, lanes, [=](std::uint64_t a) { return a - begin; });
}

void add_to_parameter_address(Warp& warp, Instruction const& instruction, Lanes lanes) {
  std::uint64_t const begin = current_launch().parameters.begin;
  apply_to_one<std::uint64_t, std::uint64_t>(warp, instruction, lanes, [=](std::uint64_t a) { return begin + a; });
}

void copy_address(Warp& warp, Instruction const& instruction, Lanes lanes) {
  apply_to_one<std::uint64_t, std::uint64_t>(warp, instruction, lanes, [](std::uint64_t a) { return a; });
}

/// Generic addresses are those of this process; those of shared memory and of parameters count from their begin.
void decode_cvta(Decoder& decoder) {
  bool const is_to = decoder.take("to");
  Handler handler = nullptr;
  if (decoder.take("global")) {
    handler = copy_address;
  } else if (decoder.take("shared")) {
    handler = is_to ? subtract_from_shared_address : add_to_shared_address;
  } else if (decoder.take("param") && !is_to) {
    handler = add_to_parameter_address;
  }
  if (decoder.instruction.bytes != 8) {
    handler = nullptr;
  }
  decoder.set_operands(2, handler);
}

void decode_memory_space(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (decoder.take("global")) {
    instruction.space = Space::global;
  } else if (decoder.take("shared")) {
    instruction.space = Space::shared;
    decoder.take_all_like("shared::cta");
  } else if (decoder.take("shared::cta")) {
    instruction.space = Space::shared;
  } else if (decoder.take("param")) {
    instruction.space = Space::parameter;
  }
  decoder.take_any({"cta", "cluster", "gpu", "sys"});
}

void decode_vector_size(Decoder& decoder) {
  decoder.instruction.vector_size = decoder.take("v2") ? 2 : decoder.take("v4") ? 4 : 1;
}

void check_vector_size(Decoder const& decoder, std::size_t count) {
  if (count != static_cast<std::size_t>(decoder.instruction.vector_size)) {
    throw std::runtime_error("not as many elements as the vector has");
  }
}

void decode_load(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::load;
  decode_memory_space(decoder);
  instruction.is_read_only = decoder.take("nc");
  instruction.bypasses_cache = decoder.take_any({"cg", "cv", "volatile", "relaxed"});
  decoder.take_any({"ca", "cs", "lu", "weak"});
  decoder.take_all_like("L1::");
  decoder.take_all_like("L2::");
  decode_vector_size(decoder);
  decoder.set_address(decoder.operand(1));
  auto const names = decoder.vector(0);
  check_vector_size(decoder, names.size());
  for (std::string_view const name : names) {
    decoder.add_destination(name);
  }
  instruction.run = decoder.has_type ? load_from_memory : nullptr;
}

void decode_store(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::store;
  decode_memory_space(decoder);
  decoder.take_any({"cg", "cs", "wb", "wt", "weak", "volatile", "relaxed"});
  decoder.take_all_like("L1::");
  decode_vector_size(decoder);
  decoder.set_address(decoder.operand(0));
  auto const names = decoder.vector(1);
  check_vector_size(decoder, names.size());
  for (std::string_view const name : names) {
    decoder.add_source(name);
  }
  instruction.run = decoder.has_type && instruction.space != Space::parameter ? store_to_memory : nullptr;
}

void decode_atomic(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::atomic;
  decode_memory_space(decoder);
  decoder.take("relaxed");
  bool const does_both = decoder.take("acq_rel");
  instruction.acquires = decoder.take("acquire") || does_both;
  instruction.releases = decoder.take("release") || does_both;
  static std::pair<std::string_view, AtomicOperation> const operations[] = {{"add", AtomicOperation::add},
                                                                            {"exch", AtomicOperation::exchange},
                                                                            {"cas", AtomicOperation::compare_and_swap},
                                                                            {"min", AtomicOperation::minimum},
                                                                            {"max", AtomicOperation::maximum},
                                                                            {"and", AtomicOperation::conjunction},
                                                                            {"or", AtomicOperation::disjunction},
                                                                            {"xor", AtomicOperation::exclusive},
                                                                            {"inc", AtomicOperation::increment},
                                                                            {"dec", AtomicOperation::decrement}};
  auto const operation = std::find_if(std::begin(operations), std::end(operations),
                                      [&](auto const& candidate) { return decoder.take(candidate.first); });
  if (operation == std::end(operations)) {
    throw std::runtime_error("unknown operation of an atomic");
  }
  instruction.atomic = operation->second;
  bool const has_result = decoder.operation() == "atom";
  std::size_t operand = 0;
  if (has_result) {
    decoder.add_destination(decoder.operand(operand++));
  }
  decoder.set_address(decoder.operand(operand++));
  std::size_t const values = instruction.atomic == AtomicOperation::compare_and_swap ? 2 : 1;
  if (decoder.operand_count() != operand + values) {
    throw std::runtime_error("unknown operands of an atomic");
  }
  for (std::size_t n = 0; n < values; ++n) {
    decoder.add_source(decoder.operand(operand + n));
  }
  instruction.run = atomic_handler(instruction.atomic, instruction.type);
}

void decode_branch(Decoder& decoder) {
  decoder.instruction.kind = Kind::branch;
  decoder.take("uni");
}

void decode_exit(Decoder& decoder) {
  decoder.instruction.kind = Kind::exit;
  decoder.take("uni");
}

/// What a fence of a block orders, its barriers order anyway; `mode` says whether it orders more.
void decode_fence(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  instruction.kind = Kind::fence;
  decoder.take_any({"sc", "acq_rel"});
  bool const is_global = decoder.take_any({"gl", "gpu", "sys"});
  if (!is_global) {
    decoder.require({"cta"});
  }
  instruction.mode = is_global ? 1 : 0;
}

DecodeTable make_decode_table() {
  DecodeTable table{{"cvta", decode_cvta},    {"ld", decode_load},    {"st", decode_store}, {"atom", decode_atomic},
                    {"red", decode_atomic},   {"bra", decode_branch}, {"ret", decode_exit}, {"exit", decode_exit},
                    {"membar", decode_fence}, {"fence", decode_fence}};
  add_arithmetic(table);
  add_bit_operations(table);
  add_comparisons(table);
  add_conversions(table);
  add_warp_operations(table);
  return table;
}

}  // namespace

Instruction decode(Statement const& statement, Registers& registers) {
  static DecodeTable const table = make_decode_table();
  Decoder decoder(statement, registers);
  auto const found = table.find(decoder.operation());
  if (found == table.end()) {
    throw std::runtime_error("unknown opcode " + std::string(statement.opcode));
  }
  if (!statement.guard.empty()) {
    decoder.instruction.guard = registers.predicate(statement.guard);
    decoder.instruction.guard_is_negated = statement.guard_is_negated;
  }
  found->second(decoder);
  decoder.finish();
  set_latency(decoder.instruction);
  return decoder.instruction;
}

}  // namespace ptx
