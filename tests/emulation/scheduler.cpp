// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Runs a kernel: every thread of a block is a fiber, and a few blocks are resident at a time. This file is compiled
/// without sanitizers. What threads of the kernel execute here uses no malloc, and standard containers only of types of
/// this file: the code of others may be shared with the sanitized rest of the program, and be taken for the kernel's.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <iterator>
#include <string>
#include <sys/mman.h>
#include <utility>
#include <vector>

#include "control.hpp"
#include "fiber.hpp"
#include "run_kernel.hpp"
#include "sanitizers.hpp"
#include "scheduler.hpp"
#include "shared_arena.hpp"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace scc_emulation {
namespace {

constexpr unsigned warp_size = 32;
constexpr unsigned max_threads = 1024;  // of a block
constexpr unsigned max_warps = max_threads / warp_size;
constexpr std::size_t stack_bytes = 128 * 1024;
constexpr std::size_t guard_bytes = 4096;  // below each stack; touching them is a segmentation fault

enum class State { can_run, at_block_barrier, in_warp_operation, returned };
enum class WarpOperation { barrier, ballot, shuffle };

/// The atomic variables that a thread has read, which its next fence orders it after.
class ReadAtomics {
public:
  void clear() { count_ = 0; }

  void add(void const* address) {
    for (int i = 0; i < count_; ++i) {
      if (addresses_[i] == address) {
        return;
      }
    }
    if (count_ < capacity_) {  // one too many is not ordered, which at worst reports a race that is none
      addresses_[count_++] = address;
    }
  }

  void acquire_all() const {
    for (int i = 0; i < count_; ++i) {
      acquire(const_cast<void*>(addresses_[i]));
    }
  }

private:
  static constexpr int capacity_ = 32;
  void const* addresses_[capacity_];
  int count_ = 0;
};

struct Block;

struct Thread {
  Fiber fiber;
  Block* block = nullptr;
  unsigned index = 0;  // in its block
  uint3 thread_idx = {};
  State state = State::returned;
  Site site = {};             // of what it waits for
  WarpOperation operation{};  // likewise
  unsigned mask = 0;          // likewise
  std::uint64_t result = 0;   // of its last warp operation
  bool has_fenced = false;
  ReadAtomics read_atomics;
};

/// A warp operation that some lanes have come to and others have not.
struct Meeting {
  unsigned mask = 0;
  unsigned arrived = 0;
  WarpOperation operation{};
  Site site = {};
  char* token = nullptr;
  std::uint64_t values[warp_size];
  unsigned char sources[warp_size];
};

/// A resident block. Its memory is kept for the next.
struct Block {
  uint3 block_idx = {};
  unsigned thread_count = 0;
  unsigned unfinished = 0;
  unsigned at_barrier = 0;
  Site barrier_site = {};
  SharedArena shared;
  std::vector<Thread> threads = std::vector<Thread>(max_threads);
  // A meeting is kept with the lane that came first. Lanes of a warp may wait in some with different masks.
  std::vector<Meeting> meetings = std::vector<Meeting>(max_threads);
  unsigned first_lanes[max_warps] = {};  // of the meetings that there are, as bits

  // Addresses that stand for barriers in what ThreadSanitizer is told. Successive barriers have different ones, or a
  // thread that is slow to leave would be ordered after what a quick one did before its next barrier.
  static constexpr unsigned tokens_per_warp = 4;
  unsigned barriers = 0;
  unsigned meetings_begun[max_warps] = {};

  char* barrier_token() { return shared.token(barriers % 2); }
  char* warp_token(unsigned warp) {
    return shared.token(2 + tokens_per_warp * warp + meetings_begun[warp]++ % tokens_per_warp);
  }
};

/// A small generator (xorshift64*): the same seed gives the same schedule everywhere.
class Random {
public:
  void seed(unsigned value) { state_ = 0x9E3779B97F4A7C15u * (value + std::uint64_t{1}); }

  /// In [0, bound).
  std::size_t below(std::size_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ * 0x2545F4914F6CDD1Du >> 32) * bound >> 32;
  }

private:
  std::uint64_t state_ = 1;
};

