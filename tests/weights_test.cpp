// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Weights of pixels: what they mean, what they may be, and what bad ones get. Their gradients are in gradient_test.cpp, cases
/// from an independent evaluation in golden_test.cpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <scc/scc.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/images.hpp"
#include "support/layouts.hpp"
#include "support/results.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::GradientMode;
using scc::ImageBatch;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// As in properties_test.cpp: chunks, tiles and blocks end within an image.
Shape const medium = is_gpu ? Shape{2, 3, 31, 48} : Shape{2, 3, 61, 47};

/// A densely packed batch of weights, which may be bool.
template <class W>
struct Weights {
  Shape shape;
  std::unique_ptr<W[]> numbers;

  Weights(Shape extents, std::vector<double> const& values)
      : shape(extents),
        numbers(std::make_unique<W[]>(extents.size())) {
    for (std::size_t k = 0; k < extents.size(); ++k) {
      numbers[k] = static_cast<W>(values[k]);
    }
  }

  ImageBatch<W const> view() const {
    return ImageBatch<W const>::contiguous(numbers.get(), shape.images, shape.channels, shape.height, shape.width);
  }
  std::vector<double> values() const {
    std::vector<double> values;
    for (std::size_t k = 0; k < shape.size(); ++k) {
      values.push_back(static_cast<double>(numbers[k]));
    }
    return values;
  }
};

/// Weights in [0, 1), a third of them 0, and of some images whole blocks.
std::vector<double> random_weights(std::size_t count, unsigned seed) {
  std::vector<double> values = random_values(count, seed, -0.5, 1);
  for (std::size_t k = 0; k < count; ++k) {
    values[k] = std::max(values[k], 0.0) * (k % 2000 < 400 ? 0 : 1);
  }
  return values;
}

/// 0 or 1 where the weights are 0 or not.
std::vector<double> mask_of(std::vector<double> values) {
  for (double& value : values) {
    value = value > 0 ? 1 : 0;
  }
  return values;
}

/// Equality up to rounding, on both backends.
template <class T>
void check_close(Results<T> const& actual, Results<T> const& expected) {
  CHECK(std::abs(actual.loss - expected.loss) <= rsmi_rounding<T>);
  CHECK(largest_difference(actual.rsmi, expected.rsmi) <= rsmi_rounding<T>);
  CHECK(relative_error(actual.dx, expected.dx) <= gradient_rounding<T>);
  CHECK(relative_error(actual.dy, expected.dy) <= gradient_rounding<T>);
}

/// The numbers of one image of a batch.
template <class T>
std::vector<double> image_of(std::vector<T> const& numbers, Shape const& shape, std::int64_t image) {
  auto const first = numbers.begin() + static_cast<std::ptrdiff_t>(image * shape.pixels());
  return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(shape.pixels()));
}

template <class T, class W>
void check_definition(Loss const& loss, Pair<T> const& pair, Weights<W> const& weight, double bound) {
  Workspace workspace;
  double const value = loss.forward(pair.x.view(), pair.y.view(), weight.view(), workspace);
  double sum = 0;
  for (std::int64_t image = 0; image < pair.shape.images; ++image) {
    auto const of_image = [&](auto const& numbers) { return image_of(numbers, pair.shape, image); };
    scc::Statistics const expected = scc::reference_statistics(loss.options(), of_image(pair.x.pixels),
                                                               of_image(pair.y.pixels), of_image(weight.values()));
    scc::Statistics const actual = loss.statistics(workspace, image);
    CHECK(std::abs(workspace.rsmi()[static_cast<std::size_t>(image)] - expected.rsmi) <= bound);
    CHECK((actual.h - expected.h).norm() <= bound * expected.h.norm());
    CHECK((actual.H - expected.H).norm() <= bound * expected.H.norm());
    sum += expected.rsmi;
  }
  CHECK(std::abs(value + sum / static_cast<double>(pair.shape.images)) <= bound);
}

}  // namespace

TEMPLATE_TEST_CASE("weights of any type mean what the definition says", "", bool, std::uint8_t, Eigen::half,
                   Eigen::bfloat16, float, double) {
  Shape const shape{2, 3, 13, 21};
  std::vector<double> values = random_weights(shape.size(), 11);
  for (double& value : values) {
    value = std::is_same_v<TestType, bool> ? std::ceil(value) : std::ceil(200 * value);
  }
  Weights<TestType> const weight(shape, values);
  for (auto const& setup : all_setups()) {
    INFO(setup.name << ", " << type_name<TestType>());
    Loss const loss(setup.options);
    check_definition(loss, Pair<float>(shape, 12), weight, 5e-7);
    check_definition(loss, Pair<double>(shape, 12), weight, 1e-6);
  }
}

