// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <stdexcept>

#include "machine.hpp"

namespace ptx {

Launch launch_in_progress;

std::string where(Warp const& warp) {
  Instruction const& instruction = warp.kernel->code[warp.position];
  std::string const places = describe(warp.kernel->places_of(instruction));
  return " [" + warp.kernel->name + ", PTX line " + std::to_string(instruction.line) + " " +
         std::string(instruction.opcode) + ", block " + std::to_string(warp.block->id) + " warp " +
         std::to_string(warp.index) + (places.empty() ? "" : " " + places) + "]";
}

namespace {

/// A number for a launch, or for a block's shared memory.
unsigned new_stamp() {
  static unsigned stamp = 0;
  return ++stamp;
}

// --------------------------------------------------------------------------------------------------------------- begin

void begin_warp(Warp& warp, Block& block, Kernel& kernel, int index) {
  constexpr Lanes undefined = 0xa5a5a5a5;
  warp.block = &block;
  warp.kernel = &kernel;
  warp.index = index;
  warp.registers.resize(std::max<std::size_t>(warp.registers.size(), kernel.register_count));
  for (Register& one : warp.registers) {
    one.defined = 0;  // its values are what an earlier block left there
  }
  warp.predicates.assign(kernel.predicate_count, {undefined, 0});
  for (auto const& [number, value] : kernel.constants) {
    std::fill_n(warp.registers[number].values, 32, value);
    warp.registers[number].defined = all_lanes;
  }
  for (auto const& [number, value] : kernel.constant_predicates) {
    warp.predicates[number] = {value ? all_lanes : 0, all_lanes};
  }
  for (auto const& [number, value_of] : kernel.special_registers) {
    for (int lane = 0; lane < 32; ++lane) {
      warp.registers[number].values[lane] = value_of(block, static_cast<unsigned>(warp.thread(lane)));
    }
    warp.registers[number].defined = all_lanes;
  }
  int const left = block.threads - index * 32;
  warp.all = left >= 32 ? all_lanes : (Lanes{1} << left) - 1;
  warp.exited = 0;
  warp.fragments = {{0, warp.all}};
  warp.last_region = nullptr;
  warp.epochs = {};
  if (config().keeps_timing) {
    start_clocks(warp);
  }
}

/// Of a buffer that is 512 bytes larger than what it is to hold
std::uint64_t aligned_begin(unsigned char const* buffer) {
  return (reinterpret_cast<std::uint64_t>(buffer) + 255) / 256 * 256;
}

/// Blocks that have ended, whose memory the next ones use.
std::vector<std::unique_ptr<Block>>& ended_blocks() {
  static auto& value = *new std::vector<std::unique_ptr<Block>>;
  return value;
}

void begin_shared_memory(Block& block, std::size_t bytes) {
  Region& shared = block.shared;
  if (shared.size < bytes || shared.begin == 0) {
    block.shared_memory = std::make_unique<unsigned char[]>(bytes + 512);
    shared.begin = aligned_begin(block.shared_memory.get());
    shared.pages.clear();
  }
  shared.size = bytes;
  shared.is_shared = true;
  shared.stamp = new_stamp();
  shared.written.assign(bytes, 0);
  std::memset(reinterpret_cast<void*>(shared.begin), 0xff, bytes);
}

std::unique_ptr<Block> begin_block(Kernel& kernel, unsigned id) {
  LaunchShape const& shape = current_launch().shape;
  if (ended_blocks().empty()) {
    ended_blocks().push_back(std::make_unique<Block>());
  }
  std::unique_ptr<Block> block = std::move(ended_blocks().back());
  ended_blocks().pop_back();
  block->id = id;
  block->index[0] = id % shape.grid[0];
  block->index[1] = id / shape.grid[0] % shape.grid[1];
  block->index[2] = id / shape.grid[0] / shape.grid[1];
  block->threads = block->live_threads = static_cast<int>(shape.block[0] * shape.block[1] * shape.block[2]);
  begin_shared_memory(*block, kernel.static_shared_bytes + shape.dynamic_shared_bytes);
  block->barriers = {};
  block->epochs = {};
  block->warps.resize(static_cast<std::size_t>((block->threads + 31) / 32));
  int index = 0;
  for (Warp& warp : block->warps) {
    begin_warp(warp, *block, kernel, index++);
  }
  return block;
}

// ------------------------------------------------------------------------------------------------------------ barriers

bool is_complete(Block const& block, Barrier const& barrier) {
  return barrier.arrived > 0 && barrier.arrived >= (barrier.expected == 0 ? block.live_threads : barrier.expected);
}

/// What bar.red gives to the threads that wait there.
void set_reduction(Warp& warp, Instruction const& instruction, Lanes lanes, Barrier const& barrier) {
  for (Index const number : instruction.destinations) {
    Register& result = warp.registers[number];
    for_each_lane(lanes, [&](int lane) { result.values[lane] = static_cast<std::uint64_t>(barrier.true_values); });
    result.defined |= lanes;
  }
  for (Index const number : instruction.predicate_destinations) {
    bool const is_true = instruction.combination == Combination::conjunction ? barrier.true_values == barrier.arrived
                                                                             : barrier.true_values > 0;
    warp.predicates[number].set(lanes, is_true ? all_lanes : 0);
    warp.predicates[number].defined |= lanes;
  }
}

/// Reports threads that are at another bar.sync than `first`, or none any more.
void check_barrier(Warp const& warp, Fragment const& fragment, Fragment const* first) {
  Block const& block = *warp.block;
  if (first == nullptr && block.live_threads < block.threads) {
    report(Check::barrier, std::to_string(block.threads - block.live_threads) +
                             " threads of the block have ended without this barrier" + where(warp));
  }
  if (first != nullptr && fragment.position != first->position) {
    report(Check::barrier, "threads of a block wait at different barriers, of which another is at PTX line " +
                             std::to_string(warp.kernel->code[first->position].line) + where(warp));
  }
}

/// Lets the threads that wait at a barrier go on.
void release_barrier(Block& block, std::size_t number) {
  Barrier& barrier = block.barriers[number];
  bool const is_for_all = barrier.arrived >= block.live_threads;
  if (config().keeps_timing) {
    time_block_barrier(block);
  }
  std::optional<Fragment> last;
  for (Warp& warp : block.warps) {
    for (Fragment& fragment : warp.fragments) {
      if (fragment.state != FragmentState::at_block_barrier || fragment.barrier != number) {
        continue;
      }
      warp.position = fragment.position;
      if (barrier.expected == 0) {
        check_barrier(warp, fragment, last ? &*last : nullptr);
      }
      last = fragment;
      set_reduction(warp, warp.kernel->code[fragment.position], fragment.lanes, barrier);
      fragment.state = FragmentState::running;
      ++fragment.position;
    }
  }
  barrier = {};
  if (is_for_all) {
    note_block_barrier(block);
  }
}

// ------------------------------------------------------------------------------------------------------------ one warp

/// Runs a warp for a while.
class WarpRunner {
public:
  explicit WarpRunner(Warp& warp)
      : warp_(warp),
        block_(*warp.block),
        fragments_(warp.fragments),
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
  Fragment& current() { return fragments_[current_]; }

