// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What bad options get: an error that names the option, its value and its range, from whatever is made of them.

#include <climits>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <scc/scc.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::Basis;
using scc::Options;
using scc::cpu::Loss;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

double below(double value) { return std::nextafter(value, -infinity); }
double above(double value) { return std::nextafter(value, infinity); }

/// One field of Options, values that it must refuse and values that it must take.
struct Field {
  std::string name;
  std::function<void(Options&, double)> set;
  std::string allowed;
  std::vector<double> bad;
  std::vector<double> good;
};

std::vector<Field> fields() {
  std::string const moderate = "finite, at most 1e100 in size";
  std::string const wide = "greater than domain_min, by at least 1e-12 of their size and 1e-100";
  std::vector<double> const not_moderate{nan_value, infinity, -infinity, above(1e100), below(-1e100)};
  return {
    {"kernel",
     [](Options& o, double v) { o.kernel = static_cast<scc::Kernel>(static_cast<int>(v)); },
     "gaussian or reciprocal_gaussian",
     {-1, 2},
     {0, 1}},
    {"bandwidth",
     [](Options& o, double v) { o.bandwidth = v; },
     "in [1e-100, 1e100]",
     {nan_value, infinity, -infinity, 0, -0.0, -1, below(1e-100), above(1e100)},
     {1e-100, 1e100}},
    {"centers_per_axis",
     [](Options& o, double v) { o.centers_per_axis = static_cast<int>(v); },
     "in [2, 32]",
     {1, 33, 0, -1, INT_MIN, INT_MAX},
     {2, 32}},
    {"center_min", [](Options& o, double v) { o.center_min = v; }, moderate, not_moderate, {-1e100, below(1)}},
    {"center_max", [](Options& o, double v) { o.center_max = v; }, moderate, not_moderate, {above(-1), 1e100}},
    {"center_max",
     [](Options& o, double v) { o.center_max = v; },
     "greater than center_min",
     {-1, below(-1), -2},
     {above(-1)}},
    {"beta",
     [](Options& o, double v) { o.beta = v; },
     "in [0, 1)",
     {nan_value, infinity, -infinity, 1, 2, -1, below(0)},
     {0, -0.0, below(1)}},
    {"lambda",
     [](Options& o, double v) { o.lambda = v; },
     "in [1e-100, 1e100]",
     {nan_value, infinity, -infinity, 0, -0.0, -1, below(1e-100), above(1e100)},
     {1e-100, 1e100}},
    {"domain_min", [](Options& o, double v) { o.domain_min = v; }, moderate, not_moderate, {-1e100, 1 - 2e-12}},
    {"domain_max", [](Options& o, double v) { o.domain_max = v; }, moderate, not_moderate, {-1 + 2e-12, 1e100}},
    {"domain_max", [](Options& o, double v) { o.domain_max = v; }, wide, {-1, -1 + 9e-13, -2}, {-1 + 2e-12}},
    {"domain_max",
     [](Options& o, double v) {
       o.domain_min = 0;
       o.domain_max = v;
     },
     wide,
     {0, below(1e-100), -1},
     {1e-100}},
    {"basis",
     [](Options& o, double v) { o.basis = static_cast<Basis>(static_cast<int>(v)); },
     "automatic, chebyshev or histogram",
     {-1, 3},
     {0, 1, 2}},
    {"tolerance",
     [](Options& o, double v) { o.tolerance = v; },
     "in [1e-12, 1e-2]",
     {nan_value, infinity, -infinity, 0, -1, 1, below(1e-12), above(1e-2)},
     {1e-12, 1e-2}},
  };
}

/// Whether `message` refuses `value` for this field, in whatever way the number is written.
bool is_refusal(std::string const& message, std::string const& field, double value, std::string const& allowed) {
  std::string const before = "scc::Options::" + field + " is ", after = ", must be " + allowed;
  if (message.size() < before.size() + after.size() || message.compare(0, before.size(), before) != 0 ||
      message.compare(message.size() - after.size(), after.size(), after) != 0) {
    return false;
  }
  std::string const text = message.substr(before.size(), message.size() - before.size() - after.size());
  char* end = nullptr;
  double const named = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && (std::isnan(value) ? std::isnan(named) : same_bits(named, value));
}

}  // namespace