TEMPLATE_TEST_CASE("weights of 1 change nothing", "", float, double) {
  Shape const one{1, 1, 1, 1};
  Weights<bool> const flag(one, {1});
  Weights<std::uint8_t> const byte(one, {1});
  Weights<float> const real(one, {1}), power(one, {std::ldexp(1.0, -77)}), three(one, {3});
  Weights<double> const wide(one, {1}), tiny(one, {5e-324});
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<TestType> const pair(medium, 21);
    auto const expected = evaluate(loss, pair);
    // All of the same power of two: to the bit on the CPU.
    CHECK(same_to_rounding(evaluate(loss, pair, repeated(flag.view(), medium)), expected));
    CHECK(same_to_rounding(evaluate(loss, pair, repeated(byte.view(), medium)), expected));
    CHECK(same_to_rounding(evaluate(loss, pair, repeated(real.view(), medium)), expected));
    CHECK(same_to_rounding(evaluate(loss, pair, repeated(power.view(), medium)), expected));
    CHECK(same_to_rounding(evaluate(loss, pair, repeated(wide.view(), medium)), expected));
    check_close(evaluate(loss, pair, repeated(tiny.view(), medium)), expected);
    check_close(evaluate(loss, pair, repeated(three.view(), medium)), expected);
  }
}

TEMPLATE_TEST_CASE("whole-number weights are repeated pixels", "", float, double) {
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<TestType> const pair({1, 1, 1, 1500}, 31);
    std::vector<double> values(pair.shape.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      values[k] = static_cast<double>(k * k % 7 / 2);
    }
    auto const actual = evaluate(loss, pair, Weights<std::uint8_t>(pair.shape, values).view());

    auto const count = std::accumulate(values.begin(), values.end(), 0.0);
    Pair<TestType> many({1, 1, 1, static_cast<std::int64_t>(count)}, 31);
    std::size_t at = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      for (double copy = 0; copy < values[k]; ++copy, ++at) {
        many.x.pixels[at] = pair.x.pixels[k];
        many.y.pixels[at] = pair.y.pixels[k];
      }
    }
    auto const of_copies = evaluate(loss, many);
    Results<TestType> expected{of_copies.loss, of_copies.rsmi, Batch<TestType>(pair.shape).pixels,
                               Batch<TestType>(pair.shape).pixels};
    at = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      for (double copy = 0; copy < values[k]; ++copy, ++at) {
        expected.dx[k] += of_copies.dx[at];
        expected.dy[k] += of_copies.dy[at];
      }
    }
    check_close(actual, expected);
  }
}

