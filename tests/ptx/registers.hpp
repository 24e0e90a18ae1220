// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Finds the numbers of a kernel's registers by their names, which are scoped by braces, and makes registers of constants.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "program.hpp"

namespace ptx {

class Registers {
public:
  explicit Registers(Kernel& kernel) : kernel_(kernel), scopes_(1) {}

  void open_scope() { scopes_.emplace_back(); }
  void close_scope() { scopes_.pop_back(); }
  /// What stands behind ".reg": ".b32 %r<8>", ".pred p, q".
  void declare(std::string_view declaration);
  /// A variable of shared memory or a parameter stands for its address in its space.
  void add_symbol(std::string_view name, std::uint64_t address) { symbols_[std::string(name)] = address; }
  bool has_symbol(std::string_view name) const { return symbols_.count(std::string(name)) != 0; }

  // Number of a register, of an operand that is read (a register, number, variable or special register), and of a
  // predicate. They throw std::runtime_error if there is none.
  int destination(std::string_view name) const;
  int source(std::string_view operand);
  int predicate(std::string_view operand);
  /// A register that nobody reads
  int scratch() { return kernel_.register_count++; }

private:
  struct Declaration {
    bool is_predicate;
    int first;
    int count;  ///< -1: the name is not numbered
  };

  Declaration const* find(std::string_view name, int& number) const;
  int constant(std::uint64_t bits);

  Kernel& kernel_;
  std::vector<std::unordered_map<std::string, Declaration>> scopes_;
  std::unordered_map<std::string, std::uint64_t> symbols_;
  std::unordered_map<std::uint64_t, int> constants_;
  std::map<SpecialRegister, int> special_registers_;
  int constant_predicates_[2] = {-1, -1};
};

/// The bits of a number as PTX writes it: 7, -1, 0x1f, 12U, 0f3F800000, 0d3FF0000000000000. Throws std::runtime_error.
std::uint64_t parse_number(std::string_view text);

/// Parts between separators that are not within brackets or braces, without the blanks around them.
std::vector<std::string_view> split(std::string_view text, char separator);

std::string_view trimmed(std::string_view text);

}  // namespace ptx
