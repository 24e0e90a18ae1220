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
#include <zlib.h>

#include "image_file.hpp"

namespace drawing {

namespace {

using Bytes = std::vector<std::uint8_t>;

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

// What stb_image leaves open: checks of files that it would decode to plausible wrong pixels, and the PNM formats.

constexpr std::array<std::uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

bool starts_with_png_signature(Bytes const& bytes) {
  return bytes.size() >= png_signature.size() && std::equal(png_signature.begin(), png_signature.end(), bytes.begin());
}

std::uint32_t big_endian_32(std::uint8_t const* at) {
  return (std::uint32_t{at[0]} << 24U) | (std::uint32_t{at[1]} << 16U) | (std::uint32_t{at[2]} << 8U) | at[3];
}

// stb_image reads no check sums.
char const* png_damage(Bytes const& bytes) {
  constexpr std::size_t around_data = 12;  // length, type, check sum
  std::size_t at = png_signature.size();
  while (bytes.size() - at >= around_data) {
    std::size_t const length = big_endian_32(&bytes[at]);
    if (length > bytes.size() - at - around_data) {
      break;
    }
    if (crc32_z(0, &bytes[at + 4], length + 4) != big_endian_32(&bytes[at + 8 + length])) {
      return "damaged PNG, a check sum is wrong";
    }
    if (std::equal(&bytes[at + 4], &bytes[at + 8], "IEND")) {
      return nullptr;
    }
    at += around_data + length;
  }
  return "the PNG data ends early";
}

// stb_image fills what is missing of a JPEG with grey and reports success.
char const* jpeg_damage(Bytes const& bytes) {
  // A thumbnail in the header has an end marker of its own, so step over the segments up to the start of the scan.
  std::size_t at = 2;
  while (at + 4 <= bytes.size() && bytes[at] == 0xFF && bytes[at + 1] != 0xDA) {
    at += bytes[at + 1] == 0xFF ? 1 : 2 + static_cast<std::size_t>(bytes[at + 2] * 256 + bytes[at + 3]);
  }
  std::array<std::uint8_t, 2> const end_marker{0xFF, 0xD9};
  auto const scan = bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at, bytes.size()));
  bool const has_end = std::search(scan, bytes.end(), end_marker.begin(), end_marker.end()) != bytes.end();
  return has_end ? nullptr : "the JPEG data ends early";
}

// Reads the next number of a PNM header, which may be preceded by white space and comments.
int header_number(Bytes const& bytes, std::size_t& at) {
  while (at < bytes.size() && (std::isspace(bytes[at]) != 0 || bytes[at] == '#')) {
    if (bytes[at] == '#') {
      at = static_cast<std::size_t>(std::find(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), '\n') -
                                    bytes.begin());
    } else {
      ++at;
    }
  }
  int number = 0;
  constexpr int largest = 1 << 24;
  std::size_t const begin = at;
  for (; at < bytes.size() && std::isdigit(bytes[at]) != 0 && number <= largest; ++at) {
    number = 10 * number + (bytes[at] - '0');
  }
  if (at == begin || number < 1 || number > largest) {
    throw std::runtime_error("damaged PNM header");
  }
  return number;
}

// Why a PNG or JPEG file is not whole, or null if nothing is wrong or it is neither.
char const* damage(Bytes const& bytes) {
  if (starts_with_png_signature(bytes)) {
    return png_damage(bytes);
  }
  if (bytes.size() >= 2 && bytes[0] == 0xFF && bytes[1] == 0xD8) {
    return jpeg_damage(bytes);
  }
  return nullptr;
}

// Whether the file is a binary PPM (P6) or PGM (P5).
bool is_pnm(Bytes const& bytes) { return bytes.size() >= 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6'); }

// Decodes a binary PPM or PGM file of 8 or 16 bits; its largest value becomes 255.
Image decode_pnm(Bytes const& bytes) {
  Image image;
  image.channels = bytes[1] == '6' ? 3 : 1;
  std::size_t at = 2;
  image.width = header_number(bytes, at);
  image.height = header_number(bytes, at);
  auto const largest = static_cast<unsigned>(header_number(bytes, at));
  if (largest > 65535) {
    throw std::runtime_error("damaged PNM header");
  }
  ++at;  // exactly one white space before the pixels
  image.reduced_from_16_bits = largest > 255;
  std::size_t const value_size = image.reduced_from_16_bits ? 2 : 1;
  auto const count = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) *
                     static_cast<std::size_t>(image.channels);
  if (at > bytes.size() || bytes.size() - at < count * value_size) {
    throw std::runtime_error("the PNM data ends early");
  }
  image.pixels.reserve(count);
  for (std::size_t k = 0; k < count; ++k, at += value_size) {
    unsigned const value = value_size == 1 ? bytes[at] : bytes[at] * 256U + bytes[at + 1];
    image.pixels.push_back(static_cast<std::uint8_t>((std::min(value, largest) * 255U + largest / 2) / largest));
  }
  return image;
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