TEMPLATE_TEST_CASE("a mask leaves the pixels that it shows", "", float, double) {
  for (auto const& setup : all_setups()) {
    Loss const loss(setup.options);
    for (std::int64_t const pixels : {1, 130, 3001}) {
      INFO(setup.name << ", " << pixels << " pixels");
      Pair<TestType> const pair({1, 1, 1, pixels}, 41);
      std::vector<double> mask = mask_of(random_weights(pair.shape.size(), 42));
      mask.back() = 1;
      std::vector<std::size_t> places;
      for (std::size_t k = 0; k < mask.size(); ++k) {
        if (mask[k] != 0) {
          places.push_back(k);
        }
      }
      Pair<TestType> compact({1, 1, 1, static_cast<std::int64_t>(places.size())}, 41);
      for (std::size_t k = 0; k < places.size(); ++k) {
        compact.x.pixels[k] = pair.x.pixels[places[k]];
        compact.y.pixels[k] = pair.y.pixels[places[k]];
      }
      auto const expected = evaluate(loss, compact);
      auto const actual = evaluate(loss, pair, Weights<bool>(pair.shape, mask).view());
      Results<TestType> shown{actual.loss, actual.rsmi, {}, {}};
      for (std::size_t const place : places) {
        shown.dx.push_back(actual.dx[place]);
        shown.dy.push_back(actual.dy[place]);
      }
      if (pixels > 1) {  // one pixel has a gradient near 0 relative to its rounding errors
        check_close(shown, expected);
      }
      CHECK(largest_difference(shown.rsmi, expected.rsmi) <= rsmi_rounding<TestType>);
      for (std::size_t k = 0; k < mask.size(); ++k) {
        if (mask[k] == 0) {
          CHECK(actual.dx[k] == 0);
          CHECK(actual.dy[k] == 0);
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("only the ratios of weights matter", "", float, double) {
  std::vector<double> const values = random_weights(medium.size(), 51);
  auto const scaled = [&](double scale) {
    std::vector<double> products = values;
    // The second image has a scale of its own.
    for (std::size_t k = 0; k < products.size(); ++k) {
      products[k] =
        static_cast<double>(static_cast<float>(products[k])) * (k < products.size() / 2 ? scale : 8 * scale);
    }
    return products;
  };
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<TestType> const pair(medium, 52);
    auto const expected = evaluate(loss, pair, Weights<float>(medium, scaled(1)).view());
    for (int const exponent : {-90, -3, 5, 120}) {
      double const scale = std::ldexp(1.0, exponent);
      CHECK(same_bits(evaluate(loss, pair, Weights<float>(medium, scaled(scale)).view()), expected));
    }
    CHECK(same_bits(evaluate(loss, pair, Weights<double>(medium, scaled(std::ldexp(1.0, 1000))).view()), expected));
    check_close(evaluate(loss, pair, Weights<double>(medium, scaled(3.7)).view()), expected);
    check_close(evaluate(loss, pair, Weights<double>(medium, scaled(1e300)).view()), expected);
    check_close(evaluate(loss, pair, Weights<double>(medium, scaled(1e-290)).view()), expected);
  }
}

TEST_CASE("weights may be as large or as small as their type holds") {
  Shape const shape{1, 1, 20, 30};
  std::vector<double> const values = random_weights(shape.size(), 61);
  auto const scaled = [&](double scale) {
    std::vector<double> products = values;
    std::transform(products.begin(), products.end(), products.begin(), [&](double value) { return scale * value; });
    return products;
  };
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<float> const pair(shape, 62);
    Pair<double> const wide(shape, 62);
    for (double const scale : {3.4e38, 1e38, 1e-38, 1e-42, 1e-44}) {
      INFO("scale " << scale);
      check_definition(loss, pair, Weights<float>(shape, scaled(scale)), 5e-7);
      check_definition(loss, wide, Weights<float>(shape, scaled(scale)), 1e-6);
    }
    for (double const scale : {1.7e308, 1e300, 1e-300, 1e-310, 1e-322}) {
      INFO("scale " << scale);
      check_definition(loss, pair, Weights<double>(shape, scaled(scale)), 5e-7);
      check_definition(loss, wide, Weights<double>(shape, scaled(scale)), 1e-6);
    }
    // All of the largest, whose sum no type holds.
    check_definition(loss, pair, Weights<float>(shape, std::vector<double>(shape.size(), 3.4028234e38)), 5e-7);
    check_definition(loss, pair, Weights<double>(shape, std::vector<double>(shape.size(), 1.7e308)), 5e-7);
    // One that dwarfs the others, and the others count, or do not.
    for (double const ratio : {1e3, 1e9, 1e30, 1e60}) {
      INFO("ratio " << ratio);
      std::vector<double> uneven = values;
      uneven[7] = ratio;
      check_definition(loss, pair, Weights<double>(shape, uneven), 5e-7);
      check_definition(loss, wide, Weights<double>(shape, uneven), 1e-6);
    }
  }
}

TEMPLATE_TEST_CASE("the order of weighted pixels means nothing", "", float, double) {
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<TestType> const pair({1, 1, 1, is_gpu ? 3001 : 9001}, 71);
    std::vector<double> const values = random_weights(pair.shape.size(), 72);
    std::vector<std::size_t> order(pair.shape.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937(73));
    Pair<TestType> permuted = pair;
    std::vector<double> permuted_values = values;
    for (std::size_t k = 0; k < order.size(); ++k) {
      permuted.x.pixels[k] = pair.x.pixels[order[k]];
      permuted.y.pixels[k] = pair.y.pixels[order[k]];
      permuted_values[k] = values[order[k]];
    }
    auto const expected = evaluate(loss, pair, Weights<float>(pair.shape, values).view());
    auto const actual = evaluate(loss, permuted, Weights<float>(pair.shape, permuted_values).view());
    auto gathered = expected;
    for (std::size_t k = 0; k < order.size(); ++k) {
      gathered.dx[k] = expected.dx[order[k]];
      gathered.dy[k] = expected.dy[order[k]];
    }
    check_close(actual, gathered);
    if (loss.plan().basis() == scc::Basis::histogram) {
      CHECK(same_bits(actual, gathered));
    }
  }
}

TEMPLATE_TEST_CASE("the layout of weights in memory means nothing", "", std::uint8_t, Eigen::half, float, double) {
  Shape const shape{2, 3, 11, 37};
  Pair<float> const pair(shape, 81);
  std::vector<double> values = random_weights(shape.size(), 82);
  std::vector<TestType> dense;
  for (double const value : values) {
    dense.push_back(static_cast<TestType>(std::ceil(200 * value)));
  }
  auto const contiguous =
    ImageBatch<TestType const>::contiguous(dense.data(), shape.images, shape.channels, shape.height, shape.width);
  for (auto const& setup : both_bases()) {
    Loss const loss(setup.options);
    auto const expected = evaluate(loss, pair, contiguous);
    for (auto const& layout : layouts(shape)) {
      INFO(setup.name << ", " << layout.name);
      Arranged<TestType> weight(shape, layout,
                                static_cast<TestType>(99));  // and a gap must not pass for the largest one
      weight.fill(dense);
      CHECK(same_to_rounding(evaluate(loss, pair, weight.view()), expected));
    }
  }
}

TEST_CASE("stride 0 repeats weights as a copy would") {
  Pair<float> const pair(medium, 91);
  for (Shape const& kept : {Shape{2, 1, medium.height, medium.width}, Shape{1, 1, medium.height, medium.width},
                            Shape{1, 3, medium.height, medium.width}, Shape{2, 3, 1, medium.width},
                            Shape{2, 3, medium.height, 1}, Shape{2, 1, 1, 1}}) {
    Weights<float> const weight(kept, random_values(kept.size(), 92, 0, 1));
    ImageBatch<float const> const view = repeated(weight.view(), medium);
    std::vector<double> copies;
    for (std::int64_t n = 0; n < medium.images; ++n) {
      for (std::int64_t c = 0; c < medium.channels; ++c) {
        for (std::int64_t h = 0; h < medium.height; ++h) {
          for (std::int64_t w = 0; w < medium.width; ++w) {
            copies.push_back(static_cast<double>(view.data[n * view.image_stride + c * view.channel_stride +
                                                           h * view.row_stride + w * view.column_stride]));
          }
        }
      }
    }
    for (auto const& setup : both_bases()) {
      INFO(setup.name << ", [" << kept.images << ", " << kept.channels << ", " << kept.height << ", " << kept.width
                      << "]");
      Loss const loss(setup.options);
      auto const expected = evaluate(loss, pair, Weights<float>(medium, copies).view());
      CHECK(same_to_rounding(evaluate(loss, pair, view), expected));
    }
  }
}

TEST_CASE("a batch of weighted images is the loop over them") {
  Shape const single{1, medium.channels, medium.height, medium.width};
  Pair<float> const pair(medium, 101);
  std::vector<double> const values = random_weights(medium.size(), 102);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    auto const batch = evaluate(loss, pair, Weights<float>(medium, values).view());
    for (std::int64_t n = 0; n < medium.images; ++n) {
      Pair<float> image(single, 0);
      image.x = Batch<float>(single, image_of(pair.x.pixels, medium, n));
      image.y = Batch<float>(single, image_of(pair.y.pixels, medium, n));
      auto const alone = evaluate(loss, image, Weights<float>(single, image_of(values, medium, n)).view());
      CHECK(std::abs(batch.rsmi[static_cast<std::size_t>(n)] - alone.rsmi[0]) <= (is_gpu ? rsmi_rounding<float> : 0));
      std::vector<double> dy = image_of(batch.dy, medium, n);
      std::transform(dy.begin(), dy.end(), dy.begin(), [](double value) { return 2 * value; });
      CHECK(relative_error(dy, alone.dy) <= gradient_rounding<float>);
    }
  }
}

namespace {

/// Checks that these numbers are, to the bit, those of the other image.
template <class T>
void check_same_image(std::vector<T> const& actual, std::vector<T> const& expected, Shape const& shape,
                      std::int64_t image) {
  CHECK(same_bits(image_of(actual, shape, image), image_of(expected, shape, image)));
}

template <class T>
bool all_nan(std::vector<T> const& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](T number) { return std::isnan(static_cast<double>(number)); });
}
template <class T>
bool all_zero(std::vector<T> const& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](T number) { return number == T(0); });
}

}  // namespace

