// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>

#include "networks/generator.hpp"

namespace translate {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

void add_norm(nn::Sequential& layers, std::int64_t channels, Style style) {
  layers->push_back(nn::InstanceNorm2d(nn::InstanceNorm2dOptions(channels).affine(style == Style::digits)));
}

// A convolution that reflects the image at its borders.
void add_reflecting(nn::Sequential& layers, std::int64_t in, std::int64_t out, std::int64_t size,
                    std::int64_t stride = 1) {
  layers->push_back(
    nn::Conv2d(nn::Conv2dOptions(in, out, size).stride(stride).padding(size / 2).padding_mode(torch::kReflect)));
}

void add_norm_and_relu(nn::Sequential& layers, std::int64_t channels, Style style) {
  add_norm(layers, channels, style);
  layers->push_back(nn::ReLU());
}

class ResidualBlockImpl : public nn::Module {
public:
  ResidualBlockImpl(std::int64_t channels, Style style) : layers_(register_module("layers", nn::Sequential())) {
    add_reflecting(layers_, channels, channels, 3);
    add_norm_and_relu(layers_, channels, style);
    add_reflecting(layers_, channels, channels, 3);
    add_norm(layers_, channels, style);
  }

  Tensor forward(Tensor const& features) { return features + layers_->forward(features); }

private:
  nn::Sequential layers_;
};
TORCH_MODULE(ResidualBlock);

// [channels, 1, taps, taps]: a low-pass filter for each channel, whose sum is `sum`.
Tensor low_pass(std::vector<double> const& taps, double sum, Tensor const& features) {
  auto const line = torch::tensor(taps, features.options());
  auto const filter = line.outer(line);
  return (filter * (sum / filter.sum())).expand({features.size(1), 1, -1, -1});
}

Tensor padded(Tensor const& features, std::int64_t margin, nn::functional::PadFuncOptions::mode_t const& mode) {
  return nn::functional::pad(features, nn::functional::PadFuncOptions({margin, margin, margin, margin}).mode(mode));
}

// Halves the size without aliasing, as CUT does (Zhang, ICML 2019).
Tensor halved(Tensor const& features) {
  return nn::functional::conv2d(padded(features, 1, torch::kReflect), low_pass({1, 2, 1}, 1, features),
                                nn::functional::Conv2dFuncOptions().stride(2).groups(features.size(1)));
}

// Doubles the size, likewise.
Tensor doubled(Tensor const& features) {
  auto const wide = torch::conv_transpose2d(padded(features, 1, torch::kReplicate), low_pass({1, 3, 3, 1}, 4, features),
                                            {}, 2, 2, 0, features.size(1));
  return wide.slice(2, 1, -1).slice(3, 1, -1);
}

// Doubles the size and halves the channels.
void add_doubling(nn::Sequential& layers, std::int64_t in, Style style) {
  auto const out = in / 2;
  if (style == Style::resnet) {
    layers->push_back(
      nn::ConvTranspose2d(nn::ConvTranspose2dOptions(in, out, 3).stride(2).padding(1).output_padding(1)));
  } else if (style == Style::antialiased) {
    layers->push_back(nn::Functional(doubled));
    layers->push_back(nn::Conv2d(nn::Conv2dOptions(in, out, 3).padding(1)));
  } else {
    // Repeated pixels and a convolution, rather than a transposed one, which leaves a checkerboard.
    layers->push_back(
      nn::Upsample(nn::UpsampleOptions().scale_factor(std::vector<double>{2, 2}).mode(torch::kNearest)));
    add_reflecting(layers, in, out, 3);
  }
  add_norm_and_relu(layers, out, style);
}

// Halves the size and doubles the channels.
void add_halving(nn::Sequential& layers, std::int64_t in, Style style) {
  if (style == Style::digits) {
    add_reflecting(layers, in, 2 * in, 3, 2);
  } else {
    layers->push_back(nn::Conv2d(nn::Conv2dOptions(in, 2 * in, 3).stride(style == Style::resnet ? 2 : 1).padding(1)));
  }
  add_norm_and_relu(layers, 2 * in, style);
  if (style == Style::antialiased) {
    layers->push_back(nn::Functional(halved));
  }
}

}  // namespace

