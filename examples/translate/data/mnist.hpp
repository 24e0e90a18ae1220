// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The files of MNIST, and of Fashion-MNIST, which has its format.

#pragma once

#include <filesystem>

#include "data/images.hpp"

namespace translate {

enum class Part { train, test };

/// A data set in the format of MNIST.
struct DigitFiles {
  char const* name;
  char const* folder;
  char const* source;  ///< Where to get it.
};

inline constexpr DigitFiles mnist_files{"mnist", "mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/"};
inline constexpr DigitFiles fashion_mnist_files{
  "fashion", "fashion-mnist", "https://github.com/zalandoresearch/fashion-mnist, or Debian's dataset-fashion-mnist"};

/// Reads the images and labels, as they were published or packed by gzip.
///
/// @param data  Its folder files.folder holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, or
///              the same with .gz.
/// @return images [count, 1, 32, 32]: two zeros on each side of the 28 x 28 pixels.
/// @throws std::runtime_error that names the file, the reason, and where to get it.
Images read_mnist(std::filesystem::path const& data, DigitFiles const& files, Part part);

}  // namespace translate
