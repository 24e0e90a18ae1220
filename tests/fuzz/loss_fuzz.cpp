// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Feeds the losses options, shapes, strides, element types and pixels made of random bytes, and aborts where they break a
/// promise: std::invalid_argument is the only answer to misuse and comes before anything is written; only a gradient's own
/// elements are written; counts, values and gradients are what the pixels call for. With nvcc, the GPU's loss runs in the
/// PTX interpreter with all its checks on, and must agree with the CPU's.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <scc/scc.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "input.hpp"

#if defined(SCC_FUZZ_GPU)
#include "../ptx/control.hpp"
#include "../support/gpu_loss.hpp"
#endif

namespace scc_fuzz {
namespace {

void require(bool holds, char const* promise) {
  if (!holds) {
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
  }
}

/// Whether the library takes the call; any exception but std::invalid_argument ends the process.
template <class Call>
bool accepts(Call const& call) {
  try {
    call();
    return true;
  } catch (std::invalid_argument const& error) {
    require(std::string(error.what()).rfind("scc", 0) == 0, "errors name the library");
    return false;
  }
}

/// Losses at hand, as most inputs should not spend their time on making one.
scc::cpu::Loss const& ready_loss(Input& input) {
  static std::vector<scc::cpu::Loss> const losses = [] {
    std::vector<scc::cpu::Loss> made;
    for (auto const kernel : {scc::Kernel::gaussian, scc::Kernel::reciprocal_gaussian}) {
      for (auto const basis : {scc::Basis::chebyshev, scc::Basis::histogram}) {
        scc::Options options;
        options.kernel = kernel;
        options.basis = basis;
        options.centers_per_axis = 2;
        options.tolerance = 1e-2;
        made.emplace_back(options);
      }
    }
    return made;
  }();
  return losses[input.byte() % losses.size()];
}

std::optional<scc::cpu::Loss> make_loss(Input& input) {
  if (!input.once_in(16)) {
    return ready_loss(input);
  }
  scc::Options const options = read_options(input);
  bool const are_valid = accepts([&] { scc::validate(options); });
  std::optional<scc::cpu::Loss> loss;
  accepts([&] { loss.emplace(options); });
  require(are_valid || !loss, "invalid options make no loss");
  return loss;
}

/// Whether the estimate of every image without NaN must be a number: nothing in these options strains a double.
bool is_tame(scc::Options const& options) {
  return options.kernel == scc::Kernel::gaussian && options.lambda >= 1e-4 && options.lambda <= 1e3 &&
         options.domain_max - options.domain_min >= 1e-3 && options.domain_max <= 1e3 && options.domain_min >= -1e3 &&
         options.bandwidth >= 1e-3;
}

enum class Place { inside, outside, nan };

/// Where a pixel lies. The ends of the domain are what a pixel of its type can hold of them.
template <class T>
Place place_of(scc::Options const& options, T pixel) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return Place::inside;
  } else {
    auto const value = static_cast<double>(pixel);
    if (std::isnan(value)) {
      return Place::nan;
    }
    auto const largest = static_cast<double>(std::numeric_limits<T>::max());
    auto const held = [&](double end) {
      return static_cast<double>(static_cast<T>(std::clamp(end, -largest, largest)));
    };
    bool const is_outside = value < held(options.domain_min) || value > held(options.domain_max);
    return is_outside ? Place::outside : Place::inside;
  }
}

template <class T>
std::vector<Place> places_of(scc::Options const& options, Image<T> const& image) {
  std::vector<Place> places;
  image.for_each_pixel(
    [&](std::int64_t, std::size_t place) { places.push_back(place_of(options, image.memory()[place])); });
  return places;
}

void check_counts(std::vector<Place> const& places, std::int64_t outside, std::int64_t nan) {
  auto const count = [&](Place place) { return std::count(places.begin(), places.end(), place); };
  require(nan == count(Place::nan), "every NaN pixel is counted");
  require(outside == count(Place::outside), "every pixel outside the domain is counted, and no other");
}

