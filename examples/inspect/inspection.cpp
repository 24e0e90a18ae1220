// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>

#include "inspection.hpp"

namespace inspect {

namespace {

using View = scc::ImageBatch<float const>;

std::vector<float> pixel_values(drawing::Image const& image, ValueRange values) {
  std::vector<float> result(image.pixels.size());
  std::transform(image.pixels.begin(), image.pixels.end(), result.begin(), [&](std::uint8_t byte) {
    return static_cast<float>(values.low + (values.high - values.low) * byte / 255);
  });
  return result;
}

// A grey image is shown as `channels` equal ones: stride 0 repeats it without a copy.
View view(drawing::Image const& image, std::vector<float> const& values, int channels) {
  auto result = View::channels_last(values.data(), 1, image.channels, image.height, image.width);
  if (image.channels < channels) {
    result.channels = channels;
    result.channel_stride = 0;
  }
  return result;
}

// The pixel values of both images, as views with as many channels as the one that has more, and their weights.
struct PixelPair {
  PixelPair(ImagePair const& pair, ValueRange values)
      : channels(std::max(pair.input.channels, pair.translation.channels)),
        is_masked(pair.is_masked()),
        x(pixel_values(pair.input, values)),
        y(pixel_values(pair.translation, values)),
        x_view(view(pair.input, x, channels)),
        y_view(view(pair.translation, y, channels)),
        weight(Weight::contiguous(pair.mask.pixels.data(), 1, channels, pair.input.height, pair.input.width)) {
    weight.channel_stride = 0;
  }

  double forward(scc::cpu::Loss const& loss, View const& first, View const& second,
                 scc::cpu::Workspace& workspace) const {
    return is_masked ? loss.forward(first, second, weight, workspace) : loss.forward(first, second, workspace);
  }

  using Weight = scc::ImageBatch<std::uint8_t const>;

