// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What must hold for any images, with generated ones, for both kernels in both bases.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
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

/// On the CPU large enough for two chunks per image, and for rows, channels and chunks to end in the middle of a block; on
/// the GPU, whose kernels tests run on a CPU as well, for several tiles, of pixels that are read four at a time.
Shape const medium = is_gpu ? Shape{2, 3, 31, 48} : Shape{2, 3, 61, 47};

/// Shapes around the sizes at which the CPU's pixel loops change their way: blocks of 128 pixels, chunks of 8192.
std::vector<Shape> shapes() {
  return {{1, 1, 1, 1}, {2, 3, 1, 1}, {1, 1, 1, 127}, {3, 1, 128, 1}, {1, 3, 43, 1}, medium};
}

}  // namespace

TEMPLATE_TEST_CASE("the order of the pixels means nothing", "", float, double) {
  for (auto const& setup : all_setups()) {
    Loss const loss(setup.options);
    for (unsigned seed = 0; seed < 3; ++seed) {
      INFO(setup.name << ", seed " << seed);
      Pair<TestType> const pair({1, 1, 1, is_gpu ? 3001 : 9001}, 10 * seed);
      std::vector<std::size_t> order(pair.shape.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::mt19937 generator(seed);
      for (std::size_t k = order.size() - 1; k > 0; --k) {
        std::swap(order[k], order[generator() % (k + 1)]);
      }
      Pair<TestType> permuted = pair;
      for (std::size_t k = 0; k < order.size(); ++k) {
        permuted.x.pixels[k] = pair.x.pixels[order[k]];
        permuted.y.pixels[k] = pair.y.pixels[order[k]];
      }
      auto const expected = evaluate(loss, pair), actual = evaluate(loss, permuted);
      auto gathered = expected;
      for (std::size_t k = 0; k < order.size(); ++k) {
        gathered.dx[k] = expected.dx[order[k]];
        gathered.dy[k] = expected.dy[order[k]];
      }
      CHECK(largest_difference(actual.rsmi, gathered.rsmi) <= rsmi_rounding<TestType>);
      CHECK(relative_error(actual.dx, gathered.dx) <= gradient_rounding<TestType>);
      CHECK(relative_error(actual.dy, gathered.dy) <= gradient_rounding<TestType>);
      if (loss.plan().basis() == scc::Basis::histogram) {
        CHECK(same_bits(actual, gathered));
      }
    }
  }
}

TEMPLATE_TEST_CASE("the two images play the same part", "", float, double) {
  for (auto const& setup : all_setups()) {
    Loss const loss(setup.options);
    for (auto const& shape : shapes()) {
      INFO(setup.name << ", " << shape.pixels() << " pixels");
      Pair<TestType> const pair(shape, 31);
      auto const forth = evaluate(loss, pair);
      auto const back = evaluate<TestType>(loss, shape, pair.y.view(), pair.x.view());
      CHECK(largest_difference(forth.rsmi, back.rsmi) <= rsmi_rounding<TestType>);
      if (shape.pixels() > 1) {  // one pixel has a gradient near 0 relative to its rounding errors
        CHECK(relative_error(forth.dx, back.dy) <= gradient_rounding<TestType>);
        CHECK(relative_error(forth.dy, back.dx) <= gradient_rounding<TestType>);
      }
    }
  }
}

TEMPLATE_TEST_CASE("a batch is the loop over its images", "", float, double) {
  for (auto const& setup : all_setups()) {
    Loss const loss(setup.options);
    for (std::int64_t const images : {1, 3, 4}) {
      INFO(setup.name << ", " << images << " images");
      Shape const shape{images, medium.channels, medium.height, medium.width},
        single{1, medium.channels, medium.height, medium.width};
      Pair<TestType> const pair(shape, 41);
      auto const batch = evaluate(loss, pair);
      // A power of two cancels in the scale without rounding.
      auto const scaled = evaluate(loss, pair, static_cast<double>(images));

      double sum = 0;
      std::vector<double> rsmi;
      std::vector<TestType> dx, dy;
      for (std::int64_t n = 0; n < images; ++n) {
        auto const first = static_cast<std::ptrdiff_t>(n * shape.pixels()), last = first + shape.pixels();
        Pair<TestType> image(single, 0);
        image.x.pixels.assign(pair.x.pixels.begin() + first, pair.x.pixels.begin() + last);
        image.y.pixels.assign(pair.y.pixels.begin() + first, pair.y.pixels.begin() + last);
        auto const alone = evaluate(loss, image);
        CHECK(alone.loss == -alone.rsmi[0]);
        sum += alone.loss;
        rsmi.push_back(alone.rsmi[0]);
        dx.insert(dx.end(), alone.dx.begin(), alone.dx.end());
        dy.insert(dy.end(), alone.dy.begin(), alone.dy.end());
      }
      CHECK(same_to_rounding(batch.rsmi, rsmi, rsmi_rounding<TestType>));
      CHECK(batch.loss == Approx(sum / static_cast<double>(images)).epsilon(is_gpu ? rsmi_rounding<TestType> : 1e-14));
      double const rounding = is_gpu ? gradient_rounding<TestType> : 1e-6;
      CHECK(relative_error(scaled.dx, dx) <= rounding);
      CHECK(relative_error(scaled.dy, dy) <= rounding);
      if (images != 3) {
        CHECK(same_to_rounding(scaled.dx, dx, gradient_rounding<TestType>));
        CHECK(same_to_rounding(scaled.dy, dy, gradient_rounding<TestType>));
      }
      std::transform(dx.begin(), dx.end(), dx.begin(),
                     [&](TestType value) { return value / static_cast<TestType>(images); });
      CHECK(relative_error(batch.dx, dx) <= rounding);
    }
  }
}

namespace {

template <class T>
void check_layouts(Shape const& shape, Setup const& setup) {
  Loss const loss(setup.options);
  Pair<T> const pair(shape, 51);
  auto const expected = evaluate(loss, pair);
  std::vector<Layout> const ways = layouts(shape);
  for (std::size_t k = 0; k < ways.size(); ++k) {
    // x, y and the gradients each in a layout of their own.
    Layout const &x_way = ways[k], &y_way = ways[(k + 1) % ways.size()], &dx_way = ways[(k + 2) % ways.size()],
                 &dy_way = ways[(k + 5) % ways.size()];
    INFO(setup.name << "; x " << x_way.name << ", y " << y_way.name << ", dx " << dx_way.name << ", dy "
                    << dy_way.name);
    T const outside = static_cast<T>(77), gap = static_cast<T>(-55);
    Arranged<T> x(shape, x_way, outside), y(shape, y_way, outside), dx(shape, dx_way, gap), dy(shape, dy_way, gap);
    x.fill(pair.x.pixels);
    y.fill(pair.y.pixels);
    Workspace workspace;
    Results<T> actual;
    actual.loss = loss.forward(x.view(), y.view(), workspace);
    loss.backward_xy(x.view(), y.view(), workspace, 1.0, dx.view(), dy.view());
    actual.rsmi = workspace.rsmi();
    actual.dx = dx.dense();
    actual.dy = dy.dense();
    CHECK(same_to_rounding(actual, expected));
    CHECK(dx.gaps_are_untouched());
    CHECK(dy.gaps_are_untouched());
  }
}

}  // namespace

TEST_CASE("the layout in memory means nothing") {
  for (auto const& setup : all_setups()) {
    check_layouts<float>(medium, setup);
  }
  for (auto const& setup : both_bases()) {
    check_layouts<double>({2, 3, 11, 13}, setup);
    check_layouts<float>({3, 1, 1, 150}, setup);
    check_layouts<float>({2, 3, 150, 1}, setup);
    check_layouts<float>({1, 4, 1, 1}, setup);
  }
}

TEST_CASE("channels_last describes what its name says") {
  Shape const shape{2, 3, 5, 7};
  std::vector<int> memory(shape.size());
  auto const actual = ImageBatch<int>::channels_last(memory.data(), 2, 3, 5, 7);
  CHECK(actual.image_stride == 105);
  CHECK(actual.channel_stride == 1);
  CHECK(actual.row_stride == 21);
  CHECK(actual.column_stride == 3);
  auto const planes = ImageBatch<int>::contiguous(memory.data(), 2, 3, 5, 7);
  CHECK(planes.image_stride == 105);
  CHECK(planes.channel_stride == 35);
  CHECK(planes.row_stride == 7);
  CHECK(planes.column_stride == 1);
  CHECK(planes.pixels() == 105);
}

TEST_CASE("stride 0 repeats pixels as a copy would") {
  std::int64_t const height = medium.height, width = medium.width;
  Shape const shape{3, 3, height, width};
  Pair<float> const pair(shape, 61);
  struct Repeat {
    std::string name;
    Shape kept;
    std::array<std::int64_t, 4> strides;
  };
  for (auto const& repeat : std::vector<Repeat>{
         {"one channel for three", {3, 1, height, width}, {height * width, 0, width, 1}},
         {"one image for three", {1, 3, height, width}, {0, height * width, width, 1}},
         {"one row", {3, 3, 1, width}, {3 * width, width, 0, 1}},
         {"one column", {3, 3, height, 1}, {3 * height, height, 1, 0}},
         {"one pixel per channel", {3, 3, 1, 1}, {3, 1, 0, 0}},
         {"one pixel", {1, 1, 1, 1}, {0, 0, 0, 0}},
       }) {
    Batch<float> kept(repeat.kept, random_values(repeat.kept.size(), 62));
    ImageBatch<float const> const repeated{
      kept.pixels.data(), 3, 3, height, width, repeat.strides[0], repeat.strides[1], repeat.strides[2],
      repeat.strides[3]};
    Batch<float> copied(shape);
    std::size_t k = 0;
    for (std::int64_t n = 0; n < 3; ++n) {
      for (std::int64_t c = 0; c < 3; ++c) {
        for (std::int64_t h = 0; h < height; ++h) {
          for (std::int64_t w = 0; w < width; ++w) {
            copied.pixels[k++] =
              repeated
                .data[n * repeat.strides[0] + c * repeat.strides[1] + h * repeat.strides[2] + w * repeat.strides[3]];
          }
        }
      }
    }
    for (auto const& setup : both_bases()) {
      INFO(repeat.name << ", " << setup.name);
      Loss const loss(setup.options);
      auto const from_copy = evaluate<float>(loss, shape, copied.view(), pair.y.view());
      CHECK(same_to_rounding(evaluate<float>(loss, shape, repeated, pair.y.view()), from_copy));
      auto const as_y = evaluate<float>(loss, shape, pair.y.view(), copied.view());
      CHECK(same_to_rounding(evaluate<float>(loss, shape, pair.y.view(), repeated), as_y));
    }
  }
}

TEMPLATE_TEST_CASE("accumulate is overwrite plus add", "", float, double) {
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<TestType> const pair(medium, 81);
    auto const expected = evaluate(loss, pair, 100);
    std::vector<double> const before_x = random_values(medium.size(), 82), before_y = random_values(medium.size(), 83);
    auto const sum = [](std::vector<double> const& before, std::vector<TestType> const& gradient) {
      std::vector<TestType> result;
      for (std::size_t k = 0; k < gradient.size(); ++k) {
        result.push_back(static_cast<TestType>(before[k]) + gradient[k]);
      }
      return result;
    };
    // Where the sum is made in more digits than the buffer has, it is rounded once less than here.
    double const rounding = 1e-7;
    auto const check = [&](std::vector<TestType> const& actual, std::vector<TestType> const& wanted) {
      CHECK(relative_error(actual, wanted) <= rounding);
    };
    Workspace workspace;
    loss.forward(pair.x.view(), pair.y.view(), workspace);
    Batch<TestType> dx(medium, before_x), dy(medium, before_y);
    loss.backward(pair.x.view(), pair.y.view(), workspace, 100, dy.view(), GradientMode::accumulate);
    check(dy.pixels, sum(before_y, expected.dy));
    loss.backward_x(pair.x.view(), pair.y.view(), workspace, 100, dx.view(), GradientMode::accumulate);
    check(dx.pixels, sum(before_x, expected.dx));
    dx = Batch<TestType>(medium, before_x);
    dy = Batch<TestType>(medium, before_y);
    loss.backward_xy(pair.x.view(), pair.y.view(), workspace, 100, dx.view(), dy.view(), GradientMode::accumulate);
    check(dx.pixels, sum(before_x, expected.dx));
    check(dy.pixels, sum(before_y, expected.dy));
    dy = Batch<TestType>(medium, before_y);
    loss.forward_backward(pair.x.view(), pair.y.view(), workspace, 100, dy.view(), GradientMode::accumulate);
    check(dy.pixels, sum(before_y, expected.dy));
    // And what was there before is what overwriting ignores.
    loss.backward_xy(pair.x.view(), pair.y.view(), workspace, 100, dx.view(), dy.view());
    CHECK(same_bits(dx.pixels, expected.dx));
    CHECK(same_bits(dy.pixels, expected.dy));
  }
}