bool same_bytes(void const* a, void const* b, std::size_t size) { return size == 0 || std::memcmp(a, b, size) == 0; }

/// A gradient view full of a known value, and what it holds before and after a call.
template <class G>
class Gradient {
public:
  Gradient(Input& input, Extents const& extents) : image_(input, extents) {
    std::fill(image_.memory().begin(), image_.memory().end(), static_cast<G>(0.75F));
    before_ = image_.memory();
  }

  scc::ImageBatch<G> const& view() const { return image_.view(); }
  bool must_be_rejected() const { return !image_.is_readable() || image_.overlaps(); }

  bool is_untouched() const { return same_bytes(before_.data(), image_.memory().data(), before_.size() * sizeof(G)); }

  /// The gradient in the order of the pixels, after a check that nothing else was written.
  std::vector<double> values() const {
    std::vector<double> result;
    std::vector<G> others = image_.memory();
    image_.for_each_pixel([&](std::int64_t, std::size_t place) {
      result.push_back(static_cast<double>(image_.memory()[place]));
      others[place] = before_[place];
    });
    require(same_bytes(before_.data(), others.data(), before_.size() * sizeof(G)),
            "only the elements of a gradient are written");
    return result;
  }

  void restore() { image_.memory() = before_; }

private:
  Image<G> image_;
  std::vector<G> before_;
};

/// One forward pass that was accepted, and what its gradients are checked against.
template <class X, class Y>
struct Pass {
  scc::cpu::Loss const& loss;
  scc::ImageBatch<X const> x;
  scc::ImageBatch<Y const> y;
  scc::cpu::Workspace const& workspace;
  double grad_loss;
};

/// @param places  Of the pixels that the gradient belongs to.
template <class G, class P>
void check_values(P const& pass, std::vector<Place> const& places, std::vector<double> const& values) {
  require(values.size() == places.size(), "a gradient has a value per pixel");
  auto const pixels = pass.x.pixels();
  bool const is_bounded = is_tame(pass.loss.options()) && std::abs(pass.grad_loss) <= 1e3;
  for (std::size_t j = 0; j < values.size(); ++j) {
    if (!std::isfinite(pass.workspace.rsmi()[j / static_cast<std::size_t>(pixels)])) {
      continue;
    }
    if (places[j] == Place::outside && std::isfinite(pass.grad_loss)) {
      require(values[j] == 0, "a pixel outside the domain has gradient 0");
    }
    if (is_bounded && sizeof(G) >= sizeof(float)) {
      require(std::isfinite(values[j]), "the gradient of a finite estimate is finite");
    }
  }
}

/// Runs `backward(view, mode)` on a gradient of its own making, with both modes.
template <class G, class P, class Backward>
void check_gradient(Input& input, P const& pass, std::vector<Place> const& places, Backward const& backward) {
  Extents extents{pass.x.images, pass.x.channels, pass.x.height, pass.x.width};
  if (input.once_in(32)) {
    extents = read_extents(input);
  }
  Gradient<G> gradient(input, extents);
  bool const has_shape = extents == Extents{pass.x.images, pass.x.channels, pass.x.height, pass.x.width};
  if (!accepts([&] { backward(gradient.view(), scc::GradientMode::overwrite); })) {
    require(gradient.is_untouched(), "nothing is written by a call that is rejected");
    return;
  }
  require(has_shape && !gradient.must_be_rejected(), "a gradient view of wrong shape or with overlaps is rejected");
  std::vector<double> const values = gradient.values();
  check_values<G>(pass, places, values);

  gradient.restore();
  backward(gradient.view(), scc::GradientMode::accumulate);
  std::vector<double> const sums = gradient.values();
  double const epsilon = sizeof(G) == 2 ? 0.02 : 1e-5;
  for (std::size_t j = 0; j < values.size(); ++j) {
    if (std::isfinite(values[j])) {
      require(std::abs(sums[j] - (0.75 + values[j])) <= epsilon * (0.75 + std::abs(values[j])),
              "accumulate adds what overwrite writes");
    }
  }
}

