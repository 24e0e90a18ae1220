// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The interpreter itself: instructions do what PTX says, and each check finds its defect, and only while it is on.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "control.hpp"
#include "program.hpp"

using namespace ptx;
using scc_test::contains;

namespace {

/// Leaves the configuration as it was.
struct QuietConfig {
  Config const saved = config();
  QuietConfig() { config().quiet = true; }
  ~QuietConfig() { config() = saved; }
};

/// 1024 words of device memory; at first those are written that the test gives.
class Words {
public:
  explicit Words(std::vector<std::uint32_t> const& values = {}) : data_(1024 + 64) {
    begin_ = reinterpret_cast<std::uint32_t*>((reinterpret_cast<std::uintptr_t>(data_.data()) + 255) / 256 * 256);
    add_allocation(begin_, 4096);
    if (!values.empty()) {
      std::memcpy(begin_, values.data(), 4 * values.size());
      mark_written(begin_, 4 * values.size());
    }
  }
  ~Words() { remove_allocation(begin_); }
  Words(Words const&) = delete;
  Words& operator=(Words const&) = delete;

  std::uint32_t* data() { return begin_; }
  std::uint32_t operator[](std::size_t n) const { return begin_[n]; }

private:
  std::vector<std::uint32_t> data_;
  std::uint32_t* begin_;
};

/// A kernel whose parameter is a pointer to Words: %rd0; %rd1 points to the word of the thread's index in the grid,
/// which is %r1. %r0 is the index in the block.
std::string kernel_text(std::string const& body, std::string const& shared = ".shared .align 16 .b8 s[256];") {
  return ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .align 8 .b8 p[8])\n"
         ".maxntid 256, 1, 1\n{\n.reg .pred %p<9>;\n.reg .b16 %h<9>;\n.reg .b32 %r<20>;\n.reg .f32 %f<9>;\n"
         ".reg .b64 %rd<9>;\n.reg .f64 %d<9>;\n" +
         shared +
         "\nld.param.u64 %rd0, [p];\nmov.u32 %r0, %tid.x;\nmov.u32 %r18, %ctaid.x;\nmov.u32 %r19, %ntid.x;\n"
         "mad.lo.s32 %r1, %r18, %r19, %r0;\nmul.wide.u32 %rd1, %r1, 4;\nadd.s64 %rd1, %rd0, %rd1;\n" +
         body + "\nret;\n}\n";
}

struct Result {
  bool is_clean;
  std::vector<Report> reports;

  bool has_only(Check check) const {
    return !reports.empty() &&
           std::all_of(reports.begin(), reports.end(), [check](Report const& report) { return report.check == check; });
  }
};

Result run(std::string const& text, Words& words, unsigned blocks = 1, unsigned threads = 32) {
  load(text);
  std::uint32_t* const argument = words.data();
  take_reports();
  bool const is_clean = run_kernel(*program().kernel("k"), {{blocks, 1, 1}, {threads, 1, 1}, 0}, &argument);
  return {is_clean, take_reports()};
}

/// The kernel is reported by this check alone, in all orders, and by none once it is off.
void check_defect(Check check, std::string const& body, unsigned blocks = 1, unsigned threads = 32) {
  INFO(name(check) << ": " << body);
  QuietConfig const saved;
  for (BlockOrder const order :
       {BlockOrder::forward, BlockOrder::reverse, BlockOrder::random, BlockOrder::interleaved}) {
    config().blocks = order;
    config().set(check, true);
    Words words(std::vector<std::uint32_t>(512, 0));
    Result const found = run(kernel_text(body), words, blocks, threads);
    CHECK(found.has_only(check));
    CHECK_FALSE(found.is_clean);
    config().set(check, false);
    Words others(std::vector<std::uint32_t>(512, 0));
    CHECK(run(kernel_text(body), others, blocks, threads).reports.empty());
  }
}

void check_clean(std::string const& body, unsigned blocks = 1, unsigned threads = 32) {
  INFO(body);
  QuietConfig const saved;
  for (BlockOrder const order :
       {BlockOrder::forward, BlockOrder::reverse, BlockOrder::random, BlockOrder::interleaved}) {
    for (LaneOrder const lanes : {LaneOrder::lowest, LaneOrder::highest, LaneOrder::random}) {
      config().blocks = order;
      config().lanes = lanes;
      Words words(std::vector<std::uint32_t>(512, 0));
      Result const result = run(kernel_text(body), words, blocks, threads);
      CHECK(result.is_clean);
      CHECK(result.reports.empty());
    }
  }
}

