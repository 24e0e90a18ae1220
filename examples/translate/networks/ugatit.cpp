// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "networks/ugatit.hpp"

namespace translate {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr double epsilon = 1e-5, slope = 0.2;

// weights / their largest singular value, which one power iteration a call approaches; the gradient takes the singular
// vectors as constants (Miyato et al., ICLR 2018).
//
// @param direction  [rows], the left singular vector so far; changed.
Tensor spectrally_normalized(Tensor const& weights, Tensor& direction) {
  auto const matrix = weights.flatten(1);
  Tensor left, right;
  {
    torch::NoGradGuard const no_gradient;
    auto const unit = [](Tensor const& vector) { return vector / (vector.norm() + 1e-12); };
    right = unit(matrix.t().mv(direction));
    left = unit(matrix.mv(right));
    direction.copy_(left);
  }
  return weights / left.dot(matrix.mv(right));
}

class SpectralConv2dImpl : public nn::Module {
public:
  SpectralConv2dImpl(std::int64_t in, std::int64_t out, std::int64_t stride, bool has_bias)
      : stride_(stride),
        convolution_(register_module("convolution", nn::Conv2d(nn::Conv2dOptions(in, out, 4).bias(has_bias)))),
        direction_(register_buffer("direction", torch::randn({out}))) {}

  // Reflects the image at its borders by one pixel.
  Tensor forward(Tensor const& features) {
    return torch::conv2d(torch::reflection_pad2d(features, {1, 1, 1, 1}),
                         spectrally_normalized(convolution_->weight, direction_), convolution_->bias, stride_);
  }

private:
  std::int64_t stride_;
  nn::Conv2d convolution_;
  Tensor direction_;
};
TORCH_MODULE(SpectralConv2d);

nn::Conv2d reflecting(std::int64_t in, std::int64_t out, std::int64_t size, std::int64_t stride = 1) {
  return nn::Conv2d(
    nn::Conv2dOptions(in, out, size).stride(stride).padding(size / 2).padding_mode(torch::kReflect).bias(false));
}

nn::InstanceNorm2d instance_norm(std::int64_t channels) {
  return nn::InstanceNorm2d(nn::InstanceNorm2dOptions(channels));
}

class PlainBlockImpl : public nn::Module {
public:
  explicit PlainBlockImpl(std::int64_t channels)
      : layers_(register_module("layers",
                                nn::Sequential(reflecting(channels, channels, 3), instance_norm(channels), nn::ReLU(),
                                               reflecting(channels, channels, 3), instance_norm(channels)))) {}

  Tensor forward(Tensor const& features) { return features + layers_->forward(features); }

private:
  nn::Sequential layers_;
};
TORCH_MODULE(PlainBlock);

// LIN: rho instance norm + (1 - rho) layer norm.
class MixedNormImpl : public nn::Module {
public:
  MixedNormImpl(std::int64_t channels, double rho)
      : rho_(register_parameter("rho", torch::full({1, channels, 1, 1}, rho))) {}

  Tensor forward(Tensor const& features) {
    auto const normalized = [&](at::IntArrayRef axes) {
      return (features - features.mean(axes, true)) / (features.var(axes, true, true) + epsilon).sqrt();
    };
    return rho_ * normalized({2, 3}) + (1 - rho_) * normalized({1, 2, 3});
  }

private:
  Tensor rho_;
};
TORCH_MODULE(MixedNorm);

// LIN with scale and shift of its own, and ReLU.
class ScaledMixedNormImpl : public nn::Module {
public:
  explicit ScaledMixedNormImpl(std::int64_t channels)
      : norm_(register_module("norm", MixedNorm(channels, 0.0))),
        gamma_(register_parameter("gamma", torch::ones({1, channels, 1, 1}))),
        beta_(register_parameter("beta", torch::zeros({1, channels, 1, 1}))) {}

  Tensor forward(Tensor const& features) { return (norm_->forward(features) * gamma_ + beta_).relu(); }

private:
  MixedNorm norm_;
  Tensor gamma_, beta_;
};
TORCH_MODULE(ScaledMixedNorm);

// A residual block with AdaLIN.
class AdaptiveBlockImpl : public nn::Module {
public:
  explicit AdaptiveBlockImpl(std::int64_t channels)
      : first_(register_module("first", reflecting(channels, channels, 3))),
        second_(register_module("second", reflecting(channels, channels, 3))),
        first_norm_(register_module("first_norm", MixedNorm(channels, 0.9))),
        second_norm_(register_module("second_norm", MixedNorm(channels, 0.9))) {}

  // gamma, beta: [N, channels, 1, 1]
  Tensor forward(Tensor const& features, Tensor const& gamma, Tensor const& beta) {
    auto const inner = (first_norm_->forward(first_->forward(features)) * gamma + beta).relu();
    return features + second_norm_->forward(second_->forward(inner)) * gamma + beta;
  }

private:
  nn::Conv2d first_, second_;
  MixedNorm first_norm_, second_norm_;
};
TORCH_MODULE(AdaptiveBlock);

class JudgeImpl : public nn::Module {
public:
  JudgeImpl(std::int64_t channels, std::int64_t width, int layer_count)
      : layers_(register_module("layers", nn::Sequential())),
        cam_(nullptr),
        verdict_(nullptr) {
    auto const add = [this](std::int64_t in, std::int64_t out, std::int64_t stride) {
      layers_->push_back(SpectralConv2d(in, out, stride, true));
      layers_->push_back(nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(slope)));
    };
    add(channels, width, 2);
    for (int layer = 0; layer < layer_count - 3; ++layer, width *= 2) {
      add(width, 2 * width, 2);
    }
    add(width, 2 * width, 1);
    cam_ = register_module("cam", Cam(2 * width, true));
    verdict_ = register_module("verdict", SpectralConv2d(2 * width, 1, 1, false));
  }