template <class G, class X, class Y>
void check_backward(Input& input, Pass<X, Y> const& pass, std::vector<Place> const& x_places,
                    std::vector<Place> const& y_places) {
  auto const& x = pass.x;
  auto const& y = pass.y;
  if constexpr (!std::is_same_v<Y, std::uint8_t>) {
    check_gradient<G>(input, pass, y_places, [&](scc::ImageBatch<G> const& dloss_dy, scc::GradientMode mode) {
      pass.loss.backward(x, y, pass.workspace, pass.grad_loss, dloss_dy, mode);
    });
  }
  if constexpr (!std::is_same_v<X, std::uint8_t>) {
    check_gradient<G>(input, pass, x_places, [&](scc::ImageBatch<G> const& dloss_dx, scc::GradientMode mode) {
      pass.loss.backward_x(x, y, pass.workspace, pass.grad_loss, dloss_dx, mode);
    });
  }
  if constexpr (!std::is_same_v<X, std::uint8_t> && !std::is_same_v<Y, std::uint8_t>) {
    Extents const extents{x.images, x.channels, x.height, x.width};
    Gradient<G> dloss_dx(input, extents);
    Gradient<G> dloss_dy(input, extents);
    if (accepts(
          [&] { pass.loss.backward_xy(x, y, pass.workspace, pass.grad_loss, dloss_dx.view(), dloss_dy.view()); })) {
      require(!dloss_dx.must_be_rejected() && !dloss_dy.must_be_rejected(),
              "gradient views with overlaps are rejected");
      check_values<G>(pass, x_places, dloss_dx.values());
      check_values<G>(pass, y_places, dloss_dy.values());
    } else {
      require(dloss_dx.is_untouched() && dloss_dy.is_untouched(), "nothing is written by a call that is rejected");
    }
  }
}

void check_estimates(scc::cpu::Loss const& loss, scc::cpu::Workspace const& workspace, double value,
                     std::int64_t images, std::int64_t pixels) {
  if (images == 0 || pixels == 0) {
    require(value == 0, "the loss of nothing is 0");
    return;
  }
  require(static_cast<std::int64_t>(workspace.rsmi().size()) == images, "there is an rSMI per image");
  double sum = 0;
  for (std::int64_t n = 0; n < images; ++n) {
    double const rsmi = workspace.rsmi()[static_cast<std::size_t>(n)];
    scc::Diagnostics const counts = workspace.diagnostics(n);
    bool const has_nan = counts.x_nan + counts.y_nan + counts.weight_invalid > 0;
    sum += rsmi;
    require(!std::isinf(rsmi), "an estimate is a number or NaN");
    require(!has_nan || std::isnan(rsmi), "an image with a NaN pixel or an invalid weight has rSMI NaN");
    if (is_tame(loss.options()) && !has_nan) {
      require(rsmi >= -1.001, "an estimate of moderate options is a number above -1");
    }
  }
  double const expected = -sum / static_cast<double>(images);
  require(std::isnan(expected) ? std::isnan(value) : std::abs(value - expected) <= 1e-9 * (1 + std::abs(expected)),
          "the loss is the negative mean of the estimates");
}

