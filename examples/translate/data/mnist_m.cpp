// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>

#include "data/mnist_m.hpp"

namespace translate {

namespace {

constexpr char const* photographs_source =
  "; the photographs of BSDS500 (its folder train) are at "
  "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html";

drawing::Image read_photograph(std::filesystem::path const& path) {
  drawing::Image image;
  try {
    image = drawing::read_image(path);
  } catch (std::runtime_error const& error) {
    throw std::runtime_error(error.what() + std::string(photographs_source));
  }
  if (image.width < digit_size || image.height < digit_size || image.channels != 3) {
    throw std::runtime_error("cannot use " + drawing::quoted(path) + ": it must be in colour and at least " +
                             std::to_string(digit_size) + " x " + std::to_string(digit_size) + photographs_source);
  }
  return image;
}

}  // namespace

std::vector<drawing::Image> read_photographs(std::filesystem::path const& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (drawing::has_image_name(entry->path())) {
      paths.push_back(entry->path());
    }
  }
  if (error) {
    throw std::runtime_error("cannot read the folder " + drawing::quoted(folder) + ": " + error.message() +
                             photographs_source);
  }
  if (paths.size() < 2) {
    throw std::runtime_error("there are " + std::to_string(paths.size()) + " images in " + drawing::quoted(folder) +
                             ", at least 2 are needed" + photographs_source);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<drawing::Image> photographs;
  photographs.reserve(paths.size());
  for (auto const& path : paths) {
    photographs.push_back(read_photograph(path));
  }
  return photographs;
}

Images make_mnist_m(Images const& digits, std::vector<drawing::Image> const& photographs, std::uint32_t seed) {
  std::mt19937 random(seed);
  auto pixels = torch::empty({digits.count(), 3, digit_size, digit_size}, torch::kUInt8);
  auto* out = pixels.data_ptr<std::uint8_t>();
  auto const source = digits.pixels.contiguous();
  auto const* digit = source.data_ptr<std::uint8_t>();
  for (std::int64_t n = 0; n < digits.count(); ++n, digit += digit_size * digit_size) {
    auto const& photograph =
      photographs[static_cast<std::size_t>(draw_below(static_cast<std::int64_t>(photographs.size()), random))];
    auto const left = draw_below(photograph.width - digit_size + 1, random);
    auto const top = draw_below(photograph.height - digit_size + 1, random);
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      for (std::int64_t row = 0; row < digit_size; ++row) {
        auto const* behind =
          photograph.pixels.data() + ((top + row) * photograph.width + left) * photograph.channels + channel;
        for (std::int64_t column = 0; column < digit_size; ++column, behind += photograph.channels) {
          *out++ = static_cast<std::uint8_t>(std::abs(int{*behind} - int{digit[row * digit_size + column]}));
        }
      }
    }
  }
  return {pixels, digits.labels, {}, {}, {}};
}

}  // namespace translate