/// The threads that can run and do not. First in, first out, unless the order is random.
class ReadyThreads {
public:
  /// For up to `capacity` threads.
  void clear(std::size_t capacity) {
    std::size_t size = 1;
    while (size < capacity) {
      size *= 2;
    }
    ring_.assign(size, nullptr);
    last_ = size - 1;
    begin_ = count_ = 0;
  }

  void push(Thread& thread) {
    thread.state = State::can_run;
    ring_[(begin_ + count_++) & last_] = &thread;
  }

  /// Null if there is none.
  Thread* pop(Random* random) {
    if (count_ == 0) {
      return nullptr;
    }
    if (random != nullptr) {
      std::swap(ring_[begin_], ring_[(begin_ + random->below(count_)) & last_]);
    }
    Thread* const thread = ring_[begin_];
    begin_ = (begin_ + 1) & last_;
    --count_;
    return thread;
  }

private:
  std::vector<Thread*> ring_;
  std::size_t last_ = 0;  // index
  std::size_t begin_ = 0;
  std::size_t count_ = 0;
};

/// The launch that is under way.
struct Launch {
  KernelCall const* call = nullptr;
  Order order = Order::forward;
  Random random;
  char const* mistake = nullptr;  // stops it
  Thread* mistaken = nullptr;     // the thread that made it; null: all wait
  char end_token = 0;             // what threads do is ordered before the end of the launch
};

Launch launch_state;
Counters counts;
ReadyThreads& ready = *new ReadyThreads;  // never destroyed: losses in static objects outlive other static objects
Fiber host;
Thread* running = nullptr;
std::string& report = *new std::string;

Thread* next_ready() { return ready.pop(launch_state.order == Order::random ? &launch_state.random : nullptr); }

/// Leaves `from` and goes on with `next`, or with the host's run_kernel() if that is null.
void resume(Fiber& from, Thread* next) {
  running = next;
  if (next == nullptr) {
    switch_fibers(from, host);
    return;
  }
  threadIdx = next->thread_idx;
  blockIdx = next->block->block_idx;
  ++counts.switches;
  switch_fibers(from, next->fiber);
}

/// The running thread has noted what it waits for, or that it can run; returns when it is its turn.
void wait_for_turn() {
  Thread& self = *running;
  Thread* const next = next_ready();
  if (next != &self) {
    resume(self.fiber, next);
  }
}

void let_others_run() {
  ready.push(*running);
  wait_for_turn();
}

[[noreturn]] void stop_launch(char const* mistake, Site site) {
  running->site = site;
  launch_state.mistake = mistake;
  launch_state.mistaken = running;
  resume(running->fiber, nullptr);
  std::abort();
}

/// All that a fiber ever does: one thread of one block after another.
void run_threads() {
  while (true) {
    launch_state.call->run_thread();
    release(&launch_state.end_token);
    Thread& self = *running;
    self.state = State::returned;
    --self.block->unfinished;
    resume(self.fiber, self.block->unfinished == 0 ? nullptr : next_ready());
  }
}

bool same(Site a, Site b) { return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0); }

unsigned nth_in_order(unsigned i, unsigned count) { return launch_state.order == Order::reverse ? count - 1 - i : i; }

uint3 unflatten(std::size_t index, dim3 extents) {
  return {static_cast<unsigned>(index % extents.x), static_cast<unsigned>(index / extents.x % extents.y),
          static_cast<unsigned>(index / extents.x / extents.y)};
}

std::size_t size(dim3 extents) { return std::size_t{extents.x} * extents.y * extents.z; }

void make_fiber(Thread& thread) {
  constexpr std::size_t bytes = guard_bytes + stack_bytes;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, guard_bytes, PROT_NONE) != 0) {
    std::perror("emulation: no memory for a thread's stack");
    std::abort();
  }
  create(thread.fiber, static_cast<char*>(memory) + guard_bytes, stack_bytes, run_threads);
}

void drop_fiber(Thread& thread) {
  if (thread.fiber.body != nullptr) {
    void* const memory = static_cast<char*>(const_cast<void*>(thread.fiber.stack)) - guard_bytes;
    abandon(thread.fiber, host);
    munmap(memory, guard_bytes + stack_bytes);
  }
}

