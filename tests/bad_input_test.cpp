// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What bad input gets: an error that says what is wrong, or a result that cannot be mistaken for a good one.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <scc/scc.hpp>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/images.hpp"
#include "support/layouts.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::GradientMode;
using scc::ImageBatch;
using scc::Options;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr float canary = 7.5F;

/// A batch, its translation, two gradients and a workspace that is ready for a backward pass.
struct Scene {
  Shape shape{2, 3, 4, 5};
  Loss loss{both_bases()[0].options};
  Batch<float> x{shape, random_values(shape.size(), 1)};
  Batch<float> y{shape, random_values(shape.size(), 2)};
  Batch<float> dx{shape, canary};
  Batch<float> dy{shape, canary};
  Workspace workspace;

  Scene() { loss.forward(x.view(), y.view(), workspace); }

  bool nothing_is_written() const {
    Batch<float> const untouched(shape, canary);
    return same_bits(dx.pixels, untouched.pixels) && same_bits(dy.pixels, untouched.pixels);
  }
};

/// A function of the loss, ready to be called.
struct Call {
  std::string name;
  std::function<void()> run;
};

template <class X, class Y, class GX, class GY>
std::vector<Call> backward_calls(Loss const& loss, ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace,
                                 ImageBatch<GX> dx, ImageBatch<GY> dy, GradientMode mode = GradientMode::overwrite) {
  return {
    {"backward", [=, &loss, &workspace] { loss.backward(x, y, workspace, 1.0, dy, mode); }},
    {"backward_x", [=, &loss, &workspace] { loss.backward_x(x, y, workspace, 1.0, dx, mode); }},
    {"backward_xy", [=, &loss, &workspace] { loss.backward_xy(x, y, workspace, 1.0, dx, dy, mode); }},
  };
}

/// All of them.
template <class X, class Y, class GX, class GY>
std::vector<Call> all_calls(Loss const& loss, ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace, ImageBatch<GX> dx,
                            ImageBatch<GY> dy, GradientMode mode = GradientMode::overwrite) {
  std::vector<Call> calls = backward_calls(loss, x, y, workspace, dx, dy, mode);
  calls.push_back({"forward", [=, &loss, &workspace] { loss.forward(x, y, workspace); }});
  calls.push_back(
    {"forward_backward", [=, &loss, &workspace] { loss.forward_backward(x, y, workspace, 1.0, dy, mode); }});
  return calls;
}

/// The calls are refused with a message that contains `parts`, write nothing, and leave the workspace usable.
void require_refused(Scene& scene, std::vector<Call> const& calls, std::vector<std::string> const& parts) {
  std::vector<double> const rsmi = scene.workspace.rsmi();
  for (auto const& call : calls) {
    INFO(call.name);
    std::string const message = message_of(call.run);
    for (auto const& part : parts) {
      CHECK_THAT(message, contains(part));
    }
    CHECK(scene.nothing_is_written());
    CHECK(same_bits(scene.workspace.rsmi(), rsmi));
    CHECK_NOTHROW(scene.loss.statistics(scene.workspace, 1));
  }
}

/// All calls with these images.
void require_refused(Scene& scene, ImageBatch<float> x, ImageBatch<float> y, std::vector<std::string> const& parts) {
  require_refused(scene, all_calls(scene.loss, x, y, scene.workspace, scene.dx.view(), scene.dy.view()), parts);
}

/// All calls that would write this gradient, as dloss_dx and as dloss_dy, whose name begins the message.
void require_gradient_refused(Scene& scene, ImageBatch<float> gradient, std::string const& part,
                              std::string const& other_part = "") {
  for (bool const is_dx : {true, false}) {
    for (auto const mode : {GradientMode::overwrite, GradientMode::accumulate}) {
      std::vector<Call> writing;
      // Not the images of the workspace, so that another forward pass would show.
      for (auto const& call : all_calls(scene.loss, scene.x.view(), scene.x.view(), scene.workspace,
                                        is_dx ? gradient : scene.dx.view(), is_dx ? scene.dy.view() : gradient, mode)) {
        std::set<std::string> const names = is_dx
                                              ? std::set<std::string>{"backward_x", "backward_xy"}
                                              : std::set<std::string>{"backward", "backward_xy", "forward_backward"};
        if (names.count(call.name) != 0) {
          writing.push_back(call);
        }
      }
      require_refused(scene, writing, {(is_dx ? "dloss_dx" : "dloss_dy") + part, other_part});
    }
  }
}

/// All calls with this view, in each place where one may be.
void require_refused_everywhere(Scene& scene, ImageBatch<float> view, std::string const& part) {
  require_refused(scene, view, scene.y.view(), {"x" + part});
  require_refused(scene, scene.x.view(), view, {"y" + part});
  require_gradient_refused(scene, view, part);
}

