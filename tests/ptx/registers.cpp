// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cstdlib>
#include <stdexcept>

#include "registers.hpp"

namespace ptx {
namespace {

bool is_digit(char character) { return character >= '0' && character <= '9'; }

std::unordered_map<std::string_view, SpecialRegister> const& special_register_names() {
  using S = SpecialRegister;
  static std::unordered_map<std::string_view, SpecialRegister> const names{{"%tid.x", S::tid_x},
                                                                           {"%tid.y", S::tid_y},
                                                                           {"%tid.z", S::tid_z},
                                                                           {"%ntid.x", S::ntid_x},
                                                                           {"%ntid.y", S::ntid_y},
                                                                           {"%ntid.z", S::ntid_z},
                                                                           {"%ctaid.x", S::ctaid_x},
                                                                           {"%ctaid.y", S::ctaid_y},
                                                                           {"%ctaid.z", S::ctaid_z},
                                                                           {"%nctaid.x", S::nctaid_x},
                                                                           {"%nctaid.y", S::nctaid_y},
                                                                           {"%nctaid.z", S::nctaid_z},
                                                                           {"%laneid", S::laneid},
                                                                           {"%warpid", S::warpid},
                                                                           {"%nwarpid", S::nwarpid},
                                                                           {"%lanemask_eq", S::lanemask_eq},
                                                                           {"%lanemask_lt", S::lanemask_lt},
                                                                           {"%lanemask_le", S::lanemask_le},
                                                                           {"%lanemask_gt", S::lanemask_gt},
                                                                           {"%lanemask_ge", S::lanemask_ge}};
  return names;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr char const* blanks = " \t\r\n";
  auto const begin = text.find_first_not_of(blanks);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
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
  std::string digits(text);
  int base = 0;
  bool const is_negative = !digits.empty() && digits[0] == '-';
  if (is_negative) {
    digits.erase(0, 1);
  }
  if (digits.size() > 2 && digits[0] == '0' && std::string("fFdD").find(digits[1]) != std::string::npos) {
    digits.erase(0, 2);
    base = 16;
  } else if (!digits.empty() && digits.back() == 'U') {
    digits.pop_back();
  }
  char* end = nullptr;
  std::uint64_t const number = std::strtoull(digits.c_str(), &end, base);
  if (digits.empty() || *end != '\0') {
    throw std::runtime_error("not a number: " + std::string(text));
  }
  return is_negative ? std::uint64_t{0} - number : number;
}

void Registers::declare(std::string_view declaration) {
  declaration = trimmed(declaration);
  auto const type_end = declaration.find_first_of(" \t\n");
  if (type_end == std::string_view::npos) {
    throw std::runtime_error("register without a name");
  }
  bool const is_predicate = declaration.substr(0, type_end) == ".pred";
  for (std::string_view const name : split(declaration.substr(type_end), ',')) {
    auto const bracket = name.find('<');
    bool const is_numbered = bracket != std::string_view::npos;
    int const count =
      is_numbered ? static_cast<int>(parse_number(name.substr(bracket + 1, name.size() - bracket - 2))) : 1;
    int& used = is_predicate ? kernel_.predicate_count : kernel_.register_count;
    scopes_.back()[std::string(name.substr(0, bracket))] = {is_predicate, used, is_numbered ? count : -1};
    used += count;
  }
}

Registers::Declaration const* Registers::find(std::string_view name, int& number) const {
  std::string_view prefix = name;
  while (!prefix.empty() && is_digit(prefix.back())) {
    prefix.remove_suffix(1);
  }
  std::string const whole(name), base(prefix);
  int const suffix =
    prefix.size() < name.size() && name.size() - prefix.size() < 9 ? std::atoi(whole.c_str() + prefix.size()) : -1;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (auto const found = scope->find(whole); found != scope->end() && found->second.count < 0) {
      number = found->second.first;
      return &found->second;
    }
    if (suffix >= 0) {
      if (auto const found = scope->find(base); found != scope->end() && suffix < found->second.count) {
        number = found->second.first + suffix;
        return &found->second;
      }
    }
  }
  return nullptr;
}

int Registers::destination(std::string_view name) const {
  int number = 0;
  Declaration const* const declaration = find(name, number);
  if (declaration == nullptr || declaration->is_predicate) {
    throw std::runtime_error("unknown register " + std::string(name));
  }
  return number;
}

int Registers::constant(std::uint64_t bits) {
  auto const [found, is_new] = constants_.emplace(bits, kernel_.register_count);
  if (is_new) {
    kernel_.constants.emplace_back(kernel_.register_count++, bits);
  }
  return found->second;
}

int Registers::source(std::string_view operand) {
  if (operand.empty()) {
    throw std::runtime_error("missing operand");
  }
  if (is_digit(operand[0]) || operand[0] == '-') {
    return constant(parse_number(operand));
  }
  if (auto const special = special_register_names().find(operand); special != special_register_names().end()) {
    auto const [found, is_new] = special_registers_.emplace(special->second, kernel_.register_count);
    if (is_new) {
      kernel_.special_registers.emplace_back(kernel_.register_count++, special->second);
    }
    return found->second;
  }
  int number = 0;
  if (Declaration const* const declaration = find(operand, number);
      declaration != nullptr && !declaration->is_predicate) {
    return number;
  }
  if (operand == "WARP_SZ") {
    return constant(32);
  }
  auto const symbol = symbols_.find(std::string(operand));
  if (symbol == symbols_.end()) {
    throw std::runtime_error("unknown operand " + std::string(operand));
  }
  return constant(symbol->second);
}

int Registers::predicate(std::string_view operand) {
  int number = 0;
  if (Declaration const* const declaration = find(operand, number);
      declaration != nullptr && declaration->is_predicate) {
    return number;
  }
  if (operand.empty() || (!is_digit(operand[0]) && operand[0] != '-')) {
    throw std::runtime_error("unknown predicate " + std::string(operand));
  }
  bool const value = parse_number(operand) != 0;
  int& constant = constant_predicates_[value ? 1 : 0];
  if (constant < 0) {
    constant = kernel_.predicate_count++;
    kernel_.constant_predicates.emplace_back(constant, value);
  }
  return constant;
}

}  // namespace ptx
