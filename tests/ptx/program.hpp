// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Kernels as the interpreter runs them: instructions whose operands are numbers of registers.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ptx {

struct Warp;
struct Instruction;

/// Lanes of a warp, one bit each.
using Lanes = std::uint32_t;
/// Does the work of an instruction for these lanes.
using Handler = void (*)(Warp&, Instruction const&, Lanes);

/// What the loop that runs warps must know of an instruction.
enum class Kind : std::uint8_t {
  plain,
  branch,
  exit,
  block_barrier,  ///< bar.sync, bar.red, bar.arrive
  warp_barrier,   ///< bar.warp.sync
  warp_exchange,  ///< shfl, vote, match, redux: all lanes of the mask must be there
  fence,
  load,
  store,
  atomic
};
enum class Space : std::uint8_t { generic, global, shared, parameter };
enum class Type : std::uint8_t {
  b8,
  b16,
  b32,
  b64,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  bf16,
  f32,
  f64,
  predicate
};
/// How the result of a comparison is combined with a predicate, and what bar.red makes of all threads' predicates.
enum class Combination : std::uint8_t { none, conjunction, disjunction, exclusive, count };
enum class AtomicOperation : std::uint8_t {
  add,
  exchange,
  compare_and_swap,
  minimum,
  maximum,
  conjunction,
  disjunction,
  exclusive,
  increment,
  decrement
};

/// Registers and predicates are numbered from 0 on in each kernel. Constants are registers, too.
struct Instruction {
  Kind kind = Kind::plain;
  Handler run = nullptr;
  int guard = -1;  ///< Predicate that says which lanes take part; -1: all
  bool guard_is_negated = false;
  int destination_count = 0, source_count = 0, predicate_source_count = 0;
  int destinations[4] = {}, sources[8] = {}, predicate_sources[2] = {};
  int predicate_destination = -1;
  int complement_destination = -1;  ///< setp p|q: q, which gets the negated comparison
  Combination combination = Combination::none;
  bool combined_is_negated = false;
  int target = 0;  ///< Of a branch: position in Kernel::code
  Space space = Space::generic;
  Type type = Type::b32;
  int bytes = 0;  ///< Of one element
  int vector_size = 1;
  std::int64_t offset = 0;  ///< To be added to the address in the first source
  AtomicOperation atomic = AtomicOperation::add;
  int mode = 0;                 ///< Variant of an operation, with a meaning of its own for each handler
  bool is_read_only = false;    ///< ld.global.nc
  bool bypasses_cache = false;  ///< Sees what other blocks have written: ld.cg, ld.volatile, ld.relaxed
  bool acquires = false, releases = false;
  bool passes_undefined = false;  ///< A copy, which is no use of an undefined register

  std::string_view opcode;  ///< As written: "add.f32"
  int line = 0;             ///< In the PTX, from 1 on
  int place = 0;            ///< In Kernel::places

  // For the estimates of cycles, see timing.hpp.
  int latency = 4;
  bool is_double_operation = false;
  bool starts_basic_block = false;
  bool is_marked = false;
};

/// Line of a source file; of an inlined function also where it was called.
struct SourcePlace {
  std::string file;  ///< Without its folders; empty if not known
  int line = 0;
  int caller = -1;  ///< Index of another place, -1: none
};

/// Registers that hold something from the beginning on.
enum class SpecialRegister {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  lanemask_eq,
  lanemask_lt,
  lanemask_le,
  lanemask_gt,
  lanemask_ge
};

struct Parameter {
  std::size_t offset, bytes;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  std::size_t parameter_bytes = 0;      ///< Of all parameters, one behind the other as they are aligned
  std::size_t static_shared_bytes = 0;  ///< Dynamic shared memory begins behind these.
  int most_threads = 0;                 ///< Of a block, from __launch_bounds__; 0: not given
  int required_threads = 0;             ///< .reqntid; 0: not given
  int register_count = 0, predicate_count = 0;
  std::vector<std::pair<int, std::uint64_t>> constants;
  std::vector<std::pair<int, SpecialRegister>> special_registers;
  std::vector<std::pair<int, bool>> constant_predicates;
  std::vector<Instruction> code;
  std::vector<SourcePlace> places;          ///< The first is for instructions of which nothing is known.
  std::shared_ptr<std::string const> text;  ///< What Instruction::opcode refers to

  /// How often a warp has run each instruction, and the sum of its active lanes.
  std::vector<std::uint64_t> executed, active_lanes;

  /// " reduce.cuh:12 < loss.cu:40"
  std::string describe_place(int place) const;
};

/// A kernel that may not have been parsed yet.
struct KernelText {
  std::shared_ptr<std::string const> text;  ///< The whole module, comments blanked out
  std::shared_ptr<std::map<int, std::string> const> files;
  std::vector<std::string_view> shared_variables;  ///< Of the module, as declared
  std::string_view header, body;
  int header_line = 0, body_line = 0;
  std::unique_ptr<Kernel> kernel;
};

class Program {
public:
  /// The kernel of this name, parsed on its first use. Null if there is none.
  ///
  /// @throws std::runtime_error "PTX line N: ..." for what the interpreter cannot run.
  Kernel* kernel(std::string const& name);

  std::vector<std::string> kernel_names() const;
  /// Of the text that was loaded last: its .version, .target and source files.
  std::string const& version() const { return version_; }
  std::string const& target() const { return target_; }
  std::vector<std::string> source_files() const;

  /// See load() in parser.hpp.
  void add(std::string const& text);

private:
  std::map<std::string, KernelText> kernels_;
  std::shared_ptr<std::map<int, std::string> const> files_;
  std::string version_, target_;
};

}  // namespace ptx