  bool is_running(std::size_t n) const {
    return n < fragments_.size() && fragments_[n].state == FragmentState::running;
  }

  /// Sets current_ to a fragment that can run, together with all others that are at the same instruction. False if
  /// there is none.
  bool choose_fragment() {
    if (fragments_.size() == 1) {
      current_ = 0;
    } else {
      choose_of_several();
    }
    if (!is_running(current_)) {
      return false;
    }
    constexpr unsigned splits_one_in = 64;
    if (order_ == LaneOrder::random && launch_.random() % splits_one_in == 0) {
      leave_behind(current().lanes & ~static_cast<Lanes>(launch_.random()), current().position);
    }
    return true;
  }

  void choose_of_several() {
    bool const stays = order_ == LaneOrder::random && turns_left_ > 0 && is_running(current_);
    if (!stays) {
      current_ = best_fragment();
      turns_left_ = order_ == LaneOrder::random ? static_cast<int>(launch_.random() % 12) : 0;
    }
    --turns_left_;
    for (std::size_t n = 0; current_ < fragments_.size() && n < fragments_.size();) {
      if (n != current_ && fragments_[n].position == current().position &&
          fragments_[n].state != FragmentState::at_block_barrier) {
        current().lanes |= fragments_[n].lanes;
        erase(n);
        current_ -= n < current_ ? 1 : 0;
      } else {
        ++n;
      }
    }
  }

