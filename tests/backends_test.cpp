// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The GPU's results against the CPU's, and what only the GPU has: results in device memory, workspaces in the memory of the
/// caller, streams, and images that straddle blocks.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <limits>
#include <memory>
#include <scc/gpu/loss.hpp>
#include <scc/gpu/statistics.hpp>
#include <scc/scc.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/device.hpp"
#include "support/images.hpp"
#include "support/results.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::Basis;
using scc::GradientMode;
using scc::ImageBatch;
using scc::Options;
using scc::Plan;

namespace {

/// How far the GPU may be from double arithmetic in the same basis.
struct Bounds {
  double rsmi, gradient;
};
constexpr Bounds float_bounds{1e-7, 1e-5}, double_bounds{1e-10, 1e-9};

/// Images that straddle the blocks of a device with few multiprocessors, or with many: their tiles are no multiple of the
/// blocks.
Shape const straddling{5, 1, 47, 53}, few_straddling{3, 1, 47, 53};

std::string text(Shape const& shape) {
  std::ostringstream text;
  text << '[' << shape.images << ", " << shape.channels << ", " << shape.height << ", " << shape.width << ']';
  return text.str();
}

/// The basis of a plan for the report of a failure.
std::string text(Plan const& plan) {
  return (plan.basis() == Basis::chebyshev ? "chebyshev, size " : "histogram, size ") +
         std::to_string(plan.basis_size());
}

/// |actual - expected| <= bound |expected| in the Euclidean norm. A gradient that cancels, as that of images of one pixel
/// does, is measured by the size that its terms have: 1 / (N M) for each of the N M pixels.
template <class A, class B>
bool is_near(std::vector<A> const& actual, std::vector<B> const& expected, double bound) {
  double difference = 0, norm = 0;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    double const e = static_cast<double>(expected[k]);
    double const d = static_cast<double>(actual.at(k)) - e;
    difference += d * d;
    norm += e * e;
  }
  double const least = 5e-3 / std::sqrt(static_cast<double>(expected.size()));
  return std::sqrt(difference) <= bound * std::max(std::sqrt(norm), least);
}

template <class A, class B>
void check_near(Results<A> const& actual, Results<B> const& expected, Bounds bounds) {
  CHECK(std::abs(actual.loss - expected.loss) <= bounds.rsmi);
  CHECK(largest_difference(actual.rsmi, expected.rsmi) <= bounds.rsmi);
  CHECK(is_near(actual.dx, expected.dx, bounds.gradient));
  CHECK(is_near(actual.dy, expected.dy, bounds.gradient));
}

/// Batches of double that hold what the estimator sees in others.
template <class T>
Batch<double> widened(Options const& options, Batch<T> const& batch) {
  return Batch<double>(batch.shape, pixel_values(options, batch.pixels));
}

/// A batch in [domain_min, domain_max], a few of its pixels outside, and its translation.
template <class T>
struct PairOn {
  Batch<T> x, y;

  PairOn(Options const& options, Shape const& shape, unsigned seed = 1)
      : x(shape, stretched(options, random_values(shape.size(), seed, -1.02, 1.02))),
        y(shape, stretched(options, translated(random_values(shape.size(), seed), seed + 1))) {}

  static std::vector<double> stretched(Options const& options, std::vector<double> values) {
    for (double& value : values) {
      double const share = 0.5 * (value + 1);
      value = std::is_same_v<T, std::uint8_t> ? std::round(255 * std::min(std::max(share, 0.0), 1.0))
                                              : options.domain_min + (options.domain_max - options.domain_min) * share;
    }
    return values;
  }
};

/// The GPU on pixels of type T, with gradients of type T, against the CPU in double.
template <class T>
void check_agreement(Plan const& plan, Shape const& shape, Bounds bounds) {
  INFO(text(plan) << ", " << type_name<T>() << ", " << text(shape));
  PairOn<T> const pair(plan.options(), shape);
  auto const expected = evaluate<double>(scc::cpu::Loss(plan), shape, widened(plan.options(), pair.x).view(),
                                         widened(plan.options(), pair.y).view());
  check_near(evaluate<T>(Loss(plan), shape, pair.x.view(), pair.y.view()), expected, bounds);
}

/// Options of one kind or another, each with the bounds of float pixels.
struct OptionCase {
  std::string name;
  Options options;
  Bounds bounds;
};

