// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "execution.hpp"
#include "machine.hpp"
#include "report.hpp"

namespace ptx {

Launch launch_in_progress;

std::string where(Warp const& warp) {
  Instruction const& instruction = warp.kernel->code[static_cast<std::size_t>(warp.position)];
  return " [" + warp.kernel->name + ", PTX line " + std::to_string(instruction.line) + " " +
         std::string(instruction.opcode) + ", block " + std::to_string(warp.block->id) + " warp " +
         std::to_string(warp.index) + warp.kernel->describe_place(instruction.place) + "]";
}

namespace {

constexpr int random_turn = 200;           // most instructions of a warp's turn in a random schedule
constexpr int long_turn = 1 << 22;         // in others; so that a warp that waits for another in a loop lets it run
constexpr std::size_t most_resident = 16;  // blocks, interleaved

/// A number for a launch, or for a block's shared memory.
unsigned new_stamp() {
  static unsigned stamp = 0;
  return ++stamp;
}

int lane_count(Lanes lanes) { return __builtin_popcount(lanes); }

// --------------------------------------------------------------------------------------------------------------- begin

std::uint32_t special_value(SpecialRegister special, Block const& block, int warp, int lane) {
  LaunchShape const& shape = current_launch().shape;
  auto const thread = static_cast<unsigned>(warp * 32 + lane);
  std::uint32_t const bit = std::uint32_t{1} << lane;
  switch (special) {
    case SpecialRegister::tid_x:
      return thread % shape.block[0];
    case SpecialRegister::tid_y:
      return thread / shape.block[0] % shape.block[1];
    case SpecialRegister::tid_z:
      return thread / shape.block[0] / shape.block[1];
    case SpecialRegister::ntid_x:
      return shape.block[0];
    case SpecialRegister::ntid_y:
      return shape.block[1];
    case SpecialRegister::ntid_z:
      return shape.block[2];
    case SpecialRegister::ctaid_x:
      return block.index[0];
    case SpecialRegister::ctaid_y:
      return block.index[1];
    case SpecialRegister::ctaid_z:
      return block.index[2];
    case SpecialRegister::nctaid_x:
      return shape.grid[0];
    case SpecialRegister::nctaid_y:
      return shape.grid[1];
    case SpecialRegister::nctaid_z:
      return shape.grid[2];
    case SpecialRegister::laneid:
      return static_cast<std::uint32_t>(lane);
    case SpecialRegister::warpid:
      return static_cast<std::uint32_t>(warp);
    case SpecialRegister::nwarpid:
      return static_cast<std::uint32_t>(block.warps.size());
    case SpecialRegister::lanemask_eq:
      return bit;
    case SpecialRegister::lanemask_lt:
      return bit - 1;
    case SpecialRegister::lanemask_le:
      return bit | (bit - 1);
    case SpecialRegister::lanemask_gt:
      return ~(bit | (bit - 1));
    case SpecialRegister::lanemask_ge:
      return ~(bit - 1);
  }
  return 0;
}

void begin_warp(Warp& warp, Block& block, Kernel& kernel, int index) {
  constexpr Lanes undefined_predicate = 0xa5a5a5a5;
  warp.block = &block;
  warp.kernel = &kernel;
  warp.index = index;
  auto const registers = static_cast<std::size_t>(kernel.register_count);
  auto const predicates = static_cast<std::size_t>(kernel.predicate_count);
  if (warp.register_capacity < registers) {
    warp.register_memory = std::make_unique<RegisterValues[]>(registers);
    warp.register_capacity = registers;
  }
  warp.registers = warp.register_memory.get();  // with what an earlier block left there
  warp.defined.assign(registers, 0);
  warp.predicates.assign(predicates, undefined_predicate);
  warp.defined_predicates.assign(predicates, 0);
  for (auto const& [number, value] : kernel.constants) {
    std::fill_n(warp.registers[number], 32, value);
    warp.defined[static_cast<std::size_t>(number)] = ~Lanes{0};
  }
  for (auto const& [number, value] : kernel.constant_predicates) {
    warp.predicates[static_cast<std::size_t>(number)] = value ? ~Lanes{0} : Lanes{0};
    warp.defined_predicates[static_cast<std::size_t>(number)] = ~Lanes{0};
  }
  for (auto const& [number, special] : kernel.special_registers) {
    for (int lane = 0; lane < 32; ++lane) {
      warp.registers[number][lane] = special_value(special, block, index, lane);
    }
    warp.defined[static_cast<std::size_t>(number)] = ~Lanes{0};
  }
  int const left = block.threads - index * 32;
  warp.all = left >= 32 ? ~Lanes{0} : (Lanes{1} << left) - 1;
  warp.exited = 0;
  warp.fragments = {{0, warp.all}};
  warp.last_region = nullptr;
  warp.epochs = {};
  if (config().keeps_timing) {
    start_clocks(warp);
  }
}

/// Makes a buffer with room to begin at a multiple of 256, and returns that place.
template <class Buffer>
std::uint64_t aligned_begin(Buffer const& buffer) {
  return (reinterpret_cast<std::uint64_t>(&buffer[0]) + 255) / 256 * 256;
}

/// Blocks that have ended, whose memory the next ones use.
std::vector<std::unique_ptr<Block>>& ended_blocks() {
  static auto& value = *new std::vector<std::unique_ptr<Block>>;
  return value;
}

std::unique_ptr<Block> begin_block(Kernel& kernel, unsigned id) {
  LaunchShape const& shape = current_launch().shape;
  std::unique_ptr<Block> block;
  if (ended_blocks().empty()) {
    block = std::make_unique<Block>();
  } else {
    block = std::move(ended_blocks().back());
    ended_blocks().pop_back();
  }
  block->id = id;
  block->index[0] = id % shape.grid[0];
  block->index[1] = id / shape.grid[0] % shape.grid[1];
  block->index[2] = id / shape.grid[0] / shape.grid[1];
  block->threads = block->live_threads = static_cast<int>(shape.block[0] * shape.block[1] * shape.block[2]);
  std::size_t const bytes = kernel.static_shared_bytes + shape.dynamic_shared_bytes;
  Region& shared = block->shared;
  if (shared.size < bytes || shared.begin == 0) {
    block->shared_memory = std::make_unique<unsigned char[]>(bytes + 512);
    shared.begin = aligned_begin(block->shared_memory);
    shared.pages.clear();
  }
  shared.size = bytes;
  shared.is_shared = true;
  shared.stamp = new_stamp();
  shared.written.assign(bytes, 0);
  std::memset(reinterpret_cast<void*>(shared.begin), 0xff, bytes);
  block->barriers = {};
  block->epochs = {};
  block->warps.resize(static_cast<std::size_t>((block->threads + 31) / 32));
  for (std::size_t index = 0; index < block->warps.size(); ++index) {
    begin_warp(block->warps[index], *block, kernel, static_cast<int>(index));
  }
  return block;
}

// ------------------------------------------------------------------------------------------------------------ barriers

int threads_of_barrier(Block const& block, Barrier const& barrier) {
  return barrier.expected == 0 ? block.live_threads : barrier.expected;
}

/// What bar.red gives to the threads that wait there.
void set_reduction(Warp& warp, Instruction const& instruction, Lanes lanes, Barrier const& barrier) {
  if (instruction.combination == Combination::count) {
    auto const result = static_cast<std::size_t>(instruction.destinations[0]);
    for_each_lane(lanes,
                  [&](int lane) { warp.registers[result][lane] = static_cast<std::uint64_t>(barrier.true_values); });
    warp.defined[result] |= lanes;
  } else if (instruction.combination != Combination::none) {
    auto const result = static_cast<std::size_t>(instruction.predicate_destination);
    bool const is_true = instruction.combination == Combination::conjunction ? barrier.true_values == barrier.arrived
                                                                             : barrier.true_values > 0;
    warp.predicates[result] = is_true ? warp.predicates[result] | lanes : warp.predicates[result] & ~lanes;
    warp.defined_predicates[result] |= lanes;
  }
}

/// Lets the threads that wait at a barrier go on.
void release_barrier(Block& block, int number) {
  Barrier& barrier = block.barriers[static_cast<std::size_t>(number)];
  bool const is_for_all = barrier.arrived >= block.live_threads;
  if (config().keeps_timing) {
    time_block_barrier(block);
  }
  int position = -1;
  for (Warp& warp : block.warps) {
    for (Fragment& fragment : warp.fragments) {
      if (fragment.state != FragmentState::at_block_barrier || fragment.barrier != number) {
        continue;
      }
      warp.position = fragment.position;
      if (barrier.expected == 0 && position >= 0 && fragment.position != position) {
        report(Check::barrier, "threads of a block wait at different barriers, of which another is at PTX line " +
                                 std::to_string(warp.kernel->code[static_cast<std::size_t>(position)].line) +
                                 where(warp));
      }
      if (barrier.expected == 0 && position < 0 && block.live_threads < block.threads) {
        report(Check::barrier, std::to_string(block.threads - block.live_threads) +
                                 " threads of the block have ended without this barrier" + where(warp));
      }
      position = fragment.position;
      set_reduction(warp, warp.kernel->code[static_cast<std::size_t>(position)], fragment.lanes, barrier);
      fragment.state = FragmentState::running;
      ++fragment.position;
    }
  }
  barrier = {};
  if (is_for_all) {
    note_block_barrier(block);
  }
}

void release_complete_barriers(Block& block) {
  for (std::size_t number = 0; number < block.barriers.size(); ++number) {
    Barrier const& barrier = block.barriers[number];
    if (barrier.arrived > 0 && barrier.arrived >= threads_of_barrier(block, barrier)) {
      release_barrier(block, static_cast<int>(number));
    }
  }
}

// ------------------------------------------------------------------------------------------------------------ one warp

/// Runs a warp for a while.
class WarpRunner {
public:
  explicit WarpRunner(Warp& warp)
      : warp_(warp),
        block_(*warp.block),
        kernel_(*warp.kernel),
        launch_(current_launch()),
        order_(config().lanes),
        keeps_timing_(config().keeps_timing) {}