  /// The running one that the order prefers; the number of fragments if none runs
  std::size_t best_fragment() {
    std::size_t best = fragments_.size();
    unsigned running = 0;
    for (std::size_t n = 0; n < fragments_.size(); ++n) {
      if (is_running(n)) {
        bool const is_lower = ++running > 1 && fragments_[n].position < fragments_[best].position;
        bool const is_better = order_ == LaneOrder::random ? launch_.random() % running == 0
                                                           : running == 1 || is_lower == (order_ == LaneOrder::lowest);
        best = is_better ? n : best;
      }
    }
    return best;
  }

  void erase(std::size_t n) { fragments_.erase(fragments_.begin() + static_cast<std::ptrdiff_t>(n)); }

  /// Makes these lanes the current fragment, if there are any; the others get one of their own at another position.
  void leave_behind(Lanes lanes, std::size_t position_of_others) {
    Lanes const others = current().lanes & ~lanes;
    if (lanes != 0 && others != 0) {
      current().lanes &= lanes;
      fragments_.push_back({position_of_others, others});
    }
  }

  /// Runs the instruction of the current fragment.
  void step() {
    warp_.position = current().position;
    Instruction const& instruction = warp_.kernel->code[warp_.position];
    Kind const kind = instruction.kind;
    Lanes const lanes = guarded_lanes(instruction);
    bool const meets_others = kind == Kind::block_barrier || kind == Kind::warp_barrier || kind == Kind::warp_exchange;
    if (kind == Kind::branch) {
      branch(instruction, lanes);
    } else if (kind == Kind::exit) {
      exit(instruction, lanes);
    } else if (lanes == 0 || !meets_others) {
      execute(instruction, lanes);
    } else {
      leave_behind(lanes, current().position + 1);
      if (kind == Kind::block_barrier) {
        wait_for_block(instruction);
      } else if (are_all_there(instruction)) {
        execute(instruction, current().lanes);
      }
    }
  }

  Lanes guarded_lanes(Instruction const& instruction) {
    Lanes const lanes = current().lanes;
    if (instruction.guard == none) {
      return lanes;
    }
    Predicate const& guard = warp_.predicates[instruction.guard];
    if (launch_.checks_registers && (guard.defined & lanes) != lanes) {
      report(Check::undefined_register, "undefined predicate guards an instruction" + where(warp_));
    }
    return lanes & (instruction.guard_is_negated ? ~guard.values : guard.values);
  }

  void count(Instruction const& instruction, bool is_timed) {
    ++warp_.kernel->executed[warp_.position];
    if (is_timed && keeps_timing_) {
      time_instruction(warp_, instruction);
    }
  }

  /// The lanes for which all that the instruction reads is defined
  Lanes check_operands(Instruction const& instruction, Lanes lanes) const {
    Lanes defined = lanes;
    for (Index const source : instruction.sources) {
      defined &= warp_.registers[source].defined;
    }
    for (Index const source : instruction.predicate_sources) {
      defined &= warp_.predicates[source].defined;
    }
    if (defined != lanes && !instruction.passes_undefined && launch_.checks_registers) {
      report(Check::undefined_register, "undefined operand" + where(warp_));
    }
    return defined;
  }

