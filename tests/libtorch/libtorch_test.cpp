// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The adapter for LibTorch: numbers, derivatives, layouts, what it refuses, and what it leaves alone. Compiled for tensors on
/// the CPU and, with SCC_TEST_BACKEND_GPU, for tensors on CUDA.

#include <algorithm>
#include <c10/core/CPUAllocator.h>
#include <cmath>
#include <cstdint>
#include <functional>
#include <scc/libtorch.hpp>
#include <scc/scc.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <torch/version.h>
#include <vector>

// LibTorch has a CHECK of its own, by way of its logging.
#undef CHECK
#include "../catch.hpp"
#include "../support/golden.hpp"
#if defined(SCC_TEST_BACKEND_GPU)
#include "../support/device.hpp"
#include "../support/requires_device.hpp"
#endif

using scc::Options;
using scc::libtorch::SccLoss;
using torch::Tensor;

namespace {

#if defined(SCC_TEST_BACKEND_GPU)
// Not the one that is current, if there are two.
torch::Device const device = [] {
  int count = 0;
  static_cast<void>(cudaGetDeviceCount(&count));
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(count > 1 ? 1 : 0));
}();
constexpr bool is_gpu = true;
#else
torch::Device const device(torch::kCPU);
constexpr bool is_gpu = false;
#endif

/// Pixels in [-1, 1], the same for the same seed, on the device.
Tensor pixels(std::vector<std::int64_t> const& sizes, std::uint64_t seed, torch::ScalarType type = torch::kDouble) {
  auto const generator = at::detail::createCPUGenerator(seed);
  return (torch::rand(sizes, generator, torch::kDouble) * 2 - 1).to(type).to(device);
}

/// A translation that depends on the input.
Tensor translation_of(Tensor const& input) {
  Tensor const x = input.to(torch::kCPU).to(torch::kDouble);
  Tensor const y = 0.6 * torch::sin(3 * x) + 0.3 * pixels(x.sizes().vec(), 99).to(torch::kCPU);
  return y.to(input.scalar_type()).to(device);
}

Options precise() {
  Options options;
  options.tolerance = 1e-9;
  return options;
}

double value(Tensor const& scalar) { return scalar.item<double>(); }

double relative_error(Tensor const& actual, Tensor const& expected) {
  Tensor const wanted = expected.detach().to(torch::kCPU).to(torch::kDouble);
  Tensor const difference = actual.detach().to(torch::kCPU).to(torch::kDouble) - wanted;
  return value(difference.norm()) / std::max(value(wanted.norm()), 1e-300);
}

bool same_bits(Tensor const& a, Tensor const& b) { return torch::equal(a.to(torch::kCPU), b.to(torch::kCPU)); }

/// What the loss gives for a pair of tensors, and its gradients.
struct Outcome {
  Tensor loss, rsmi, dloss_dx, dloss_dy;
};

Outcome differentiate(Options const& options, Tensor const& x, Tensor const& y, Tensor const& weight = {}) {
  SccLoss scc(options);
  Tensor const input = x.detach().requires_grad_();
  Tensor const translation = y.detach().requires_grad_();
  Tensor const loss = scc(input, translation, weight);
  auto const gradients = torch::autograd::grad({loss}, {input, translation});
  return {loss.detach(), scc.last_rsmi(), gradients[0], gradients[1]};
}

/// Checks two outcomes for the same pixels. The GPU adds them up in another order if they lie in another.
void require_same(Outcome const& actual, Outcome const& expected) {
  double const bound = is_gpu ? 1e-5 : 0.0;
  REQUIRE(actual.dloss_dx.sizes() == expected.dloss_dx.sizes());
  REQUIRE(actual.dloss_dy.sizes() == expected.dloss_dy.sizes());
  REQUIRE(std::abs(value(actual.loss) - value(expected.loss)) <= (is_gpu ? 1e-7 : 0.0));
  REQUIRE(relative_error(actual.rsmi, expected.rsmi) <= bound);
  REQUIRE(relative_error(actual.dloss_dx, expected.dloss_dx) <= bound);
  REQUIRE(relative_error(actual.dloss_dy, expected.dloss_dy) <= bound);
}

}  // namespace

TEST_CASE("the functor matches the released code", "[libtorch]") {
  // golden_test.cpp has all of them on the GPU.
  for (auto const& name :
       is_gpu ? std::vector<std::string>{"g4_batch", "n1_narrow", "r2_colour_map"} : scc_test::golden_names()) {
    auto const golden = scc_test::read_golden(name);
    CAPTURE(golden.name);
    std::vector<std::int64_t> const sizes{golden.images, golden.channels, golden.height, golden.width};
    auto const tensor = [&](std::vector<double> const& values, torch::ScalarType type) {
      return torch::tensor(values, torch::kDouble).view(sizes).to(type).to(device);
    };
    for (auto const type : {torch::kFloat, torch::kDouble}) {
      Options options = golden.options;
      options.tolerance = type == torch::kDouble ? 1e-9 : options.tolerance;
      auto const found = differentiate(options, tensor(golden.x, type), tensor(golden.y, type));
      bool const is_narrow = name == "n1_narrow" || name == "n3_asym";
      // Wide kernels reach what is asked of them; for narrow ones golden_test.cpp says why their gradient does not.
      double const loss_bound = type == torch::kFloat ? 2e-7 : (is_narrow ? 1e-7 : 1e-9);
      double const gradient_bound = type == torch::kFloat ? (is_narrow ? 1e-3 : 2e-5) : (is_narrow ? 1e-4 : 1e-7);
      CHECK(std::abs(value(found.loss) - golden.loss) <= loss_bound);
      CHECK(relative_error(found.rsmi, torch::tensor(golden.rsmi, torch::kDouble)) <= 1e-5);
      CHECK(relative_error(found.dloss_dy, tensor(golden.grad_y, torch::kDouble)) <= gradient_bound);
    }
  }
}

