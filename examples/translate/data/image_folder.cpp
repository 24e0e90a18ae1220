// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <map>
#include <stdexcept>
#include <system_error>

#include "data/image_folder.hpp"
#include "drawing/image_file.hpp"

namespace translate {

namespace {

// The images of a folder by their names without extension.
std::map<std::string, std::filesystem::path> list_images(std::filesystem::path const& folder) {
  std::error_code error;
  std::map<std::string, std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (drawing::has_image_name(entry->path()) && !paths.emplace(entry->path().stem(), entry->path()).second) {
      throw std::runtime_error("two images in " + drawing::quoted(folder) +
                               " differ in nothing but the ending: " + drawing::quoted(entry->path().stem()));
    }
  }
  if (error) {
    throw std::runtime_error("cannot read the folder " + drawing::quoted(folder) + ": " + error.message());
  }
  return paths;
}

// [3, size, size], uint8
torch::Tensor read_resized(std::filesystem::path const& path, std::int64_t size) {
  auto image = drawing::read_image(path);
  auto const pixels =
    torch::from_blob(image.pixels.data(), {1, image.height, image.width, image.channels}, torch::kUInt8)
      .permute({0, 3, 1, 2})
      .to(torch::kFloat32);
  namespace functional = torch::nn::functional;
  auto const resized = functional::interpolate(pixels, functional::InterpolateFuncOptions()
                                                         .size(std::vector<std::int64_t>{size, size})
                                                         .mode(torch::kBicubic)
                                                         .align_corners(false)
                                                         .antialias(true));
  return resized.round().clamp(0, 255).to(torch::kUInt8)[0].expand({3, -1, -1}).clone();
}

}  // namespace

Images read_image_folder(std::filesystem::path const& folder, std::int64_t size) {
  constexpr char const* source =
    "; data sets with trainA, trainB, testA and testB are at http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/";
  try {
    std::vector<torch::Tensor> pixels;
    std::vector<std::string> names;
    for (auto const& [name, path] : list_images(folder)) {
      pixels.push_back(read_resized(path, size));
      names.push_back(name);
    }
    if (names.empty()) {
      throw std::runtime_error("there are no PNG, JPEG, PPM or PGM images in " + drawing::quoted(folder));
    }
    return {torch::stack(pixels), {}, {}, {}, names};
  } catch (std::runtime_error const& error) {
    throw std::runtime_error(error.what() + std::string(source));
  }
}

torch::Tensor read_aligned(std::filesystem::path const& folder, std::vector<std::string> const& names,
                           std::int64_t size) {
  auto const paths = list_images(folder);
  std::vector<torch::Tensor> pixels;
  for (auto const& name : names) {
    auto const found = paths.find(name);
    if (found == paths.end()) {
      throw std::runtime_error("there is no image " + drawing::quoted(name) + " in " + drawing::quoted(folder));
    }
    pixels.push_back(read_resized(found->second, size));
  }
  return torch::stack(pixels);
}

}  // namespace translate