/// Gives back the memory of a block and its fibers.
void drop_memory(Block& block) {
  std::for_each(block.threads.begin(), block.threads.end(), drop_fiber);
  block.shared.unmap();
}

void begin_block(Block& block, uint3 block_idx, LaunchShape const& shape) {
  block.block_idx = block_idx;
  block.thread_count = block.unfinished = static_cast<unsigned>(size(shape.block));
  block.shared.begin_block(shape.dynamic_bytes, shape.shared_limit);
  for (unsigned i = 0; i < block.thread_count; ++i) {
    Thread& thread = block.threads[nth_in_order(i, block.thread_count)];
    if (thread.fiber.body == nullptr) {
      make_fiber(thread);
    }
    thread.block = &block;
    thread.index = static_cast<unsigned>(&thread - block.threads.data());
    thread.thread_idx = unflatten(thread.index, shape.block);
    thread.has_fenced = false;
    thread.read_atomics.clear();
    ready.push(thread);
  }
}

std::string text(uint3 index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," + std::to_string(index.z) + ")";
}

std::string text(Site site) { return std::string(site.file) + ":" + std::to_string(site.line); }

std::string what_it_does(Thread const& thread) {
  switch (thread.state) {
    case State::can_run:
      return "can run";
    case State::at_block_barrier:
      return "in __syncthreads at " + text(thread.site);
    case State::returned:
      return "returned from the kernel";
    case State::in_warp_operation:
      break;
  }
  char const* const names[] = {"__syncwarp", "__ballot_sync", "a shuffle"};
  char mask[16];
  std::snprintf(mask, sizeof mask, "%#010x", thread.mask);
  return std::string("in ") + names[static_cast<int>(thread.operation)] + " at " + text(thread.site) + ", mask " + mask;
}

/// Writes why the launch stopped, and which threads of the unfinished blocks do what.
void write_report(std::vector<Block*> const& resident) {
  report = "emulation: ";
  report += launch_state.mistake;
  if (launch_state.mistaken != nullptr) {
    Thread const& thread = *launch_state.mistaken;
    report +=
      ": thread " + text(thread.thread_idx) + " of block " + text(thread.block->block_idx) + " at " + text(thread.site);
  }
  report += '\n';
  for (Block const* block : resident) {
    std::vector<std::pair<std::string, std::vector<Thread const*>>> groups;
    for (unsigned i = 0; i < block->thread_count; ++i) {
      Thread const& thread = block->threads[i];
      std::string const what = what_it_does(thread);
      auto group = std::find_if(groups.begin(), groups.end(), [&](auto const& other) { return other.first == what; });
      if (group == groups.end()) {
        group = groups.insert(group, {what, {}});
      }
      group->second.push_back(&thread);
    }
    for (auto const& [what, threads] : groups) {
      report += "  block " + text(block->block_idx) + ": " + std::to_string(threads.size()) +
                (threads.size() == 1 ? " thread " : " threads from ") + text(threads.front()->thread_idx) + ": " +
                what + '\n';
    }
  }
  if (!config().quiet) {
    std::fputs(report.c_str(), stderr);
  }
}

/// After a mistake: the threads of these blocks are somewhere in the kernel and never go on.
void abandon_threads(std::vector<Block*> const& resident) {
  for (Block* block : resident) {
    for (unsigned i = 0; i < block->thread_count; ++i) {
      order_after(block->threads[i].fiber, host);
      drop_fiber(block->threads[i]);
    }
    block->at_barrier = 0;
    std::fill(std::begin(block->first_lanes), std::end(block->first_lanes), 0u);
  }
}

/// Blocks to run in, as many as may be resident; they and their stacks are kept from launch to launch.
std::vector<Block*> block_pool(std::size_t count) {
  static auto& pool = *new std::vector<Block*>;
  while (pool.size() < count) {
    pool.push_back(new Block);
  }
  return {pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// Indices of blocks in the order in which they begin.
std::vector<std::size_t> block_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) {
    order[i] = launch_state.order == Order::reverse ? count - 1 - i : i;
  }
  if (launch_state.order == Order::random) {
    for (std::size_t i = count; i > 1; --i) {
      std::swap(order[i - 1], order[launch_state.random.below(i)]);
    }
  }
  return order;
}

