// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the decoders of the opcodes have in common. Each takes the parts of its opcode that it understands; an
/// instruction with a part that nobody took is unknown.

#pragma once

#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "machine.hpp"
#include "program.hpp"
#include "registers.hpp"

namespace ptx {

/// A statement of the PTX that is an instruction.
struct Statement {
  std::string_view text;
  std::string_view guard;  ///< Predicate, or empty
  bool guard_is_negated = false;
  std::string_view opcode;
  std::vector<std::string_view> operands;
};

class Decoder {
public:
  Decoder(Statement const& statement, Registers& registers);

  /// Whether the opcode has this part, which counts as understood from now on.
  bool take(std::string_view part);
  bool take_any(std::initializer_list<std::string_view> parts);
  /// As take_any, but throws if there is none.
  void require(std::initializer_list<std::string_view> parts);
  /// Takes the first part that stands behind the operation, as the comparison in "setp.lt.f32".
  std::string_view take_first();
  /// Parts that begin like this are taken.
  void take_all_like(std::string_view prefix);

  std::string_view operation() const { return parts_[0]; }
  std::string_view operand(std::size_t n) const;
  std::size_t operand_count() const { return statement_.operands.size(); }
  /// "a" or "{a, b}"
  std::vector<std::string_view> vector(std::size_t n) const;
  /// "p|q": the one before and the one behind the bar, which may be missing
  std::pair<std::string_view, std::string_view> pair(std::size_t n) const;

  void add_destination(std::string_view name);
  void add_source(std::string_view name);
  void add_predicate_source(std::string_view name);
  /// A predicate that may have a "!" before it
  void add_combined_predicate(std::string_view name);
  /// "[register + offset]" becomes the first source.
  void set_address(std::string_view operand);
  /// One destination, and all other operands are sources.
  void set_operands(std::size_t count, Handler handler);

  /// Throws if there are parts that nobody took, or no handler.
  void finish();

  bool is_float() const { return instruction.type == Type::f32 || instruction.type == Type::f64; }

  Instruction instruction;
  bool has_type = false;
  Registers& registers;

private:
  Statement const& statement_;
  std::vector<std::string_view> parts_;
  std::vector<bool> taken_;
};

using Decode = void (*)(Decoder&);
using DecodeTable = std::unordered_map<std::string_view, Decode>;  ///< By operation, as "add"

// Each adds the opcodes of its file.
void add_arithmetic(DecodeTable& table);
void add_bit_operations(DecodeTable& table);
void add_comparisons(DecodeTable& table);
void add_conversions(DecodeTable& table);
void add_warp_operations(DecodeTable& table);

/// Type by its name in an opcode, without a dot; false if there is none of this name.
bool find_type(std::string_view name, Type& type);
int bytes_of(Type type);

// ------------------------------------------------------------------------------------------------------------ handlers

/// Sets the destination to apply(sources...) in these lanes. All sources but the last are of type Source.
template <class Result, class Source, class Apply>
inline void apply_to_one(Warp& warp, Instruction const& instruction, Lanes lanes, Apply apply) {
  auto& result = warp.registers[instruction.destinations[0]];
  auto const& a = warp.registers[instruction.sources[0]];
  if (lanes == ~Lanes{0}) {
    for (int lane = 0; lane < 32; ++lane) {
      result[lane] = bits_of<Result>(apply(value_of<Source>(a[lane])));
    }
  } else {
    for_each_lane(lanes, [&](int lane) { result[lane] = bits_of<Result>(apply(value_of<Source>(a[lane]))); });
  }
}

template <class Result, class Source, class Apply>
inline void apply_to_two(Warp& warp, Instruction const& instruction, Lanes lanes, Apply apply) {
  auto& result = warp.registers[instruction.destinations[0]];
  auto const& a = warp.registers[instruction.sources[0]];
  auto const& b = warp.registers[instruction.sources[1]];
  if (lanes == ~Lanes{0}) {
    for (int lane = 0; lane < 32; ++lane) {
      result[lane] = bits_of<Result>(apply(value_of<Source>(a[lane]), value_of<Source>(b[lane])));
    }
  } else {
    for_each_lane(lanes, [&](int lane) {
      result[lane] = bits_of<Result>(apply(value_of<Source>(a[lane]), value_of<Source>(b[lane])));
    });
  }
}

template <class Result, class Source, class Last, class Apply>
inline void apply_to_three(Warp& warp, Instruction const& instruction, Lanes lanes, Apply apply) {
  auto& result = warp.registers[instruction.destinations[0]];
  auto const& a = warp.registers[instruction.sources[0]];
  auto const& b = warp.registers[instruction.sources[1]];
  auto const& c = warp.registers[instruction.sources[2]];
  auto const set = [&](int lane) {
    result[lane] =
      bits_of<Result>(apply(value_of<Source>(a[lane]), value_of<Source>(b[lane]), value_of<Last>(c[lane])));
  };
  if (lanes == ~Lanes{0}) {
    for (int lane = 0; lane < 32; ++lane) {
      set(lane);
    }
  } else {
    for_each_lane(lanes, set);
  }
}

/// The function for the C++ type of an integer or bit type: choose(T{}) for T of the instruction's type.
template <class Choose>
Handler for_integer(Type type, Choose choose) {
  switch (type) {
    case Type::b16:
    case Type::u16:
      return choose(std::uint16_t{});
    case Type::s16:
      return choose(std::int16_t{});
    case Type::b32:
    case Type::u32:
      return choose(std::uint32_t{});
    case Type::s32:
      return choose(std::int32_t{});
    case Type::b64:
    case Type::u64:
      return choose(std::uint64_t{});
    case Type::s64:
      return choose(std::int64_t{});
    default:
      return nullptr;
  }
}

template <class Choose>
Handler for_float(Type type, Choose choose) {
  return type == Type::f32 ? choose(float{}) : type == Type::f64 ? choose(double{}) : nullptr;
}

/// By size alone: as unsigned integers.
template <class Choose>
Handler for_bits(int bytes, Choose choose) {
  return bytes == 2   ? choose(std::uint16_t{})
         : bytes == 4 ? choose(std::uint32_t{})
         : bytes == 8 ? choose(std::uint64_t{})
                      : nullptr;
}

}  // namespace ptx