TEMPLATE_TEST_CASE("what a pixel of weight 0 holds means nothing", "", float, double, Eigen::half) {
  Shape const shape{2, 3, 7, 61};
  std::vector<double> const values = random_weights(shape.size(), 111);
  Weights<float> const weight(shape, values);
  Batch<TestType> const x(shape, random_values(shape.size(), 112)), y(shape, random_values(shape.size(), 113));
  std::array<double, 5> const junk{not_a_number, -not_a_number, infinity, -infinity, 7};
  Batch<TestType> x_junk = x, y_junk = y;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (values[k] == 0) {
      x_junk.pixels[k] = static_cast<TestType>(junk[k % 5]);
      y_junk.pixels[k] = static_cast<TestType>(junk[k % 4]);
    }
  }
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Workspace workspace;
    auto const expected = evaluate<double>(loss, shape, x.view(), y.view(), weight.view(), workspace);
    auto const actual = evaluate<double>(loss, shape, x_junk.view(), y_junk.view(), weight.view(), workspace);
    CHECK(std::isfinite(actual.loss));
    CHECK(same_bits(actual, expected));
    CHECK(same_bits(workspace.diagnostics(), scc::Diagnostics{}));
    for (std::size_t k = 0; k < shape.size(); ++k) {
      if (values[k] == 0) {
        CHECK(actual.dx[k] == 0);
        CHECK(actual.dy[k] == 0);
      }
    }

    // Beside pixels that do count, and are counted.
    std::size_t const nan_at =
      static_cast<std::size_t>(std::max_element(values.begin() + 420, values.begin() + 520) - values.begin());
    std::size_t const outside_at = shape.size() - 1 - nan_at % 2;
    Batch<TestType> x_bad = x_junk;
    std::vector<double> bad_values = values;
    bad_values[outside_at] = 0.5;
    x_bad.pixels[nan_at] = static_cast<TestType>(not_a_number);
    x_bad.pixels[outside_at] = static_cast<TestType>(7);
    Batch<TestType> y_bad = y_junk;
    y_bad.pixels[outside_at] = static_cast<TestType>(0);
    Weights<float> const bad_weight(shape, bad_values);
    auto const bad = evaluate<double>(loss, shape, x_bad.view(), y_bad.view(), bad_weight.view(), workspace);
    CHECK(std::isnan(bad.loss));
    CHECK(std::isnan(bad.rsmi[0]));
    CHECK(std::isfinite(bad.rsmi[1]));
    CHECK(same_bits(workspace.diagnostics(0), scc::Diagnostics{0, 1, 0, 0, 0}));
    CHECK(same_bits(workspace.diagnostics(1), scc::Diagnostics{1, 0, 0, 0, 0}));
    for (std::size_t k = 0; k < shape.size() / 2; ++k) {
      CHECK((values[k] == 0 ? bad.dx[k] == 0 : std::isnan(bad.dx[k])));
      CHECK((values[k] == 0 ? bad.dy[k] == 0 : std::isnan(bad.dy[k])));
    }
    CHECK(bad.dx[outside_at] == 0);
    CHECK(bad.dy[outside_at] != 0);
  }
}