std::vector<OptionCase> option_cases() {
  // Float outputs round the gradient, whatever the arithmetic.
  Bounds const rounded{double_bounds.rsmi, 1e-6};
  Options narrow;
  narrow.bandwidth = 0.1;
  narrow.lambda = 1e-3;
  Options weak_background;
  weak_background.beta = 0.05;
  Options tight;
  tight.tolerance = 1e-9;
  Options two_centers, many_centers;
  two_centers.centers_per_axis = 2;
  many_centers.centers_per_axis = 32;
  many_centers.bandwidth = 0.25;
  many_centers.lambda = 1e-3;
  Options elsewhere;
  elsewhere.domain_min = elsewhere.center_min = -0.5;
  elsewhere.domain_max = 2;
  elsewhere.center_max = 1.5;
  elsewhere.bandwidth = 1.25;
  Options far = elsewhere;
  far.domain_min = far.center_min = 1000;
  far.domain_max = far.center_max = 1001;
  far.bandwidth = 0.5;
  Options tight_histogram = narrow;
  tight_histogram.basis = Basis::histogram;
  tight_histogram.tolerance = 1e-9;
  return {
    {"default", {}, float_bounds},
    {"released code", Options::released_code(), float_bounds},
    {"narrow", narrow, float_bounds},
    {"beta 0.05", weak_background, rounded},
    {"tolerance 1e-9", tight, rounded},
    {"tolerance 1e-9 by a histogram", tight_histogram, rounded},
    {"2 x 2 centres", two_centers, float_bounds},
    {"32 x 32 centres", many_centers, float_bounds},
    {"a domain that is not the centres' range", elsewhere, float_bounds},
    {"a domain that float cannot divide", far, rounded},
  };
}

/// A pair and its gradients in device memory, and calls of the loss on the device without anything in between.
template <class T>
struct DevicePair {
  Shape shape;
  DeviceArray<T> x, y, dx, dy;

  explicit DevicePair(Pair<T> const& pair)
      : shape(pair.shape),
        x(pair.x.pixels),
        y(pair.y.pixels),
        dx(std::vector<T>(shape.size())),
        dy(std::vector<T>(shape.size())) {}

  ImageBatch<T> view(DeviceArray<T> const& array) const {
    return ImageBatch<T>::contiguous(array.data(), shape.images, shape.channels, shape.height, shape.width);
  }

  void run(scc::gpu::Loss const& loss, scc::gpu::Workspace& workspace, cudaStream_t on) const {
    loss.forward(view(x), view(y), workspace, on);
    loss.backward_xy(view(x), view(y), workspace, nullptr, 1.0F, view(dx), view(dy), GradientMode::overwrite, on);
  }

  Results<T> read(scc::gpu::Workspace const& workspace) const {
    return {read_device(workspace.loss(), 1)[0], read_device(workspace.rsmi(), static_cast<std::size_t>(shape.images)),
            dx.read(), dy.read()};
  }

  Results<T> evaluate(scc::gpu::Loss const& loss, scc::gpu::Workspace& workspace) const {
    run(loss, workspace, stream());
    return read(workspace);
  }
};

/// A workspace in device memory that is the test's, of exactly the size that it needs.
class WrappedWorkspace {
public:
  WrappedWorkspace(scc::gpu::Loss const& loss, std::int64_t max_images, int garbage)
      : memory_(scc::gpu::Workspace::bytes(loss, max_images)) {
    memory_.fill(garbage);
    workspace_ = std::make_unique<scc::gpu::Workspace>(loss, max_images, memory_.data(), memory_.bytes());
  }

  scc::gpu::Workspace& operator*() const { return *workspace_; }

private:
  DeviceMemory memory_;
  std::unique_ptr<scc::gpu::Workspace> workspace_;
};

/// Largest |dloss_dy - expected| / |expected| of an image, where `expected` is of double pixels on the CPU in the same basis.
template <class T>
double worst_gradient_error(Plan const& plan, Batch<T> const& x, Batch<T> const& y) {
  Shape const& shape = x.shape;
  auto const actual = evaluate<T>(Loss(plan), shape, x.view(), y.view());
  auto const expected =
    evaluate<double>(scc::cpu::Loss(plan), shape, widened(plan.options(), x).view(), widened(plan.options(), y).view());
  double worst = 0;
  for (auto first = actual.dy.begin(); first != actual.dy.end(); first += shape.pixels()) {
    auto const expected_first = expected.dy.begin() + (first - actual.dy.begin());
    worst = std::max(worst, relative_error(std::vector<T>(first, first + shape.pixels()),
                                           std::vector<double>(expected_first, expected_first + shape.pixels())));
  }
  return worst;
}

}  // namespace

TEST_CASE("polynomials of every degree agree with the CPU's") {
  Options options;
  options.basis = Basis::chebyshev;
  for (int degree = 1; degree <= scc::chebyshev::max_degree; ++degree) {
    Plan const plan(options, degree + 1);
    check_agreement<float>(plan, {2, 1, 7, 31}, float_bounds);
  }
  // The largest of each way in which the GPU keeps the sums, the smallest of the next, and the two ends.
  for (int const degree : {2, 12, 13, 16, 17, 24, 64}) {
    Plan const plan(options, degree + 1);
    check_agreement<float>(plan, {3, 1, 47, 53}, float_bounds);
    check_agreement<double>(plan, {3, 1, 47, 53}, double_bounds);
  }
}