namespace {

template <class T>
void compare_with_cpu_loss(torch::ScalarType type) {
  Tensor const x = pixels({3, 3, 8, 5}, 1, type);
  Tensor const y = translation_of(x);
  auto const found = differentiate(Options{}, x, y);

  Tensor const host_x = x.to(torch::kCPU), host_y = y.to(torch::kCPU);
  Tensor const dloss_dx = torch::empty_like(host_x), dloss_dy = torch::empty_like(host_y);
  auto const view = [](Tensor const& tensor) {
    return scc::ImageBatch<T>::contiguous(tensor.data_ptr<T>(), 3, 3, 8, 5);
  };
  scc::cpu::Loss const loss;
  scc::cpu::Workspace workspace;
  double const expected = loss.forward(view(host_x), view(host_y), workspace);
  loss.backward_xy(view(host_x), view(host_y), workspace, 1.0, view(dloss_dx), view(dloss_dy));

  CHECK(found.loss.scalar_type() == (type == torch::kDouble ? torch::kDouble : torch::kFloat));
  CHECK(found.dloss_dx.scalar_type() == type);
  CHECK(found.dloss_dy.scalar_type() == type);
  Tensor const rsmi = torch::tensor(workspace.rsmi(), torch::kDouble);
  if (is_gpu) {
    double const unit = type == torch::kHalf ? 1e-3 : (type == torch::kBFloat16 ? 1e-2 : 1e-5);
    CHECK(std::abs(value(found.loss) - expected) <= 2e-7);
    CHECK(relative_error(found.rsmi, rsmi) <= 1e-6);
    CHECK(relative_error(found.dloss_dx, dloss_dx) <= unit);
    CHECK(relative_error(found.dloss_dy, dloss_dy) <= unit);
  } else {
    CHECK(same_bits(found.loss, torch::full({}, expected, found.loss.scalar_type())));
    CHECK(same_bits(found.rsmi, rsmi));
    CHECK(same_bits(found.dloss_dx, dloss_dx));
    CHECK(same_bits(found.dloss_dy, dloss_dy));
  }
}

}  // namespace

TEST_CASE("the functor gives what cpu::Loss gives, for each type of tensors", "[libtorch]") {
  compare_with_cpu_loss<float>(torch::kFloat);
  compare_with_cpu_loss<double>(torch::kDouble);
  compare_with_cpu_loss<c10::Half>(torch::kHalf);
  compare_with_cpu_loss<c10::BFloat16>(torch::kBFloat16);
}

namespace {

/// The largest error of the gradient of an objective, relative to its largest entry, against central differences.
double error_of_gradient(std::function<Tensor(Tensor const&)> const& objective, Tensor const& at) {
  Tensor const variable = at.detach().clone().requires_grad_();
  Tensor const gradient = torch::autograd::grad({objective(variable)}, {variable})[0].to(torch::kCPU).contiguous();
  Tensor const host = at.to(torch::kCPU).contiguous();
  double largest_error = 0;
  double const step = 1e-5;
  // In an interpreter each difference takes long.
  for (std::int64_t k = 0; k < host.numel(); k += is_gpu ? 7 : 1) {
    auto const moved = [&](double by) {
      Tensor copy = host.clone();
      copy.view({-1})[k] += by;
      return value(objective(copy.to(device)));
    };
    double const difference = (moved(step) - moved(-step)) / (2 * step);
    largest_error = std::max(largest_error, std::abs(difference - gradient.view({-1})[k].item<double>()));
  }
  return largest_error / value(gradient.abs().max());
}

}  // namespace

TEST_CASE("gradients agree with central differences in double", "[libtorch]") {
  std::vector<std::vector<std::int64_t>> const shapes{{2, 3, 4, 3}, {3, 4, 3}, {1, 2, 2, 3, 2}};
  for (auto const kernel : {scc::Kernel::gaussian, scc::Kernel::reciprocal_gaussian}) {
    Options options = precise();
    options.kernel = kernel;
    options.tolerance = 1e-11;
    options.centers_per_axis = is_gpu ? 4 : 9;  // each difference solves the images again
    SccLoss scc(options);
    for (auto const& shape : shapes) {
      CAPTURE(static_cast<int>(kernel), shape.size());
      Tensor const x = 0.9 * pixels(shape, 3);
      Tensor const y = 0.9 * translation_of(x);
      CHECK(error_of_gradient([&](Tensor const& t) { return scc(t, y); }, x) <= 1e-6);
      CHECK(error_of_gradient([&](Tensor const& t) { return scc(x, t); }, y) <= 1e-6);
      CHECK(error_of_gradient([&](Tensor const& t) { return scc(t, torch::tanh(t.flip(-1)) * 0.8); }, x) <= 1e-6);
    }
    Tensor const grey = 0.9 * pixels({2, 1, 4, 3}, 4);
    Tensor const colour = 0.9 * pixels({2, 3, 4, 3}, 5);
    CHECK(error_of_gradient([&](Tensor const& t) { return scc(t, colour); }, grey) <= 1e-6);
    CHECK(error_of_gradient([&](Tensor const& t) { return scc(grey, t); }, colour) <= 1e-6);
    CHECK(error_of_gradient([&](Tensor const& t) { return scc(colour, t); }, grey) <= 1e-6);
  }
}

TEST_CASE("weights and further terms reach the gradient", "[libtorch]") {
  SccLoss scc;
  Tensor const x = pixels({2, 3, 5, 4}, 6);
  Tensor const y = translation_of(x).requires_grad_();
  Tensor const plain = torch::autograd::grad({scc(x, y)}, {y})[0];
  // 0.1 is no float.
  Tensor const objective = (y * y).sum() + 0.1 * scc(x, y);
  Tensor const found = torch::autograd::grad({objective}, {y})[0];
  CHECK(relative_error(found, 2 * y + 0.1 * plain) <= 1e-12);
  CHECK(relative_error(torch::autograd::grad({0.1 * scc(x, y)}, {y})[0], 0.1 * plain) <= 1e-12);
}

