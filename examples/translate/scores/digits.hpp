// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The score of translated images: whether a classifier of real ones still sees the digits.

#pragma once

#include <torch/torch.h>

#include "data/images.hpp"
#include "networks/digit_classifier.hpp"
#include "scores/score.hpp"

namespace translate {

/// Trains a classifier on images of one domain; the same images give the same classifier on the same kind of device.
///
/// @param images  Pixels and labels, on the device to train on.
/// @param epochs  How often each image is seen.
DigitClassifier train_classifier(Images const& images, std::int64_t epochs);

/// The share of images, as changed, whose digit the classifier finds.
///
/// @param change  May be empty: the images as they are.
/// @return percent, 0 to 100.
double accuracy(DigitClassifier& classifier, Images const& images, Change const& change = {});

/// Translated images as test set: accuracy on translations of a classifier of real images. At the end, translated images as
/// training set: accuracy on real images of a classifier that knows them only as translations.
class DigitScore final : public Score {
public:
  /// Takes the classifier from settings.classifiers, or trains it and leaves it there; a process that reads the file
  /// meanwhile sees all of it or nothing.
  ///
  /// @throws std::runtime_error that names the file, if it is damaged or cannot be written.
  DigitScore(Settings const& settings, Domains const& domains);

  std::vector<Name> names() const override { return {{"test-score", "%.2f"}}; }
  void add(std::int64_t first, torch::Tensor const& translations) override;
  std::vector<double> take() override;
  Description facts() const override;
  Description details() const override;
  Description final_scores(Change const& translate) override;

private:
  Settings settings_;
  Domains const& domains_;
  DigitClassifier classifier_;
  double classifier_accuracy_;
  torch::Tensor confusion_, last_confusion_;  // [10, 10], of images of a digit (row) the number read as a digit
};

}  // namespace translate