TEST_CASE("histograms of every size agree with the CPU's") {
  Options options;
  options.basis = Basis::histogram;
  options.bandwidth = 0.3;
  options.centers_per_axis = 4;  // it is the bins that matter
  for (int const bins : {19, 35, 67, 131, 259, 515}) {
    Plan const plan(options, bins);
    check_agreement<float>(plan, few_straddling, float_bounds);
    check_agreement<double>(plan, few_straddling, double_bounds);
    check_agreement<float>(plan, {2, 1, 1, 33}, float_bounds);
  }
}

TEST_CASE("systems of every size agree with the CPU's") {
  struct {
    double bandwidth;
    int centers, least, most;  // unknowns
  } const sizes[] = {{1, 2, 1, 4},     {1, 9, 17, 32},    {0.5, 6, 33, 48},  {0.2, 8, 49, 64},
                     {0.5, 9, 65, 80}, {0.4, 11, 81, 96}, {0.4, 12, 97, 144}};
  for (auto const& size : sizes) {
    Options options;
    options.basis = Basis::chebyshev;
    options.bandwidth = size.bandwidth;
    options.centers_per_axis = size.centers;
    Plan const plan(options);
    INFO(plan.unknowns() << " unknowns");
    CHECK(plan.unknowns() >= size.least);
    CHECK(plan.unknowns() <= size.most);
    check_agreement<double>(plan, {1, 1, 47, 53}, double_bounds);
  }
}

TEST_CASE("results agree with the CPU's whatever the options") {
  for (auto const& one : option_cases()) {
    INFO(one.name);
    Plan const plan(one.options);
    // Many kernels take an interpreter long to solve.
    Shape const shape = one.options.centers_per_axis > 9 ? Shape{1, 1, 47, 53} : Shape{2, 1, 47, 53};
    check_agreement<float>(plan, shape, one.bounds);
    check_agreement<double>(plan, shape, double_bounds);
  }
}

TEST_CASE("results agree with the CPU's whatever the shape of the batch") {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Plan const plan(setup.options);
    for (Shape const& shape :
         {Shape{1, 1, 1, 1023}, Shape{1, 1, 1, 1024}, Shape{2, 1, 1, 1025}, Shape{3, 1, 1, 2500}, Shape{2, 1, 64, 64},
          Shape{11, 3, 19, 23}, Shape{1, 1, 1, 9001}, Shape{5, 3, 1, 500}, Shape{2, 1, 120, 120}}) {
      check_agreement<float>(plan, shape, float_bounds);
      check_agreement<double>(plan, shape, double_bounds);
    }
    // So few pixels do not average the rounding errors of their weights in a histogram.
    Bounds const few{plan.basis() == Basis::histogram ? 5e-7 : float_bounds.rsmi, float_bounds.gradient};
    Options few_kernels = setup.options;
    few_kernels.centers_per_axis = 2;  // as each of many images is solved
    Plan const small_plan(few_kernels);
    for (Shape const& shape : {Shape{1, 1, 1, 1}, Shape{7, 1, 1, 1}, Shape{150, 1, 1, 1}, Shape{30, 1, 1, 5}}) {
      check_agreement<float>(shape.images < 10 ? plan : small_plan, shape, few);
      check_agreement<double>(shape.images < 10 ? plan : small_plan, shape, double_bounds);
    }
  }
}

namespace {

/// The GPU on pixels of type T with weights of type W against the CPU on double pixels with the same weights.
template <class T, class W>
void check_weighted_agreement(Plan const& plan, Shape const& shape, Shape const& kept, Bounds bounds) {
  INFO(text(plan) << ", " << type_name<T>() << ", weights " << type_name<W>() << ' ' << text(kept) << " for "
                  << text(shape));
  PairOn<T> const pair(plan.options(), shape);
  std::vector<double> const values = random_values(kept.size(), 5, -100, 255);
  auto const weights = std::make_unique<W[]>(kept.size());  // std::vector<bool> has no array
  for (std::size_t k = 0; k < kept.size(); ++k) {
    weights[k] = static_cast<W>(std::max(std::round(values[k]), 0.0));
  }
  auto const weight = repeated(
    ImageBatch<W const>::contiguous(weights.get(), kept.images, kept.channels, kept.height, kept.width), shape);
  auto const run = [&](auto const& loss, auto const& x, auto const& y, auto& workspace, auto number) {
    using Number = decltype(number);
    Batch<Number> dx(shape), dy(shape);
    double const value = loss.forward(x.view(), y.view(), weight, workspace);
    loss.backward_xy(x.view(), y.view(), weight, workspace, 1.0, dx.view(), dy.view());
    return Results<Number>{value, workspace.rsmi(), dx.pixels, dy.pixels};
  };
  scc::cpu::Workspace cpu_workspace;
  auto const expected =
    run(scc::cpu::Loss(plan), widened(plan.options(), pair.x), widened(plan.options(), pair.y), cpu_workspace, 0.0);
  Workspace workspace;
  check_near(run(Loss(plan), pair.x, pair.y, workspace, T()), expected, bounds);
}

}  // namespace