std::int64_t& extent(ImageBatch<float>& view, std::size_t axis) {
  return *std::array<std::int64_t*, 4>{&view.images, &view.channels, &view.height, &view.width}[axis];
}

std::int64_t& stride(ImageBatch<float>& view, std::size_t axis) {
  return *std::array<std::int64_t*, 4>{&view.image_stride, &view.channel_stride, &view.row_stride,
                                       &view.column_stride}[axis];
}

std::string text(std::array<std::int64_t, 4> const& extents) {
  return "[" + std::to_string(extents[0]) + ", " + std::to_string(extents[1]) + ", " + std::to_string(extents[2]) +
         ", " + std::to_string(extents[3]) + "]";
}
std::string text(ImageBatch<float> const& view) { return text(scc::detail::extents(view)); }

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                       most = std::numeric_limits<std::int64_t>::max();

}  // namespace

TEST_CASE("images and gradients of different shapes are refused, both named") {
  Scene scene;
  for (std::size_t axis = 0; axis < 4; ++axis) {
    ImageBatch<float> smaller = scene.x.view();
    extent(smaller, axis) -= 1;
    require_refused(scene, smaller, scene.y.view(), {"x is " + text(smaller), "y is [2, 3, 4, 5]"});
    require_refused(scene, scene.x.view(), smaller, {"x is [2, 3, 4, 5]", "y is " + text(smaller)});
    require_gradient_refused(scene, smaller, " is " + text(smaller), " is [2, 3, 4, 5]");
  }
  // The same number of pixels is not the same shape.
  auto const wide = ImageBatch<float>::contiguous(scene.y.pixels.data(), 2, 3, 5, 4);
  require_refused(scene, scene.x.view(), wide, {"x is [2, 3, 4, 5]", "y is [2, 3, 5, 4]"});
  // An empty batch is a shape, too.
  require_refused(scene, scene.x.view(), ImageBatch<float>{}, {"x is [2, 3, 4, 5]", "y is [0, 0, 0, 0]"});
}

TEST_CASE("negative extents are refused") {
  Scene scene;
  for (std::size_t axis = 0; axis < 4; ++axis) {
    for (std::int64_t const value : {std::int64_t{-1}, least}) {
      ImageBatch<float> view = scene.x.view();
      extent(view, axis) = value;
      require_refused_everywhere(scene, view, " has a negative extent: " + text(view));
      // No other extent excuses it, not even one that leaves no pixels, or a second negative one.
      for (std::int64_t const other : {std::int64_t{0}, value}) {
        extent(view, (axis + 1) % 4) = other;
        require_refused(scene, view, view, {"x has a negative extent"});
      }
    }
  }
}

TEST_CASE("null data is refused where there are pixels") {
  Scene scene;
  ImageBatch<float> nothing = scene.x.view();
  nothing.data = nullptr;
  require_refused_everywhere(scene, nothing, " has pixels but its data is null");
}

TEST_CASE("extents and strides beyond all memory are refused before they overflow") {
  Scene scene;
  std::int64_t const half = std::int64_t{1} << 32;
  for (auto const& extents : std::vector<std::array<std::int64_t, 4>>{{half, half, 1, 1},
                                                                      {1, 1, half, half},
                                                                      {half, 1, 1, half},
                                                                      {most, 1, 1, 1},
                                                                      {1, most, 2, 1},
                                                                      {2, 1, 1, most},
                                                                      {most, most, most, most},
                                                                      {1 << 20, 1 << 20, 1 << 17, 1}}) {
    // Stride 0 everywhere: the number of pixels alone is too large.
    ImageBatch<float> const view{scene.x.pixels.data(), extents[0], extents[1], extents[2], extents[3], 0, 0, 0, 0};
    require_refused(scene, view, view, {"x is larger than any memory"});
    require_refused(scene, scene.x.view(), view, {"y is larger than any memory"});
  }
  for (std::size_t axis = 0; axis < 4; ++axis) {
    for (std::int64_t const value : {most, -most, least, std::int64_t{1} << 60, -(std::int64_t{1} << 56)}) {
      ImageBatch<float> view = scene.x.view();
      stride(view, axis) = value;
      require_refused_everywhere(scene, view, " is larger than any memory");
    }
  }
}

TEST_CASE("a stride that is never stepped along may be anything") {
  Scene scene;
  Batch<float> const one({1, 1, 1, 20}, random_values(20, 3));
  ImageBatch<float const> view = one.view();
  double const expected = scene.loss.forward(view, view, scene.workspace);
  view.image_stride = most;
  view.channel_stride = least;
  view.row_stride = -view.image_stride;
  CHECK(same_bits(scene.loss.forward(view, view, scene.workspace), expected));
}