TEST_CASE("a pixel counts however small its weight is beside others") {
  Shape const shape{1, 1, 5, 60};
  Pair<float> pair(shape, 115);
  std::vector<double> values(shape.size(), 1.0);
  values[77] = 1e-60;
  pair.x.pixels[77] = std::numeric_limits<float>::quiet_NaN();
  Weights<double> const weight(shape, values);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Workspace workspace;
    CHECK(std::isnan(Loss(setup.options).forward(pair.x.view(), pair.y.view(), weight.view(), workspace)));
    CHECK(workspace.diagnostics().x_nan == 1);
  }
}

TEST_CASE("accumulating adds nothing to pixels of weight 0") {
  Pair<float> const pair({1, 3, 7, 61}, 121);
  std::vector<double> const values = random_weights(pair.shape.size(), 122);
  Weights<float> const weight(pair.shape, values);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Workspace workspace;
    auto const expected = evaluate<float>(loss, pair.shape, pair.x.view(), pair.y.view(), weight.view(), workspace);
    Batch<float> const before(pair.shape, random_values(pair.shape.size(), 123));
    Batch<float> dx = before, dy = before;
    loss.backward_x(pair.x.view(), pair.y.view(), weight.view(), workspace, 1.0, dx.view(), GradientMode::accumulate);
    loss.backward(pair.x.view(), pair.y.view(), weight.view(), workspace, 1.0, dy.view(), GradientMode::accumulate);
    for (std::size_t k = 0; k < values.size(); ++k) {
      CHECK(std::abs(dx.pixels[k] - (before.pixels[k] + expected.dx[k])) <= 1e-7);
      CHECK(std::abs(dy.pixels[k] - (before.pixels[k] + expected.dy[k])) <= 1e-7);
      if (values[k] == 0) {
        CHECK(same_bits(dx.pixels[k], before.pixels[k]));
        CHECK(same_bits(dy.pixels[k], before.pixels[k]));
      }
    }
    loss.backward_x(pair.x.view(), pair.y.view(), weight.view(), workspace, 1.0, dx.view());
    CHECK(same_bits(dx.pixels, expected.dx));
    Batch<float> both(pair.shape);
    Workspace of_both;
    double const value = loss.forward_backward(pair.x.view(), pair.y.view(), weight.view(), of_both, 1.0, both.view());
    CHECK(same_bits(value, expected.loss));
    CHECK(same_bits(both.pixels, expected.dy));
  }
}

TEMPLATE_TEST_CASE("an image whose weights are all 0 has rSMI 0, no gradient, and counts in the mean", "", float,
                   double) {
  Shape const shape{3, 3, 7, 61};
  Pair<TestType> pair(shape, 131);
  std::size_t const image = shape.size() / 3;
  std::vector<double> values = random_weights(shape.size(), 132);
  std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(image), image, 0.0);
  values[image + 3] = -0.0;
  pair.x.pixels[image + 1] = static_cast<TestType>(not_a_number);
  pair.y.pixels[image + 2] = static_cast<TestType>(9);
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Workspace workspace;
    auto const actual =
      evaluate<TestType>(loss, shape, pair.x.view(), pair.y.view(), Weights<float>(shape, values).view(), workspace);
    CHECK(actual.rsmi[1] == 0);
    CHECK(std::abs(actual.loss + (actual.rsmi[0] + actual.rsmi[2]) / 3) <= 1e-12 + (is_gpu ? rsmi_rounding<float> : 0));
    CHECK(actual.rsmi[0] > 1e-3);
    CHECK(all_zero(image_of(actual.dx, shape, 1)));
    CHECK(all_zero(image_of(actual.dy, shape, 1)));
    CHECK(same_bits(workspace.diagnostics(1), scc::Diagnostics{}));
    scc::Statistics const statistics = loss.statistics(workspace, 1);
    CHECK(statistics.rsmi == 0);
    CHECK((statistics.h.array() == 0).all());
    CHECK((statistics.H.array() == 0).all());
    CHECK((statistics.alpha.array() == 0).all());

    // The other images are as they are beside any other image.
    values[image + 5] = 1;
    auto const other = evaluate(loss, pair, Weights<float>(shape, values).view());
    values[image + 5] = 0;
    for (std::int64_t const n : {0, 2}) {
      CHECK(same_bits(actual.rsmi[static_cast<std::size_t>(n)], other.rsmi[static_cast<std::size_t>(n)]));
      check_same_image(actual.dx, other.dx, shape, n);
      check_same_image(actual.dy, other.dy, shape, n);
    }
    auto const none = evaluate(loss, pair, Weights<bool>(shape, std::vector<double>(shape.size(), 0.0)).view());
    CHECK(none.loss == 0);
    CHECK(all_zero(none.rsmi));
    CHECK(all_zero(none.dy));
  }
}