TEST_CASE("weighted pixels agree with the CPU's, whatever kernels work on them") {
  Shape const shape{3, 2, 24, 52}, mask{3, 1, 24, 52};
  Options chebyshev, histogram;
  chebyshev.basis = Basis::chebyshev;
  histogram.basis = Basis::histogram;
  histogram.centers_per_axis = 4;
  // Triangles of both sizes and tiles; bins.
  for (Plan const& plan : {Plan(chebyshev, 11), Plan(chebyshev, 17), Plan(chebyshev, 20), Plan(histogram, 35)}) {
    check_weighted_agreement<float, float>(plan, shape, mask, float_bounds);
    check_weighted_agreement<float, std::uint8_t>(plan, shape, shape, float_bounds);
    check_weighted_agreement<float, double>(plan, shape, mask, float_bounds);
    check_weighted_agreement<double, float>(plan, shape, mask, double_bounds);
    check_weighted_agreement<double, double>(plan, shape, shape, double_bounds);
  }
}

TEMPLATE_TEST_CASE("weights of any type agree with the CPU's, whatever they are repeated for", "", bool, std::uint8_t,
                   Eigen::half, Eigen::bfloat16, float, double) {
  Shape const shape{2, 3, 19, 43};  // no row is whole groups of pixels
  for (auto const& setup : both_bases()) {
    Plan const plan(setup.options);
    for (Shape const& kept :
         {shape, Shape{2, 1, 19, 43}, Shape{1, 1, 19, 43}, Shape{1, 3, 1, 43}, Shape{2, 3, 19, 1}}) {
      check_weighted_agreement<float, TestType>(plan, shape, kept, float_bounds);
    }
    check_weighted_agreement<double, TestType>(plan, shape, {2, 1, 19, 43}, double_bounds);
    check_weighted_agreement<float, TestType>(plan, straddling, straddling, float_bounds);
  }
}

TEMPLATE_TEST_CASE("pixels of any two types agree with the CPU's", "", float, double, Eigen::half, Eigen::bfloat16,
                   std::uint8_t) {
  for (auto const& one : {option_cases()[2], option_cases()[8]}) {
    Options const& options = one.options;
    Plan const plan(options);
    Loss const loss(plan);
    Shape const shape{3, 3, 17, 23};
    PairOn<TestType> const x_pair(options, shape);
    auto const check = [&](auto y_type) {
      using Y = decltype(y_type);
      INFO(one.name << "; x " << type_name<TestType>() << ", y " << type_name<Y>());
      PairOn<Y> const y_pair(options, shape);
      auto const& x = x_pair.x;
      auto const& y = y_pair.y;
      auto const expected =
        evaluate<double>(scc::cpu::Loss(plan), shape, widened(options, x).view(), widened(options, y).view());
      Workspace workspace;
      double const value = loss.forward(x.view(), y.view(), workspace);
      CHECK(std::abs(value - expected.loss) <= one.bounds.rsmi);
      CHECK(largest_difference(workspace.rsmi(), expected.rsmi) <= one.bounds.rsmi);
      if constexpr (!std::is_same_v<TestType, std::uint8_t>) {
        Batch<float> dx(shape);
        loss.backward_x(x.view(), y.view(), workspace, 1.0, dx.view());
        CHECK(is_near(dx.pixels, expected.dx, one.bounds.gradient));
      }
      if constexpr (!std::is_same_v<Y, std::uint8_t>) {
        Batch<double> dy(shape);
        loss.backward(x.view(), y.view(), workspace, 1.0, dy.view());
        CHECK(is_near(dy.pixels, expected.dy, one.bounds.gradient));
      }
    };
    check(float{});
    check(double{});
    check(Eigen::half{});
    check(Eigen::bfloat16{});
    check(std::uint8_t{});
  }
}