TEST_CASE("gradients whose elements share memory are refused") {
  Scene scene;
  auto const refuse = [&](ImageBatch<float> gradient, std::string const& why) {
    require_gradient_refused(scene, gradient, " is written but its elements overlap", why);
  };
  std::array<std::int64_t, 4> const dense{60, 20, 5, 1};
  for (std::size_t axis = 0; axis < 4; ++axis) {
    ImageBatch<float> gradient = scene.dx.view();
    stride(gradient, axis) = 0;
    refuse(gradient, "a stride is 0, needs at least 1");
    if (axis == 3) {
      continue;
    }
    for (std::int64_t const sign : {1, -1}) {
      gradient = scene.dx.view();
      stride(gradient, axis) = sign * (dense[axis] - 1);
      refuse(gradient,
             "a stride is " + std::to_string(dense[axis] - 1) + ", needs at least " + std::to_string(dense[axis]));
    }
  }
  // Two extents along the same elements.
  ImageBatch<float> gradient = scene.dx.view();
  gradient.row_stride = gradient.column_stride;
  refuse(gradient, "a stride is 1");
}

TEST_CASE("a gradient may have stride 0 along an extent of one") {
  Scene scene;
  Batch<float> const one({1, 1, 1, 20}, random_values(20, 3)), other({1, 1, 1, 20}, random_values(20, 4));
  Batch<float> gradient(one.shape, canary);
  ImageBatch<float> view = gradient.view();
  view.image_stride = view.channel_stride = view.row_stride = 0;
  scene.loss.forward_backward(one.view(), other.view(), scene.workspace, 1.0, view);
  for (float const value : gradient.pixels) {
    CHECK(value != canary);
  }
}

TEST_CASE("a backward pass needs a workspace that the same loss filled with a batch of the same size") {
  Scene scene;
  auto const refuse = [&](Workspace const& workspace, ImageBatch<float> x, ImageBatch<float> y, ImageBatch<float> dx,
                          ImageBatch<float> dy, std::string const& why) {
    for (auto const& call : backward_calls(scene.loss, x, y, workspace, dx, dy)) {
      INFO(call.name);
      CHECK_THAT(message_of(call.run), contains(why));
      CHECK(scene.nothing_is_written());
    }
  };
  auto const refuse_scene = [&](Workspace const& workspace, std::string const& why) {
    refuse(workspace, scene.x.view(), scene.y.view(), scene.dx.view(), scene.dy.view(), why);
  };

  Workspace workspace;
  refuse_scene(workspace, "the workspace is empty");
  CHECK_THAT(message_of([&] { scene.loss.statistics(workspace, 0); }), contains("the workspace is empty"));

  Loss const other(scene.loss.options());
  other.forward(scene.x.view(), scene.y.view(), workspace);
  std::string const of_another =
    is_gpu ? "the workspace was made for another loss" : "the workspace was filled by the forward pass of another loss";
  refuse_scene(workspace, of_another);
  CHECK_THAT(message_of([&] { scene.loss.statistics(workspace, 0); }), contains(of_another));

  // Fewer and more images, fewer and more pixels, as many pixels in another shape, and none.
  for (Shape const& filled : {Shape{1, 3, 4, 5}, Shape{3, 3, 4, 5}, Shape{2, 3, 4, 4}, Shape{2, 3, 5, 5},
                              Shape{2, 3, 5, 4}, Shape{2, 5, 4, 3}, Shape{2, 3, 0, 5}, Shape{0, 3, 4, 5}}) {
    Batch<float> const pixels(filled, random_values(filled.size(), 5));
    scene.loss.forward(pixels.view(), pixels.view(), workspace);
    refuse_scene(workspace, "the workspace was filled by a batch of " +
                              text({filled.images, filled.channels, filled.height, filled.width}) +
                              " but x is [2, 3, 4, 5]");
  }
}

TEST_CASE("both gradients in the same memory are refused") {
  Scene scene;
  CHECK_THAT(message_of([&] {
               scene.loss.backward_xy(scene.x.view(), scene.y.view(), scene.workspace, 1.0, scene.dy.view(),
                                      scene.dy.view());
             }),
             contains("dloss_dx and dloss_dy are the same memory"));
  CHECK(scene.nothing_is_written());
}

