// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// MNIST-M: digits that invert what is behind them, on pieces of photographs (Ganin et al., JMLR 2016).

#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/images.hpp"
#include "drawing/image_file.hpp"

namespace translate {

/// Reads all images of a folder in the order of their names.
///
/// @param folder  Photographs of BSDS500, or others of at least 32 x 32 pixels; two at least.
/// @return 8-bit RGB photographs.
/// @throws std::runtime_error that names the file or folder, the reason, and where to get it.
std::vector<drawing::Image> read_photographs(std::filesystem::path const& folder);

/// Puts each digit on a random piece of 32 x 32 pixels of a random photograph: |piece - digit| in each channel. The piece
/// is taken at full size, where the published recipe takes 28 x 28, so that no black margin is added.
///
/// @param digits       [count, 1, 32, 32]
/// @param photographs  RGB.
/// @param seed         Equal seeds give equal images on every machine.
/// @return images [count, 3, 32, 32] with the labels of the digits.
Images make_mnist_m(Images const& digits, std::vector<drawing::Image> const& photographs, std::uint32_t seed);

}  // namespace translate