TEST_CASE("the rounding errors of small images are bounded") {
  struct Case {
    std::int64_t pixels;
    double nearly_constant, random;  // bounds of the gradient's error
  };
  Plan const plan{Options()};
  Options tight;
  tight.tolerance = 1e-9;
  Plan const tight_plan(tight);
  // The gradient of a nearly constant image is what is left when large terms cancel; the errors of float sums, which are
  // relative to the sums, do not. Measured: 9.6e-5, 5.1e-5, 5.3e-5, 4.0e-5 and 3.4e-5 (CPU: 6.9e-5, 2.7e-5, 3.0e-5, 3.0e-5
  // and 4.4e-5). Of 16 or more pixels most of it is from the forward sums, in a thread and over a warp: the same
  // products summed in double leave 1.3e-6 at 16, 7.3e-7 at 127. Of 3 pixels the float gradient has a share, too.
  for (auto const& [pixels, nearly_constant, random] :
       {Case{3, 1.7e-4, 1.4e-5}, Case{5, 9e-5, 1e-6}, Case{16, 1e-4, 1e-6}, Case{127, 7.5e-5, 1e-6},
        Case{1000, 6.5e-5, 1e-6}}) {
    INFO(pixels << " pixels");
    Shape const shape{20, 1, 1, pixels};
    auto const error = [&](Plan const& of_plan, auto pixel, double range) {
      using T = decltype(pixel);
      auto const values = random_values(shape.size(), 1, -range, range);
      return worst_gradient_error(of_plan, Batch<T>(shape, values), Batch<T>(shape, translated(values, 2)));
    };
    CHECK(error(plan, float(), 0.1) <= nearly_constant);
    CHECK(error(plan, float(), 1) <= random);
    // Either way the sums are in double. The gradient itself is rounded to the type of the pixels.
    CHECK(error(tight_plan, float(), 0.1) <= 1e-7);
    CHECK(error(plan, double(), 0.1) <= 1e-11);
  }
}

TEST_CASE("CUDA's own 16-bit types are the same numbers") {
  Shape const shape{2, 3, 9, 11};
  Batch<Eigen::half> x(shape, random_values(shape.size(), 1)), dx(shape);
  Batch<Eigen::bfloat16> y(shape, random_values(shape.size(), 2)), dy(shape);
  Loss const loss;
  Workspace workspace;
  double const value = loss.forward(x.view(), y.view(), workspace);
  loss.backward_xy(x.view(), y.view(), workspace, 100, dx.view(), dy.view());

  auto const view = [&](auto* data) {
    return ImageBatch<std::remove_pointer_t<decltype(data)>>::contiguous(data, 2, 3, 9, 11);
  };
  Batch<Eigen::half> dx_again(shape);
  Batch<Eigen::bfloat16> dy_again(shape);
  auto const x_of_cuda = view(reinterpret_cast<__half const*>(x.pixels.data()));
  auto const y_of_cuda = view(reinterpret_cast<__nv_bfloat16 const*>(y.pixels.data()));
  CHECK(same_bits(loss.forward(x_of_cuda, y_of_cuda, workspace), value));
  loss.backward_xy(x_of_cuda, y_of_cuda, workspace, 100, view(reinterpret_cast<__half*>(dx_again.pixels.data())),
                   view(reinterpret_cast<__nv_bfloat16*>(dy_again.pixels.data())));
  CHECK(same_bits(dx_again.pixels, dx.pixels));
  CHECK(same_bits(dy_again.pixels, dy.pixels));
}

namespace {

/// Pixels that begin `offset` elements after an address that any vector may have.
template <class T>
class ShiftedBatch {
public:
  ShiftedBatch(Batch<T> const& batch, std::size_t offset) : shape_(batch.shape), memory_(shape_.size() + 64) {
    auto const address = reinterpret_cast<std::uintptr_t>(memory_.data());
    first_ = memory_.data() + (32 - address % 32) % 32 / sizeof(T) + offset;
    std::copy(batch.pixels.begin(), batch.pixels.end(), first_);
  }

  ImageBatch<T> view() const {
    return ImageBatch<T>::contiguous(first_, shape_.images, shape_.channels, shape_.height, shape_.width);
  }
  std::vector<T> pixels() const { return std::vector<T>(first_, first_ + shape_.size()); }

private:
  Shape shape_;
  std::vector<T> memory_;
  T* first_;
};

}  // namespace

TEMPLATE_TEST_CASE("where the pixels begin means nothing, to the bit", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  // Images of a number of pixels that vectors divide, and of one that they do not.
  for (Shape const& shape : {Shape{2, 3, 4, 96}, Shape{2, 3, 5, 97}}) {
    Pair<TestType> const pair(shape, 7);
    for (auto const& setup : both_bases()) {
      Loss const loss(setup.options);
      auto const expected = evaluate(loss, pair);
      for (std::size_t offset = 0; offset < 8; ++offset) {
        INFO(setup.name << ", " << text(shape) << ", offset " << offset);
        // Each image elsewhere, so that only some of them can be read in vectors.
        ShiftedBatch<TestType> const x(pair.x, offset), y(pair.y, offset % 3), dx(pair.x, offset % 5),
          dy(pair.y, offset % 2);
        Workspace workspace;
        Results<TestType> actual;
        actual.loss = loss.forward(x.view(), y.view(), workspace);
        loss.backward_xy(x.view(), y.view(), workspace, 1.0, dx.view(), dy.view());
        actual.rsmi = workspace.rsmi();
        actual.dx = dx.pixels();
        actual.dy = dy.pixels();
        CHECK(same_bits(actual, expected));
      }
    }
  }
}