TEMPLATE_TEST_CASE("an invalid weight makes its image, and the loss, NaN, and is counted", "", float, double,
                   Eigen::half, Eigen::bfloat16) {
  Shape const shape{3, 3, 7, 61};
  Pair<float> pair(shape, 141);
  std::size_t const image = shape.size() / 3;
  std::vector<double> const values = random_weights(shape.size(), 142);
  pair.x.pixels[image + 9] = 4;
  for (auto const& setup : both_bases()) {
    Loss const loss(setup.options);
    Weights<TestType> good(shape, values);
    good.numbers[image - 1] = static_cast<TestType>(-0.0);  // valid
    auto const expected = evaluate(loss, pair, good.view());
    CHECK(std::isfinite(expected.loss));
    std::size_t turn = 0;
    for (double const invalid : {-1.0, -1e-7, infinity, -infinity, not_a_number, -not_a_number}) {
      ++turn;
      for (std::size_t const at : {image, image + 500, 2 * image - 1}) {
        if (is_gpu && at != (turn % 3 == 0 ? image : turn % 3 == 1 ? image + 500 : 2 * image - 1)) {
          continue;  // in an interpreter these are long: the places in turns
        }
        INFO(setup.name << ", " << type_name<TestType>() << ", " << invalid << " at " << at);
        Weights<TestType> bad(shape, good.values());
        bad.numbers[at] = static_cast<TestType>(invalid);
        Workspace workspace;
        auto const actual = evaluate<float>(loss, shape, pair.x.view(), pair.y.view(), bad.view(), workspace);
        CHECK(std::isnan(actual.loss));
        CHECK(std::isnan(actual.rsmi[1]));
        // All of its gradient, where weights are 0 and where pixels are outside the domain, too.
        CHECK(all_nan(image_of(actual.dx, shape, 1)));
        CHECK(all_nan(image_of(actual.dy, shape, 1)));
        CHECK(workspace.diagnostics().weight_invalid == 1);
        CHECK(workspace.diagnostics(0).weight_invalid == 0);
        CHECK(workspace.diagnostics(1).weight_invalid == 1);
        CHECK(workspace.diagnostics(1).x_nan + workspace.diagnostics(1).y_nan == 0);
        scc::Statistics const statistics = loss.statistics(workspace, 1);
        CHECK(std::isnan(statistics.rsmi));
        CHECK(statistics.h.array().isNaN().all());
        CHECK(statistics.H.array().isNaN().all());
        CHECK(statistics.alpha.array().isNaN().all());
        for (std::int64_t const n : {0, 2}) {
          CHECK(same_bits(actual.rsmi[static_cast<std::size_t>(n)], expected.rsmi[static_cast<std::size_t>(n)]));
          check_same_image(actual.dx, expected.dx, shape, n);
          check_same_image(actual.dy, expected.dy, shape, n);
        }
        // What it left in the workspace does not reach the next batch.
        auto const next = evaluate<float>(loss, shape, pair.x.view(), pair.y.view(), good.view(), workspace);
        CHECK(same_bits(next, expected));
        CHECK(workspace.diagnostics().weight_invalid == 0);
      }
    }
    // An invalid weight is worse than having none, and each one counts, repeated ones as often as they are.
    Weights<TestType> worst({1, 1, 7, 61}, std::vector<double>(7 * 61, 0.0));
    worst.numbers[3] = static_cast<TestType>(-2.0);
    worst.numbers[5] = static_cast<TestType>(not_a_number);
    Workspace workspace;
    auto const actual =
      evaluate<float>(loss, shape, pair.x.view(), pair.y.view(), repeated(worst.view(), shape), workspace);
    CHECK(all_nan(actual.rsmi));
    CHECK(all_nan(actual.dx));
    CHECK(all_nan(actual.dy));
    CHECK(workspace.diagnostics().weight_invalid == 18);
    CHECK(workspace.diagnostics().x_outside == 0);
  }
}

