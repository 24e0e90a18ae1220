// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Runs this program's copy of the kernels under many schedules, and compares with the CPU backend. Fails if the
/// results are not always the same, or not right; what a sanitizer finds it says itself.

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>

#include "../emulation/schedules.hpp"
#include "cases.hpp"

using namespace kernel_defects;

namespace {

bool both_nan(double a, double b) { return std::isnan(a) && std::isnan(b); }

/// Whether an image's gradient, at most 1e-5 relative off or all NaN, is right.
bool is_gradient(float const* gradient, float const* expected, std::int64_t pixels) {
  double error = 0, size = 0;
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    double const a = static_cast<double>(gradient[pixel]), b = static_cast<double>(expected[pixel]);
    if (both_nan(a, b)) {
      continue;
    }
    error += (a - b) * (a - b);
    size += b * b;
  }
  return std::sqrt(error) <= 1e-5 * std::sqrt(size);
}

/// What is wrong with the results, or empty.
std::string difference(Results const& results, Case const& test) {
  Results const& expected = test.expected;
  auto const same = [](double a, double b) { return std::abs(a - b) <= 1e-7 || both_nan(a, b); };
  if (!same(results.loss, expected.loss)) {
    return "the loss differs from the CPU's";
  }
  for (std::int64_t image = 0; image < test.batch.images; ++image) {
    auto const n = static_cast<std::size_t>(image);
    if (!same(results.rsmi[n], expected.rsmi[n])) {
      return "rSMI of image " + std::to_string(image) + " differs from the CPU's";
    }
    std::int64_t const start = image * test.batch.image_stride();
    auto const right = [&](std::vector<float> const& gradient, std::vector<float> const& right_gradient,
                           std::int64_t first) {
      return is_gradient(gradient.data() + first + start, right_gradient.data() + first + start, test.batch.pixels());
    };
    if (!right(results.dloss_dx, expected.dloss_dx, Batch::x_start) ||
        !right(results.dloss_dy, expected.dloss_dy, Batch::y_start)) {
      return "the gradient of image " + std::to_string(image) + " differs from the CPU's";
    }
  }
  scc::Diagnostics const& a = results.diagnostics;
  scc::Diagnostics const& b = expected.diagnostics;
  if (a.x_outside != b.x_outside || a.y_outside != b.y_outside || a.x_nan != b.x_nan || a.y_nan != b.y_nan) {
    return "the counts of odd pixels differ from the CPU's";
  }
  return {};
}

/// What goes wrong in some schedule, or empty.
std::string problem_of(Case const& test, unsigned random_schedules) {
  scc_emulation::config().multiprocessors = test.multiprocessors;
  scc_emulation::config().shared_memory_bytes = test.shared_memory_bytes;
  std::string wrong;
  auto const runs = scc_emulation::run_schedules(
    [&] {
      Results const results = run_kernels(test.plan, test.batch);
      if (wrong.empty()) {
        wrong = difference(results, test);
      }
      return scc_emulation::bytes_of(results.loss, results.rsmi, results.dloss_dx, results.dloss_dy,
                                     results.diagnostics);
    },
    random_schedules);
  return runs.problem.empty() ? wrong : runs.problem;
}

}  // namespace

int main(int argc, char* argv[]) {
  std::vector<Case> const cases = cases_of(argc == 3 ? argv[1] : "");
  if (cases.empty()) {
    std::cerr << "usage: " << argv[0] << " triangle|tile|histogram RANDOM_SCHEDULES\n";
    return 2;
  }
  bool good = true;
  for (Case const& test : cases) {
    std::string const problem = problem_of(test, static_cast<unsigned>(std::atoi(argv[2])));
    std::cout << test.name << ": " << (problem.empty() ? "right under all schedules" : problem) << std::endl;
    good = good && problem.empty();
  }
  return good ? 0 : 1;
}