/// Where the running thread's lanes meet; begins the meeting if nobody is there.
Meeting& join_meeting(WarpOperation operation, unsigned mask, Site site) {
  Thread& self = *running;
  Block& block = *self.block;
  unsigned const lane = self.index % warp_size;
  unsigned const first = self.index - lane;
  if (block.thread_count - first < warp_size) {
    mask &= (1u << (block.thread_count - first)) - 1;  // a mask may name lanes that the block does not have
  }
  self.operation = operation;
  self.mask = mask;
  self.site = site;
  self.state = State::in_warp_operation;
  if ((mask >> lane & 1) == 0) {
    stop_launch("a lane is not in its own mask", site);
  }
  unsigned& first_lanes = block.first_lanes[first / warp_size];
  Meeting* meeting = nullptr;
  for (unsigned rest = first_lanes; rest != 0 && meeting == nullptr; rest &= rest - 1) {
    Meeting& other = block.meetings[first + static_cast<unsigned>(__builtin_ctz(rest))];
    meeting = other.mask == mask ? &other : nullptr;
  }
  if (meeting == nullptr) {
    meeting = &block.meetings[self.index];
    first_lanes |= 1u << lane;
    meeting->mask = mask;
    meeting->arrived = 0;
    meeting->operation = operation;
    meeting->site = site;
    meeting->token = block.warp_token(first / warp_size);
  } else if (meeting->operation != operation || !same(meeting->site, site)) {
    stop_launch("lanes of a mask meet at different warp operations", site);
  }
  ++counts.warp_operations;
  meeting->arrived |= 1u << lane;
  return *meeting;
}

/// Waits until all lanes are there. The last to come hands out the results, result(lane) for each, and lets all go on.
template <class Result>
std::uint64_t finish_meeting(Meeting& meeting, Result const& result) {
  Thread& self = *running;
  if (meeting.arrived == meeting.mask) {
    Thread* const lanes = &self - self.index % warp_size;
    for (unsigned i = 0; i < warp_size; ++i) {
      unsigned const lane = nth_in_order(i, warp_size);
      if ((meeting.mask >> lane & 1) != 0) {
        lanes[lane].result = result(lane);
        ready.push(lanes[lane]);
      }
    }
    Block& block = *self.block;
    unsigned const place = static_cast<unsigned>(&meeting - block.meetings.data());
    block.first_lanes[place / warp_size] &= ~(1u << place % warp_size);
  }
  wait_for_turn();
  return self.result;
}

}  // namespace

Counters& counters() { return counts; }
std::string const& last_report() { return report; }
void clear_report() { report.clear(); }

bool run_kernel(KernelCall const& call, LaunchShape const& shape) {
  ++counts.kernels_run;
  launch_state.call = &call;
  launch_state.order = config().order;
  launch_state.random.seed(config().seed);
  launch_state.mistake = nullptr;
  launch_state.mistaken = nullptr;
  gridDim = shape.grid;
  blockDim = shape.block;
  adopt_current_stack(host);

  std::vector<std::size_t> const order = block_order(size(shape.grid));
  std::size_t const resident_limit = static_cast<std::size_t>(std::max(config().resident_blocks, 1));
  // ThreadSanitizer would take what a block did for the past of the next in its place, so that each has its own.
  std::vector<Block*> const pool = block_pool(under_thread_sanitizer() ? order.size() : resident_limit);
  std::vector<Block*> idle = pool;
  std::vector<Block*> resident;
  std::size_t begun = 0;
  ready.clear(resident_limit * size(shape.block));
  while (true) {
    while (resident.size() < resident_limit && begun < order.size()) {
      begin_block(*idle.back(), unflatten(order[begun++], shape.grid), shape);
      resident.push_back(idle.back());
      idle.pop_back();
    }
    if (resident.empty()) {
      break;
    }
    Thread* const next = next_ready();
    if (next != nullptr) {
      resume(host, next);
    } else {
      launch_state.mistake = "no thread can run: each waits for threads that do not come";
    }
    if (launch_state.mistake != nullptr) {
      write_report(resident);
      abandon_threads(resident);
      break;
    }
    auto const ended = std::stable_partition(resident.begin(), resident.end(),
                                             [](Block const* block) { return block->unfinished != 0; });
    if (!under_thread_sanitizer()) {
      idle.insert(idle.end(), ended, resident.end());
    }
    resident.erase(ended, resident.end());
  }
  acquire(&launch_state.end_token);
  if (under_thread_sanitizer()) {
    std::for_each(pool.begin(), pool.end(), [](Block* block) { drop_memory(*block); });
  }
  return launch_state.mistake == nullptr;
}