TEST_CASE("a gradient for each image") {
  Shape const shape{3, 2, 7, 31};
  Pair<float> const pair(shape, 151);
  Weights<float> const weight(shape, random_weights(shape.size(), 152));
  std::vector<double> const numbers{0.5, 0, -3};
  GradLoss const each(numbers.data(), 3);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    for (bool const is_weighted : {false, true}) {
      Workspace workspace;
      auto const once = is_weighted
                          ? evaluate<float>(loss, shape, pair.x.view(), pair.y.view(), weight.view(), workspace)
                          : evaluate<float>(loss, shape, pair.x.view(), pair.y.view(), 1, workspace);
      Results<float> expected = once;
      for (std::size_t k = 0; k < shape.size(); ++k) {
        auto const factor = static_cast<float>(numbers[k / static_cast<std::size_t>(shape.pixels())]);
        expected.dx[k] *= factor;
        expected.dy[k] *= factor;
      }
      auto const run = [&](GradLoss const& grad_loss) {
        Batch<float> dx(shape), dy(shape), dx_alone(shape), dy_alone(shape), dy_of_both(shape);
        Workspace other;
        auto const call = [&](auto... weights) {
          loss.backward_xy(pair.x.view(), pair.y.view(), weights..., workspace, grad_loss, dx.view(), dy.view());
          loss.backward_x(pair.x.view(), pair.y.view(), weights..., workspace, grad_loss, dx_alone.view());
          loss.backward(pair.x.view(), pair.y.view(), weights..., workspace, grad_loss, dy_alone.view());
          loss.forward_backward(pair.x.view(), pair.y.view(), weights..., other, grad_loss, dy_of_both.view());
        };
        is_weighted ? call(weight.view()) : call();
        CHECK(same_bits(dx.pixels, dx_alone.pixels));
        CHECK(same_bits(dy.pixels, dy_alone.pixels));
        CHECK(same_bits(dy.pixels, dy_of_both.pixels));
        return Results<float>{once.loss, once.rsmi, dx.pixels, dy.pixels};
      };
      auto const actual = run(each);
      CHECK(relative_error(actual.dx, expected.dx) <= 1e-5);
      CHECK(relative_error(actual.dy, expected.dy) <= 1e-5);
      CHECK(all_zero(image_of(actual.dy, shape, 1)));
      // The same number for each is one number.
      std::vector<double> const constant(3, 0.75);
      CHECK(same_bits(run(GradLoss(constant.data(), 3)), run(0.75)));
    }

    // Another count than that of the images, before anything is written.
    Workspace workspace;
    double const value = loss.forward(pair.x.view(), pair.y.view(), workspace);
    Batch<float> const untouched(shape, 7.5F);
    Batch<float> dx = untouched, dy = untouched;
    std::vector<double> const more(4, 1.0);
    for (std::int64_t const count : {0, 2, 4, -1}) {
      GradLoss const wrong(more.data(), count);
      std::string const message = "grad_loss has " + std::to_string(count) + " numbers but there are 3 images";
      CHECK_THAT(message_of([&] { loss.backward(pair.x.view(), pair.y.view(), workspace, wrong, dy.view()); }),
                 contains(message));
      CHECK_THAT(message_of([&] { loss.backward_x(pair.x.view(), pair.y.view(), workspace, wrong, dx.view()); }),
                 contains(message));
      CHECK_THAT(
        message_of([&] { loss.backward_xy(pair.x.view(), pair.y.view(), workspace, wrong, dx.view(), dy.view()); }),
        contains(message));
      // Not the images of the workspace, so that another forward pass would show.
      CHECK_THAT(message_of([&] { loss.forward_backward(pair.y.view(), pair.x.view(), workspace, wrong, dy.view()); }),
                 contains(message));
      CHECK(same_bits(dx.pixels, untouched.pixels));
      CHECK(same_bits(dy.pixels, untouched.pixels));
      CHECK(loss.statistics(workspace, 0).rsmi == workspace.rsmi()[0]);
      CHECK(std::abs(value + (workspace.rsmi()[0] + workspace.rsmi()[1] + workspace.rsmi()[2]) / 3) <= 1e-6);
    }
  }
  CHECK_THAT(message_of([] { GradLoss(nullptr, 2); }), contains("grad_loss has 2 numbers but its data is null"));
  // No images, no numbers.
  Batch<float> none({0, 2, 7, 31});
  Workspace workspace;
  CHECK(Loss().forward_backward(none.view(), none.view(), workspace, GradLoss(nullptr, 0), none.view()) == 0);
}

