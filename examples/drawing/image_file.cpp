// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <stb/stb_image.h>
#include <stdexcept>
#include <system_error>

#include "image_file.hpp"
#include "image_format.hpp"

namespace drawing {

namespace {

Bytes read_file(std::filesystem::path const& path) {
  std::error_code is_absent;
  if (std::filesystem::is_directory(path, is_absent)) {
    throw std::runtime_error("cannot read " + quoted(path) + ": it is a folder");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) {
    throw std::runtime_error("cannot read " + quoted(path) + ": " + system_reason());
  }
  return bytes;
}

}  // namespace

std::string quoted(std::filesystem::path const& path) { return "'" + path.string() + "'"; }

std::string system_reason() {
  return errno != 0 ? std::generic_category().message(errno) : "the system gives no reason";
}

Image read_image(std::filesystem::path const& path) {
  auto const bytes = read_file(path);
  auto const reject = [&](std::string const& reason) {
    throw std::runtime_error("cannot decode " + quoted(path) + ": " + reason);
  };
  if (bytes.empty()) {
    reject("the file is empty");
  }
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    reject("the file is larger than 2 GB");
  }
  if (is_pnm(bytes)) {
    try {
      return decode_pnm(bytes);
    } catch (std::runtime_error const& error) {
      reject(error.what());
    }
  }
  if (char const* const reason = damage(bytes)) {
    reject(reason);
  }
  auto const size = static_cast<int>(bytes.size());
  Image image;
  int stored_channels = 0;
  if (stbi_info_from_memory(bytes.data(), size, &image.width, &image.height, &stored_channels) == 0) {
    reject("not a PNG, JPEG, binary PPM or binary PGM image");
  }
  image.channels = stored_channels <= 2 ? 1 : 3;
  image.reduced_from_16_bits = stbi_is_16_bit_from_memory(bytes.data(), size) != 0;
  std::unique_ptr<stbi_uc, void (*)(void*)> const decoded(
    stbi_load_from_memory(bytes.data(), size, &image.width, &image.height, &stored_channels, image.channels),
    stbi_image_free);
  if (!decoded) {
    reject(std::string("damaged image (") + stbi_failure_reason() + ")");
  }
  auto const count = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) *
                     static_cast<std::size_t>(image.channels);
  image.pixels.assign(decoded.get(), decoded.get() + count);
  return image;
}

bool has_image_name(std::filesystem::path const& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  std::array<char const*, 6> const known{".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".pnm"};
  return std::find(known.begin(), known.end(), extension) != known.end();
}

void write_file(std::filesystem::path const& path, std::string const& bytes) {
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.flush();
  if (!file) {
    throw std::runtime_error("cannot write " + quoted(path) + ": " + system_reason());
  }
}

void require_not_an_image(std::filesystem::path const& file, std::vector<std::filesystem::path> const& images) {
  std::error_code is_absent;
  for (auto const& image : images) {
    if (std::filesystem::equivalent(file, image, is_absent)) {
      throw std::runtime_error("will not replace " + quoted(file) + ": it is one of the images");
    }
  }
}

void require_folder_of(std::filesystem::path const& file) {
  auto const folder = file.parent_path();
  std::error_code is_absent;
  if (!folder.empty() && !std::filesystem::is_directory(folder, is_absent)) {
    throw std::runtime_error("cannot write " + quoted(file) + ": there is no folder " + quoted(folder));
  }
}

}  // namespace drawing