TEMPLATE_TEST_CASE("the gradient is linear in grad_loss", "", float, double) {
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<TestType> const pair({2, 3, 9, 17}, 91);
    auto const once = evaluate(loss, pair);
    for (double const scale : {2.0, -1.0, 0.5, 65536.0, 3.0, held_grad_loss(-0.7), 0.0}) {
      INFO("grad_loss " << scale);
      auto const scaled = evaluate(loss, pair, scale);
      auto expected = once;
      for (auto* const gradient : {&expected.dx, &expected.dy}) {
        for (TestType& value : *gradient) {
          value *= static_cast<TestType>(scale);
        }
      }
      if (scale == 0) {
        CHECK(std::count(scaled.dx.begin(), scaled.dx.end(), TestType(0)) == std::ptrdiff_t(pair.shape.size()));
        CHECK(std::count(scaled.dy.begin(), scaled.dy.end(), TestType(0)) == std::ptrdiff_t(pair.shape.size()));
      } else {
        CHECK(relative_error(scaled.dx, expected.dx) <= (std::is_same_v<TestType, double> ? 1e-13 : 1e-5));
        CHECK(relative_error(scaled.dy, expected.dy) <= (std::is_same_v<TestType, double> ? 1e-13 : 1e-5));
      }
      CHECK(same_bits(scaled.rsmi, once.rsmi));
    }
  }
}

