// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <zlib.h>

#include "data/mnist.hpp"
#include "drawing/image_file.hpp"

namespace translate {

namespace {

// The content of a file in the format IDX, packed or not. (torch::data::datasets::MNIST reads no packed files, only the
// whole 60,000 and 10,000 images, and does not see files that end early.)
class IdxFile {
public:
  IdxFile(std::filesystem::path path, char const* source)
      : path_(std::move(path)),
        source_(std::string("; get it from ") + source) {
    if (!std::filesystem::exists(path_)) {
      auto const packed = path_.string() + ".gz";
      if (!std::filesystem::exists(packed)) {
        throw std::runtime_error("there is neither " + name() + " nor that with .gz" + source_);
      }
      path_ = packed;
    }
    if (std::filesystem::is_directory(path_)) {
      reject("it is a folder");
    }
    auto* const file = gzopen(path_.c_str(), "rb");
    if (file == nullptr) {
      reject(drawing::system_reason());
    }
    std::array<char, 1U << 16U> part{};
    int count = 0, status = Z_OK;
    while ((count = gzread(file, part.data(), part.size())) > 0) {
      bytes_.append(part.data(), static_cast<std::size_t>(count));
    }
    gzerror(file, &status);
    int const end = gzclose(file);
    if (status == Z_ERRNO) {
      reject(drawing::system_reason());
    }
    if (count < 0 || end != Z_OK) {
      reject(end == Z_BUF_ERROR || status == Z_BUF_ERROR ? "it ends early" : "the packed data is damaged");
    }
  }

  [[noreturn]] void reject(std::string const& reason) const {
    throw std::runtime_error("cannot use " + name() + ": " + reason + source_);
  }

  std::string name() const { return drawing::quoted(path_); }

  // The next bytes of the file.
  std::uint8_t* read(std::int64_t size) {
    if (static_cast<std::int64_t>(bytes_.size() - at_) < size) {
      reject("it ends early");
    }
    auto* const bytes = reinterpret_cast<std::uint8_t*>(&bytes_[at_]);
    at_ += static_cast<std::size_t>(size);
    return bytes;
  }

  std::int64_t read_number() {
    auto const* const bytes = read(4);
    return (std::int64_t{bytes[0]} << 24) | (std::int64_t{bytes[1]} << 16) | (std::int64_t{bytes[2]} << 8) | bytes[3];
  }

  void require_end() const {
    if (at_ != bytes_.size()) {
      reject("it is longer than its header says");
    }
  }

private:
  std::filesystem::path path_;
  std::string source_;
  std::string bytes_;
  std::size_t at_ = 0;
};

void require_number(IdxFile& file, char const* what, std::int64_t expected) {
  auto const found = file.read_number();
  if (found != expected) {
    file.reject(std::string("its ") + what + " is " + std::to_string(found) + " instead of " +
                std::to_string(expected));
  }
}

std::int64_t read_count(IdxFile& file) {
  auto const count = file.read_number();
  constexpr std::int64_t most = 1000000;
  if (count < 1 || count > most) {
    file.reject("its number of items is " + std::to_string(count) + ", not 1 to " + std::to_string(most));
  }
  return count;
}

torch::Tensor read_pixels(IdxFile& file) {
  constexpr std::int64_t stored_size = 28;
  constexpr std::int64_t margin = (digit_size - stored_size) / 2;
  require_number(file, "magic number", 2051);
  auto const count = read_count(file);
  require_number(file, "number of rows", stored_size);
  require_number(file, "number of columns", stored_size);
  auto const stored =
    torch::from_blob(file.read(count * stored_size * stored_size), {count, 1, stored_size, stored_size}, torch::kUInt8);
  file.require_end();
  auto pixels = torch::zeros({count, 1, digit_size, digit_size}, torch::kUInt8);
  pixels.narrow(2, margin, stored_size).narrow(3, margin, stored_size).copy_(stored);
  return pixels;
}

torch::Tensor read_labels(IdxFile& file) {
  require_number(file, "magic number", 2049);
  auto const count = read_count(file);
  auto* const begin = file.read(count);
  file.require_end();
  auto const* const wrong = std::find_if(begin, begin + count, [](std::uint8_t label) { return label > 9; });
  if (wrong != begin + count) {
    file.reject("label " + std::to_string(wrong - begin) + " is " + std::to_string(*wrong) + ", not 0 to 9");
  }
  return torch::from_blob(begin, {count}, torch::kUInt8).to(torch::kInt64);
}

}  // namespace

Images read_mnist(std::filesystem::path const& data, DigitFiles const& files, Part part) {
  auto const prefix = data / files.folder / (part == Part::train ? "train" : "t10k");
  IdxFile images_file(prefix.string() + "-images-idx3-ubyte", files.source);
  IdxFile labels_file(prefix.string() + "-labels-idx1-ubyte", files.source);
  Images const images{read_pixels(images_file), read_labels(labels_file), {}, {}, {}};
  if (images.labels.size(0) != images.count()) {
    labels_file.reject("it has " + std::to_string(images.labels.size(0)) + " labels for the " +
                       std::to_string(images.count()) + " images of " + images_file.name());
  }
  return images;
}

}  // namespace translate
