// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Kernels as the interpreter runs them: instructions whose operands are numbers of registers. The program that they make
/// up is read from the text that nvcc hands to ptxas.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ptx {

struct Block;
struct Warp;
struct Instruction;

/// Lanes of a warp, one bit each.
using Lanes = std::uint32_t;
inline constexpr Lanes all_lanes = ~Lanes{0};
/// Does the work of an instruction for these lanes.
using Handler = void (*)(Warp&, Instruction const&, Lanes);
/// Number of a register, of a predicate or of a place in the sources
using Index = std::uint32_t;
inline constexpr Index none = ~Index{0};

/// What the loop that runs warps must know of an instruction.
enum class Kind : std::uint8_t {
  plain,
  branch,
  exit,
  block_barrier,  ///< bar.sync, bar.red, bar.arrive
  warp_barrier,   ///< bar.warp.sync
  warp_exchange,  ///< shfl, vote: all lanes of the mask must be there
  fence,
  load,
  store,
  atomic
};
enum class Space : std::uint8_t { generic, global, shared, parameter };
/// How the result of a comparison is combined with a predicate, and what bar.red makes of all threads' predicates.
enum class Combination : std::uint8_t { none, conjunction, disjunction, exclusive, count };

/// Type of an opcode: "u32", "bf16x2".
struct Type {
  enum Kind : std::uint8_t { bits, unsigned_integer, signed_integer, floating, bfloat, predicate };
  Kind kind = bits;
  int bytes = 0;  ///< Of all of its numbers
  int count = 1;

  bool is_float() const { return kind == floating && count == 1 && bytes >= 4; }
};

/// Numbers of an instruction's operands of one kind.
template <int capacity>
struct Operands {
  Index numbers[capacity] = {};
  int count = 0;

  Index operator[](int n) const { return numbers[n]; }
  Index const* begin() const { return numbers; }
  Index const* end() const { return numbers + count; }
  void add(Index number) {
    count < capacity ? numbers[count++] = number : throw std::runtime_error("too many operands");
  }
};

/// Registers and predicates are numbered from 0 on in each kernel. Constants are registers, too.
struct Instruction {
  Kind kind = Kind::plain;
  Handler run = nullptr;
  Index guard = none;  ///< Predicate that says which lanes take part; none: all do
  bool guard_is_negated = false;
  Operands<4> destinations;
  Operands<6> sources;
  Operands<2> predicate_destinations;  ///< The second, of setp p|q, gets the negated comparison.
  Operands<2> predicate_sources;
  bool predicate_is_negated = false;  ///< The only predicate source
  Combination combination = Combination::none;
  std::size_t target = 0;  ///< Of a branch: position in Kernel::code
  Space space = Space::generic;
  Type type;
  int vector_size = 1;
  std::int64_t offset = 0;      ///< To be added to the address in the first source
  int mode = 0;                 ///< Variant of an operation, with a meaning of its own for each handler
  bool is_read_only = false;    ///< ld.global.nc
  bool bypasses_cache = false;  ///< Sees what other blocks have written: ld.cg, ld.volatile, ld.relaxed
  bool acquires = false, releases = false;
  bool passes_undefined = false;  ///< A copy, which is no use of an undefined register

  std::string_view opcode;  ///< As written: "add.f32"
  int line = 0;             ///< In the PTX, from 1 on
  Index place = 0;          ///< In Kernel::places

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
  Index caller = none;  ///< Index of another place
};

/// "reduce.cuh:12 < loss.cu:40", of a place and its callers
std::string describe(std::vector<SourcePlace> const& places);

/// Value of a register such as %tid.x in a thread of a block
using SpecialRegister = unsigned (*)(Block const&, unsigned thread);

struct Parameter {
  std::size_t offset, bytes;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  std::size_t parameter_bytes = 0;      ///< Of all parameters, one behind the other as they are aligned
  std::size_t static_shared_bytes = 0;  ///< Dynamic shared memory begins behind these.
  unsigned most_threads = 0;            ///< Of a block, from __launch_bounds__; 0: not given
  unsigned required_threads = 0;        ///< .reqntid; 0: not given
  Index register_count = 0, predicate_count = 0;
  std::vector<std::pair<Index, std::uint64_t>> constants;
  std::vector<std::pair<Index, SpecialRegister>> special_registers;
  std::vector<std::pair<Index, bool>> constant_predicates;
  std::vector<Instruction> code;
  std::vector<SourcePlace> places;          ///< The first is for instructions of which nothing is known.
  std::shared_ptr<std::string const> text;  ///< What Instruction::opcode refers to
  std::vector<std::uint64_t> executed;      ///< How often a warp has run each instruction

  /// The places of an instruction: its own, where that was inlined, and so on.
  std::vector<SourcePlace> places_of(Instruction const& instruction) const;
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
  /// Adds the kernels of a PTX text; those of the same names are replaced.
  ///
  /// @throws std::runtime_error "PTX line N: ..." if a declaration is not understood.
  void add(std::string const& text);
  /// The kernel of this name, parsed on its first use. Null if there is none.
  ///
  /// @throws std::runtime_error "PTX line N: ..." for what the interpreter cannot run.
  Kernel* kernel(std::string const& name);
  std::vector<std::string> kernel_names() const;
  /// Of the text that was added last: its .version and source files by number.
  std::string const& version() const { return version_; }
  std::map<int, std::string> const& source_files() const { return *files_; }

private:
  std::map<std::string, KernelText> kernels_;
  std::shared_ptr<std::map<int, std::string> const> files_ = std::make_shared<std::map<int, std::string>>();
  std::string version_;
};

/// The program in use.
Program& program();
/// Adds a PTX text to the program in use: see Program::add().
void load(std::string const& text);
/// Why the text cannot be run as it is: its version is not one that the interpreter was tested with, or it has an
/// instruction that the interpreter does not know. One line; empty if nothing is in the way.
std::string obstacle(std::string const& text);

// Device memory is host memory whose bounds, and whose written bytes, the interpreter knows.

/// Makes host memory device memory. Nothing of it counts as written.
void add_allocation(void* memory, std::size_t bytes);
/// It is device memory no more.
void remove_allocation(void* memory);
/// Says that bytes of device memory have been written, by a copy or a memset. Nothing happens if they are not device memory.
void mark_written(void* memory, std::size_t bytes);
/// Whether all these bytes belong to one allocation.
bool is_device_memory(void const* memory, std::size_t bytes);

/// The shape of a launch.
struct LaunchShape {
  unsigned grid[3];
  unsigned block[3];
  std::size_t dynamic_shared_bytes;
};

/// Runs a kernel to its end, or until it can go no further: blocks of warps of 32 lanes, in the order that Config asks for.
/// The argument is the kernel's one parameter (the library's kernels take one struct), kernel.parameter_bytes bytes of it.
/// True if nothing was reported meanwhile.
bool run_kernel(Kernel& kernel, LaunchShape const& shape, void const* argument);

}  // namespace ptx
