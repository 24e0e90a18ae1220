// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Folders of images, in the layout of CycleGAN's data sets: trainA, trainB, testA, testB.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/images.hpp"

namespace translate {

/// Reads all images of a folder in the order of their names, in colour, resized to a square.
///
/// @param folder  Such as DIR/trainA.
/// @param size    Height and width.
/// @return images [count, 3, size, size] with names.
/// @throws std::runtime_error that names the file or folder, the reason, and where to get data.
Images read_image_folder(std::filesystem::path const& folder, std::int64_t size);

/// Reads the images of these names in a folder, whatever their extensions: what is aligned with other images.
///
/// @return [count, 3, size, size], uint8
/// @throws std::runtime_error that names the file or folder and the reason.
torch::Tensor read_aligned(std::filesystem::path const& folder, std::vector<std::string> const& names,
                           std::int64_t size);

}  // namespace translate