TEST_CASE("the layout of a tensor does not matter", "[libtorch]") {
  for (auto const type : {torch::kFloat, torch::kDouble, torch::kHalf}) {
    Tensor const x = pixels({2, 3, 6, 4}, 7, type);
    Tensor const y = translation_of(x);
    auto const expected = differentiate(Options{}, x, y);
    auto const wide = [&](Tensor const& t) {
      Tensor const memory = torch::full({2, 5, 9, 12}, 0.25, t.options());
      Tensor const part = memory.slice(1, 1, 4).slice(2, 2, 8).slice(3, 3, 11, 2);
      part.copy_(t);
      return part;
    };
    std::vector<std::function<Tensor(Tensor const&)>> const layouts{
      [](Tensor const& t) { return t.contiguous(torch::MemoryFormat::ChannelsLast); },
      [](Tensor const& t) { return t.transpose(2, 3).contiguous().transpose(2, 3); },
      [](Tensor const& t) { return t.transpose(0, 1).contiguous().transpose(0, 1); },
      [](Tensor const& t) {
        return t.permute({3, 2, 1, 0}).contiguous().permute({3, 2, 1, 0});
      },
      wide,
    };
    for (std::size_t k = 0; k < layouts.size(); ++k) {
      CAPTURE(k, c10::toString(type));
      Tensor const other_x = layouts[k](x), other_y = layouts[k](y);
      REQUIRE_FALSE(other_y.is_contiguous());
      require_same(differentiate(Options{}, other_x, other_y), expected);
      require_same(differentiate(Options{}, x, other_y), expected);
      require_same(differentiate(Options{}, other_x, y), expected);
    }
  }
}

TEST_CASE("gradients of dense tensors have their layout", "[libtorch]") {
  Tensor const x = pixels({2, 3, 6, 4}, 8, torch::kFloat);
  Tensor const y = translation_of(x).contiguous(torch::MemoryFormat::ChannelsLast);
  auto const found = differentiate(Options{}, x, y);
  CHECK(found.dloss_dx.strides() == x.strides());
  CHECK(found.dloss_dy.strides() == y.strides());
  CHECK(differentiate(Options{}, x, y.slice(3, 0, 4, 1).expand({2, 3, 6, 4})).dloss_dy.sizes() == x.sizes());
}

TEST_CASE("expanded tensors and single channels count as often as they are repeated", "[libtorch]") {
  Tensor const grey = pixels({2, 1, 6, 4}, 9);
  Tensor const colour = pixels({2, 3, 6, 4}, 10);
  Tensor const repeated = grey.repeat({1, 3, 1, 1});
  auto const expected = differentiate(Options{}, repeated, colour);

  auto const found = differentiate(Options{}, grey, colour);
  CHECK(value(found.loss) == value(expected.loss));
  CHECK(found.dloss_dx.sizes() == grey.sizes());
  CHECK(relative_error(found.dloss_dx, expected.dloss_dx.sum(1, true)) <= 1e-12);
  CHECK(same_bits(found.dloss_dy, expected.dloss_dy));

  // As a view the expanded tensor has a gradient of its own for each pixel.
  require_same(differentiate(Options{}, grey.expand({2, 3, 6, 4}), colour), expected);
  auto const exchanged = differentiate(Options{}, colour, grey);
  CHECK(exchanged.dloss_dy.sizes() == grey.sizes());
  CHECK(relative_error(exchanged.dloss_dy, expected.dloss_dx.sum(1, true)) <= 1e-5);
  auto const one_image = differentiate(Options{}, grey[0], colour[0]);
  CHECK(std::abs(value(one_image.loss) + value(expected.rsmi[0])) <= 1e-9);
  // One image for all translations.
  auto const same_input = differentiate(Options{}, colour[0].expand({2, 3, 6, 4}), colour);
  CHECK(std::abs(value(same_input.rsmi[0]) - value(differentiate(Options{}, colour[0], colour[0]).rsmi[0])) <= 1e-9);
}

TEST_CASE("an image without a batch, and volumes", "[libtorch]") {
  Tensor const x = pixels({1, 2, 6, 4}, 11);
  Tensor const y = translation_of(x);
  auto const expected = differentiate(Options{}, x, y);
  auto const image = differentiate(Options{}, x[0], y[0]);
  CHECK(value(image.loss) == value(expected.loss));
  CHECK(image.rsmi.sizes() == torch::IntArrayRef({1}));
  CHECK(same_bits(image.dloss_dx, expected.dloss_dx[0]));
  CHECK(same_bits(image.dloss_dy, expected.dloss_dy[0]));

  // A volume is an image of all its voxels.
  Tensor const u = pixels({2, 3, 4, 3, 5}, 12);
  Tensor const v = translation_of(u);
  auto flat = differentiate(Options{}, u.flatten(2, 3), v.flatten(2, 3));
  flat.dloss_dx = flat.dloss_dx.view_as(u);
  flat.dloss_dy = flat.dloss_dy.view_as(v);
  require_same(differentiate(Options{}, u, v), flat);
  Tensor const last = v.contiguous(torch::MemoryFormat::ChannelsLast3d);
  require_same(differentiate(Options{}, u, last), flat);
  CHECK(differentiate(Options{}, u, last).dloss_dy.strides() == last.strides());
  require_same(differentiate(Options{}, u.permute({0, 1, 4, 3, 2}).contiguous().permute({0, 1, 4, 3, 2}), v), flat);
  // Slices that leave gaps along one axis, and along two.
  Tensor const memory = torch::zeros({2, 3, 4, 6, 10}, u.options());
  memory.slice(3, 0, 3).slice(4, 0, 5).copy_(u);
  require_same(differentiate(Options{}, memory.slice(3, 0, 3).slice(4, 0, 5), v), flat);
  memory.slice(3, 0, 6, 2).slice(4, 0, 10, 2).copy_(u);
  require_same(differentiate(Options{}, memory.slice(3, 0, 6, 2).slice(4, 0, 10, 2), v), flat);
  auto const grey = differentiate(Options{}, u.slice(1, 0, 1), v);
  CHECK(grey.dloss_dx.sizes() == torch::IntArrayRef({2, 1, 4, 3, 5}));
}