void block_barrier(Site site) {
  Thread& self = *running;
  Block& block = *self.block;
  ++counts.block_barriers;
  self.site = site;
  self.state = State::at_block_barrier;
  if (block.at_barrier == 0) {
    block.barrier_site = site;
  } else if (!same(block.barrier_site, site)) {
    stop_launch("threads of a block meet at different __syncthreads", site);
  }
  char* const token = block.barrier_token();
  release(token);
  if (++block.at_barrier == block.thread_count) {
    block.at_barrier = 0;
    ++block.barriers;
    for (unsigned i = 0; i < block.thread_count; ++i) {
      ready.push(block.threads[nth_in_order(i, block.thread_count)]);
    }
  }
  wait_for_turn();
  acquire(token);
}

void warp_barrier(unsigned mask, Site site) {
  Meeting& meeting = join_meeting(WarpOperation::barrier, mask, site);
  char* const token = meeting.token;
  release(token);
  finish_meeting(meeting, [](unsigned) { return std::uint64_t{0}; });
  acquire(token);
}

unsigned warp_ballot(unsigned mask, bool predicate, Site site) {
  Meeting& meeting = join_meeting(WarpOperation::ballot, mask, site);
  meeting.values[running->index % warp_size] = predicate ? 1 : 0;
  unsigned votes = 0;
  for (unsigned i = 0; i < warp_size && meeting.arrived == meeting.mask; ++i) {
    votes |= (meeting.mask >> i & 1) != 0 && meeting.values[i] != 0 ? 1u << i : 0u;
  }
  return static_cast<unsigned>(finish_meeting(meeting, [votes](unsigned) { return votes; }));
}

std::uint64_t warp_shuffle(unsigned mask, std::uint64_t value, unsigned source_lane, Site site) {
  Meeting& meeting = join_meeting(WarpOperation::shuffle, mask, site);
  if ((meeting.mask >> source_lane & 1) == 0) {
    stop_launch("a shuffle reads a lane that does not take part", site);
  }
  unsigned const lane = running->index % warp_size;
  meeting.values[lane] = value;
  meeting.sources[lane] = static_cast<unsigned char>(source_lane);
  return finish_meeting(meeting, [&meeting](unsigned reader) { return meeting.values[meeting.sources[reader]]; });
}

unsigned lane() { return running->index % warp_size; }

void* static_shared(void const* variable, std::size_t bytes, std::size_t alignment, Site site) {
  void* const address = running->block->shared.variable(variable, bytes, alignment);
  if (address == nullptr) {
    stop_launch("the block has more shared memory than the launch permits, or more than 64 variables", site);
  }
  return address;
}

void* dynamic_shared() { return running->block->shared.dynamic(); }

// Fences are those of C++: what a thread did before a fence is visible to who reads an atomic variable that it wrote
// after the fence, and passes a fence then.
void memory_fence() {
  running->has_fenced = true;
  running->read_atomics.acquire_all();
}

void before_atomic(void const* address) {
  if (launch_state.order == Order::random && launch_state.random.below(4) == 0) {
    let_others_run();
  }
  if (running->has_fenced) {
    release(const_cast<void*>(address));
  }
}

void after_atomic(void const* address) {
  if (under_thread_sanitizer()) {
    running->read_atomics.add(address);
  }
}

}  // namespace scc_emulation