TEMPLATE_TEST_CASE("calls that do two things do what two calls do", "", float, double) {
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Pair<TestType> const pair(medium, 101);
    Workspace workspace, workspace_of_both;
    Batch<TestType> dx(medium), dy(medium), dx_of_both(medium), dy_of_both(medium);
    double const value = loss.forward(pair.x.view(), pair.y.view(), workspace);
    loss.backward(pair.x.view(), pair.y.view(), workspace, 0.3, dy.view());
    loss.backward_x(pair.x.view(), pair.y.view(), workspace, 0.3, dx.view());
    loss.backward_xy(pair.x.view(), pair.y.view(), workspace, 0.3, dx_of_both.view(), dy_of_both.view());
    CHECK(same_bits(dx.pixels, dx_of_both.pixels));
    CHECK(same_bits(dy.pixels, dy_of_both.pixels));

    dy_of_both = Batch<TestType>(medium);
    CHECK(
      same_bits(loss.forward_backward(pair.x.view(), pair.y.view(), workspace_of_both, 0.3, dy_of_both.view()), value));
    CHECK(same_bits(workspace_of_both.rsmi(), workspace.rsmi()));
    CHECK(same_bits(dy_of_both.pixels, dy.pixels));
  }
}

TEST_CASE("copies of a loss share workspaces, and outlive each other") {
  Pair<float> const pair({2, 3, 9, 17}, 121);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Workspace workspace;
    Batch<float> dx(pair.shape), dy(pair.shape);
    auto const copy = [&] {
      Loss const original(setup.options);
      original.forward(pair.x.view(), pair.y.view(), workspace);
      return Loss(original);
    }();
    copy.backward_xy(pair.x.view(), pair.y.view(), workspace, 1.0, dx.view(), dy.view());
    auto const expected = evaluate(Loss(setup.options), pair);
    CHECK(same_bits(workspace.rsmi(), expected.rsmi));
    CHECK(same_bits(dx.pixels, expected.dx));
    CHECK(same_bits(dy.pixels, expected.dy));
    CHECK(copy.statistics(workspace, 1).rsmi == expected.rsmi[1]);
    CHECK(copy.options().centers_per_axis == setup.options.centers_per_axis);
  }
}
