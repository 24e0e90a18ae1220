// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#pragma once

#include "scores/score.hpp"

namespace translate {

/// Image -> parsing: each pixel, of the translation and of the truth, is of the class with the nearest colour of Cityscapes'
/// palette. From the confusion matrix: share of right pixels, mean over classes of the share of right pixels, and mean
/// over classes of intersection / union; classes that do not occur do not count.
class ParsingScore final : public Score {
public:
  explicit ParsingScore(Images truth) : truth_(std::move(truth)) {}

  std::vector<Name> names() const override {
    return {{"pixel-accuracy", "%.2f"}, {"class-accuracy", "%.2f"}, {"mean-iou", "%.2f"}};
  }

  void add(std::int64_t first, torch::Tensor const& translations) override {
    auto const truth = classes(truth_.pixels.narrow(0, first, translations.size(0)));
    auto const cells = (truth * class_count + classes(to_bytes(translations))).flatten();
    confusion_ = confusion_ + cells.bincount({}, class_count * class_count).cpu();
  }

  std::vector<double> take() override {
    auto const matrix = confusion_.view({class_count, class_count}).to(torch::kFloat64);
    auto const right = matrix.diag(), rows = matrix.sum(1), either = rows + matrix.sum(0) - right;
    auto const mean_share = [&](torch::Tensor const& whole) {
      return 100 * (right / whole).masked_select(whole.gt(0)).mean().item<double>();
    };
    confusion_ = torch::zeros_like(confusion_);
    return {100 * (right.sum() / rows.sum()).item<double>(), mean_share(rows), mean_share(either)};
  }

private:
  static constexpr std::int64_t class_count = 20;

  // [N, H, W], int64
  static torch::Tensor classes(torch::Tensor const& pixels) {
    auto const palette =
      torch::tensor({128, 64,  128, 244, 35,  232, 70, 70,  70,  102, 102, 156, 190, 153, 153, 153, 153, 153, 250, 170,
                     30,  220, 220, 0,   107, 142, 35, 152, 251, 152, 70,  130, 180, 220, 20,  60,  255, 0,   0,   0,
                     0,   142, 0,   0,   70,  0,   60, 100, 0,   80,  100, 0,   0,   230, 119, 11,  32,  0,   0,   0},
                    pixels.options().dtype(torch::kFloat32))
        .view({class_count, 3});
    auto const colors = pixels.permute({0, 2, 3, 1}).to(torch::kFloat32);
    // |c - p|^2 but for |c|^2; exact, as all are whole numbers below 2^24.
    return (palette.square().sum(1) - 2 * colors.matmul(palette.t())).argmin(3);
  }

  Images truth_;
  torch::Tensor confusion_ = torch::zeros({class_count * class_count}, torch::kInt64);
};

}  // namespace translate
