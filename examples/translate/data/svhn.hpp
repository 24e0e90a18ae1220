// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// SVHN: house numbers in colour (Netzer et al., 2011).

#pragma once

#include <filesystem>

#include "data/images.hpp"
#include "data/mnist.hpp"

namespace translate {

/// Reads the cropped digits of SVHN, MATLAB files with X, [32, 32, 3, count], and y, [count, 1], where 10 is the digit 0.
///
/// @param folder  Holds train_32x32.mat and test_32x32.mat.
/// @return images [count, 3, 32, 32]
/// @throws std::runtime_error that names the file, the reason, and where to get it.
Images read_svhn(std::filesystem::path const& folder, Part part);

}  // namespace translate