// Parts of kernels: each thread of a block reads what its neighbour wrote to shared memory.
std::string const write_shared =
  "shl.b32 %r4, %r0, 2; mov.u32 %r3, s; add.s32 %r3, %r3, %r4; st.shared.u32 [%r3], %r0;";
std::string const read_neighbour =
  "xor.b32 %r5, %r4, 4; mov.u32 %r6, s; add.s32 %r6, %r6, %r5; ld.shared.u32 %r2, [%r6]; st.global.u32 [%rd1], %r2;";
// The last block to draw a ticket (word 256) reads what all have written.
std::string sum_by_last_block(std::string const& before, std::string const& after,
                              std::string const& load = "ld.global.cg.u32") {
  return "setp.ne.u32 %p1, %r0, 0; @%p1 bra DONE; st.global.u32 [%rd1], 7;" + before +
         "atom.global.add.u32 %r5, [%rd0+1024], 1; setp.ne.u32 %p2, %r5, 2; @%p2 bra DONE;" + after + load +
         " %r6, [%rd0]; " + load + " %r7, [%rd0+128];" + load + " %r8, [%rd0+256]; add.s32 %r6, %r6, %r7;" +
         " add.s32 %r6, %r6, %r8; st.global.u32 [%rd0+1028], %r6; DONE:";
}

TEST_CASE("each check finds its defect, and only while it is on") {
  check_defect(Check::undefined_register, "add.s32 %r2, %r3, 1;");
  check_defect(Check::undefined_register, "@%p1 mov.u32 %r2, 1;");
  check_defect(Check::uninitialized_memory, "ld.global.u32 %r2, [%rd0+4000];");
  check_defect(Check::uninitialized_memory, "ld.shared.u32 %r2, [s];");
  check_defect(Check::uninitialized_memory, "atom.global.add.u32 %r2, [%rd0+4000], 1;");
  check_defect(Check::bounds, "ld.global.u32 %r2, [%rd0+4096];");
  check_defect(Check::bounds, "ld.shared.u32 %r2, [s+256];");
  check_defect(Check::bounds, "ld.param.u64 %rd2, [p+8];");
  check_defect(Check::alignment, "ld.global.u32 %r2, [%rd0+2];");
  check_defect(Check::alignment, "ld.global.v2.u32 {%r2, %r3}, [%rd0+4];");
  check_defect(Check::shuffle,
               "mov.u32 %r2, %r0; setp.ge.u32 %p1, %r0, 16; @%p1 bra DONE;"
               "shfl.sync.bfly.b32 %r3, %r2, 16, 31, 0xffff; DONE:");
  check_defect(Check::shuffle, "mov.u32 %r2, %r0; vote.sync.any.pred %p1, 1, 0xffff;");
  check_defect(Check::barrier, "setp.lt.u32 %p1, %r0, 32; @%p1 bra A; bar.sync 0; bra DONE; A: bar.sync 0; DONE:", 1,
               64);
  check_defect(Check::barrier, "setp.lt.u32 %p1, %r0, 32; @%p1 bra DONE; bar.sync 0; DONE:", 1, 64);
  check_defect(Check::race, write_shared + read_neighbour);
  check_defect(Check::race, "st.global.u32 [%rd0], %r0;", 2);
  check_defect(Check::race, sum_by_last_block("", "membar.gl;"), 3);
  check_defect(Check::race, sum_by_last_block("membar.gl;", ""), 3);
  check_defect(Check::read_only_load, "st.global.u32 [%rd1], 1; ld.global.nc.u32 %r2, [%rd1];");
  check_defect(Check::stale_load, sum_by_last_block("membar.gl;", "membar.gl;", "ld.global.u32"), 3);
  check_defect(Check::launch, "", 1, 512);
}

TEST_CASE("a deadlock is found, and stops the launch") {
  QuietConfig const saved;
  std::string const body = "setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.sync 0; bra DONE; A: bar.warp.sync -1; DONE:";
  Words words;
  CHECK(run(kernel_text(body), words).has_only(Check::deadlock));
  config().set(Check::deadlock, false);
  Result const silent = run(kernel_text(body), words);
  CHECK(silent.reports.empty());
  CHECK_FALSE(silent.is_clean);
}