  /// At most this many instructions, or until all lanes wait or have ended.
  void run(int instructions) {
    while (instructions-- > 0 && !launch_.is_stopped && choose_fragment()) {
      step();
    }
  }

private:
  std::vector<Fragment>& fragments() { return warp_.fragments; }

  /// Sets current_ to a fragment that can run, together with all others that are at the same instruction. False if
  /// there is none.
  bool choose_fragment() {
    if (fragments().size() == 1) {
      current_ = 0;
      if (fragments()[0].state != FragmentState::running) {
        return false;
      }
    } else if (!choose_of_several()) {
      return false;
    }
    constexpr unsigned splits_one_in = 64;
    if (order_ == LaneOrder::random && launch_.random() % splits_one_in == 0) {
      Fragment& fragment = fragments()[current_];
      Lanes const part = fragment.lanes & static_cast<Lanes>(launch_.random());
      if (part != 0 && part != fragment.lanes) {
        fragment.lanes &= ~part;
        fragments().push_back({fragment.position, part});
      }
    }
    return true;
  }

  bool choose_of_several() {
    bool const stays = order_ == LaneOrder::random && turns_left_ > 0 && current_ < fragments().size() &&
                       fragments()[current_].state == FragmentState::running;
    if (!stays) {
      std::size_t best = fragments().size();
      std::size_t running = 0;
      for (std::size_t n = 0; n < fragments().size(); ++n) {
        if (fragments()[n].state != FragmentState::running) {
          continue;
        }
        ++running;
        bool const is_better = order_ == LaneOrder::random ? launch_.random() % running == 0
                                                           : best == fragments().size() ||
                                                               (order_ == LaneOrder::lowest) ==
                                                                 (fragments()[n].position < fragments()[best].position);
        best = is_better ? n : best;
      }
      if (best == fragments().size()) {
        return false;
      }
      current_ = best;
      if (order_ == LaneOrder::random) {
        turns_left_ = static_cast<int>(launch_.random() % 12);
      }
    }
    --turns_left_;
    for (std::size_t n = 0; n < fragments().size();) {
      if (n != current_ && fragments()[n].position == fragments()[current_].position &&
          fragments()[n].state != FragmentState::at_block_barrier) {
        fragments()[current_].lanes |= fragments()[n].lanes;
        fragments().erase(fragments().begin() + static_cast<std::ptrdiff_t>(n));
        current_ -= n < current_ ? 1 : 0;
      } else {
        ++n;
      }
    }
    return true;
  }