TEST_CASE("a batch without images or pixels has loss 0, and nothing is written") {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    for (std::size_t axis = 0; axis < 4; ++axis) {
      for (bool const null : {true, false}) {
        std::array<std::int64_t, 4> extents{2, 3, 4, 5};
        extents[axis] = 0;
        INFO("extent " << axis << " is 0, data is " << (null ? "null" : "not null"));
        std::array<float, 4> memory{canary, canary, canary, canary}, other_memory = memory;
        auto const view =
          ImageBatch<float>::contiguous(null ? nullptr : memory.data(), extents[0], extents[1], extents[2], extents[3]);
        ImageBatch<float> other_view = view;
        other_view.data = null ? nullptr : other_memory.data();
        Workspace workspace;
        // What an earlier batch left must not shine through.
        Batch<float> const earlier({3, 1, 2, 2}, random_values(12, 6));
        loss.forward(earlier.view(), earlier.view(), workspace);

        CHECK(same_bits(loss.forward(view, view, workspace), 0.0));
        CHECK(workspace.rsmi().empty());
        CHECK(workspace.diagnostics().x_outside == 0);
        for (auto const mode : {GradientMode::overwrite, GradientMode::accumulate}) {
          for (auto const& call : all_calls(loss, view, view, workspace, view, other_view, mode)) {
            INFO(call.name);
            CHECK_NOTHROW(call.run());
          }
          CHECK(same_bits(loss.forward_backward(view, view, workspace, 1.0, view, mode), 0.0));
          CHECK_NOTHROW(loss.backward_xy(view, view, workspace, 1.0, view, view, mode));
        }
        CHECK(memory == std::array<float, 4>{canary, canary, canary, canary});
        CHECK(other_memory == memory);
        CHECK_THAT(message_of([&] { loss.statistics(workspace, 0); }), contains("the workspace holds 0 images"));
      }
    }
    Workspace workspace;
    CHECK(same_bits(loss.forward(ImageBatch<double>{}, ImageBatch<std::uint8_t>{}, workspace), 0.0));
  }
}

TEST_CASE("an empty batch may have any strides, but no extents beyond all memory") {
  Loss const loss(both_bases()[0].options);
  std::int64_t const large = std::int64_t{1} << 40;
  for (auto const& extents : std::vector<std::array<std::int64_t, 4>>{
         {0, 3, 4, 5}, {2, 3, 0, 5}, {0, large, 4, 5}, {2, 3, large, 0}, {0, 1, large, 1 << 15}}) {
    for (std::int64_t const step : {most, -most, least, std::int64_t{0}}) {
      INFO(text(extents) << ", strides " << step);
      ImageBatch<float> const view{nullptr, extents[0], extents[1], extents[2], extents[3], step, step, step, step};
      Workspace workspace;
      CHECK(same_bits(loss.forward(view, view, workspace), 0.0));
      for (auto const& call : all_calls(loss, view, view, workspace, view, view)) {
        INFO(call.name);
        CHECK_NOTHROW(call.run());
      }
    }
  }
  Scene scene;
  for (auto const& extents : std::vector<std::array<std::int64_t, 4>>{
         {0, large, large, 1}, {1, large, large, 0}, {0, large, large, large}, {2, most, 0, most}}) {
    for (auto const& view :
         {ImageBatch<float>::contiguous(nullptr, extents[0], extents[1], extents[2], extents[3]),
          ImageBatch<float>::channels_last(nullptr, extents[0], extents[1], extents[2], extents[3])}) {
      require_refused(scene, view, view, {"x is larger than any memory"});
    }
  }
}

TEST_CASE("an image that the workspace does not hold is refused") {
  Scene const scene;
  for (std::int64_t const image : {std::int64_t{-1}, std::int64_t{2}, least, most}) {
    std::string const expected = "image " + std::to_string(image) + " was asked for, but the workspace holds 2 images";
    CHECK_THAT(message_of([&] { scene.loss.statistics(scene.workspace, image); }), contains(expected));
    CHECK_THAT(message_of([&] { static_cast<void>(scene.workspace.diagnostics(image)); }), contains(expected));
  }
  CHECK_THAT(message_of([] { static_cast<void>(Workspace().diagnostics(0)); }), contains("holds 0 images"));
}

namespace {

/// The distance from 1 to the next larger T. (Eigen's numeric_limits of half are off.)
template <class T>
double spacing() {
  double step = 1;
  while (static_cast<double>(static_cast<T>(1 + step / 2)) > 1) {
    step /= 2;
  }
  return step;
}

/// Two images with out-of-domain pixels at known places, and the same with each such pixel at the nearest end of the domain.
template <class T>
struct OutsidePixels {
  // More than one block, the last one not full.
  Shape shape{2, 3, 7, 11};
  Batch<T> x{shape, random_values(shape.size(), 11, -0.9, 0.9)};
  Batch<T> y{shape, random_values(shape.size(), 12, -0.9, 0.9)};
  Batch<T> x_clamped = x, y_clamped = y;
  std::vector<bool> x_outside = std::vector<bool>(shape.size(), false);
  std::vector<bool> y_outside = x_outside;