  void execute(Instruction const& instruction, Lanes lanes) {
    count(instruction, lanes != 0);
    ++current().position;
    if (lanes == 0) {
      return;
    }
    Lanes const defined = check_operands(instruction, lanes);
    if (instruction.kind == Kind::fence) {
      if (launch_.keeps_histories && instruction.mode == 1) {
        note_fence(warp_, lanes);
      }
    } else if (instruction.kind == Kind::warp_barrier) {
      note_warp_barrier(warp_, lanes);
      if (keeps_timing_) {
        time_warp_barrier(warp_);
      }
    } else {
      instruction.run(warp_, instruction, lanes);
    }
    if (instruction.kind != Kind::load) {  // which has done it
      for (Index const number : instruction.destinations) {
        Lanes& destination = warp_.registers[number].defined;
        destination = (destination & ~lanes) | (instruction.passes_undefined ? defined : lanes);
      }
    }
    for (Index const number : instruction.predicate_destinations) {
      warp_.predicates[number].defined |= lanes;
    }
  }

  void branch(Instruction const& instruction, Lanes lanes) {
    count(instruction, true);
    leave_behind(lanes, current().position + 1);
    current().position = lanes != 0 ? instruction.target : current().position + 1;
  }

  void exit(Instruction const& instruction, Lanes lanes) {
    count(instruction, false);
    block_.live_threads -= lane_count(lanes);
    warp_.exited |= lanes;
    current().lanes &= ~lanes;
    ++current().position;
    if (current().lanes == 0) {
      erase(current_);
    }
    if (lanes == 0) {
      return;
    }
    turns_left_ = 0;
    for (Fragment& fragment : fragments_) {  // those that wait for lanes of their warp must look again
      bool const waits_for_lanes = fragment.state == FragmentState::at_warp_operation;
      fragment.state = waits_for_lanes ? FragmentState::running : fragment.state;
    }
    for (std::size_t number = 0; block_.live_threads > 0 && number < block_.barriers.size(); ++number) {
      if (is_complete(block_, block_.barriers[number])) {
        release_barrier(block_, number);
      }
    }
  }

  void wait_for_block(Instruction const& instruction) {
    Fragment& fragment = current();
    Lanes const lanes = fragment.lanes;
    int const first = __builtin_ctz(lanes);
    count(instruction, true);
    check_operands(instruction, lanes);
    std::size_t const number = static_cast<std::uint32_t>(warp_.registers[instruction.sources[0]].values[first]);
    if (number >= block_.barriers.size()) {
      throw std::runtime_error("there is no barrier " + std::to_string(number) + where(warp_));
    }
    Barrier& barrier = block_.barriers[number];
    barrier.arrived += lane_count(lanes);
    if (instruction.sources.count > 1) {
      barrier.expected = static_cast<int>(warp_.registers[instruction.sources[1]].values[first]);
    }
    if (instruction.predicate_sources.count > 0) {
      barrier.true_values += lane_count(warp_.predicate_source(instruction) & lanes);
    }
    bool const only_arrives = instruction.mode == 1;
    if (only_arrives) {
      ++fragment.position;
    } else {
      fragment.state = FragmentState::at_block_barrier;
      fragment.barrier = number;
      turns_left_ = 0;
    }
    if (is_complete(block_, barrier)) {
      release_barrier(block_, number);
    }
  }

  Lanes mask_of(Instruction const& instruction, int lane) const {
    return static_cast<Lanes>(warp_.registers[instruction.sources[instruction.sources.count - 1]].values[lane]);
  }

  /// Whether all lanes of a mask are at this operation of the warp. If so, they become the current fragment; if not,
  /// the fragment waits. Lanes that have ended are not waited for. Halves of a warp may each have a mask of their own.
  bool are_all_there(Instruction const& instruction) {
    for (Lanes left = current().lanes; left != 0;) {
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
        leave_behind(with_mask, current().position);
        return true;
      }
    }
    current().state = FragmentState::at_warp_operation;
    turns_left_ = 0;
    return false;
  }

