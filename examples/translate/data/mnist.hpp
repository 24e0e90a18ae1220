// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The files of MNIST.

#pragma once

#include <filesystem>

#include "data/images.hpp"

namespace translate {

enum class Part { train, test };

/// Reads the handwritten digits of MNIST, as they were published or packed by gzip.
///
/// @param folder  Holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, or the same with .gz.
/// @return images [count, 1, 32, 32]: two zeros on each side of the 28 x 28 pixels.
/// @throws std::runtime_error that names the file, the reason, and where to get it.
Images read_mnist(std::filesystem::path const& folder, Part part);

}  // namespace translate