TEST_CASE("tensors of different types, and bytes", "[libtorch]") {
  Tensor const x = pixels({2, 3, 6, 4}, 13, torch::kHalf);
  Tensor const y = translation_of(x);
  auto const expected = differentiate(Options{}, x.to(torch::kFloat), y.to(torch::kFloat));
  auto const found = differentiate(Options{}, x.to(torch::kFloat), y);
  CHECK(std::abs(value(found.loss) - value(expected.loss)) <= 1e-7);
  CHECK(found.dloss_dx.scalar_type() == torch::kFloat);
  CHECK(found.dloss_dy.scalar_type() == torch::kHalf);
  CHECK(relative_error(found.dloss_dy, expected.dloss_dy) <= 1e-3);
  auto const doubled = differentiate(Options{}, x, y.to(torch::kDouble));
  CHECK(doubled.loss.scalar_type() == torch::kDouble);
  CHECK(doubled.dloss_dx.scalar_type() == torch::kHalf);

  Tensor const bytes = ((pixels({2, 3, 6, 4}, 14).to(torch::kCPU) + 1) * 127.99).floor().to(torch::kByte).to(device);
  Tensor const mapped = (bytes.to(torch::kDouble) / 127.5 - 1).to(torch::kFloat);
  for (auto const type : {torch::kFloat, torch::kHalf}) {
    SccLoss scc;
    Tensor const translation = y.to(type).requires_grad_();
    Tensor const loss = scc(bytes, translation);
    Tensor const gradient = torch::autograd::grad({loss}, {translation})[0];
    auto const same = differentiate(Options{}, mapped.to(torch::kFloat), y.to(torch::kFloat));
    CHECK(std::abs(value(loss) - value(same.loss)) <= 1e-6);
    CHECK(relative_error(gradient, same.dloss_dy) <= 1e-3);
  }
}

namespace {

/// Weights in [0, 4), every fifth of which is 0.
Tensor weights(std::vector<std::int64_t> const& sizes, std::uint64_t seed, torch::ScalarType type = torch::kDouble) {
  Tensor const drawn = (2 * pixels(sizes, seed).to(torch::kCPU) + 2) * (pixels(sizes, seed + 1).to(torch::kCPU) > -0.6);
  return (torch::isFloatingType(type) ? drawn : drawn.round()).to(type).to(device);
}

}  // namespace

TEST_CASE("a weight has the shape of the images, or repeats", "[libtorch]") {
  struct Case {
    std::vector<std::int64_t> images, weight;
  };
  std::vector<Case> const cases{
    {{2, 3, 6, 4}, {2, 3, 6, 4}},
    {{2, 3, 6, 4}, {2, 1, 6, 4}},
    {{2, 3, 6, 4}, {1, 1, 6, 4}},
    {{2, 3, 6, 4}, {1, 3, 6, 4}},
    {{2, 3, 6, 4}, {6, 4}},
    {{3, 6, 4}, {3, 6, 4}},
    {{3, 6, 4}, {1, 6, 4}},
    {{3, 6, 4}, {6, 4}},
    {{2, 3, 4, 3, 5}, {2, 3, 4, 3, 5}},
    {{2, 3, 4, 3, 5}, {2, 1, 4, 3, 5}},
    {{2, 3, 4, 3, 5}, {1, 1, 4, 3, 5}},
    {{2, 3, 4, 3, 5}, {4, 3, 5}},
  };
  for (auto const& [images, sizes] : cases) {
    CAPTURE(images, sizes);
    Tensor const x = pixels(images, 30);
    Tensor const y = translation_of(x);
    Tensor const weight = weights(sizes, 31);
    auto const expected = differentiate(Options{}, x, y, weight.expand(images).contiguous());
    auto const found = differentiate(Options{}, x, y, weight);
    require_same(found, expected);
    CHECK(value(found.loss) != value(differentiate(Options{}, x, y).loss));
    // Strides that leave gaps, which volumes cannot have along two axes without a copy.
    Tensor const memory =
      torch::zeros(weight.sizes().vec(), weight.options()).repeat_interleave(2, -1).repeat_interleave(2, -2);
    Tensor const part = memory.slice(-1, 0, memory.size(-1), 2).slice(-2, 0, memory.size(-2), 2);
    part.copy_(weight);
    require_same(differentiate(Options{}, x, y, part), expected);
  }
  // With one channel in one of the images, too.
  Tensor const grey = pixels({2, 1, 6, 4}, 32), colour = pixels({2, 3, 6, 4}, 33), weight = weights({2, 3, 6, 4}, 34);
  auto const found = differentiate(Options{}, grey, colour, weight);
  auto const expected = differentiate(Options{}, grey.repeat({1, 3, 1, 1}), colour, weight);
  CHECK(value(found.loss) == value(expected.loss));
  CHECK(relative_error(found.dloss_dx, expected.dloss_dx.sum(1, true)) <= 1e-12);
}