/// The same images with weights. The GPU's loss has its place where this calls the CPU's.
template <class W, class G, class X, class Y>
void check_weights(Input& input, scc::cpu::Loss const& loss, scc::ImageBatch<X const> const& x,
                   scc::ImageBatch<Y const> const& y, std::vector<Place> x_places, std::vector<Place> y_places) {
  Extents const extents{x.images, x.channels, x.height, x.width};
  Extents const weight_extents = input.once_in(32) ? read_extents(input) : extents;
  Image<W> weight(input, weight_extents);
  fill_weights(input, weight.memory());
  scc::ImageBatch<W const> const view = weight.view();
  scc::cpu::Workspace workspace;
  double value = 0;
  bool const is_accepted = accepts([&] { value = loss.forward(x, y, view, workspace); });
  require(is_accepted == (weight.is_readable() && weight_extents == extents) || weight.is_doubtful(),
          "weights are accepted if, and only if, they can be read and have the shape of the images");
  if (!is_accepted) {
    return;
  }
  auto const pixels = static_cast<std::size_t>(x.pixels());
  std::vector<bool> is_zero;
  std::vector<std::int64_t> invalid(workspace.rsmi().size(), 0), counted(workspace.rsmi().size(), 0);
  weight.for_each_pixel([&](std::int64_t n, std::size_t place) {
    auto const w = static_cast<double>(weight.memory()[place]);
    std::size_t const j = is_zero.size();
    is_zero.push_back(w == 0);
    x_places[j] = w == 0 ? Place::inside : x_places[j];
    y_places[j] = w == 0 ? Place::inside : y_places[j];
    invalid[static_cast<std::size_t>(n)] += w >= 0 && std::isfinite(w) ? 0 : 1;
    counted[static_cast<std::size_t>(n)] += w == 0 ? 0 : 1;
  });
  scc::Diagnostics const counts = workspace.diagnostics();
  check_counts(x_places, counts.x_outside, counts.x_nan);
  check_counts(y_places, counts.y_outside, counts.y_nan);
  check_estimates(loss, workspace, value, x.images, x.pixels());
  for (std::size_t n = 0; n < invalid.size(); ++n) {
    require(workspace.diagnostics(static_cast<std::int64_t>(n)).weight_invalid == invalid[n],
            "every invalid weight is counted, and no other");
    require(counted[n] > 0 || workspace.rsmi()[n] == 0, "an image without weight has rSMI 0");
  }
  if constexpr (!std::is_same_v<Y, std::uint8_t>) {
    Gradient<G> gradient(input, extents);
    if (!accepts([&] { loss.backward(x, y, view, workspace, 1.0, gradient.view()); })) {
      require(gradient.is_untouched(), "nothing is written by a call that is rejected");
      return;
    }
    std::vector<double> const values = gradient.values();
    for (std::size_t j = 0; j < values.size(); ++j) {
      std::size_t const n = j / pixels;
      if (invalid[n] > 0) {
        require(std::isnan(values[j]), "the gradient of an image with an invalid weight is NaN");
      } else if (is_zero[j] || y_places[j] == Place::outside) {
        require(values[j] == 0, "a pixel of weight 0 or outside the domain has gradient 0");
      } else if (std::isfinite(workspace.rsmi()[n]) && is_tame(loss.options()) && sizeof(G) >= sizeof(float)) {
        require(std::isfinite(values[j]), "the gradient of a finite estimate is finite");
      }
    }
  }
}

#if defined(SCC_FUZZ_GPU)

/// The same losses as ready_loss(), and one for a plan that was made for an input, on a device of few multiprocessors.
scc_test::Loss gpu_loss(Input& input, scc::cpu::Loss const& loss) {
  ptx::Config& config = ptx::config();
  config.multiprocessors = static_cast<int>(input.integer(1, 5));
  config.shared_memory_bytes = 1024 * std::array<std::size_t, 4>{227, 64, 48, 32}[input.byte() % 4];
  config.blocks = static_cast<ptx::BlockOrder>(input.integer(0, 3));
  config.lanes = static_cast<ptx::LaneOrder>(input.integer(0, 2));
  config.seed = input.byte();
  ptx::restart_schedule();
  return scc_test::Loss(loss.plan());
}

/// That gradients of both backends agree: each element but for its rounding to G, and all in the Euclidean norm.
template <class G>
void require_agreement(std::vector<double> const& gpu, std::vector<double> const& cpu, double grad_loss, double bound) {
  double difference = 0, norm = 0;
  double const rounding = sizeof(G) == 2 ? 1e-2 : 0;
  for (std::size_t j = 0; j < cpu.size(); ++j) {
    require(std::isnan(gpu[j]) == std::isnan(cpu[j]), "the gradient is NaN on both backends or on neither");
    if (std::isfinite(cpu[j]) && std::isfinite(gpu[j])) {
      double const error = std::max(0.0, std::abs(gpu[j] - cpu[j]) - rounding * std::abs(cpu[j]));
      difference += error * error;
      norm += cpu[j] * cpu[j];
    }
  }
  // A gradient that cancels is measured by the size of its terms, 1 / (N M) each.
  double const least = std::abs(grad_loss) / std::sqrt(static_cast<double>(cpu.size()));
  require(std::sqrt(difference) <= bound * std::max(std::sqrt(norm), least) + 1e-7, "the backends' gradients agree");
}