TEMPLATE_TEST_CASE("repeated calls give the same bits, in whatever workspace and whatever was in its memory", "", float,
                   double) {
  Pair<TestType> const pair(few_straddling, 9), other({3, 1, 20, 90}, 10);
  DevicePair<TestType> const on_device(pair), other_on_device(other);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    scc::gpu::Loss const loss(setup.options);
    scc::gpu::Workspace owned(loss, pair.shape.images, stream());
    auto const expected = on_device.evaluate(loss, owned);
    for (int run = 0; run < 2; ++run) {
      other_on_device.run(loss, owned, stream());
      CHECK(same_bits(on_device.evaluate(loss, owned), expected));
    }
    for (auto const& [garbage, spare_images] : {std::pair{0x7f, 0}, std::pair{0xff, 30}}) {
      INFO("filled with " << garbage << ", for " << spare_images << " images more");
      WrappedWorkspace const wrapped(loss, pair.shape.images + spare_images, garbage);
      CHECK(same_bits(on_device.evaluate(loss, *wrapped), expected));
      CHECK(same_bits(on_device.evaluate(loss, *wrapped), expected));
      CHECK((*wrapped).diagnostics(stream()).x_nan == 0);
    }
  }
}

TEST_CASE("the loss, as double and as float, and rSMI are left in device memory") {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    DevicePair<float> const pair(Pair<float>(straddling, 11));
    scc::gpu::Loss const loss(setup.options);
    scc::gpu::Workspace workspace(loss, 9, stream());
    CHECK(workspace.max_images() == 9);
    auto const results = pair.evaluate(loss, workspace);
    double sum = 0;
    for (double const rsmi : results.rsmi) {
      sum += rsmi;
    }
    CHECK(results.loss == Approx(-sum / 5).epsilon(1e-14));
    CHECK(same_bits(read_device(workspace.loss_float(), 1)[0], static_cast<float>(results.loss)));
  }
}

TEST_CASE("a batch without pixels has loss 0 in device memory") {
  scc::gpu::Loss const loss;
  WrappedWorkspace const workspace(loss, 4, 0xff);
  for (auto const& view : {ImageBatch<float>{}, ImageBatch<float>::contiguous(nullptr, 4, 3, 0, 5),
                           ImageBatch<float>::contiguous(nullptr, 0, 3, 4, 5)}) {
    loss.forward(view, view, *workspace, stream());
    CHECK(same_bits(read_device((*workspace).loss(), 1)[0], 0.0));
    CHECK(same_bits(read_device((*workspace).loss_float(), 1)[0], 0.0F));
    CHECK((*workspace).diagnostics(stream()).x_outside == 0);
  }
}

TEST_CASE("the weight of the loss may come from device memory, from the host, or both") {
  Pair<float> const pair({3, 3, 15, 31}, 13);
  DevicePair<float> const on_device(pair);
  auto const x = on_device.view(on_device.x), y = on_device.view(on_device.y), dy = on_device.view(on_device.dy),
             dx = on_device.view(on_device.dx);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    auto const once = evaluate<double>(scc::cpu::Loss(setup.options), pair.shape, widened(setup.options, pair.x).view(),
                                       widened(setup.options, pair.y).view());
    scc::gpu::Loss const loss(setup.options);
    scc::gpu::Workspace workspace(loss, 3, stream());
    loss.forward(x, y, workspace, stream());
    for (auto const& weights : std::vector<std::array<float, 2>>{
           {1, 1}, {0.37F, 1}, {1, 0.37F}, {-3, 250}, {0, 4}, {5, 0}, {1e-20F, 1e20F}}) {
      float const grad_loss = weights[0], scale = weights[1];
      INFO("grad_loss " << grad_loss << ", scale " << scale);
      double const weight = static_cast<double>(grad_loss) * static_cast<double>(scale);
      auto expected = once;
      for (auto* const gradient : {&expected.dx, &expected.dy}) {
        for (double& value : *gradient) {
          value *= weight;
        }
      }
      DeviceArray<float> const on_device_grad_loss({grad_loss});
      std::vector<float> const before(pair.shape.size(), 0.5F);
      auto const check = [&](float const* pointer, float factor) {
        loss.backward(x, y, workspace, pointer, factor, dy, GradientMode::overwrite, stream());
        auto const gradient = on_device.dy.read();
        CHECK(is_near(gradient, expected.dy, 1e-5));
        loss.backward_x(x, y, workspace, pointer, factor, dx, GradientMode::overwrite, stream());
        CHECK(is_near(on_device.dx.read(), expected.dx, 1e-5));
        write_device(on_device.dy.data(), before);
        loss.backward(x, y, workspace, pointer, factor, dy, GradientMode::accumulate, stream());
        std::vector<float> sum;
        for (float const value : gradient) {
          sum.push_back(0.5F + value);
        }
        CHECK(relative_error(on_device.dy.read(), sum) <= 1e-6);
      };
      check(on_device_grad_loss.data(), scale);
      if (grad_loss == 1) {
        check(nullptr, scale);
      }
    }
  }
}