  /// Runs the instruction of the current fragment.
  void step() {
    Fragment& fragment = fragments()[current_];
    warp_.position = fragment.position;
    Instruction const& instruction = kernel_.code[static_cast<std::size_t>(fragment.position)];
    Lanes lanes = fragment.lanes;
    if (instruction.guard >= 0) {
      auto const guard = static_cast<std::size_t>(instruction.guard);
      if (launch_.checks_registers && (warp_.defined_predicates[guard] & lanes) != lanes) {
        report(Check::undefined_register, "undefined predicate guards an instruction" + where(warp_));
      }
      lanes &= instruction.guard_is_negated ? ~warp_.predicates[guard] : warp_.predicates[guard];
    }
    switch (instruction.kind) {
      case Kind::branch:
        branch(fragment, instruction, lanes);
        return;
      case Kind::exit:
        exit(fragment, lanes);
        return;
      case Kind::block_barrier:
      case Kind::warp_barrier:
      case Kind::warp_exchange:
        if (lanes == 0) {
          count(lanes);
          ++fragment.position;
          return;
        }
        leave_behind(lanes, fragment.position + 1);
        if (instruction.kind == Kind::block_barrier) {
          wait_for_block(instruction);
          return;
        }
        if (!are_all_there(instruction)) {
          return;
        }
        lanes = fragments()[current_].lanes;
        if (instruction.kind == Kind::warp_barrier) {
          pass_warp_barrier(instruction);
          return;
        }
        break;
      default:
        break;
    }
    count(lanes);
    if (lanes != 0) {
      if (keeps_timing_) {
        time_instruction(warp_, instruction);
      }
      execute(instruction, lanes);
    }
    ++fragments()[current_].position;
  }