/// The GPU's answer to what the CPU's loss was asked.
///
/// @param is_accepted  Whether the CPU's loss took the images; `workspace` is then filled by them.
template <class G, class X, class Y>
void check_gpu(Input& input, scc::cpu::Loss const& loss, scc::ImageBatch<X const> const& x,
               scc::ImageBatch<Y const> const& y, scc::cpu::Workspace const& workspace, bool is_accepted,
               double value) {
  scc_test::Loss const gpu = gpu_loss(input, loss);
  scc_test::Workspace gpu_workspace;
  double gpu_value = 0;
  bool const gpu_accepts = accepts([&] { gpu_value = gpu.forward(x, y, gpu_workspace); });
  require(gpu_accepts == is_accepted, "both backends take the same images");
  if (!is_accepted) {
    return;
  }
  scc::Diagnostics const a = gpu_workspace.diagnostics(), b = workspace.diagnostics();
  require(a.x_outside == b.x_outside && a.x_nan == b.x_nan && a.y_outside == b.y_outside && a.y_nan == b.y_nan,
          "the backends count the same pixels");
  bool const compares = is_tame(loss.options());
  // What float sums may cost where the ridge is small.
  double const bound = 1e-4 * std::max(1.0, 0.05 / loss.options().lambda);
  require(gpu_workspace.rsmi().size() == workspace.rsmi().size(), "the backends have the same images");
  for (std::size_t n = 0; compares && n < workspace.rsmi().size(); ++n) {
    double const one = gpu_workspace.rsmi()[n], other = workspace.rsmi()[n];
    require(std::isnan(one) == std::isnan(other), "rSMI is NaN on both backends or on neither");
    require(std::isnan(one) || std::abs(one - other) <= 0.1 * bound * (1 + std::abs(other)),
            "the backends' estimates agree");
  }
  require(!compares || std::isnan(value) == std::isnan(gpu_value), "the loss is NaN on both backends or on neither");

  double const grad_loss = input.number(-4, 4);
  Extents const extents{x.images, x.channels, x.height, x.width};
  auto const compare = [&](auto const& backward) {
    Gradient<G> gradient(input, extents);
    bool const cpu_takes = accepts([&] { backward(loss, workspace, gradient.view()); });
    std::vector<double> const expected = cpu_takes ? gradient.values() : std::vector<double>();
    gradient.restore();
    bool const gpu_takes = accepts([&] { backward(gpu, gpu_workspace, gradient.view()); });
    require(cpu_takes == gpu_takes, "both backends take the same gradients");
    if (!gpu_takes) {
      require(gradient.is_untouched(), "nothing is written by a call that is rejected");
      return;
    }
    std::vector<double> const actual = gradient.values();
    if (compares && std::abs(grad_loss) <= 1e3 && !expected.empty()) {
      require_agreement<G>(actual, expected, grad_loss, bound);
    }
  };
  if constexpr (!std::is_same_v<Y, std::uint8_t>) {
    compare([&](auto const& any, auto const& filled, auto const& dloss_dy) {
      any.backward(x, y, filled, grad_loss, dloss_dy);
    });
  }
  if constexpr (!std::is_same_v<X, std::uint8_t>) {
    compare([&](auto const& any, auto const& filled, auto const& dloss_dx) {
      any.backward_x(x, y, filled, grad_loss, dloss_dx);
    });
  }
}

#endif