TEST_CASE("a finding of the runtime is kept while its check is on") {
  QuietConfig const saved;
  take_reports();
  report(Check::runtime, "a free of nothing");
  CHECK(report_count() == 1);
  CHECK(take_reports().at(0).text == "a free of nothing");
  config().set(Check::runtime, false);
  report(Check::runtime, "a free of nothing");
  CHECK(report_count() == 0);
}

TEST_CASE("what is in order is not reported") {
  check_clean(write_shared + "bar.sync 0;" + read_neighbour, 2, 64);
  check_clean(write_shared + "bar.sync 1, 64;" + read_neighbour, 2, 64);
  check_clean(write_shared + "bar.warp.sync -1;" + read_neighbour);
  check_clean(sum_by_last_block("membar.gl;", "membar.gl;"), 3);
  check_clean("red.global.add.u32 [%rd0], 1;", 3);
}

TEST_CASE("a shuffle orders no memory, nor does a barrier of half of a warp") {
  check_defect(Check::race, write_shared + "shfl.sync.bfly.b32 %r9, %r0, 1, 31, -1;" + read_neighbour);
  std::string const across = "xor.b32 %r5, %r4, 64; mov.u32 %r6, s; add.s32 %r6, %r6, %r5; ld.shared.u32 %r2, [%r6];";
  std::string const half = "setp.lt.u32 %p1, %r0, 16; selp.b32 %r9, 0xffff, 0xffff0000, %p1; bar.warp.sync %r9;";
  check_defect(Check::race, write_shared + half + across);
  check_clean(write_shared + half + read_neighbour);
}

/// What a body leaves in %r2 of a lane. %f1 is set first, if there is a number for it.
struct Value {
  char const* body;
  std::uint32_t expected;
  std::size_t lane = 0;
};

