// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include "scores/score.hpp"

namespace translate {

/// Photo -> map: how near a translation is to the true map, as GcGAN's authors measure it. acc(d) is the share of pixels whose
/// largest difference of a channel, in bytes, is below d; the RMSE of an image is sqrt(sum (a - b)^2 / (H W)), over all
/// channels.
class MapScore final : public Score {
public:
  explicit MapScore(Images truth) : truth_(std::move(truth)) {}

  std::vector<Name> names() const override { return {{"acc5", "%.2f"}, {"acc10", "%.2f"}, {"rmse", "%.4f"}}; }

  void add(std::int64_t first, torch::Tensor const& translations) override {
    auto const count = translations.size(0);
    auto const truth = truth_.pixels.narrow(0, first, count).to(torch::kFloat64);
    auto const difference = to_bytes(translations).to(torch::kFloat64) - truth;
    auto const largest = difference.abs().amax(1).flatten(1);
    auto const mean_below = [&](double limit) { return 100 * largest.lt(limit).to(torch::kFloat64).mean(1); };
    auto const rmse = difference.square().sum(1).flatten(1).mean(1).sqrt();
    auto const scores = torch::stack({mean_below(5), mean_below(10), rmse}).sum(1).cpu();
    sums_ = sums_ + scores;
    count_ += count;
  }

  std::vector<double> take() override {
    auto const means = sums_ / static_cast<double>(count_);
    sums_ = torch::zeros({3}, torch::kFloat64);
    count_ = 0;
    return {means.data_ptr<double>(), means.data_ptr<double>() + means.numel()};
  }

private:
  Images truth_;
  torch::Tensor sums_ = torch::zeros({3}, torch::kFloat64);
  std::int64_t count_ = 0;
};

}  // namespace translate