template <class X, class Y, class G>
void exercise(Input& input) {
  std::optional<scc::cpu::Loss> const loss = make_loss(input);
  if (!loss) {
    return;
  }
  scc::cpu::Workspace workspace;
  // Many kernels cost seconds under the sanitizers: one image must do.
  bool const is_large = loss->options().centers_per_axis > 8;
  int const rounds = !is_large && input.once_in(2) ? 2 : 1;
  for (int round = 0; round < rounds; ++round) {  // the second one reuses the memory of the first
    Extents extents = read_extents(input);
    extents[0] = is_large ? std::min<std::int64_t>(extents[0], 1) : extents[0];
    Image<X> x(input, extents);
    Image<Y> y(input, input.once_in(32) ? read_extents(input) : extents);
    fill(input, loss->options(), x.memory());
    fill(input, loss->options(), y.memory());
    scc::ImageBatch<X const> const x_view = x.view();
    scc::ImageBatch<Y const> const y_view = y.view();
    bool const has_same_shape = x_view.images == y_view.images && x_view.channels == y_view.channels &&
                                x_view.height == y_view.height && x_view.width == y_view.width;

    double value = 0;
    bool const is_accepted = accepts([&] { value = loss->forward(x_view, y_view, workspace); });
    require(is_accepted == (x.is_readable() && y.is_readable() && has_same_shape) || x.is_doubtful() || y.is_doubtful(),
            "views are accepted if, and only if, they can be read and agree in shape");
#if defined(SCC_FUZZ_GPU)
    static std::string const missing = scc_test::missing_device();  // such as PTX of an untested version
    if (!missing.empty()) {
      static int const told = std::fprintf(stderr, "the GPU's loss is left out: %s\n", missing.c_str());
      static_cast<void>(told);
    } else if (input.once_in(4)) {
      check_gpu<G>(input, *loss, x_view, y_view, workspace, is_accepted, value);
    }
#endif
    if (!is_accepted) {
      continue;
    }
    std::vector<Place> const x_places = places_of(loss->options(), x);
    std::vector<Place> const y_places = places_of(loss->options(), y);
    scc::Diagnostics const counts = workspace.diagnostics();
    check_counts(x_places, counts.x_outside, counts.x_nan);
    check_counts(y_places, counts.y_outside, counts.y_nan);
    check_estimates(*loss, workspace, value, x_view.images, x_view.pixels());

    double const grad_loss = input.number(-4, 4);
    Pass<X, Y> const pass{*loss, x_view, y_view, workspace, grad_loss};
    check_backward<G>(input, pass, x_places, y_places);
    if (!is_large && input.once_in(4)) {
      // Weights have the type of y: another one would multiply what there is to compile.
      check_weights<Y, G>(input, *loss, x_view, y_view, x_places, y_places);
    }

    if constexpr (!std::is_same_v<Y, std::uint8_t>) {
      if (is_large || !input.once_in(4)) {
        continue;
      }
      Gradient<G> gradient(input, extents);
      scc::cpu::Workspace other;
      double again = 0;
      if (accepts([&] { again = loss->forward_backward(x_view, y_view, other, grad_loss, gradient.view()); })) {
        require(std::isnan(value) ? std::isnan(again) : std::abs(again - value) <= 1e-9 * (1 + std::abs(value)),
                "forward_backward returns the loss of forward");
        check_values<G>(pass, y_places, gradient.values());
      } else {
        require(gradient.is_untouched(), "nothing is written by a call that is rejected");
      }
    }
  }
}

}  // namespace
}  // namespace scc_fuzz

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using Eigen::bfloat16;
  using Eigen::half;
  using scc_fuzz::exercise;
  scc_fuzz::Input input(data, size);
  switch (input.integer(0, 5)) {
    case 0:
      exercise<float, float, float>(input);
      break;
    case 1:
      exercise<double, double, double>(input);
      break;
    case 2:
      exercise<std::uint8_t, float, half>(input);
      break;
    case 3:
      exercise<half, bfloat16, float>(input);
      break;
    case 4:
      exercise<bfloat16, std::uint8_t, bfloat16>(input);
      break;
    default:
      exercise<double, half, double>(input);
      break;
  }
  return 0;
}