  void count(Lanes lanes) {
    auto const position = static_cast<std::size_t>(warp_.position);
    ++kernel_.executed[position];
    kernel_.active_lanes[position] += static_cast<unsigned>(lane_count(lanes));
  }

  /// The lanes for which all that the instruction reads is defined
  Lanes defined_lanes(Instruction const& instruction, Lanes lanes) const {
    for (int n = 0; n < instruction.source_count; ++n) {
      lanes &= warp_.defined[static_cast<std::size_t>(instruction.sources[n])];
    }
    for (int n = 0; n < instruction.predicate_source_count; ++n) {
      lanes &= warp_.defined_predicates[static_cast<std::size_t>(instruction.predicate_sources[n])];
    }
    return lanes;
  }

  void check_operands(Instruction const& instruction, Lanes lanes) const {
    if (launch_.checks_registers && defined_lanes(instruction, lanes) != lanes) {
      report(Check::undefined_register, "undefined operand" + where(warp_));
    }
  }

  void execute(Instruction const& instruction, Lanes lanes) {
    if (instruction.kind == Kind::fence) {
      if (launch_.keeps_histories && instruction.mode == 1) {
        note_fence(warp_, lanes);
      }
      return;
    }
    Lanes const defined = defined_lanes(instruction, lanes);
    if (defined != lanes && !instruction.passes_undefined && launch_.checks_registers) {
      report(Check::undefined_register, "undefined operand" + where(warp_));
    }
    instruction.run(warp_, instruction, lanes);
    if (instruction.kind != Kind::load) {  // or load_from_memory() has done it
      for (int n = 0; n < instruction.destination_count; ++n) {
        Lanes& destination = warp_.defined[static_cast<std::size_t>(instruction.destinations[n])];
        destination = (destination & ~lanes) | (instruction.passes_undefined ? defined : lanes);
      }
    }
    if (instruction.predicate_destination >= 0) {
      warp_.defined_predicates[static_cast<std::size_t>(instruction.predicate_destination)] |= lanes;
    }
    if (instruction.complement_destination >= 0) {
      warp_.defined_predicates[static_cast<std::size_t>(instruction.complement_destination)] |= lanes;
    }
  }

