// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The CPU's instruction sets give the same results.

#include <scc/scc.hpp>
#include <vector>

#include "catch.hpp"
#include "support/images.hpp"
#include "support/results.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::cpu::available_instructions;
using scc::cpu::Instructions;

namespace {

// Around the sizes at which the pixel loops change their way: blocks of 128 pixels, chunks of 8192.
std::vector<Shape> const shapes{{1, 1, 1, 1},   {2, 3, 1, 1},  {1, 1, 1, 127},
                                {3, 1, 128, 1}, {1, 3, 43, 1}, {2, 3, 61, 47}};

}  // namespace

TEMPLATE_TEST_CASE("all instruction sets give the same, to rounding", "", float, double) {
  if (available_instructions() == Instructions::baseline) {
    SCC_SKIP("this processor has the baseline instructions only");
  }
  for (auto const& setup : kernels_and_bases()) {
    scc::Plan const plan(setup.options);
    Loss const baseline(plan, Instructions::baseline);
    for (auto const instructions : {Instructions::avx2, Instructions::avx512}) {
      if (instructions > available_instructions()) {
        continue;
      }
      Loss const loss(plan, instructions);
      for (auto const& shape : shapes) {
        INFO(setup.name << ", " << shape.pixels() << " pixels, " << scc::cpu::lane_bytes(instructions) << " bytes");
        Pair<TestType> const pair(shape, 131);
        Batch<float> const weight(shape, random_values(shape.size(), 133, 0, 2));
        auto const check = [&](Results<TestType> const& actual, Results<TestType> const& expected) {
          CHECK(largest_difference(actual.rsmi, expected.rsmi) <= rsmi_rounding<TestType>);
          if (shape.pixels() > 1) {
            CHECK(relative_error(actual.dx, expected.dx) <= gradient_rounding<TestType>);
            CHECK(relative_error(actual.dy, expected.dy) <= gradient_rounding<TestType>);
          }
        };
        check(evaluate(loss, pair), evaluate(baseline, pair));
        check(evaluate(loss, pair, weight.view()), evaluate(baseline, pair, weight.view()));
      }
    }
    Pair<TestType> const pair(shapes.back(), 131);
    CHECK(same_bits(evaluate(Loss(setup.options), pair), evaluate(Loss(plan, available_instructions()), pair)));
  }
}