TEST_CASE("images with NaN pixels leave those that they share blocks with alone") {
  Pair<float> pair(straddling, 15);
  Pair<float> const good = pair;
  auto const image = static_cast<std::size_t>(straddling.pixels());
  pair.x.pixels[image + 17] = std::numeric_limits<float>::quiet_NaN();
  pair.y.pixels[4 * image - 1] = std::numeric_limits<float>::quiet_NaN();
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    auto const expected = evaluate(loss, good), actual = evaluate(loss, pair);
    CHECK(std::isnan(actual.loss));
    for (std::size_t n = 0; n < 5; ++n) {
      INFO("image " << n);
      auto const of_image = [&](std::vector<float> const& gradient) {
        auto const first = gradient.begin() + static_cast<std::ptrdiff_t>(n * image);
        return std::vector<float>(first, first + static_cast<std::ptrdiff_t>(image));
      };
      if (n == 1 || n == 3) {
        CHECK(std::isnan(actual.rsmi[n]));
        auto const gradient = of_image(actual.dy);
        CHECK(std::all_of(gradient.begin(), gradient.end(), [](float value) { return std::isnan(value); }));
      } else {
        CHECK(same_bits(actual.rsmi[n], expected.rsmi[n]));
        CHECK(same_bits(of_image(actual.dx), of_image(expected.dx)));
        CHECK(same_bits(of_image(actual.dy), of_image(expected.dy)));
      }
    }
  }
}

TEST_CASE("counts of out-of-domain and NaN pixels are those of the CPU, image by image") {
  Pair<float> const pair(straddling, 17);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Workspace workspace;
    scc::cpu::Workspace expected;
    Loss(setup.options).forward(pair.x.view(), pair.y.view(), workspace);
    scc::cpu::Loss(setup.options).forward(pair.x.view(), pair.y.view(), expected);
    for (std::int64_t image = 0; image < straddling.images; ++image) {
      CHECK(expected.diagnostics(image).x_outside > 0);
      CHECK(same_bits(workspace.diagnostics(image), expected.diagnostics(image)));
    }
    CHECK(same_bits(workspace.diagnostics(), expected.diagnostics()));
  }
}

