// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the decoders of the opcodes have in common. Each takes the parts of its opcode that it understands; an
/// instruction with a part that nobody took is unknown.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "program.hpp"

namespace ptx {

inline void require(bool condition, std::string_view text, std::string_view what = {}) {
  if (!condition) {
    throw std::runtime_error(std::string(text).append(what));
  }
}

constexpr char const* blanks = " \t\r\n";
std::string_view trimmed(std::string_view text);
/// Takes the text up to one of these characters from the front of another.
std::string_view take_until(std::string_view& text, char const* ends);
/// Parts between separators that are not within brackets or braces, without the blanks around them.
std::vector<std::string_view> split(std::string_view text, char separator);
/// The bits of a number as PTX writes it: 7, -1, 0x1f, 12U, 0f3F800000, 0d3FF0000000000000. Throws std::runtime_error.
std::uint64_t parse_number(std::string_view text);
/// Type by its name in an opcode, without a dot
std::optional<Type> find_type(std::string_view name);

/// Finds the numbers of a kernel's registers by their names, which are scoped by braces, and makes registers of constants.
class Registers {
public:
  explicit Registers(Kernel& kernel) : kernel_(kernel), scopes_(1) {}

  void open_scope() { scopes_.emplace_back(); }
  void close_scope() { scopes_.pop_back(); }
  /// What stands behind ".reg": ".b32 %r<8>", ".pred p, q".
  void declare(std::string_view declaration);
  /// A variable of shared memory or a parameter stands for its address in its space.
  void add_symbol(std::string_view name, std::uint64_t address) { symbols_[std::string(name)] = address; }

  // Number of a register, of an operand that is read (a register, number, variable or special register), and of a
  // predicate. They throw std::runtime_error if there is none.
  Index destination(std::string_view name);
  Index source(std::string_view operand);
  Index predicate(std::string_view operand);

private:
  struct Declaration {
    bool is_predicate;
    Index first;
    int count;  ///< -1: the name is not numbered
  };

  std::optional<Index> find(std::string_view name, bool is_predicate) const;
  Index constant(std::uint64_t bits);

  Kernel& kernel_;
  std::vector<std::unordered_map<std::string, Declaration>> scopes_;
  std::unordered_map<std::string, std::uint64_t> symbols_;
  std::unordered_map<std::uint64_t, Index> constants_;
  std::unordered_map<SpecialRegister, Index> special_registers_;
  Index constant_predicates_[2] = {none, none};
};

class Decoder {
public:
  /// Of a statement of the PTX: "@!%p1 add.f32 %f1, %f2, %f3"
  Decoder(std::string_view statement, Registers& registers);

  /// Whether the opcode has this part, which counts as understood from now on.
  bool take(std::string_view part);
  bool take_any(std::initializer_list<std::string_view> parts);
  /// Throws if the opcode does not have this part.
  void take_required(std::string_view part);
  /// The choice whose part the opcode has; throws if there is none.
  template <class Value>
  Value choose(std::initializer_list<std::pair<std::string_view, Value>> choices) {
    for (auto const& [part, value] : choices) {
      if (take(part)) {
        return value;
      }
    }
    throw std::runtime_error("unknown variant of an opcode");
  }
  /// Takes the type before the last, as f64 in "cvt.f64.f32".
  Type take_result_type();

  std::string_view operation() const { return parts_[0]; }
  std::string_view operand(std::size_t n) const;
  std::size_t operand_count() const { return operands_.size(); }
  /// "a" or "{a, b}"
  std::vector<std::string_view> vector(std::size_t n) const;

  void add_destination(std::string_view name);
  void add_source(std::string_view name);
  /// The operands from `first` to before `end`
  void add_sources(std::size_t first, std::size_t end);
  void add_predicate_destination(std::string_view name);
  /// A predicate that may have a "!" before it
  void add_predicate_source(std::string_view name);
  /// "[register + offset]" becomes the first source.
  void set_address(std::string_view operand);
  /// One destination, and all other operands are sources.
  void set_operands(std::size_t count, Handler handler);

  /// Throws if there are parts that nobody took, or no handler.
  void finish() const;

  Instruction instruction;
  bool has_type = false;
  Registers& registers;

private:
  std::vector<std::string_view> parts_, operands_;
  std::vector<bool> taken_;
};

/// The instruction of a statement.
///
/// @throws std::runtime_error if the interpreter does not know it
Instruction decode(std::string_view statement, Registers& registers);

using Decode = std::function<void(Decoder&)>;
using DecodeTable = std::unordered_map<std::string_view, Decode>;  ///< By operation, as "add"

// Each adds the opcodes of its file.
void add_operations(DecodeTable& table);
void add_memory_instructions(DecodeTable& table);
void add_control_instructions(DecodeTable& table);

// ------------------------------------------------------------------------------------------------------------ handlers

/// Sets the destination to operation(sources...) in these lanes.
template <class Result, class... Sources, class Operation, std::size_t... n>
void apply(Warp& warp, Instruction const& instruction, Lanes lanes, Operation operation, std::index_sequence<n...>) {
  std::uint64_t* const result = warp.registers[instruction.destinations[0]].values;
  std::uint64_t const* const sources[] = {warp.registers[instruction.sources[n]].values...};
  auto const set = [&](int lane) {
    result[lane] = bits_of(static_cast<Result>(operation(value_of<Sources>(sources[n][lane])...)));
  };
  if (lanes == all_lanes) {
    for (int lane = 0; lane < 32; ++lane) {
      set(lane);
    }
  } else {
    for_each_lane(lanes, set);
  }
}

/// The handler that applies an operation, a lambda without captures, to values of these types.
template <class Result, class... Sources, class Operation>
Handler lanewise(Operation operation) {
  static Operation const kept = operation;  // its type says all of it, but C++17 makes none of a type alone
  return [](Warp& warp, Instruction const& instruction, Lanes lanes) {
    apply<Result, Sources...>(warp, instruction, lanes, kept, std::index_sequence_for<Sources...>{});
  };
}

template <class... T>
struct TypeList {};
using Bits = TypeList<std::uint16_t, std::uint32_t, std::uint64_t>;
using Integers = TypeList<std::uint16_t, std::int16_t, std::uint32_t, std::int32_t, std::uint64_t, std::int64_t>;
using Floats = TypeList<float, double>;

template <class... A, class... B>
constexpr TypeList<A..., B...> operator+(TypeList<A...>, TypeList<B...>) {
  return {};
}

/// Whether T holds the numbers of a type; bits are unsigned integers.
template <class T>
bool holds(Type type) {
  constexpr Type::Kind kind = std::is_floating_point_v<T> ? Type::floating
                              : std::is_signed_v<T>       ? Type::signed_integer
                                                          : Type::unsigned_integer;
  bool const is_same_kind = type.kind == kind || (type.kind == Type::bits && kind == Type::unsigned_integer);
  return is_same_kind && type.bytes == sizeof(T) && type.count == 1;
}

/// make(T{}) for the T of the list that holds the type; null if there is none.
template <class... T, class Make>
Handler handler_for(Type type, TypeList<T...>, Make make) {
  Handler handler = nullptr;
  ((handler = holds<T>(type) ? make(T{}) : handler), ...);
  return handler;
}

}  // namespace ptx