GeneratorImpl::GeneratorImpl(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width,
                             std::int64_t residual_blocks, std::int64_t noise_channels, Style style)
    : encoder_(register_module("encoder", nn::Sequential())),
      decoder_(register_module("decoder", nn::Sequential())),
      padding_(style == Style::digits ? 1 : 3),
      noise_channels_(noise_channels),
      feature_channels_{in_channels} {
  if (style == Style::gcgan) {
    make_gcgan(in_channels + noise_channels, out_channels, width, residual_blocks);
    return;
  }
  auto const outer_size = 2 * padding_ + 1;
  add_reflecting(encoder_, in_channels + noise_channels, width, outer_size);
  add_norm_and_relu(encoder_, width, style);
  for (auto const channels : {width, 2 * width}) {
    feature_layers_.push_back(encoder_->size());
    feature_channels_.push_back(2 * channels);
    add_halving(encoder_, channels, style);
  }
  for (std::int64_t block = 0; block < residual_blocks; ++block) {
    if (block == 0 || block == std::min<std::int64_t>(residual_blocks - 1, 4)) {
      feature_layers_.push_back(encoder_->size());
      feature_channels_.push_back(4 * width);
    }
    encoder_->push_back(ResidualBlock(4 * width, style));
  }
  add_doubling(decoder_, 4 * width, style);
  add_doubling(decoder_, 2 * width, style);
  add_reflecting(decoder_, width, out_channels, outer_size);
  decoder_->push_back(nn::Tanh());
  initialize(*this, style);
}

void GeneratorImpl::make_gcgan(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width,
                               std::int64_t blocks) {
  auto const add = [](nn::Sequential& layers, auto const& convolution, std::int64_t channels) {
    layers->push_back(convolution);
    layers->push_back(nn::BatchNorm2d(channels));
    layers->push_back(nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.05)));
  };
  auto const halving = [](std::int64_t in, std::int64_t out) {
    return nn::Conv2d(nn::Conv2dOptions(in, out, 4).stride(2).padding(1));
  };
  auto const doubling = [](std::int64_t in, std::int64_t out) {
    return nn::ConvTranspose2d(nn::ConvTranspose2dOptions(in, out, 4).stride(2).padding(1));
  };
  add(encoder_, halving(in_channels, width), width);
  add(encoder_, halving(width, 2 * width), 2 * width);
  for (std::int64_t block = 0; block < blocks; ++block) {
    add(encoder_, nn::Conv2d(nn::Conv2dOptions(2 * width, 2 * width, 3).padding(1)), 2 * width);
  }
  add(decoder_, doubling(2 * width, width), width);
  decoder_->push_back(doubling(width, out_channels));
  decoder_->push_back(nn::Tanh());
}

Tensor GeneratorImpl::with_noise(Tensor const& images) const {
  if (noise_channels_ == 0) {
    return images;
  }
  auto const height = images.size(2), width = images.size(3);
  auto const coarse = torch::randn({images.size(0), noise_channels_, height / 16, width / 16}, images.options());
  namespace functional = nn::functional;
  auto const noise = functional::interpolate(coarse, functional::InterpolateFuncOptions()
                                                       .size(std::vector<std::int64_t>{height, width})
                                                       .mode(torch::kBilinear)
                                                       .align_corners(false));
  return torch::cat({images, noise}, 1);
}

Tensor GeneratorImpl::forward(Tensor const& images) { return decoder_->forward(encoder_->forward(with_noise(images))); }

std::vector<Tensor> GeneratorImpl::features(Tensor const& images) {
  std::vector<Tensor> result{padded(images, padding_, torch::kReflect)};
  auto features = with_noise(images);
  for (std::size_t layer = 0; layer <= feature_layers_.back(); ++layer) {
    features = (encoder_->begin() + static_cast<std::ptrdiff_t>(layer))->forward(features);
    if (std::count(feature_layers_.begin(), feature_layers_.end(), layer) > 0) {
      result.push_back(features);
    }
  }
  return result;
}

void initialize(nn::Module& network, Style style) {
  if (style == Style::digits || style == Style::gcgan) {
    return;
  }
  torch::NoGradGuard const no_gradient;
  constexpr double scale = 0.02;
  for (auto& weights : network.parameters()) {
    if (weights.dim() == 1) {
      weights.zero_();
    } else if (style == Style::antialiased) {
      nn::init::xavier_normal_(weights, scale);
    } else {
      weights.normal_(0, scale);
    }
  }
}

}  // namespace translate