TEST_CASE("a weight may be of any of its types", "[libtorch]") {
  Tensor const x = pixels({2, 3, 6, 4}, 35, torch::kFloat);
  Tensor const y = translation_of(x);
  Tensor const whole = weights({2, 1, 6, 4}, 36, torch::kByte);
  auto const expected = differentiate(Options{}, x, y, whole.to(torch::kDouble));
  for (auto const type : {torch::kByte, torch::kHalf, torch::kBFloat16, torch::kFloat}) {
    CAPTURE(c10::toString(type));
    auto const found = differentiate(Options{}, x, y, whole.to(type));
    CHECK(std::abs(value(found.loss) - value(expected.loss)) <= 1e-7);
    CHECK(relative_error(found.dloss_dx, expected.dloss_dx) <= 1e-5);
    CHECK(relative_error(found.dloss_dy, expected.dloss_dy) <= 1e-5);
  }
  Tensor const mask = whole > 0;
  require_same(differentiate(Options{}, x, y, mask), differentiate(Options{}, x, y, mask.to(torch::kFloat)));
}

TEST_CASE("a mask leaves the pixels that it keeps, an empty one nothing", "[libtorch]") {
  Tensor const x = pixels({1, 3, 6, 4}, 37);
  Tensor const y = translation_of(x);
  // Not all operations of LibTorch run on the device of the interpreter.
  Tensor const host_mask = weights({1, 3, 6, 4}, 38).cpu() > 2, mask = host_mask.to(device);
  auto const kept = [&](Tensor const& tensor) { return tensor.cpu().masked_select(host_mask); };
  auto const view = [&](Tensor const& tensor) { return kept(tensor).view({1, 1, 1, -1}).to(device); };
  auto const expected = differentiate(Options{}, view(x), view(y));
  // What is outside harms nobody.
  Tensor const spoilt = y.cpu().masked_fill(host_mask.logical_not(), std::nan("")).to(device);
  auto const found = differentiate(Options{}, x, spoilt, mask);
  CHECK(std::abs(value(found.loss) - value(expected.loss)) <= 1e-9);
  CHECK(relative_error(kept(found.dloss_dx), expected.dloss_dx.cpu().flatten()) <= 1e-6);
  CHECK(relative_error(kept(found.dloss_dy), expected.dloss_dy.cpu().flatten()) <= 1e-6);
  CHECK(value(found.dloss_dy.cpu().masked_select(host_mask.logical_not()).abs().sum()) == 0.0);

  auto const empty = differentiate(Options{}, x, y, torch::zeros_like(host_mask).to(device));
  CHECK(value(empty.loss) == 0.0);
  CHECK(value(empty.rsmi.cpu().abs().sum()) == 0.0);
  CHECK(value(empty.dloss_dx.cpu().abs().sum() + empty.dloss_dy.cpu().abs().sum()) == 0.0);
}

TEST_CASE("a weight that the loss cannot take is refused", "[libtorch]") {
  SccLoss scc;
  Tensor const x = pixels({2, 3, 6, 4}, 39, torch::kFloat);
  Tensor const y = translation_of(x);
  auto const refuses = [&](Tensor const& weight, std::string const& part) {
    CHECK_THROWS_AS(scc(x, y, weight), std::invalid_argument);
    CHECK_THROWS_WITH(scc(x, y, weight), scc_test::contains(part));
    CHECK_THROWS_WITH(scc.per_image(x, y, weight), scc_test::contains(part));
  };
  refuses(weights({2, 1, 6, 4}, 1).requires_grad_(), "the weight requires a gradient");
  refuses(weights({2, 1, 6, 5}, 1), "the weight is Double [2, 1, 6, 5]");
  refuses(weights({2, 2, 6, 4}, 1), "the images are Float [2, 3, 6, 4]");
  refuses(weights({2, 1, 1, 1}, 1), "[2, 1, 1, 1]");
  refuses(weights({3, 1, 6, 4}, 1), "[3, 1, 6, 4]");
  refuses(weights({2, 6, 4}, 1), "[2, 6, 4]");  // of images or of channels?
  refuses(weights({3, 6, 4}, 1), "[3, 6, 4]");
  refuses(weights({4}, 1), "[4]");
  refuses(weights({2, 1, 6, 4}, 1).to(torch::kLong), "Long");
  if (!is_gpu) {
    refuses(weights({2, 1, 6, 4}, 1).to_sparse(), "dense");
    refuses(weights({2, 1, 6, 4}, 1).to(torch::kMeta), "meta");
  }
}

TEST_CASE("a weight that was changed after the forward pass is noticed", "[libtorch]") {
  SccLoss scc;
  Tensor const x = pixels({2, 3, 6, 4}, 40);
  for (auto const type : {torch::kDouble, torch::kBool}) {
    Tensor const weight = weights({2, 1, 6, 4}, 41).to(type);
    Tensor const loss = scc(x, translation_of(x).requires_grad_(), weight);
    weight.fill_(1);
    CHECK_THROWS_WITH(loss.backward(), scc_test::contains("modified by an inplace operation"));
  }
}

TEST_CASE("weighted gradients and those of each image agree with central differences in double", "[libtorch]") {
  Options options = precise();
  options.tolerance = 1e-11;
  options.centers_per_axis = is_gpu ? 4 : 9;  // each difference solves the images again
  SccLoss scc(options);
  Tensor const x = 0.9 * pixels({2, 2, 4, 3}, 42);
  Tensor const y = 0.9 * translation_of(x);
  Tensor const weight = weights({2, 1, 4, 3}, 43);
  Tensor const factors = torch::tensor({0.5, -2.0}, torch::kDouble).to(device);
  for (auto const& given : {weight, Tensor()}) {
    CHECK(error_of_gradient([&](Tensor const& t) { return scc(t, y, given); }, x) <= 1e-6);
    CHECK(error_of_gradient([&](Tensor const& t) { return scc(x, t, given); }, y) <= 1e-6);
    CHECK(error_of_gradient([&](Tensor const& t) { return (factors * scc.per_image(t, y, given)).sum(); }, x) <= 1e-6);
    CHECK(error_of_gradient([&](Tensor const& t) { return scc.per_image(x, t, given).square().sum(); }, y) <= 1e-6);
  }
}

