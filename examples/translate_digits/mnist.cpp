// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>
#include <zlib.h>

#include "../drawing/image_file.hpp"
#include "mnist.hpp"

namespace translate_digits {

namespace {

constexpr char const* digits_source = "; get it from https://ossci-datasets.s3.amazonaws.com/mnist/";

// A file in the format IDX, packed or not. (torch::data::datasets::MNIST reads no packed files, only the whole 60,000 and
// 10,000 images, and does not see files that end early.)
class IdxFile {
public:
  explicit IdxFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code is_absent;
    if (!std::filesystem::exists(path_, is_absent)) {
      auto const packed = path_.string() + ".gz";
      if (!std::filesystem::exists(packed, is_absent)) {
        throw std::runtime_error("there is neither " + drawing::quoted(path_) + " nor that with .gz" + digits_source);
      }
      path_ = packed;
    }
    if (std::filesystem::is_directory(path_, is_absent)) {
      reject("it is a folder");
    }
    file_.reset(gzopen(path_.c_str(), "rb"));
    if (!file_) {
      reject(drawing::system_reason());
    }
  }

  [[noreturn]] void reject(std::string const& reason) const {
    throw std::runtime_error("cannot use " + drawing::quoted(path_) + ": " + reason + digits_source);
  }

  std::string name() const { return drawing::quoted(path_); }

  void read(std::uint8_t* bytes, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      constexpr std::size_t most = 1U << 24U;
      int const got = gzread(file_.get(), bytes + done, static_cast<unsigned>(std::min(most, size - done)));
      require_intact();
      if (got <= 0) {
        reject("it ends early");
      }
      done += static_cast<std::size_t>(got);
    }
  }

  std::int64_t read_number() {
    std::array<std::uint8_t, 4> bytes{};
    read(bytes.data(), bytes.size());
    return (std::int64_t{bytes[0]} << 24) | (std::int64_t{bytes[1]} << 16) | (std::int64_t{bytes[2]} << 8) | bytes[3];
  }

  // Reads to the end, where gzip has its check sum.
  void require_end() {
    std::uint8_t byte = 0;
    int const got = gzread(file_.get(), &byte, 1);
    require_intact();
    if (got != 0) {
      reject("it is longer than its header says");
    }
  }

private:
  void require_intact() const {
    int status = Z_OK;
    std::string const reason = gzerror(file_.get(), &status);
    if (status == Z_BUF_ERROR) {
      reject("it ends early");
    }
    if (status == Z_ERRNO) {
      reject(drawing::system_reason());
    }
    if (status != Z_OK && status != Z_STREAM_END) {
      reject("the packed data is damaged");
    }
  }

  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };

  std::filesystem::path path_;
  std::unique_ptr<gzFile_s, Close> file_;
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
  constexpr std::int64_t margin = (image_size - stored_size) / 2;
  require_number(file, "magic number", 2051);
  auto const count = read_count(file);
  require_number(file, "number of rows", stored_size);
  require_number(file, "number of columns", stored_size);
  auto stored = torch::empty({count, 1, stored_size, stored_size}, torch::kUInt8);
  file.read(stored.data_ptr<std::uint8_t>(), static_cast<std::size_t>(stored.numel()));
  file.require_end();
  auto pixels = torch::zeros({count, 1, image_size, image_size}, torch::kUInt8);
  pixels.narrow(2, margin, stored_size).narrow(3, margin, stored_size).copy_(stored);
  return pixels;
}

torch::Tensor read_labels(IdxFile& file) {
  require_number(file, "magic number", 2049);
  auto const count = read_count(file);
  auto labels = torch::empty({count}, torch::kUInt8);
  auto* const begin = labels.data_ptr<std::uint8_t>();
  file.read(begin, static_cast<std::size_t>(count));
  file.require_end();
  auto const* const wrong = std::find_if(begin, begin + count, [](std::uint8_t label) { return label > 9; });
  if (wrong != begin + count) {
    file.reject("label " + std::to_string(wrong - begin) + " is " + std::to_string(*wrong) + ", not 0 to 9");
  }
  return labels.to(torch::kInt64);
}

}  // namespace

Images read_mnist(std::filesystem::path const& folder, Part part) {
  std::string const prefix = part == Part::train ? "train" : "t10k";
  IdxFile images_file(folder / (prefix + "-images-idx3-ubyte"));
  IdxFile labels_file(folder / (prefix + "-labels-idx1-ubyte"));
  Images const images{read_pixels(images_file), read_labels(labels_file)};
  if (images.labels.size(0) != images.count()) {
    labels_file.reject("it has " + std::to_string(images.labels.size(0)) + " labels for the " +
                       std::to_string(images.count()) + " images of " + images_file.name());
  }
  return images;
}

}  // namespace translate_digits