  Warp& warp_;
  Block& block_;
  std::vector<Fragment>& fragments_;
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
  constexpr int random_turn = 200;    // most instructions of a warp's turn in a random schedule
  constexpr int long_turn = 1 << 22;  // in others; so that a warp that waits for another in a loop lets it run
  std::mt19937_64& random = current_launch().random;
  std::size_t const warps = block.warps.size();
  BlockOrder const order = config().blocks;
  if (order == BlockOrder::forward || order == BlockOrder::reverse) {
    for (std::size_t n = 0; n < warps; ++n) {
      WarpRunner(block.warps[order == BlockOrder::forward ? n : warps - 1 - n]).run(long_turn);
    }
    return;
  }
  for (auto turns = order == BlockOrder::random ? warps : random() % 40 + 1; turns > 0 && !block.is_done(); --turns) {
    Warp& warp = block.warps[random() % warps];
    WarpRunner(warp).run(1 + static_cast<int>(random() % random_turn));
  }
}

std::vector<unsigned> order_of_blocks() {
  LaunchShape const& shape = current_launch().shape;
  std::vector<unsigned> order(std::size_t{shape.grid[0]} * shape.grid[1] * shape.grid[2]);
  std::iota(order.begin(), order.end(), 0U);
  if (config().blocks == BlockOrder::reverse) {
    std::reverse(order.begin(), order.end());
  } else if (config().blocks != BlockOrder::forward) {
    std::shuffle(order.begin(), order.end(), current_launch().random);
  }
  return order;
}

void run_blocks(Kernel& kernel) {
  Launch& launch = current_launch();
  bool const is_interleaved = config().blocks == BlockOrder::interleaved;
  std::size_t const most = is_interleaved ? 16 : 1;
  std::vector<unsigned> const order = order_of_blocks();
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

/// Whether a device would take the launch
bool is_possible(Kernel const& kernel, LaunchShape const& shape) {
  std::uint64_t const threads = std::uint64_t{shape.block[0]} * shape.block[1] * shape.block[2];
  bool const has_blocks = shape.grid[0] > 0 && shape.grid[1] > 0 && shape.grid[2] > 0;
  return threads > 0 && threads <= 1024 && shape.block[2] <= 64 && has_blocks && shape.grid[0] <= 0x7fffffff &&
         shape.grid[1] <= 65535 && shape.grid[2] <= 65535 &&
         (kernel.most_threads == 0 || threads <= kernel.most_threads) &&
         (kernel.required_threads == 0 || threads == kernel.required_threads) &&
         kernel.static_shared_bytes + shape.dynamic_shared_bytes <= config().shared_memory_bytes;
}

std::string describe(LaunchShape const& shape) {
  std::string text = "no device launches";
  for (unsigned const number :
       {shape.grid[0], shape.grid[1], shape.grid[2], shape.block[0], shape.block[1], shape.block[2]}) {
    text += " " + std::to_string(number);
  }
  return text + " (grid, block) with " + std::to_string(shape.dynamic_shared_bytes) + " bytes of dynamic shared memory";
}

unsigned launches_of_schedule = 0;

void begin_launch(Kernel const& kernel, LaunchShape const& shape, void const* argument) {
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
  launch.parameters.begin = aligned_begin(launch.parameter_memory.data());
  launch.parameters.size = kernel.parameter_bytes;
  launch.parameters.written.assign(kernel.parameter_bytes, 1);
  if (kernel.parameter_bytes > 0) {
    std::memcpy(reinterpret_cast<void*>(launch.parameters.begin), argument, kernel.parameter_bytes);
  }
  if (config().keeps_timing) {
    forget_timing();
  }
}

}  // namespace

void restart_schedule() { launches_of_schedule = 0; }

bool run_kernel(Kernel& kernel, LaunchShape const& shape, void const* argument) {
  std::size_t const reports_before = report_count();
  begin_launch(kernel, shape, argument);
  bool const is_possible_launch = is_possible(kernel, shape);
  if (!is_possible_launch) {
    report(Check::launch, describe(shape) + " [" + kernel.name + "]");
  }
  if (is_possible_launch || !config().is_on(Check::launch)) {
    run_blocks(kernel);
  }
  return report_count() == reports_before && !current_launch().is_stopped;
}

}  // namespace ptx