TEST_CASE("rSMI of each image has a gradient", "[libtorch]") {
  SccLoss scc;
  for (auto const type : {torch::kFloat, torch::kDouble, torch::kHalf}) {
    CAPTURE(c10::toString(type));
    bool const is_double = type == torch::kDouble;
    double const unit = is_double ? 1e-12 : type == torch::kFloat ? 1e-5 : 1e-2;
    Tensor const x = pixels({3, 3, 6, 4}, 44, type);
    Tensor const y = translation_of(x).requires_grad_();
    auto const expected = differentiate(Options{}, x, y);
    Tensor const rsmi = scc.per_image(x, y);
    CHECK(rsmi.sizes() == torch::IntArrayRef({3}));
    CHECK(rsmi.scalar_type() == (is_double ? torch::kDouble : torch::kFloat));
    CHECK(same_bits(rsmi.detach(), scc.last_rsmi().to(rsmi.scalar_type())));
    CHECK(same_bits(scc.last_rsmi(), expected.rsmi));
    CHECK_FALSE(scc.last_rsmi().requires_grad());
    CHECK(relative_error(torch::autograd::grad({-rsmi.mean()}, {y})[0], expected.dloss_dy) <= unit);

    // Images are weighted, and dropped.
    Tensor const factors = torch::tensor({2.0, 0.0, -0.5}, torch::kDouble).to(rsmi.scalar_type()).to(device);
    Tensor const gradient = torch::autograd::grad({(factors * scc.per_image(x, y)).sum()}, {y})[0];
    CHECK(value(gradient[1].cpu().abs().sum()) == 0.0);
    for (std::int64_t const image : {0, 2}) {
      auto const alone = differentiate(Options{}, x[image], y[image]);
      CHECK(relative_error(gradient[image], -value(factors[image]) * alone.dloss_dy) <= 4 * unit);
    }
    // A gradient with stride 0, and one that is a slice.
    CHECK(relative_error(torch::autograd::grad({scc.per_image(x, y).sum()}, {y})[0], -3 * expected.dloss_dy) <= unit);
    Tensor const both = torch::stack({scc.per_image(x, y), scc.per_image(x, y)}, 1);
    CHECK(relative_error(torch::autograd::grad({both.sum()}, {y})[0], -6 * expected.dloss_dy) <= 2 * unit);
  }
  Tensor const x = pixels({3, 6, 4}, 45);
  Tensor const y = translation_of(x).requires_grad_();
  Tensor const one = scc.per_image(x, y);
  CHECK(one.sizes() == torch::IntArrayRef({1}));
  CHECK(relative_error(torch::autograd::grad({one.sum()}, {y})[0], -differentiate(Options{}, x, y).dloss_dy) <= 1e-12);

  Tensor const none = torch::zeros({0, 3, 6, 4}, device).requires_grad_();
  Tensor const of_none = scc.per_image(none, none);
  CHECK(of_none.sizes() == torch::IntArrayRef({0}));
  of_none.sum().backward();
  CHECK(none.grad().sizes() == none.sizes());

  Tensor const gradient = torch::autograd::grad({scc.per_image(x, y).sum()}, {y}, {}, true, true)[0];
  CHECK_THROWS_WITH(gradient.sum().backward(), scc_test::contains("second derivatives"));
}

TEST_CASE("empty batches and empty images have loss 0", "[libtorch]") {
  SccLoss scc;
  for (std::vector<std::int64_t> const& sizes : {std::vector<std::int64_t>{0, 3, 8, 8},
                                                 {2, 3, 0, 8},
                                                 {2, 0, 4, 4},
                                                 {3, 0, 4},
                                                 {0, 2, 3, 4, 5},
                                                 {2, 1, 0, 3, 3}}) {
    CAPTURE(sizes);
    Tensor const x = torch::zeros(sizes, device).requires_grad_();
    Tensor const y = torch::zeros(sizes, device).requires_grad_();
    Tensor const loss = scc(x, y);
    CHECK(value(loss) == 0.0);
    CHECK(scc.last_rsmi().numel() == (sizes.size() == 3 ? 1 : sizes[0]));
    CHECK(value(scc.last_rsmi().sum()) == 0.0);
    loss.backward();
    CHECK(y.grad().sizes() == y.sizes());
    CHECK(x.grad().sizes() == x.sizes());
  }
}

TEST_CASE("only the gradients that are asked for are made", "[libtorch]") {
  SccLoss scc;
  Tensor const x = pixels({2, 3, 6, 4}, 16, torch::kFloat);
  Tensor const y = translation_of(x);
  CHECK_FALSE(scc(x, y).requires_grad());
  CHECK_FALSE(scc.last_rsmi().requires_grad());
  {
    torch::NoGradGuard const guard;
    CHECK_FALSE(scc(x, y.clone().requires_grad_()).requires_grad());
  }
  Tensor const input = x.clone().requires_grad_(), translation = y.clone().requires_grad_();
  auto const both = differentiate(Options{}, x, y);
  CHECK(same_bits(torch::autograd::grad({scc(input, translation)}, {translation})[0], both.dloss_dy));
  CHECK(same_bits(torch::autograd::grad({scc(input, translation)}, {input})[0], both.dloss_dx));
  CHECK(same_bits(torch::autograd::grad({scc(input, y)}, {input})[0], both.dloss_dx));
  CHECK_FALSE(scc.last_rsmi().requires_grad());
}