  OutsidePixels() {
    double const step = spacing<T>();
    std::vector<double> const values{1 + step, -1 - step, 1.25, -3, 255, infinity, -infinity};
    std::size_t const image = shape.size() / 2;
    for (std::size_t k = 0; k < values.size(); ++k) {
      put(x, x_clamped, x_outside, 17 * k + 3, values[k]);          // 7 in the first image
      put(y, y_clamped, y_outside, 13 * k + 3, values[k]);          // 7, one of them at an x that is outside
      put(y, y_clamped, y_outside, image + 29 * k + 1, values[k]);  // 7 in the second
    }
    put(x, x_clamped, x_outside, shape.size() - 1, -2);  // 1 in the second, its very last pixel
  }

  static void put(Batch<T>& batch, Batch<T>& clamped, std::vector<bool>& outside, std::size_t at, double value) {
    batch.pixels[at] = static_cast<T>(value);
    clamped.pixels[at] = static_cast<T>(value > 0 ? 1 : -1);
    outside[at] = true;
  }
};

/// Gradients of out-of-domain pixels are 0 and all others are those of the clamped images, in which the ends have a gradient.
void check_gradient(std::vector<float> const& gradient, std::vector<float> const& of_clamped,
                    std::vector<bool> const& outside) {
  for (std::size_t k = 0; k < gradient.size(); ++k) {
    INFO("pixel " << k);
    if (outside[k]) {
      CHECK(gradient[k] == 0);
      CHECK(of_clamped[k] != 0);
    } else {
      CHECK(same_bits(gradient[k], of_clamped[k]));
    }
  }
}

template <class T>
void put_nan(Batch<T>& batch, std::size_t at) {
  batch.pixels[at] = std::numeric_limits<T>::quiet_NaN();
}

}  // namespace

TEMPLATE_TEST_CASE("a pixel outside the domain counts as its nearest end and has no gradient", "", float, double,
                   Eigen::half, Eigen::bfloat16) {
  OutsidePixels<TestType> const outside;
  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Workspace workspace, workspace_of_clamped;
    double const value = loss.forward(outside.x.view(), outside.y.view(), workspace);
    CHECK(std::isfinite(value));
    CHECK(same_bits(value, loss.forward(outside.x_clamped.view(), outside.y_clamped.view(), workspace_of_clamped)));
    CHECK(same_bits(workspace.rsmi(), workspace_of_clamped.rsmi()));

    scc::Diagnostics const first = workspace.diagnostics(0), second = workspace.diagnostics(1),
                           total = workspace.diagnostics(), none = workspace_of_clamped.diagnostics();
    CHECK(first.x_outside == 7);
    CHECK(first.y_outside == 7);
    CHECK(second.x_outside == 1);
    CHECK(second.y_outside == 7);
    CHECK(total.x_outside == 8);
    CHECK(total.y_outside == 14);
    CHECK(total.x_nan + total.y_nan == 0);
    CHECK(none.x_outside + none.y_outside + none.x_nan + none.y_nan == 0);

    Batch<float> dx(outside.shape, canary), dy(outside.shape, canary), dx_clamped(outside.shape),
      dy_clamped(outside.shape);
    loss.backward_xy(outside.x.view(), outside.y.view(), workspace, 1.0, dx.view(), dy.view());
    loss.backward_xy(outside.x_clamped.view(), outside.y_clamped.view(), workspace_of_clamped, 1.0, dx_clamped.view(),
                     dy_clamped.view());
    check_gradient(dx.pixels, dx_clamped.pixels, outside.x_outside);
    check_gradient(dy.pixels, dy_clamped.pixels, outside.y_outside);

    Batch<float> sum(outside.shape, canary);
    loss.backward(outside.x.view(), outside.y.view(), workspace, 1.0, sum.view(), GradientMode::accumulate);
    for (std::size_t k = 0; k < sum.pixels.size(); ++k) {
      if (outside.y_outside[k]) {
        CHECK(sum.pixels[k] == canary);
      }
    }
  }
}

TEMPLATE_TEST_CASE("adding no gradient leaves every bit of what was there", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  // Numbers that only this type can hold.
  double const step = spacing<TestType>();
  Shape const shape{1, 1, 3, 50};
  Batch<float> const x(shape, random_values(shape.size(), 13)), y(shape, 2.0F);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Batch<TestType> gradient(shape, static_cast<TestType>(1 + step));
    Batch<TestType> const before = gradient;
    Workspace workspace;
    Loss(setup.options).forward_backward(x.view(), y.view(), workspace, 1.0, gradient.view(), GradientMode::accumulate);
    CHECK(same_bits(gradient.pixels, before.pixels));
  }
}

