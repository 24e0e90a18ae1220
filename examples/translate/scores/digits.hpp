// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The score of translated images: whether a classifier of real ones still sees the digits.

#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <torch/torch.h>

#include "data/images.hpp"
#include "networks/digit_classifier.hpp"

namespace translate {

/// Trains a classifier on images of one domain; the same images give the same classifier on the same kind of device.
///
/// @param images  Pixels and labels, on the device to train on.
/// @param epochs  How often each image is seen.
DigitClassifier train_classifier(Images const& images, std::int64_t epochs);

/// Turns a batch of images, [N, channels, 32, 32] from -1 to 1, into what is to be classified, likewise.
using Change = std::function<torch::Tensor(torch::Tensor const&)>;

/// The share of images, as changed, whose digit the classifier finds.
///
/// @param change  May be empty: the images as they are.
/// @return percent, 0 to 100.
double accuracy(DigitClassifier& classifier, Images const& images, Change const& change = {});

/// Writes the weights; a process that reads the file meanwhile sees all of it or nothing.
///
/// @throws std::runtime_error that names the file.
void save_classifier(DigitClassifier const& classifier, std::filesystem::path const& path);

/// @throws std::runtime_error that names the file, if it cannot be read or is damaged.
DigitClassifier load_classifier(std::filesystem::path const& path, std::int64_t channels, torch::Device device);

}  // namespace translate