// The interface of allocators is that of LibTorch 1.
#if !defined(SCC_TEST_BACKEND_GPU) && TORCH_VERSION_MAJOR == 1
namespace {

/// Counts what the CPU's allocator is asked for while it lives.
class AllocatedBytes {
public:
  AllocatedBytes() : inner_(*c10::GetCPUAllocator()), counting_(inner_, bytes_) {
    c10::SetCPUAllocator(&counting_, priority);
  }
  AllocatedBytes(AllocatedBytes const&) = delete;
  AllocatedBytes& operator=(AllocatedBytes const&) = delete;
  ~AllocatedBytes() { c10::SetCPUAllocator(&inner_, priority); }

  std::size_t value() const { return bytes_; }

private:
  static constexpr std::uint8_t priority = 100;

  struct Counting : c10::Allocator {
    Counting(c10::Allocator& allocator, std::size_t& count) : inner(allocator), bytes(count) {}
    c10::DataPtr allocate(std::size_t n) const override {
      bytes += n;
      return inner.allocate(n);
    }
    c10::DeleterFnPtr raw_deleter() const override { return inner.raw_deleter(); }
    c10::Allocator& inner;
    std::size_t& bytes;
  };

  std::size_t bytes_ = 0;
  c10::Allocator& inner_;
  Counting counting_;
};

}  // namespace

TEST_CASE("tensors are read where they are", "[libtorch]") {
  SccLoss scc;
  Tensor const memory = pixels({4, 3, 40, 60}, 17, torch::kFloat);
  std::vector<Tensor> const translations{
    memory.slice(0, 0, 2),
    memory.slice(0, 0, 2).contiguous(torch::MemoryFormat::ChannelsLast),
    memory.slice(0, 1, 3).slice(2, 3, 33).slice(3, 1, 41, 2),
    memory[0].expand({2, 3, 40, 60}),
    memory[0],
    memory.slice(0, 0, 2).view({2, 3, 8, 5, 60}),
  };
  for (auto const& translation : translations) {
    CAPTURE(translation.sizes(), translation.strides());
    Tensor const y = translation.detach().requires_grad_();
    // One channel of the same memory, for all channels.
    Tensor const input = translation.slice(translation.dim() == 3 ? 0 : 1, 0, 1);
    AllocatedBytes const before;
    Tensor const loss = scc(input, y);
    // The scalar, rSMI of two images, and what the graph notes of them.
    CHECK(before.value() <= 64);
    std::size_t const forward = before.value();
    Tensor const gradient = torch::autograd::grad({loss}, {y})[0];
    CHECK(before.value() - forward <= static_cast<std::size_t>(y.numel()) * sizeof(float) + 64);
  }
}
#endif

TEST_CASE("a graph may be walked twice if it is kept, and not if it is not", "[libtorch]") {
  SccLoss scc;
  Tensor const x = pixels({2, 3, 6, 4}, 18);
  Tensor const y = translation_of(x).requires_grad_();
  Tensor const loss = scc(x, y);
  // A later call must not disturb the graph of an earlier one.
  scc(y, x);
  auto const first = torch::autograd::grad({loss}, {y}, {}, true)[0];
  auto const second = torch::autograd::grad({loss}, {y})[0];
  CHECK(same_bits(first, second));
  CHECK_THROWS_AS(torch::autograd::grad({loss}, {y}), c10::Error);
}

TEST_CASE("a tensor that was changed after the forward pass is noticed", "[libtorch]") {
  SccLoss scc;
  Tensor const x = pixels({2, 3, 6, 4}, 19);
  Tensor const y = translation_of(x).requires_grad_();
  Tensor const translation = y * 1;
  Tensor const loss = scc(x, translation);
  {
    torch::NoGradGuard const guard;
    translation.mul_(0.5);
  }
  CHECK_THROWS_WITH(loss.backward(), scc_test::contains("modified by an inplace operation"));
}

TEST_CASE("second derivatives are an error, first ones in a kept graph are not", "[libtorch]") {
  SccLoss scc;
  Tensor const x = pixels({2, 3, 6, 4}, 20);
  Tensor const y = translation_of(x).requires_grad_();
  Tensor const gradient = torch::autograd::grad({scc(x, y)}, {y}, {}, true, true)[0];
  CHECK(same_bits(gradient, torch::autograd::grad({scc(x, y)}, {y})[0]));
  REQUIRE(gradient.requires_grad());
  CHECK_THROWS_AS(gradient.pow(2).sum().backward(), std::logic_error);
  CHECK_THROWS_WITH(gradient.pow(2).sum().backward(), scc_test::contains("second derivatives"));
}

TEST_CASE("tensors that the loss cannot take are refused with both named", "[libtorch]") {
  SccLoss scc;
  auto const refuses = [&](Tensor const& x, Tensor const& y, std::string const& part) {
    CHECK_THROWS_AS(scc(x, y), std::invalid_argument);
    CHECK_THROWS_WITH(scc(x, y), scc_test::contains(part));
  };
  Tensor const image = pixels({2, 3, 6, 4}, 21, torch::kFloat);
  refuses(image, pixels({2, 3, 6, 5}, 1, torch::kFloat), "the translation is Float [2, 3, 6, 5]");
  refuses(image, pixels({1, 3, 6, 4}, 1, torch::kFloat), "the input is Float [2, 3, 6, 4]");
  refuses(image, pixels({2, 2, 6, 4}, 1, torch::kFloat), "agree in shape");
  refuses(image, image[0], "agree in shape");
  refuses(image[0][0], image[0][0], "[C, H, W]");
  refuses(image.view({1, 2, 3, 6, 2, 2}), image.view({1, 2, 3, 6, 2, 2}), "[N, C, D, H, W]");
  refuses(image, image.to(torch::kLong), "Long");
  refuses(image, image.to(torch::kByte), "the translation");
  refuses(image.to(torch::kInt), image, "uint8");
  refuses(Tensor(), image, "the input is undefined");
  refuses(image, Tensor(), "the translation is undefined");
  if (!is_gpu) {
    refuses(image, image.to_sparse(), "dense");
    refuses(image.to(torch::kMeta), image.to(torch::kMeta), "meta");
    refuses(image, image.to(torch::kMeta), "one device");
  }
  Options options;
  options.bandwidth = -1;
  CHECK_THROWS_WITH(SccLoss(options), scc_test::contains("bandwidth"));
  CHECK_THROWS_WITH(scc::libtorch::Scc(options), scc_test::contains("bandwidth"));
}