  void branch(Fragment& fragment, Instruction const& instruction, Lanes lanes) {
    count(fragment.lanes);
    if (keeps_timing_) {
      time_instruction(warp_, instruction);
    }
    if (lanes == 0) {
      ++fragment.position;
      return;
    }
    Lanes const others = fragment.lanes & ~lanes;
    int const next = fragment.position + 1;
    fragment.lanes = lanes;
    fragment.position = instruction.target;
    if (others != 0) {
      fragments().push_back({next, others});
    }
  }

  void exit(Fragment& fragment, Lanes lanes) {
    count(fragment.lanes);
    if (lanes == 0) {
      ++fragment.position;
      return;
    }
    block_.live_threads -= lane_count(lanes);
    warp_.exited |= lanes;
    if (lanes == fragment.lanes) {
      fragments().erase(fragments().begin() + static_cast<std::ptrdiff_t>(current_));
    } else {
      fragment.lanes &= ~lanes;
      ++fragment.position;
    }
    turns_left_ = 0;
    wake_lanes();
    if (block_.live_threads > 0) {
      release_complete_barriers(block_);
    }
  }

  /// Those that wait for lanes of their warp must look again.
  void wake_lanes() {
    for (Fragment& fragment : fragments()) {
      if (fragment.state == FragmentState::at_warp_operation) {
        fragment.state = FragmentState::running;
      }
    }
  }

  /// Makes these lanes the current fragment; the others get one of their own at another position.
  void leave_behind(Lanes lanes, int position_of_others) {
    Fragment& fragment = fragments()[current_];
    Lanes const others = fragment.lanes & ~lanes;
    if (others != 0) {
      fragment.lanes = lanes;
      fragments().push_back({position_of_others, others});
    }
  }

  void wait_for_block(Instruction const& instruction) {
    Fragment& fragment = fragments()[current_];
    Lanes const lanes = fragment.lanes;
    int const first = __builtin_ctz(lanes);
    count(lanes);
    check_operands(instruction, lanes);
    if (keeps_timing_) {
      time_instruction(warp_, instruction);
    }
    auto const number = static_cast<std::uint32_t>(warp_.registers[instruction.sources[0]][first]);
    if (number >= block_.barriers.size()) {
      throw std::runtime_error("there is no barrier " + std::to_string(number) + where(warp_));
    }
    Barrier& barrier = block_.barriers[number];
    barrier.arrived += lane_count(lanes);
    if (instruction.source_count > 1) {
      barrier.expected = static_cast<int>(warp_.registers[instruction.sources[1]][first]);
    }
    if (instruction.predicate_source_count > 0) {
      Lanes const values = warp_.predicates[static_cast<std::size_t>(instruction.predicate_sources[0])];
      barrier.true_values += lane_count((instruction.combined_is_negated ? ~values : values) & lanes);
    }
    bool const only_arrives = instruction.mode == 1;
    if (only_arrives) {
      ++fragment.position;
    } else {
      fragment.state = FragmentState::at_block_barrier;
      fragment.barrier = static_cast<int>(number);
      turns_left_ = 0;
    }
    if (barrier.arrived >= threads_of_barrier(block_, barrier)) {
      release_barrier(block_, static_cast<int>(number));
    }
  }

  Lanes mask_of(Instruction const& instruction, int lane) const {
    return static_cast<Lanes>(warp_.registers[instruction.sources[instruction.source_count - 1]][lane]);
  }