namespace {

/// The next T in the direction, 1 or -1.
template <class T>
T beyond(T pixel, double direction) {
  auto const value = static_cast<double>(pixel);
  double step = std::max(std::abs(value), 1e-3) * 1e-17;
  while (same_bits(static_cast<T>(value + direction * step), pixel)) {
    step *= 2;
  }
  return static_cast<T>(value + direction * step);
}

}  // namespace

TEMPLATE_TEST_CASE("pixels at the ends of the domain are inside, even if their type cannot hold these numbers", "",
                   float, double, Eigen::half, Eigen::bfloat16) {
  for (auto const& ends :
       std::vector<std::array<double, 2>>{{0.1, 0.7}, {-0.3, 1.1}, {-0.7, -0.1}, {0.2, 0.3}, {1e-3, 3.3}, {100, 255}}) {
    for (auto const& setup : both_bases()) {
      Options options = setup.options;
      options.center_min = options.domain_min = ends[0];
      options.center_max = options.domain_max = ends[1];
      options.bandwidth = (ends[1] - ends[0]) / 2;
      INFO(setup.name << " on [" << ends[0] << ", " << ends[1] << "]");
      Shape const shape{1, 1, 5, 40};
      auto const lowest = static_cast<TestType>(ends[0]), highest = static_cast<TestType>(ends[1]);
      Batch<TestType> x(shape, random_values(shape.size(), 14, ends[0], ends[1]));
      Batch<TestType> y(shape, random_values(shape.size(), 15, ends[0], ends[1]));
      x.pixels[0] = x.pixels[150] = y.pixels[1] = lowest;
      y.pixels[0] = y.pixels[151] = x.pixels[1] = highest;
      x.pixels[2] = beyond(lowest, -1);
      y.pixels[3] = beyond(highest, 1);
      Loss const loss(options);
      Workspace workspace;
      Batch<double> dx(shape, double{canary}), dy(shape, double{canary});
      loss.forward(x.view(), y.view(), workspace);
      loss.backward_xy(x.view(), y.view(), workspace, 1.0, dx.view(), dy.view());
      CHECK(workspace.diagnostics().x_outside == 1);
      CHECK(workspace.diagnostics().y_outside == 1);
      for (std::size_t k = 0; k < shape.size(); ++k) {
        INFO("pixel " << k);
        CHECK((dx.pixels[k] == 0) == (k == 2));
        CHECK((dy.pixels[k] == 0) == (k == 3));
      }
    }
  }
}

TEST_CASE("each image has the ends of the domain that its own type holds") {
  Options options;
  options.center_min = options.domain_min = 0.1;
  options.center_max = options.domain_max = 0.7;
  options.bandwidth = 0.3;
  // Beyond the ends as double holds them.
  auto const lowest = static_cast<Eigen::half>(0.1), highest = static_cast<Eigen::half>(0.7);
  REQUIRE(static_cast<double>(lowest) < 0.1);
  REQUIRE(static_cast<double>(highest) > 0.7);
  Shape const shape{1, 1, 5, 40};
  Batch<Eigen::half> narrow(shape, random_values(shape.size(), 17, 0.1, 0.7));
  Batch<double> wide(shape, random_values(shape.size(), 18, 0.1, 0.7));
  narrow.pixels[3] = narrow.pixels[77] = lowest;
  narrow.pixels[4] = narrow.pixels[199] = highest;
  wide.pixels[5] = wide.pixels[78] = 0.1;
  wide.pixels[6] = wide.pixels[198] = 0.7;
  wide.pixels[9] = static_cast<double>(lowest);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    options.basis = setup.options.basis;
    Loss const loss(options);
    auto const check = [&](auto const& x, auto const& y, scc::Diagnostics const& expected) {
      Workspace workspace;
      Batch<double> dx(shape), dy(shape);
      loss.forward(x.view(), y.view(), workspace);
      loss.backward_xy(x.view(), y.view(), workspace, 1.0, dx.view(), dy.view());
      CHECK(same_bits(workspace.diagnostics(), expected));
      CHECK(std::count(dx.pixels.begin(), dx.pixels.end(), 0.0) == expected.x_outside);
      CHECK(std::count(dy.pixels.begin(), dy.pixels.end(), 0.0) == expected.y_outside);
    };
    check(narrow, wide, {0, 0, 1, 0});
    check(wide, narrow, {1, 0, 0, 0});
  }
}