Value const values[] = {
  // Lanes diverge and meet again.
  {"and.b32 %r3, %r0, 1; setp.eq.u32 %p1, %r3, 0; @%p1 bra EVEN; mov.u32 %r4, 100; bra.uni MEET; EVEN: mov.u32 %r4, "
   "200;"
   "MEET: shfl.sync.bfly.b32 %r5, %r4, 1, 31, -1; add.s32 %r2, %r5, %r0;",
   207, 7},
  // Exchanges within a warp
  {"shfl.sync.down.b32 %r2|%p1, %r0, 2, 31, -1; @!%p1 mov.u32 %r2, 99;", 99, 31},
  {"shfl.sync.up.b32 %r2, %r0, 3, 0, -1;", 2, 5},
  {"shfl.sync.idx.b32 %r2, %r0, 1, 0x181f, -1;", 9, 13},
  {"and.b32 %r3, %r0, 1; setp.eq.u32 %p1, %r3, 1; vote.sync.ballot.b32 %r2, %p1, -1;", 0xaaaaaaaa},
  {"setp.eq.u32 %p1, %r0, 1; vote.sync.any.pred %p2, %p1, -1; selp.u32 %r2, 1, 0, %p2;", 1},
  {"setp.eq.u32 %p1, %r0, 1; vote.sync.all.pred %p2, !%p1, -1; selp.u32 %r2, 1, 0, %p2;", 0},
  // Barriers that reduce
  {"setp.eq.u32 %p1, %r0, 9; bar.red.or.pred %p2, 0, %p1; selp.u32 %r2, 1, 0, %p2;", 1},
  {"setp.eq.u32 %p1, %r0, 9; bar.red.and.pred %p2, 0, %p1; selp.u32 %r2, 1, 0, %p2;", 0},
  {"setp.lt.u32 %p1, %r0, 9; bar.red.popc.u32 %r2, 0, !%p1;", 23},
  // Nested scopes with the same names
  {"mov.u32 %r2, 1; { .reg .u32 t; .reg .pred %p1; mov.u32 t, 5; { .reg .u32 t; mov.u32 t, 100; add.u32 %r2, %r2, t; }"
   "add.u32 %r2, %r2, t; } { .reg .u32 t; mov.u32 t, 1000; add.u32 %r2, %r2, t; }",
   1106},
  // Conversions at their edges: NaN, infinities, -2.5, -1, 2.5 (ties to even)
  {"mov.f32 %f1, 0f7FC00000; cvt.rzi.s32.f32 %r2, %f1;", 0},
  {"mov.f32 %f1, 0f7F800000; cvt.rzi.s32.f32 %r2, %f1;", 0x7fffffff},
  {"mov.f32 %f1, 0fFF800000; cvt.rzi.s32.f32 %r2, %f1;", 0x80000000},
  {"mov.f32 %f1, 0fC0200000; cvt.rzi.s32.f32 %r2, %f1;", static_cast<std::uint32_t>(-2)},
  {"mov.f32 %f1, 0fBF800000; cvt.rzi.u32.f32 %r2, %f1;", 0},
  {"mov.f32 %f1, 0f40200000; cvt.rni.s32.f32 %r2, %f1;", 2},
  {"mov.f32 %f1, 0fC0200000; cvt.rmi.f32.f32 %f2, %f1; mov.b32 %r2, %f2;", 0xc0400000},
  {"mov.u32 %r3, 200; cvt.s32.s8 %r2, %r3;", static_cast<std::uint32_t>(-56)},
  {"mov.u32 %r3, 300; cvt.sat.u8.s32 %r2, %r3;", 255},
  {"mov.u32 %r3, -3; cvt.rn.f64.s32 %d1, %r3; cvt.rn.f32.f64 %f1, %d1; mov.b32 %r2, %f1;", 0xc0400000},
  // To half precision: 65520 rounds to infinity; the least subnormal; NaN; a tie of bfloat16
  {"mov.f32 %f1, 0f477FF000; cvt.rn.f16.f32 %h1, %f1; cvt.u32.u16 %r2, %h1;", 0x7c00},
  {"mov.f32 %f1, 0f477FE000; cvt.rn.f16.f32 %h1, %f1; cvt.u32.u16 %r2, %h1;", 0x7bff},
  {"mov.f32 %f1, 0f33800000; cvt.rn.f16.f32 %h1, %f1; cvt.u32.u16 %r2, %h1;", 1},
  {"mov.f32 %f1, 0f7FC00000; cvt.rn.f16.f32 %h1, %f1; cvt.u32.u16 %r2, %h1;", 0x7fff},
  {"mov.f32 %f1, 0f3F808000; cvt.rn.bf16.f32 %h1, %f1; cvt.u32.u16 %r2, %h1;", 0x3f80},
  {"mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0fC0000000; cvt.rn.bf16x2.f32 %r2, %f1, %f2;", 0x3f80c000},
  {"mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0fC0000000; cvt.rn.f16x2.f32 %r2, %f1, %f2;", 0x3c00c000},
  {"mov.b16 %h1, 1; cvt.f32.f16 %f1, %h1; mov.b32 %r2, %f1;", 0x33800000},
  {"mov.b16 %h1, 0x3f80; cvt.f32.bf16 %f1, %h1; mov.b32 %r2, %f1;", 0x3f800000},
  {"mov.b32 %r3, 0x12345678; mov.b32 {%h1, %h2}, %r3; mov.b32 %r2, {%h2, %h1};", 0x56781234},
  // fma rounds once, a product and a sum twice: (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24
  {"mov.f32 %f1, 0f3F800800; mov.f32 %f2, 0fBF801000; fma.rn.f32 %f3, %f1, %f1, %f2; mov.b32 %r2, %f3;", 0x33800000},
  {"mov.f32 %f1, 0f3F800800; mov.f32 %f2, 0fBF801000; mul.rn.f32 %f3, %f1, %f1; add.rn.f32 %f3, %f3, %f2;"
   "mov.b32 %r2, %f3;",
   0},
  {"mov.f32 %f1, 0f40800000; rsqrt.approx.f32 %f2, %f1; mov.b32 %r2, %f2;", 0x3f000000},
  {"mov.f32 %f1, 0f40800000; rcp.rn.f32 %f2, %f1; mov.b32 %r2, %f2;", 0x3e800000},
  {"mov.f64 %d1, 0d4010000000000000; rcp.approx.ftz.f64 %d2, %d1; cvt.rn.f32.f64 %f1, %d2; mov.b32 %r2, %f1;",
   0x3e800000},
  {"mov.f32 %f1, 0f7FC00000; mov.f32 %f2, 0f40000000; min.f32 %f3, %f1, %f2; mov.b32 %r2, %f3;", 0x40000000},
  // Integers and bits
  {"mul.hi.s32 %r2, -2, 0x40000000;", 0xffffffff},
  {"mul.wide.s32 %rd2, -2, 3; shr.s64 %rd2, %rd2, 1; cvt.u32.u64 %r2, %rd2;", static_cast<std::uint32_t>(-3)},
  {"mad.wide.u32 %rd2, -1, 2, 3; shr.u64 %rd2, %rd2, 32; cvt.u32.u64 %r2, %rd2;", 2},
  {"div.s32 %r2, -7, 2;", static_cast<std::uint32_t>(-3)},
  {"rem.s32 %r2, -7, 2;", static_cast<std::uint32_t>(-1)},
  {"popc.b32 %r2, 0xf0f;", 8},
  {"clz.b32 %r2, 0xf0f;", 20},
  {"bfi.b32 %r2, 5, -1, 4, 4;", 0xffffff5f},
  {"prmt.b32 %r2, 0x44332211, 0x88776655, 0x5140;", 0x66225511},
  {"shf.l.wrap.b32 %r2, 0x80000001, 0x11, 4;", 0x118},
  {"shr.s32 %r2, -8, 40;", 0xffffffff},
  {"setp.lt.u32 %p1|%p2, %r0, 4; selp.u32 %r2, 1, 0, %p2;", 1, 5},
  {"mov.f32 %f1, 0f7FC00000; setp.ltu.f32 %p1, %f1, %f1; selp.u32 %r2, 1, 0, %p1;", 1},
  {"mov.f32 %f1, 0f7FC00000; setp.ne.f32 %p1, %f1, %f1; selp.u32 %r2, 1, 0, %p1;", 0},
  {"setp.ge.u32 %p1, %r0, 4; setp.lt.and.u32 %p2, %r0, 8, %p1; selp.u32 %r2, 1, 0, %p2;", 0, 3},
};