TEST_CASE("an option out of range is refused by its name, its value and its range") {
  for (auto const& field : fields()) {
    for (double const value : field.bad) {
      INFO(field.name << " = " << value);
      Options options;
      field.set(options, value);
      std::string const message = message_of([&] { scc::validate(options); });
      INFO(message);
      CHECK(is_refusal(message, field.name, value, field.allowed));
      CHECK(message_of([&] { Loss loss(options); }) == message);
      CHECK(message_of([&] { scc::Plan plan(options); }) == message);
      CHECK(message_of([&] { scc::reference_statistics(options, {0.5}, {0.5}); }) == message);
    }
    for (double const value : field.good) {
      INFO(field.name << " = " << value);
      Options options;
      field.set(options, value);
      CHECK_NOTHROW(scc::validate(options));
    }
  }
}

TEST_CASE("kernels that no arithmetic or basis in reach can represent are refused by the field to change") {
  Options overflowing = Options::released_code();
  overflowing.bandwidth = 0.05;
  CHECK_THAT(message_of([&] { Loss loss(overflowing); }), contains("scc::Options::bandwidth is 0.05"));
  CHECK_THAT(message_of([&] { Loss loss(overflowing); }), contains("lost in the rounding errors of H"));

  Options without_ridge;
  without_ridge.lambda = 1e-17;
  CHECK_THAT(message_of([&] { Loss loss(without_ridge); }), contains("scc::Options::lambda is 1e-17"));
  CHECK_THAT(message_of([&] { Loss loss(without_ridge); }), contains("must be above the rounding errors of H"));

  Options narrow;
  for (double const bandwidth : {1e-7, 1e-4, 1e-3}) {
    for (auto const basis : {Basis::automatic, Basis::histogram, Basis::chebyshev}) {
      for (double const end : {0.9, 1.0}) {
        narrow.bandwidth = bandwidth;
        narrow.basis = basis;
        narrow.center_max = end;
        narrow.center_min = -end;
        std::string const message = message_of([&] { Loss loss(narrow); });
        CHECK_THAT(message, contains("scc::Options::bandwidth is " + scc::detail::shortest_text(bandwidth)));
        CHECK_THAT(message, contains("must be at least"));
      }
    }
  }
  narrow.bandwidth = 0.02;
  narrow.basis = Basis::chebyshev;
  CHECK_THAT(message_of([&] { Loss loss(narrow); }), contains("scc::Options::bandwidth is 0.02, must be larger"));
  narrow.basis = Basis::automatic;
  CHECK_NOTHROW(Loss(narrow));
}

TEST_CASE("the size of a basis that is given by hand must be in its range") {
  Options options;
  auto const refusal_of = [&](Basis basis, int size) {
    options.basis = basis;
    return message_of([&] { scc::Plan plan(options, size); });
  };
  for (int const size : {-1, 0, 1, 66, INT_MIN, INT_MAX}) {
    CHECK_THAT(refusal_of(Basis::chebyshev, size),
               contains("basis_size is " + std::to_string(size) + ", must be in [2, 65] with Basis::chebyshev"));
  }
  for (int const size : {-1, 0, 18, 516, INT_MIN, INT_MAX}) {
    CHECK_THAT(refusal_of(Basis::histogram, size), contains("basis_size is " + std::to_string(size) + ", must be"));
  }
  CHECK_THAT(refusal_of(Basis::automatic, 20), contains("basis_size is 20"));
  options.basis = Basis::chebyshev;
  CHECK(scc::Plan(options, 11).degree() == 10);
  options.basis = Basis::histogram;
  CHECK(scc::Plan(options, 35).basis_size() == 35);
}

TEST_CASE("the reference refuses pixels that are not pairs") {
  CHECK_THAT(message_of([] {
               scc::reference_statistics({}, {0.1, 0.2}, {0.1});
             }),
             contains("x has 2 pixels and y has 1"));
  CHECK_THAT(message_of([] { scc::reference_statistics({}, {}, {}); }), contains("x has 0 pixels and y has 0"));
}