TEST_CASE("weights that are no batch like the images are refused, and nothing is written") {
  Shape const shape{2, 3, 4, 5};
  Batch<float> const x(shape, random_values(shape.size(), 161)), y(shape, random_values(shape.size(), 162));
  Weights<float> const weight(shape, random_weights(shape.size(), 163));
  Loss const loss(both_bases()[0].options);
  Workspace workspace;
  loss.forward(x.view(), y.view(), weight.view(), workspace);
  std::vector<double> const rsmi = workspace.rsmi();
  Batch<float> const untouched(shape, 7.5F);
  Batch<float> dx = untouched, dy = untouched;
  auto const refuse = [&](ImageBatch<float const> bad, std::string const& part, std::string const& other_part) {
    // Not the images of the workspace, so that another forward pass would show.
    for (auto const& message :
         {message_of([&] { loss.forward(y.view(), y.view(), bad, workspace); }),
          message_of([&] { loss.forward_backward(y.view(), y.view(), bad, workspace, 1.0, dy.view()); }),
          message_of([&] { loss.backward(x.view(), y.view(), bad, workspace, 1.0, dy.view()); }),
          message_of([&] { loss.backward_x(x.view(), y.view(), bad, workspace, 1.0, dx.view()); }),
          message_of([&] { loss.backward_xy(x.view(), y.view(), bad, workspace, 1.0, dx.view(), dy.view()); })}) {
      CHECK_THAT(message, contains(part));
      CHECK_THAT(message, contains(other_part));
    }
    CHECK(same_bits(dx.pixels, untouched.pixels));
    CHECK(same_bits(dy.pixels, untouched.pixels));
    CHECK(same_bits(workspace.rsmi(), rsmi));
    CHECK_NOTHROW(loss.statistics(workspace, 1));
  };
  std::array<std::int64_t ImageBatch<float const>::*, 4> const extents{
    &ImageBatch<float const>::images, &ImageBatch<float const>::channels, &ImageBatch<float const>::height,
    &ImageBatch<float const>::width};
  for (auto const extent : extents) {
    ImageBatch<float const> bad = weight.view();
    bad.*extent -= 1;
    refuse(bad, "x is [2, 3, 4, 5]", "weight is " + scc::detail::shape_text(bad));
    bad.*extent = -1;
    refuse(bad, "weight has a negative extent", scc::detail::shape_text(bad));
  }
  ImageBatch<float const> bad = weight.view();
  bad.data = nullptr;
  refuse(bad, "weight has pixels but its data is null", "[2, 3, 4, 5]");
  bad = weight.view();
  bad.row_stride = std::int64_t{1} << 60;
  refuse(bad, "weight is larger than any memory", "");
  refuse({}, "weight is [0, 0, 0, 0]", "");
}

TEST_CASE("a backward pass has weights if, and only if, the forward pass had some") {
  Shape const shape{2, 3, 4, 5};
  Batch<float> const x(shape, random_values(shape.size(), 171)), y(shape, random_values(shape.size(), 172));
  Weights<float> const weight(shape, random_weights(shape.size(), 173));
  Loss const loss(both_bases()[0].options);
  Workspace workspace;
  Batch<float> const untouched(shape, 7.5F);
  Batch<float> dx = untouched, dy = untouched;
  loss.forward(x.view(), y.view(), weight.view(), workspace);
  for (auto const& message :
       {message_of([&] { loss.backward(x.view(), y.view(), workspace, 1.0, dy.view()); }),
        message_of([&] { loss.backward_x(x.view(), y.view(), workspace, 1.0, dx.view()); }),
        message_of([&] { loss.backward_xy(x.view(), y.view(), workspace, 1.0, dx.view(), dy.view()); })}) {
    CHECK_THAT(message, contains("filled with weights but there are none now"));
  }
  loss.forward(x.view(), y.view(), workspace);
  for (auto const& message :
       {message_of([&] { loss.backward(x.view(), y.view(), weight.view(), workspace, 1.0, dy.view()); }),
        message_of([&] { loss.backward_x(x.view(), y.view(), weight.view(), workspace, 1.0, dx.view()); }),
        message_of(
          [&] { loss.backward_xy(x.view(), y.view(), weight.view(), workspace, 1.0, dx.view(), dy.view()); })}) {
    CHECK_THAT(message, contains("filled without weights but there are some now"));
  }
  CHECK(same_bits(dx.pixels, untouched.pixels));
  CHECK(same_bits(dy.pixels, untouched.pixels));
}

TEST_CASE("a batch without images or pixels needs no weights") {
  for (Shape const& shape : {Shape{0, 3, 4, 5}, Shape{2, 3, 0, 5}}) {
    auto const nothing =
      ImageBatch<float>::contiguous(nullptr, shape.images, shape.channels, shape.height, shape.width);
    for (auto const& setup : both_bases()) {
      Loss const loss(setup.options);
      Workspace workspace;
      CHECK(same_bits(loss.forward(nothing, nothing, nothing, workspace), 0.0));
      CHECK(workspace.rsmi().empty());
      CHECK(workspace.diagnostics().weight_invalid == 0);
      loss.backward(nothing, nothing, nothing, workspace, 1.0, nothing);
    }
  }
}