TEST_CASE("instructions do what PTX says") {
  QuietConfig const saved;
  for (Value const& value : values) {
    INFO(value.body);
    Words words;
    CHECK(run(kernel_text(std::string(value.body) + "st.global.u32 [%rd1], %r2;"), words).reports.empty());
    CHECK(words[value.lane] == value.expected);
  }
}

TEST_CASE("vectors, atomics and 64 bits") {
  QuietConfig const saved;
  Words words({1, 2, 3, 4, 5, 9, 7, 7});
  Result const result =
    run(kernel_text("setp.ne.u32 %p1, %r0, 0; @%p1 bra DONE; ld.global.nc.v4.u32 {%r2, %r3, %r4, %r5}, [%rd0];"
                    "st.global.v2.u32 [%rd0+32], {%r5, %r2}; atom.global.max.u32 %r6, [%rd0+16], 7;"
                    "atom.global.exch.b32 %r7, [%rd0+20], 11; red.global.or.b32 [%rd0+20], 64;"
                    "atom.global.inc.u32 %r7, [%rd0+24], 7; atom.global.add.u64 %rd2, [%rd0], 5; DONE:"),
        words);
  CHECK(result.is_clean);
  CHECK(std::vector<std::uint32_t>(words.data(), words.data() + 10) ==
        std::vector<std::uint32_t>{6, 2, 3, 4, 7, 11 | 64, 0, 7, 4, 1});
}

TEST_CASE("schedules run blocks in different orders") {
  QuietConfig const saved;
  std::vector<std::uint32_t> tickets[2];
  for (BlockOrder const order : {BlockOrder::forward, BlockOrder::reverse}) {
    config().blocks = order;
    Words words(std::vector<std::uint32_t>(512, 0));
    Result const result =
      run(kernel_text("atom.global.add.u32 %r2, [%rd0+1024], 1; st.global.u32 [%rd1], %r2;"), words, 2);
    CHECK(result.is_clean);
    CHECK(words[256] == 64);
    tickets[order == BlockOrder::forward ? 0 : 1].assign(words.data(), words.data() + 64);
  }
  CHECK(tickets[0][0] == 0);
  CHECK(tickets[1][0] == 32);
}

TEST_CASE("what the interpreter does not know is one clear line") {
  CHECK(obstacle(kernel_text("")) == "");
  CHECK_THAT(obstacle(kernel_text("sin.approx.f32 %f1, %f2;")), contains("PTX line 21: unknown opcode"));
  CHECK_THAT(obstacle(kernel_text("add.sat.s32 %r2, %r2, 1;")), contains(".sat"));
  CHECK_THAT(obstacle(kernel_text("bra NOWHERE;")), contains("unknown label"));
  std::string text = kernel_text("");
  text.replace(text.find("9.0"), 3, "9.9");
  CHECK_THAT(obstacle(text), contains("9.9"));
}

}  // namespace