TEST_CASE("a workspace that does not fit is refused") {
  scc::gpu::Loss const loss;
  std::size_t const bytes = scc::gpu::Workspace::bytes(loss, 3);
  CHECK(bytes > scc::gpu::Workspace::bytes(loss, 2));
  DeviceMemory const memory(bytes + 256);
  auto const refusal_of = [&](void* data, std::size_t size) {
    return message_of([&] { scc::gpu::Workspace workspace(loss, 3, data, size); });
  };
  CHECK_THAT(refusal_of(memory.data(), bytes - 1),
             contains("the workspace has " + std::to_string(bytes - 1) + " bytes but needs " + std::to_string(bytes)));
  CHECK_THAT(refusal_of(nullptr, bytes), contains("the workspace has 0 bytes but needs " + std::to_string(bytes)));
  for (std::size_t const shift : {1, 8, 128}) {
    CHECK_THAT(refusal_of(static_cast<unsigned char*>(memory.data()) + shift, bytes),
               contains("is not aligned to 256 bytes"));
  }
  CHECK_NOTHROW(scc::gpu::Workspace(loss, 3, memory.data(), bytes));
  for (std::int64_t const images :
       {std::int64_t{-1}, (std::int64_t{1} << 31) + 1, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    std::string const expected = "a workspace for " + std::to_string(images) + " images was asked for";
    CHECK_THAT(message_of([&] { static_cast<void>(scc::gpu::Workspace::bytes(loss, images)); }), contains(expected));
    CHECK_THAT(message_of([&] { scc::gpu::Workspace workspace(loss, images, stream()); }), contains(expected));
  }
}

TEST_CASE("calls with a workspace that is not for them are refused, and nothing is written") {
  DevicePair<float> const pair(Pair<float>({3, 1, 5, 7}, 21));
  scc::gpu::Loss const loss, other;
  scc::gpu::Workspace small(loss, 2, stream()), of_other(other, 3, stream()), workspace(loss, 3, stream());
  auto const x = pair.view(pair.x), y = pair.view(pair.y), dy = pair.view(pair.dy);
  auto const forward_with = [&](scc::gpu::Workspace& used) {
    return message_of([&] { loss.forward(x, y, used, stream()); });
  };
  auto const backward_with = [&](scc::gpu::Workspace const& used) {
    return message_of([&] { loss.backward(x, y, used, nullptr, 1.0F, dy, GradientMode::overwrite, stream()); });
  };
  CHECK_THAT(forward_with(small), contains("the batch has 3 images but the workspace is for at most 2"));
  CHECK_THAT(forward_with(of_other), contains("the workspace was made for another loss"));
  CHECK_THAT(backward_with(of_other), contains("the workspace was made for another loss"));
  CHECK_THAT(backward_with(workspace), contains("the workspace is empty"));
  other.forward(x, y, of_other, stream());
  CHECK_THAT(backward_with(of_other), contains("the workspace was made for another loss"));
  CHECK(same_bits(pair.dy.read(), std::vector<float>(pair.shape.size())));

  // A refused call leaves what the last one left.
  auto const before = pair.evaluate(loss, workspace);
  auto const four = ImageBatch<float>::contiguous(pair.x.data(), 4, 1, 5, 5);
  CHECK_THAT(message_of([&] { loss.forward(four, four, workspace, stream()); }), contains("the batch has 4 images"));
  CHECK(same_bits(pair.read(workspace), before));
  CHECK_NOTHROW(loss.backward(x, y, workspace, nullptr, 1.0F, dy, GradientMode::overwrite, stream()));
}

TEST_CASE("a workspace can be moved, and takes its results along") {
  DevicePair<float> const pair(Pair<float>({3, 1, 5, 7}, 23));
  scc::gpu::Loss const loss;
  scc::gpu::Workspace first(loss, 3, stream()), third(loss, 1, stream());
  auto const expected = pair.evaluate(loss, first);
  double const* const address = first.loss();
  scc::gpu::Workspace second(std::move(first));
  CHECK(second.loss() == address);
  CHECK(same_bits(pair.read(second), expected));
  CHECK(second.max_images() == 3);
  CHECK_NOTHROW(second.diagnostics(2, stream()));
  third = std::move(second);
  CHECK(third.loss() == address);
  CHECK(same_bits(pair.read(third), expected));
  CHECK(same_bits(pair.evaluate(loss, third), expected));
  // NOLINTNEXTLINE(bugprone-use-after-move): what is left of it is what is tested
  CHECK_THAT(message_of([&] { pair.run(loss, first, stream()); }), contains("the workspace was made for another loss"));
  CHECK_THAT(message_of([&] { static_cast<void>(first.diagnostics(0, stream())); }), contains("holds 0 images"));
}

TEST_CASE("streams share a loss, each with a workspace of its own") {
  scc::gpu::Loss const loss;
  struct Worker {
    DevicePair<float> pair;
    cudaStream_t own_stream = nullptr;
    Results<float> expected;

    explicit Worker(Pair<float> const& images) : pair(images) {
      check(cudaStreamCreateWithFlags(&own_stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    }
  };
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned k = 0; k < 3; ++k) {
    workers.push_back(std::make_unique<Worker>(Pair<float>({2 + k, 1, 30, 40}, 27 + 2 * k)));
    scc::gpu::Workspace workspace(loss, 4, stream());
    workers.back()->expected = workers.back()->pair.evaluate(loss, workspace);
  }
  std::vector<scc::gpu::Workspace> workspaces;
  for (auto const& worker : workers) {
    workspaces.emplace_back(loss, 4, worker->own_stream);
  }
  for (int run = 0; run < 5; ++run) {
    for (std::size_t k = 0; k < workers.size(); ++k) {
      workers[k]->pair.run(loss, workspaces[k], workers[k]->own_stream);
    }
  }
  for (std::size_t k = 0; k < workers.size(); ++k) {
    check(cudaStreamSynchronize(workers[k]->own_stream), "cudaStreamSynchronize");
    CHECK(same_bits(workers[k]->pair.read(workspaces[k]), workers[k]->expected));
  }
  workspaces.clear();
  for (auto const& worker : workers) {
    check(cudaStreamDestroy(worker->own_stream), "cudaStreamDestroy");
  }
}

TEST_CASE("a failed CUDA call throws its name and error, and is forgotten") {
  try {
    check(cudaSetDevice(-1), "cudaSetDevice");
    FAIL("nothing was thrown");
  } catch (scc::gpu::Error const& error) {
    CHECK(error.code() == cudaErrorInvalidDevice);
    CHECK_THAT(std::string(error.what()), contains("scc: cudaSetDevice failed: cudaErrorInvalidDevice"));
  }
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("bad options are refused as by the CPU's loss") {
  Options options;
  options.bandwidth = -1;
  CHECK(message_of([&] { scc::gpu::Loss loss(options); }) == message_of([&] { scc::cpu::Loss loss(options); }));
}

TEST_CASE("a loss and its workspace may live as long as the program") {
  static scc::gpu::Loss const loss;
  static scc::gpu::Workspace workspace(loss, 1, stream());
  DevicePair<float> const pair(Pair<float>({1, 1, 5, 7}, 33));
  scc::gpu::Workspace another(loss, 1, stream());
  CHECK(same_bits(pair.evaluate(loss, workspace), pair.evaluate(loss, another)));
}