  /// Whether all lanes of a mask are at this operation of the warp. If so, they become the current fragment; if not,
  /// the fragment waits. Lanes that have ended are not waited for. Halves of a warp may each have a mask of their own.
  bool are_all_there(Instruction const& instruction) {
    Lanes const lanes = fragments()[current_].lanes;
    for (Lanes left = lanes; left != 0;) {
      Lanes const mask = mask_of(instruction, __builtin_ctz(left));
      Lanes with_mask = 0;
      for_each_lane(left, [&](int lane) { with_mask |= Lanes{mask_of(instruction, lane) == mask} << lane; });
      left &= ~with_mask;
      Lanes const wanted = mask & ~warp_.exited & warp_.all;
      if ((with_mask & wanted) == wanted) {
        if ((with_mask & ~mask) != 0) {
          report(instruction.kind == Kind::warp_barrier ? Check::barrier : Check::shuffle,
                 "lane " + std::to_string(__builtin_ctz(with_mask & ~mask)) + " is not in its own mask" + where(warp_));
        }
        leave_behind(with_mask, fragments()[current_].position);
        return true;
      }
    }
    fragments()[current_].state = FragmentState::at_warp_operation;
    turns_left_ = 0;
    return false;
  }

  void pass_warp_barrier(Instruction const& instruction) {
    Lanes const lanes = fragments()[current_].lanes;
    count(lanes);
    check_operands(instruction, lanes);
    if (keeps_timing_) {
      time_instruction(warp_, instruction);
      time_warp_barrier(warp_);
    }
    note_warp_barrier(warp_, lanes);
    ++fragments()[current_].position;
  }