TEST_CASE("a pixel that is repeated counts as often as it is repeated") {
  Shape const shape{1, 3, 4, 5};
  Batch<float> x({1, 1, 4, 5}, 0.25F);
  Batch<float> const y(shape, random_values(shape.size(), 16));
  x.pixels[7] = 2;
  ImageBatch<float> repeated = x.view();
  repeated.channels = 3;
  repeated.channel_stride = 0;
  for (auto const& setup : both_bases()) {
    Workspace workspace;
    Loss(setup.options).forward(repeated, y.view(), workspace);
    CHECK(workspace.diagnostics().x_outside == 3);
  }
}

TEMPLATE_TEST_CASE("a NaN pixel makes its image, and the loss, NaN", "", float, double, Eigen::half, Eigen::bfloat16) {
  Shape const shape{4, 3, 7, 11};
  std::size_t const image = shape.size() / 4;
  Batch<TestType> const good_x(shape, random_values(shape.size(), 21)), good_y(shape, random_values(shape.size(), 22));
  Batch<TestType> x = good_x, y = good_y;
  // In the second image in x, in the third in y, in the fourth in both, once in the same pair, and beside out-of-domain ones.
  put_nan(x, image + 40);
  put_nan(y, 2 * image);
  put_nan(y, 3 * image - 1);
  put_nan(x, 3 * image + 5);
  put_nan(y, 3 * image + 5);
  put_nan(y, 3 * image + 6);
  x.pixels[3 * image + 7] = static_cast<TestType>(2);

  for (auto const& setup : all_setups()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Workspace workspace, workspace_of_good;
    double const good_loss = loss.forward(good_x.view(), good_y.view(), workspace_of_good);
    CHECK(std::isfinite(good_loss));
    CHECK(std::isnan(loss.forward(x.view(), y.view(), workspace)));
    CHECK(same_bits(workspace.rsmi()[0], workspace_of_good.rsmi()[0]));
    for (std::size_t n = 1; n < 4; ++n) {
      CHECK(std::isnan(workspace.rsmi()[n]));
      scc::Statistics const statistics = loss.statistics(workspace, static_cast<std::int64_t>(n));
      CHECK(std::isnan(statistics.rsmi));
      CHECK(statistics.h.array().isNaN().all());
      CHECK(statistics.H.array().isNaN().all());
      CHECK(statistics.alpha.array().isNaN().all());
    }

    std::array<std::array<std::int64_t, 3>, 4> const expected{{{0, 0, 0}, {1, 0, 0}, {0, 2, 0}, {1, 2, 1}}};
    for (std::size_t n = 0; n < 4; ++n) {
      scc::Diagnostics const found = workspace.diagnostics(static_cast<std::int64_t>(n));
      INFO("image " << n);
      CHECK(found.x_nan == expected[n][0]);
      CHECK(found.y_nan == expected[n][1]);
      CHECK(found.x_outside == expected[n][2]);
      CHECK(found.y_outside == 0);
    }
    CHECK(workspace.diagnostics().x_nan == 2);
    CHECK(workspace.diagnostics().y_nan == 4);

    Batch<float> dx(shape, canary), dy(shape, canary), good_dx(shape), good_dy(shape);
    loss.backward_xy(x.view(), y.view(), workspace, 1.0, dx.view(), dy.view());
    loss.backward_xy(good_x.view(), good_y.view(), workspace_of_good, 1.0, good_dx.view(), good_dy.view());
    for (std::size_t k = 0; k < shape.size(); ++k) {
      INFO("pixel " << k);
      if (k < image) {
        CHECK(same_bits(dx.pixels[k], good_dx.pixels[k]));
        CHECK(same_bits(dy.pixels[k], good_dy.pixels[k]));
      } else if (k == 3 * image + 7) {
        CHECK(dx.pixels[k] == 0);
      } else {
        CHECK(std::isnan(dx.pixels[k]));
        CHECK(std::isnan(dy.pixels[k]));
      }
    }

    // What a NaN left in the workspace does not reach the next batch.
    CHECK(same_bits(loss.forward(good_x.view(), good_y.view(), workspace), good_loss));
    CHECK(workspace.diagnostics().x_nan + workspace.diagnostics().y_nan == 0);
  }
}

