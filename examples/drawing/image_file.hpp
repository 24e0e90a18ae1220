// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// 8-bit images and the files they come from and go to.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "canvas.hpp"

namespace drawing {

/// An 8-bit image with 1 (grey) or 3 (red, green, blue) interleaved channels.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;   ///< [height, width, channels]
  bool reduced_from_16_bits = false;  ///< The file had 16 bits per value; 8 of them were kept.
};

/// The image as a canvas draws it.
inline ImageView view_of(Image const& image) {
  return {image.pixels.data(), image.width, image.height, image.channels};
}

/// Reads a PNG, JPEG, binary PPM or binary PGM file. Transparency is dropped, orientation tags are not obeyed.
///
/// @throws std::runtime_error that names the file and the reason.
Image read_image(std::filesystem::path const& path);

/// Whether the name ends as the names of images that read_image() understands do.
bool has_image_name(std::filesystem::path const& path);

/// Writes `bytes` to a file, which is replaced if it exists.
///
/// @throws std::runtime_error that names the file and the reason.
void write_file(std::filesystem::path const& path, std::string const& bytes);

/// To be called before any work is done for a file that is going to be written.
///
/// @throws std::runtime_error if it would replace one of `images`.
void require_not_an_image(std::filesystem::path const& file, std::vector<std::filesystem::path> const& images);

/// @throws std::runtime_error if the folder that `file` is to be written to does not exist.
void require_folder_of(std::filesystem::path const& file);

/// The path in quotes, as it appears in messages.
std::string quoted(std::filesystem::path const& path);

/// The text of errno.
std::string system_reason();

}  // namespace drawing