  Warp& warp_;
  Block& block_;
  Kernel& kernel_;
  Launch& launch_;
  LaneOrder const order_;
  bool const keeps_timing_;
  std::size_t current_ = 0;
  int turns_left_ = 0;
};

// ---------------------------------------------------------------------------------------------------------- the launch

bool can_go_on(Block const& block) {
  return std::any_of(block.warps.begin(), block.warps.end(), [](Warp const& warp) {
    return std::any_of(warp.fragments.begin(), warp.fragments.end(),
                       [](Fragment const& fragment) { return fragment.state == FragmentState::running; });
  });
}

void report_deadlock(Block& block) {
  for (Warp& warp : block.warps) {
    for (Fragment const& fragment : warp.fragments) {
      warp.position = fragment.position;
      char lanes[16];
      std::snprintf(lanes, sizeof lanes, "0x%08x", fragment.lanes);
      bool const is_at_barrier = fragment.state == FragmentState::at_block_barrier;
      report(Check::deadlock, std::string("no thread of the block can go on; lanes ") + lanes + " wait for " +
                                (is_at_barrier ? "the block" : "other lanes") + where(warp));
    }
  }
}

/// Lets the block run for a while, in the order of the schedule.
void run_block(Block& block) {
  std::mt19937_64& random = current_launch().random;
  auto const random_warp = [&]() -> Warp& { return block.warps[random() % block.warps.size()]; };
  auto const some_instructions = [&] { return 1 + static_cast<int>(random() % random_turn); };
  std::size_t const warps = block.warps.size();
  switch (config().blocks) {
    case BlockOrder::forward:
      for (std::size_t n = 0; n < warps; ++n) {
        WarpRunner(block.warps[n]).run(long_turn);
      }
      break;
    case BlockOrder::reverse:
      for (std::size_t n = warps; n-- > 0;) {
        WarpRunner(block.warps[n]).run(long_turn);
      }
      break;
    case BlockOrder::random:
      for (std::size_t n = 0; n < warps; ++n) {
        WarpRunner(random_warp()).run(some_instructions());
      }
      break;
    case BlockOrder::interleaved:
      for (auto turns = random() % 40 + 1; turns > 0 && !block.is_done(); --turns) {
        WarpRunner(random_warp()).run(some_instructions());
      }
      break;
  }
}

void run_blocks(Kernel& kernel) {
  Launch& launch = current_launch();
  LaunchShape const& shape = launch.shape;
  std::vector<unsigned> order(std::size_t{shape.grid[0]} * shape.grid[1] * shape.grid[2]);
  for (std::size_t n = 0; n < order.size(); ++n) {
    order[n] = static_cast<unsigned>(n);
  }
  bool const is_interleaved = config().blocks == BlockOrder::interleaved;
  if (config().blocks == BlockOrder::reverse) {
    std::reverse(order.begin(), order.end());
  } else if (config().blocks != BlockOrder::forward) {
    std::shuffle(order.begin(), order.end(), launch.random);
  }
  std::size_t const most = is_interleaved ? most_resident : 1;
  std::vector<std::unique_ptr<Block>> resident;
  for (std::size_t next = 0; !launch.is_stopped && (next < order.size() || !resident.empty());) {
    while (resident.size() < most && next < order.size()) {
      resident.push_back(begin_block(kernel, order[next++]));
    }
    std::size_t const chosen = is_interleaved ? launch.random() % resident.size() : 0;
    Block& block = *resident[chosen];
    run_block(block);
    if (block.is_done()) {
      if (config().keeps_timing) {
        keep_timing(block);
      }
      ended_blocks().push_back(std::move(resident[chosen]));
      resident.erase(resident.begin() + static_cast<std::ptrdiff_t>(chosen));
    } else if (!launch.is_stopped && !can_go_on(block)) {
      report_deadlock(block);
      launch.is_stopped = true;
    }
  }
}

/// What a device would say to the launch; empty: nothing.
std::string launch_problem(Kernel const& kernel, LaunchShape const& shape) {
  constexpr std::uint64_t most_threads = 1024, most_blocks_x = 0x7fffffff, most_blocks = 65535;
  std::uint64_t const threads = std::uint64_t{shape.block[0]} * shape.block[1] * shape.block[2];
  std::size_t const shared = kernel.static_shared_bytes + shape.dynamic_shared_bytes;
  auto const text = [](std::uint64_t value) { return std::to_string(value); };
  if (threads == 0 || shape.grid[0] == 0 || shape.grid[1] == 0 || shape.grid[2] == 0) {
    return "no threads or blocks";
  }
  if (threads > most_threads || shape.block[2] > 64) {
    return text(threads) + " threads in a block";
  }
  if (shape.grid[0] > most_blocks_x || shape.grid[1] > most_blocks || shape.grid[2] > most_blocks) {
    return "too many blocks";
  }
  if (kernel.most_threads > 0 && threads > static_cast<std::uint64_t>(kernel.most_threads)) {
    return text(threads) + " threads in a block, of which the kernel allows " + std::to_string(kernel.most_threads);
  }
  if (kernel.required_threads > 0 && threads != static_cast<std::uint64_t>(kernel.required_threads)) {
    return text(threads) + " threads in a block, not the " + std::to_string(kernel.required_threads) +
           " that the kernel asks for";
  }
  if (shared > config().shared_memory_bytes) {
    return text(shared) + " bytes of shared memory";
  }
  return "";
}

unsigned launches_of_schedule = 0;

}  // namespace

void restart_schedule() { launches_of_schedule = 0; }

bool run_kernel(Kernel& kernel, LaunchShape const& shape, void const* argument) {
  std::size_t const reports_before = report_count();
  Launch& launch = current_launch();
  launch = Launch{};
  launch.shape = shape;
  launch.number = new_stamp();
  constexpr unsigned some_prime = 7919;
  launch.random.seed(std::uint64_t{config().seed} * some_prime + ++launches_of_schedule);
  launch.checks_registers = config().is_on(Check::undefined_register);
  launch.checks_written = config().is_on(Check::uninitialized_memory);
  launch.keeps_histories =
    config().is_on(Check::race) || config().is_on(Check::read_only_load) || config().is_on(Check::stale_load);
  launch.parameter_memory.assign(kernel.parameter_bytes + 512, 0);
  launch.parameters.begin = aligned_begin(launch.parameter_memory);
  launch.parameters.size = kernel.parameter_bytes;
  launch.parameters.written.assign(kernel.parameter_bytes, 1);
  if (kernel.parameter_bytes > 0) {
    std::memcpy(reinterpret_cast<void*>(launch.parameters.begin), argument, kernel.parameter_bytes);
  }
  if (config().keeps_timing) {
    forget_timing();
  }
  std::string const problem = launch_problem(kernel, shape);
  if (!problem.empty()) {
    report(Check::launch, problem + " [" + kernel.name + "]");
    if (config().is_on(Check::launch)) {
      return false;
    }
  }
  run_blocks(kernel);
  return report_count() == reports_before && !launch.is_stopped;
}

}  // namespace ptx