TEMPLATE_TEST_CASE("a domain between two numbers of the pixel type counts as outside only pixels that are", "",
                   Eigen::half, Eigen::bfloat16) {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Options options = setup.options;
    options.center_min = options.domain_min = 1 - 1e-5;
    options.center_max = options.domain_max = 1 + 1e-4;
    options.bandwidth = 1e-4;
    Loss const loss(options);
    Shape const shape{2, 1, 1, 9};
    Batch<TestType> x(shape, TestType(1.0F));
    Batch<TestType> const y(shape, TestType(1.0F));
    x.pixels[2] = TestType(1.5F);
    x.pixels[12] = std::numeric_limits<TestType>::quiet_NaN();
    Workspace workspace;
    loss.forward(x.view(), y.view(), workspace);
    CHECK(same_bits(workspace.diagnostics(0), scc::Diagnostics{1, 0, 0, 0}));
    CHECK(same_bits(workspace.diagnostics(1), scc::Diagnostics{0, 1, 0, 0}));
    Batch<double> dx(shape, double{canary});
    loss.backward_x(x.view(), y.view(), workspace, 1.0, dx.view());
    for (std::size_t k = 0; k < 9; ++k) {
      CHECK((k != 2 || dx.pixels[k] == 0));
      CHECK(std::isfinite(dx.pixels[k]));
    }
  }
}

TEST_CASE("NaNs of either sign and any payload are NaNs") {
  std::vector<float> const nans{std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                                std::nanf("1"), std::nanf("0x3fffff"), std::numeric_limits<float>::signaling_NaN()};
  Shape const shape{1, 1, 1, 9};
  for (auto const& setup : both_bases()) {
    Loss const loss(setup.options);
    for (float const nan : nans) {
      Batch<float> x(shape, 0.5F);
      Batch<float> const y(shape, 0.5F);
      Batch<double> const wide_y(shape, 0.5);
      x.pixels[4] = nan;
      Workspace workspace;
      CHECK(std::isnan(loss.forward(x.view(), y.view(), workspace)));
      CHECK(workspace.diagnostics().x_nan == 1);
      CHECK(workspace.diagnostics().x_outside == 0);
      CHECK(std::isnan(loss.forward(x.view(), wide_y.view(), workspace)));
      CHECK(workspace.diagnostics().x_nan == 1);
      CHECK(workspace.diagnostics().x_outside == 0);
    }
  }
}

TEST_CASE("uint8 pixels span the domain from 0 to 255 and are never outside it") {
  for (auto const& ends : std::vector<std::array<double, 2>>{{0.1, 0.7},
                                                             {-1, 1},
                                                             {0, 1},
                                                             {0, 255},
                                                             {-0.3, 1.1},
                                                             {1e-3, 3.3},
                                                             {0.2, 0.3},
                                                             {-0.7, -0.1},
                                                             {100, 100.1},
                                                             {1e-9, 1.7e-9}}) {
    for (auto const& setup : both_bases()) {
      Options options = setup.options;
      options.center_min = options.domain_min = ends[0];
      options.center_max = options.domain_max = ends[1];
      options.bandwidth = (ends[1] - ends[0]) / 2;
      INFO(setup.name << " on [" << ends[0] << ", " << ends[1] << "]");
      Loss const loss(options);

      Shape const shape{2, 1, 16, 16};
      Batch<std::uint8_t> x(shape), y(shape);
      for (std::size_t k = 0; k < 256; ++k) {
        x.pixels[k] = static_cast<std::uint8_t>(k);
        y.pixels[k] = static_cast<std::uint8_t>(k * 37 % 256);
        // The second image has the two ends only.
        x.pixels[256 + k] = k % 2 == 0 ? 0 : 255;
        y.pixels[256 + k] = k % 3 == 0 ? 255 : 0;
      }
      Workspace workspace;
      loss.forward(x.view(), y.view(), workspace);
      CHECK(workspace.diagnostics().x_outside == 0);
      CHECK(workspace.diagnostics().y_outside == 0);

      std::vector<double> const x_values = pixel_values(options, x.pixels), y_values = pixel_values(options, y.pixels);
      for (std::size_t n = 0; n < 2; ++n) {
        auto const image = [n](std::vector<double> const& values) {
          auto const first = values.begin() + static_cast<std::ptrdiff_t>(256 * n);
          return std::vector<double>(first, first + 256);
        };
        double const expected = scc::reference_statistics(options, image(x_values), image(y_values)).rsmi;
        CHECK(workspace.rsmi()[n] == Approx(expected).epsilon(0).margin(1e-6));
      }

      // Beside pixels of type double, and with their gradient: nothing is flagged as outside there either.
      Batch<double> const wide_y(shape, y_values);
      Batch<double> dy(shape, double{canary});
      loss.forward(x.view(), wide_y.view(), workspace);
      CHECK(workspace.diagnostics().x_outside == 0);
      loss.forward(wide_y.view(), x.view(), workspace);
      CHECK(workspace.diagnostics().y_outside == 0);
    }
  }
}