  int channels;
  bool is_masked;
  std::vector<float> x, y;
  View x_view, y_view;
  Weight weight;
};

// Destroys all structure but keeps the distribution of the values that count; the same order every time.
std::vector<float> shuffled(std::vector<float> values, ImagePair const& pair) {
  auto const channels = static_cast<std::size_t>(pair.translation.channels);
  std::vector<std::size_t> places;
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (pair.weight(k / channels) > 0) {
      places.push_back(k);
    }
  }
  std::mt19937 random;  // NOLINT(cert-msc32-c,cert-msc51-cpp): meant to repeat
  for (std::size_t k = places.size(); k > 1; --k) {
    std::swap(values[places[k - 1]], values[places[random() % k]]);
  }
  return values;
}

template <class Action>
double shortest_ms(int repeat, Action const& action) {
  using Clock = std::chrono::steady_clock;
  double shortest = std::numeric_limits<double>::infinity();
  for (int k = 0; k < repeat; ++k) {
    auto const start = Clock::now();
    action();
    shortest = std::min(shortest, std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  return shortest;
}

// The length of the gradient at each place. A grey translation has one value there, whose derivative is the sum.
std::vector<float> lengths(std::vector<float> const& gradient, int channels, bool is_grey) {
  std::vector<float> result(gradient.size() / static_cast<std::size_t>(channels));
  for (std::size_t k = 0; k < result.size(); ++k) {
    auto const* const at = gradient.data() + k * static_cast<std::size_t>(channels);
    float sum = 0;
    for (int channel = 0; channel < channels; ++channel) {
      sum += is_grey ? at[channel] : at[channel] * at[channel];
    }
    result[k] = is_grey ? std::abs(sum) : std::sqrt(sum);
  }
  return result;
}

void require_same_size(drawing::Image const& a, std::filesystem::path const& a_path, drawing::Image const& b,
                       std::filesystem::path const& b_path) {
  if (a.width != b.width || a.height != b.height) {
    auto const size = [](drawing::Image const& image) {
      return std::to_string(image.width) + " x " + std::to_string(image.height);
    };
    throw std::runtime_error("sizes differ: " + drawing::quoted(a_path) + " is " + size(a) + ", " +
                             drawing::quoted(b_path) + " is " + size(b));
  }
}

// A mask in one channel: files often repeat it in three.
drawing::Image read_mask(std::filesystem::path const& path) {
  drawing::Image mask = drawing::read_image(path);
  auto const channels = static_cast<std::size_t>(mask.channels);
  std::size_t const places = mask.pixels.size() / channels;
  for (std::size_t place = 0; place < places; ++place) {
    auto const* const pixel = &mask.pixels[place * channels];
    if (std::any_of(pixel, pixel + channels, [&](std::uint8_t value) { return value != pixel[0]; })) {
      throw std::runtime_error("the mask " + drawing::quoted(path) + " has colours; it must be grey");
    }
    mask.pixels[place] = pixel[0];
  }
  mask.pixels.resize(places);
  mask.channels = 1;
  if (std::all_of(mask.pixels.begin(), mask.pixels.end(), [](std::uint8_t value) { return value == 0; })) {
    throw std::runtime_error("the mask " + drawing::quoted(path) + " is black; no pixel would count");
  }
  return mask;
}

}  // namespace

ImagePair read_pair(std::filesystem::path const& input, std::filesystem::path const& translation,
                    std::filesystem::path const& mask) {
  ImagePair pair{input.filename().string(),        translation.filename().string(), drawing::read_image(input),
                 drawing::read_image(translation), mask.filename().string(),        {}};
  require_same_size(pair.input, input, pair.translation, translation);
  if (!mask.empty()) {
    pair.mask = read_mask(mask);
    require_same_size(pair.input, input, pair.mask, mask);
  }
  return pair;
}

Score score(scc::cpu::Loss const& loss, ImagePair const& pair, ValueRange values, scc::cpu::Workspace& workspace) {
  PixelPair const pixels(pair, values);
  pixels.forward(loss, pixels.x_view, pixels.y_view, workspace);
  return {workspace.rsmi()[0], workspace.diagnostics()};
}

void cross_validate(scc::CrossValidation& validation, ImagePair const& pair, ValueRange values) {
  PixelPair const pixels(pair, values);
  if (pixels.is_masked) {
    validation.add(pixels.x_view, pixels.y_view, pixels.weight);
  } else {
    validation.add(pixels.x_view, pixels.y_view);
  }
}

Inspection inspect_pair(scc::Options const& options, ImagePair const& pair, ValueRange values, int repeat) {
  Inspection result;
  result.construction_ms = shortest_ms(repeat, [&] { scc::cpu::Loss const constructed(options); });

  scc::cpu::Loss const loss(options);
  scc::cpu::Workspace workspace;
  PixelPair const pixels(pair, values);
  int const channels = pixels.channels;
  View const &x_view = pixels.x_view, &y_view = pixels.y_view;
  result.values_per_image = x_view.pixels();

  pixels.forward(loss, x_view, x_view, workspace);
  result.rsmi_with_itself = workspace.rsmi()[0];
  auto const y_shuffled = shuffled(pixels.y, pair);
  pixels.forward(loss, x_view, view(pair.translation, y_shuffled, channels), workspace);
  result.rsmi_shuffled = workspace.rsmi()[0];

  result.forward_ms = shortest_ms(repeat, [&] { result.loss = pixels.forward(loss, x_view, y_view, workspace); });
  result.score = {workspace.rsmi()[0], workspace.diagnostics()};
  result.statistics = loss.statistics(workspace, 0);

  std::vector<float> gradient(static_cast<std::size_t>(result.values_per_image));
  auto const gradient_view =
    scc::ImageBatch<float>::channels_last(gradient.data(), 1, channels, pair.input.height, pair.input.width);
  result.backward_ms = shortest_ms(repeat, [&] {
    pixels.is_masked ? loss.backward(x_view, y_view, pixels.weight, workspace, 1.0, gradient_view)
                     : loss.backward(x_view, y_view, workspace, 1.0, gradient_view);
  });
  result.sensitivity = lengths(gradient, channels, pair.translation.channels < channels);
  return result;
}

}  // namespace inspect