  WithCam forward(Tensor const& images) {
    auto const [features, logits] = cam_->forward(layers_->forward(images));
    return {verdict_->forward(torch::leaky_relu(features, slope)), logits};
  }

private:
  nn::Sequential layers_;
  Cam cam_;
  SpectralConv2d verdict_;
};
TORCH_MODULE(Judge);

}  // namespace

CamImpl::CamImpl(std::int64_t channels, bool has_spectral_norm)
    : mixing_(register_module("mixing", nn::Conv2d(nn::Conv2dOptions(2 * channels, channels, 1)))) {
  auto const classifier = [&](char const* name) {
    return register_parameter(name, nn::Linear(nn::LinearOptions(channels, 1).bias(false))->weight.detach());
  };
  average_ = classifier("average");
  maximum_ = classifier("maximum");
  if (has_spectral_norm) {
    average_direction_ = register_buffer("average_direction", torch::randn({1}));
    maximum_direction_ = register_buffer("maximum_direction", torch::randn({1}));
  }
}

WithCam CamImpl::forward(Tensor const& features) {
  auto const normalized = [](Tensor const& weights, Tensor& direction) {
    return direction.defined() ? spectrally_normalized(weights, direction) : weights;
  };
  auto const average = normalized(average_, average_direction_), maximum = normalized(maximum_, maximum_direction_);
  auto const logits = torch::cat({features.mean({2, 3}).mm(average.t()), features.amax({2, 3}).mm(maximum.t())}, 1);
  auto const weighed = torch::cat({features * average.view({1, -1, 1, 1}), features * maximum.view({1, -1, 1, 1})}, 1);
  return {mixing_->forward(weighed), logits};
}

UgatitGeneratorImpl::UgatitGeneratorImpl(std::int64_t in_channels, std::int64_t out_channels, std::int64_t width,
                                         std::int64_t residual_blocks)
    : encoder_(register_module("encoder", nn::Sequential())),
      style_(register_module("style", nn::Sequential(nn::Linear(4 * width, 4 * width), nn::ReLU(),
                                                     nn::Linear(4 * width, 4 * width), nn::ReLU()))),
      cam_(register_module("cam", Cam(4 * width, false))),
      gamma_(register_module("gamma", nn::Linear(nn::LinearOptions(4 * width, 4 * width).bias(false)))),
      beta_(register_module("beta", nn::Linear(nn::LinearOptions(4 * width, 4 * width).bias(false)))),
      blocks_(register_module("blocks", nn::ModuleList())),
      decoder_(register_module("decoder", nn::Sequential())) {
  auto const add = [this](nn::Conv2d const& convolution, std::int64_t out) {
    encoder_->push_back(convolution);
    encoder_->push_back(instance_norm(out));
    encoder_->push_back(nn::ReLU());
  };
  add(reflecting(in_channels, width, 7), width);
  add(reflecting(width, 2 * width, 3, 2), 2 * width);
  add(reflecting(2 * width, 4 * width, 3, 2), 4 * width);
  for (std::int64_t block = 0; block < residual_blocks; ++block) {
    encoder_->push_back(PlainBlock(4 * width));
    blocks_->push_back(AdaptiveBlock(4 * width));
  }
  for (auto const channels : {4 * width, 2 * width}) {
    decoder_->push_back(
      nn::Upsample(nn::UpsampleOptions().scale_factor(std::vector<double>{2, 2}).mode(torch::kNearest)));
    decoder_->push_back(reflecting(channels, channels / 2, 3));
    decoder_->push_back(ScaledMixedNorm(channels / 2));
  }
  decoder_->push_back(reflecting(width, out_channels, 7));
  decoder_->push_back(nn::Tanh());
}

WithCam UgatitGeneratorImpl::forward(Tensor const& images) {
  auto const [mixed, logits] = cam_->forward(encoder_->forward(images));
  auto features = mixed.relu();
  auto const style = style_->forward(features.mean({2, 3}));
  auto const gamma = gamma_->forward(style).unflatten(1, {-1, 1, 1});
  auto const beta = beta_->forward(style).unflatten(1, {-1, 1, 1});
  for (auto const& block : *blocks_) {
    features = block->as<AdaptiveBlock>()->forward(features, gamma, beta);
  }
  return {decoder_->forward(features), logits};
}

void UgatitGeneratorImpl::clamp_rho() {
  torch::NoGradGuard const no_gradient;
  for (auto const& parameter : named_parameters()) {
    auto const& name = parameter.key();
    if (name.size() >= 3 && name.compare(name.size() - 3, 3, "rho") == 0) {
      parameter.value().clamp_(0, 1);
    }
  }
}

UgatitDiscriminatorImpl::UgatitDiscriminatorImpl(std::int64_t channels, std::int64_t width)
    : judges_(register_module("judges", nn::ModuleList(Judge(channels, width, 7), Judge(channels, width, 5)))) {}

Tensor UgatitDiscriminatorImpl::loss_to_seem_real(Tensor const& translation) { return distance(translation, 1); }

Tensor UgatitDiscriminatorImpl::loss_to_tell_apart(Tensor const& real, Tensor const& translation) {
  return distance(real, 1) + distance(translation.detach(), 0);
}

Tensor UgatitDiscriminatorImpl::distance(Tensor const& images, double wanted) {
  auto sum = torch::zeros({}, images.options());
  for (auto const& judge : *judges_) {
    auto const [verdict, logits] = judge->as<Judge>()->forward(images);
    sum = sum + (verdict - wanted).square().mean() + (logits - wanted).square().mean();
  }
  return sum;
}

}  // namespace translate
