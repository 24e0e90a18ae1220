// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdlib>

#include "decoder.hpp"

namespace ptx {
namespace {

bool is_digit(char character) { return character >= '0' && character <= '9'; }
bool is_number(std::string_view text) { return !text.empty() && (is_digit(text[0]) || text[0] == '-'); }

LaunchShape const& shape() { return current_launch().shape; }

std::unordered_map<std::string_view, SpecialRegister> const& special_registers() {
  static std::unordered_map<std::string_view, SpecialRegister> const all{
    {"%tid.x", [](Block const&, unsigned thread) { return thread % shape().block[0]; }},
    {"%tid.y", [](Block const&, unsigned thread) { return thread / shape().block[0] % shape().block[1]; }},
    {"%tid.z", [](Block const&, unsigned thread) { return thread / shape().block[0] / shape().block[1]; }},
    {"%ntid.x", [](Block const&, unsigned) { return shape().block[0]; }},
    {"%ntid.y", [](Block const&, unsigned) { return shape().block[1]; }},
    {"%ntid.z", [](Block const&, unsigned) { return shape().block[2]; }},
    {"%ctaid.x", [](Block const& block, unsigned) { return block.index[0]; }},
    {"%ctaid.y", [](Block const& block, unsigned) { return block.index[1]; }},
    {"%ctaid.z", [](Block const& block, unsigned) { return block.index[2]; }},
    {"%nctaid.x", [](Block const&, unsigned) { return shape().grid[0]; }},
    {"%nctaid.y", [](Block const&, unsigned) { return shape().grid[1]; }},
    {"%nctaid.z", [](Block const&, unsigned) { return shape().grid[2]; }},
    {"%laneid", [](Block const&, unsigned thread) { return thread % 32; }},
    {"%warpid", [](Block const&, unsigned thread) { return thread / 32; }},
    {"%lanemask_lt", [](Block const&, unsigned thread) { return (1U << thread % 32) - 1; }}};
  return all;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------- text

std::string_view trimmed(std::string_view text) {
  auto const begin = text.find_first_not_of(blanks);
  return begin == text.npos ? std::string_view() : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string_view take_until(std::string_view& text, char const* ends) {
  std::size_t const end = std::min(text.find_first_of(ends), text.size());
  std::string_view const taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char const character = text[at];
    depth += character == '{' || character == '[' || character == '(' ? 1 : 0;
    depth -= character == '}' || character == ']' || character == ')' ? 1 : 0;
    if (character == separator && depth == 0) {
      parts.push_back(trimmed(text.substr(begin, at - begin)));
      begin = at + 1;
    }
  }
  auto const last = trimmed(text.substr(begin));
  if (!last.empty() || !parts.empty()) {
    parts.push_back(last);
  }
  return parts;
}

std::uint64_t parse_number(std::string_view text) {
  bool const is_negative = !text.empty() && text[0] == '-';
  std::string digits(text.substr(is_negative ? 1 : 0));
  bool const is_float =
    digits.size() > 2 && digits[0] == '0' && std::string("fFdD").find(digits[1]) != std::string::npos;
  if (is_float) {
    digits.erase(0, 2);
  } else if (!digits.empty() && digits.back() == 'U') {
    digits.pop_back();
  }
  char* end = nullptr;
  std::uint64_t const number = std::strtoull(digits.c_str(), &end, is_float ? 16 : 0);
  require(!digits.empty() && *end == '\0', "not a number: ", text);
  return is_negative ? 0 - number : number;
}

std::optional<Type> find_type(std::string_view name) {
  constexpr std::string_view kinds[] = {"b", "u", "s", "f", "bf"};       // of Type::Kind
  constexpr std::string_view sizes[] = {"8", "16", "32", "64", "16x2"};  // 1, 2, 4, 8 and 2 times 2 bytes
  for (int kind = 0; kind < 5; ++kind) {
    for (int size = 0; size < 5; ++size) {
      if (name == std::string(kinds[kind]).append(sizes[size])) {
        return Type{static_cast<Type::Kind>(kind), size < 4 ? 1 << size : 4, size < 4 ? 1 : 2};
      }
    }
  }
  return name == "pred" ? std::optional(Type{Type::predicate}) : std::nullopt;
}

// ----------------------------------------------------------------------------------------------------------- registers

void Registers::declare(std::string_view declaration) {
  declaration = trimmed(declaration);
  auto const type_end = declaration.find_first_of(" \t\n");
  require(type_end != declaration.npos, "register without a name");
  bool const is_predicate = declaration.substr(0, type_end) == ".pred";
  for (std::string_view const name : split(declaration.substr(type_end), ',')) {
    auto const bracket = name.find('<');
    bool const is_numbered = bracket != name.npos;
    std::uint64_t const count = is_numbered ? parse_number(name.substr(bracket + 1, name.size() - bracket - 2)) : 1;
    Index& used = is_predicate ? kernel_.predicate_count : kernel_.register_count;
    scopes_.back()[std::string(name.substr(0, bracket))] = {is_predicate, used,
                                                            is_numbered ? static_cast<int>(count) : -1};
    used += static_cast<Index>(count);
  }
}

std::optional<Index> Registers::find(std::string_view name, bool is_predicate) const {
  std::string_view prefix = name;
  while (!prefix.empty() && is_digit(prefix.back())) {
    prefix.remove_suffix(1);
  }
  std::string const whole(name), base(prefix);
  bool const has_suffix = prefix.size() < name.size() && name.size() - prefix.size() < 9;
  int const suffix = has_suffix ? std::atoi(whole.c_str() + prefix.size()) : -1;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    auto const single = scope->find(whole), numbered = scope->find(base);
    if (single != scope->end() && single->second.count < 0) {
      return single->second.is_predicate == is_predicate ? std::optional(single->second.first) : std::nullopt;
    }
    if (numbered != scope->end() && suffix >= 0 && suffix < numbered->second.count) {
      Index const number = numbered->second.first + static_cast<Index>(suffix);
      return numbered->second.is_predicate == is_predicate ? std::optional(number) : std::nullopt;
    }
  }
  return std::nullopt;
}

Index Registers::destination(std::string_view name) {
  if (name == "_") {
    return kernel_.register_count++;  // that nobody reads
  }
  std::optional<Index> const number = find(name, false);
  require(number.has_value(), "unknown register ", name);
  return *number;
}

Index Registers::constant(std::uint64_t bits) {
  auto const [found, is_new] = constants_.emplace(bits, kernel_.register_count);
  if (is_new) {
    kernel_.constants.emplace_back(kernel_.register_count++, bits);
  }
  return found->second;
}

Index Registers::source(std::string_view operand) {
  if (is_number(operand)) {
    return constant(parse_number(operand));
  }
  if (auto const special = special_registers().find(operand); special != special_registers().end()) {
    auto const [found, is_new] = special_registers_.emplace(special->second, kernel_.register_count);
    if (is_new) {
      kernel_.special_registers.emplace_back(kernel_.register_count++, special->second);
    }
    return found->second;
  }
  if (std::optional<Index> const number = find(operand, false)) {
    return *number;
  }
  auto const symbol = symbols_.find(std::string(operand));
  require(symbol != symbols_.end(), "unknown operand ", operand);
  return constant(symbol->second);
}

Index Registers::predicate(std::string_view operand) {
  if (std::optional<Index> const number = find(operand, true)) {
    return *number;
  }
  require(is_number(operand), "unknown predicate ", operand);
  bool const value = parse_number(operand) != 0;
  Index& constant = constant_predicates_[value ? 1 : 0];
  if (constant == none) {
    constant = kernel_.predicate_count++;
    kernel_.constant_predicates.emplace_back(constant, value);
  }
  return constant;
}

// ------------------------------------------------------------------------------------------------------------- decoder

Decoder::Decoder(std::string_view statement, Registers& registers_) : registers(registers_) {
  if (statement[0] == '@') {
    statement = trimmed(statement.substr(1));
    instruction.guard_is_negated = statement[0] == '!';
    statement.remove_prefix(instruction.guard_is_negated ? 1 : 0);
    instruction.guard = registers.predicate(take_until(statement, blanks));
    statement = trimmed(statement);
  }
  instruction.opcode = take_until(statement, blanks);
  operands_ = split(statement, ',');
  parts_ = split(instruction.opcode, '.');
  taken_.resize(parts_.size());
  taken_[0] = true;
  if (std::optional<Type> const type = find_type(parts_.back())) {
    has_type = true;
    instruction.type = *type;
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
  return std::count_if(parts.begin(), parts.end(), [&](std::string_view part) { return take(part); }) > 0;
}

void Decoder::take_required(std::string_view part) { require(take(part), "unknown variant of an opcode"); }

Type Decoder::take_result_type() {
  std::optional<Type> const type = parts_.size() > 2 ? find_type(parts_[parts_.size() - 2]) : std::nullopt;
  require(type.has_value(), "unknown variant of an opcode");
  taken_[parts_.size() - 2] = true;
  return *type;
}

std::string_view Decoder::operand(std::size_t n) const {
  require(n < operands_.size() && !operands_[n].empty(), "too few operands");
  return operands_[n];
}

std::vector<std::string_view> Decoder::vector(std::size_t n) const {
  std::string_view const text = operand(n);
  return text[0] == '{' ? split(text.substr(1, text.size() - 2), ',') : std::vector<std::string_view>{text};
}

void Decoder::add_destination(std::string_view name) { instruction.destinations.add(registers.destination(name)); }

void Decoder::add_source(std::string_view name) { instruction.sources.add(registers.source(name)); }

void Decoder::add_sources(std::size_t first, std::size_t end) {
  for (std::size_t n = first; n < end; ++n) {
    add_source(operand(n));
  }
}

void Decoder::add_predicate_destination(std::string_view name) {
  instruction.predicate_destinations.add(registers.predicate(name));
}

void Decoder::add_predicate_source(std::string_view name) {
  require(!instruction.predicate_is_negated, "unknown operands of an opcode");
  instruction.predicate_is_negated = name[0] == '!';
  instruction.predicate_sources.add(registers.predicate(trimmed(name.substr(name[0] == '!' ? 1 : 0))));
}

void Decoder::set_address(std::string_view text) {
  require(text.size() > 2 && text[0] == '[' && text.back() == ']', "not an address: ", text);
  text = trimmed(text.substr(1, text.size() - 2));
  auto const plus = text.find('+', 1);
  if (plus != text.npos) {
    instruction.offset = static_cast<std::int64_t>(parse_number(trimmed(text.substr(plus + 1))));
  }
  add_source(trimmed(text.substr(0, plus)));
}

void Decoder::set_operands(std::size_t count, Handler handler) {
  require(operands_.size() == count, "unknown number of operands");
  instruction.run = handler;
  add_destination(operand(0));
  add_sources(1, count);
}

void Decoder::finish() const {
  auto const left = std::find(taken_.begin(), taken_.end(), false);
  if (left != taken_.end()) {
    require(false, "unknown opcode, for its .", parts_[static_cast<std::size_t>(left - taken_.begin())]);
  }
  Kind const kind = instruction.kind;
  bool const needs_handler = kind == Kind::plain || kind == Kind::warp_exchange || kind == Kind::load ||
                             kind == Kind::store || kind == Kind::atomic;
  require(!needs_handler || instruction.run != nullptr, "unknown type of an opcode");
}

Instruction decode(std::string_view statement, Registers& registers) {
  static DecodeTable const table = [] {
    DecodeTable all;
    add_operations(all);
    add_memory_instructions(all);
    add_control_instructions(all);
    return all;
  }();
  Decoder decoder(statement, registers);
  auto const found = table.find(decoder.operation());
  require(found != table.end(), "unknown opcode ", decoder.instruction.opcode);
  found->second(decoder);
  decoder.finish();
  set_latency(decoder.instruction);
  return decoder.instruction;
}

}  // namespace ptx