#if !defined(SCC_TEST_BACKEND_GPU)
TEST_CASE("a CUDA tensor in a program without the kernels is an error that says how to add them", "[libtorch]") {
  // No CUDA is needed for a tensor that has a device and sizes but no memory.
  auto const make = [] {
    auto tensor =
      at::detail::make_tensor<c10::TensorImpl>(c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                               caffe2::TypeMeta::Make<float>(), c10::Device(c10::DeviceType::CUDA, 0));
    tensor.unsafeGetTensorImpl()->set_sizes_contiguous({2, 3, 4, 4});
    return tensor;
  };
  SccLoss scc;
  CHECK_THROWS_AS(scc(make(), make()), std::invalid_argument);
  CHECK_THROWS_WITH(scc(make(), make()), scc_test::contains("scc_add_gpu_library(scc_gpu)"));
  CHECK_THROWS_WITH(scc(make(), make()), scc_test::contains("cuda:0"));
}
#else
TEST_CASE("the current device and its tensors are left as they were", "[libtorch]") {
  SccLoss scc;
  for (int number = 0; number <= device.index(); ++number) {
    torch::Device const other(torch::kCUDA, static_cast<c10::DeviceIndex>(number));
    Tensor const x = pixels({2, 3, 6, 4}, 22).to(torch::kCPU).to(other);
    Tensor const y = (0.5 * x.to(torch::kCPU)).to(other).requires_grad_();
    Tensor const loss = scc(x, y);
    loss.backward();
    CHECK(loss.device() == other);
    CHECK(scc.last_rsmi().device() == other);
    CHECK(y.grad().device() == other);
    int current = -1;
    REQUIRE(cudaGetDevice(&current) == cudaSuccess);
    CHECK(current == 0);
#if defined(SCC_TEST_HOST_CUDA)
    CHECK(c10::cuda::device_asked_for() == number);
#endif
  }
  CHECK_THROWS_WITH(scc(pixels({1, 3, 4, 4}, 1), pixels({1, 3, 4, 4}, 1).to(torch::kCPU)),
                    scc_test::contains("one device"));
}

TEST_CASE("the results of a call live as long as they are held", "[libtorch]") {
  Tensor loss, rsmi;
  Tensor const x = pixels({2, 3, 6, 4}, 23);
  {
    SccLoss scc;
    loss = scc(x, translation_of(x));
    rsmi = scc.last_rsmi();
  }
  pixels({2, 3, 6, 4}, 24);
  CHECK(std::abs(value(loss) + value(rsmi.mean())) <= 1e-12);
}
#endif

TEST_CASE("the module is a part of other modules", "[libtorch]") {
  struct Objective : torch::nn::Module {
    Objective() : scc(register_module("scc", scc::libtorch::Scc(Options::released_code()))) {}
    scc::libtorch::Scc scc;
  };
  Objective objective;
  CHECK(objective.parameters().empty());
  CHECK(objective.scc->options().kernel == scc::Kernel::reciprocal_gaussian);
  Tensor const x = pixels({2, 3, 6, 4}, 25);
  Tensor const y = translation_of(x);
  SccLoss scc(Options::released_code());
  CHECK(same_bits(objective.scc(x, y), scc(x, y)));
  CHECK(same_bits(objective.scc->last_rsmi(), scc.last_rsmi()));
  Tensor const weight = weights({6, 4}, 46);
  CHECK(same_bits(objective.scc(x, y, weight), scc(x, y, weight)));
  CHECK(same_bits(objective.scc->per_image(x, y, weight), scc.per_image(x, y, weight)));
  std::ostringstream text;
  text << objective.scc;
  CHECK_THAT(text.str(), scc_test::contains("reciprocal_gaussian"));
  auto const copy = std::dynamic_pointer_cast<scc::libtorch::SccImpl>(objective.scc->clone());
  REQUIRE(copy != nullptr);
  CHECK(same_bits(copy->forward(x, y), scc(x, y)));
  scc::libtorch::Scc const by_default;
  CHECK(by_default->options().kernel == scc::Kernel::gaussian);
}

TEST_CASE("copies may be used by threads at a time, and as function-local statics", "[libtorch]") {
  static SccLoss const shared;
  Tensor const x = pixels({2, 3, 12, 9}, 26, torch::kFloat);
  Tensor const y = translation_of(x);
  auto const expected = differentiate(Options{}, x, y);
  std::vector<double> errors(3, 1.0);
  auto const work = [&](double& error) {
    SccLoss scc = shared;
    Tensor const translation = y.detach().requires_grad_();
    error = relative_error(torch::autograd::grad({scc(x, translation)}, {translation})[0], expected.dloss_dy);
  };
  std::vector<std::thread> threads;
  for (std::size_t k = 1; k < errors.size(); ++k) {
    threads.emplace_back(work, std::ref(errors[k]));
  }
  work(errors[0]);
  for (auto& thread : threads) {
    thread.join();
  }
  for (double const error : errors) {
    CHECK(error == 0.0);
  }
  CHECK_FALSE(shared.last_rsmi().defined());
}
