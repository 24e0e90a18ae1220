// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "../drawing/image_file.hpp"
#include "../progress.hpp"
#include "image_pairs.hpp"

namespace inspect {

namespace fs = std::filesystem;

namespace {

fs::path const& only_file(std::vector<fs::path> const& files) {
  if (files.size() > 1) {
    throw std::runtime_error("ambiguous: " + drawing::quoted(files[0]) + " and " + drawing::quoted(files[1]) +
                             " have the same name");
  }
  return files[0];
}

}  // namespace

FolderPair::FolderPair(fs::path input, fs::path translation, fs::path mask)
    : input_folder_(std::move(input)),
      translation_folder_(std::move(translation)),
      mask_folder_(std::move(mask)),
      inputs_(list_images(input_folder_)),
      translations_(list_images(translation_folder_)),
      masks_(mask_folder_.empty() ? Listing{} : list_images(mask_folder_)) {}

fs::path FolderPair::mask_of(std::string const& name) const {
  if (mask_folder_.empty()) {
    return {};
  }
  auto const mask = masks_.find(name);
  if (mask == masks_.end()) {
    throw std::runtime_error("there is no mask of this name in " + drawing::quoted(mask_folder_));
  }
  return only_file(mask->second);
}

FolderPair::Listing FolderPair::list_images(fs::path const& folder) {
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, error);
  Listing listing;
  for (; !error && entries != fs::recursive_directory_iterator{}; entries.increment(error)) {
    std::error_code is_gone;
    if (entries->is_regular_file(is_gone) && drawing::has_image_name(entries->path())) {
      auto const name = fs::path(entries->path().lexically_relative(folder)).replace_extension().generic_string();
      listing[name].push_back(entries->path());
    }
  }
  if (error) {
    throw std::runtime_error("cannot read the folder " + drawing::quoted(folder) + ": " + error.message());
  }
  return listing;
}

std::vector<fs::path> FolderPair::files() const {
  std::vector<fs::path> all;
  for (auto const* const listing : {&inputs_, &translations_, &masks_}) {
    for (auto const& [name, files] : *listing) {
      all.insert(all.end(), files.begin(), files.end());
    }
  }
  return all;
}

void FolderPair::report_partnerless() const {
  report_partnerless(inputs_, translations_, translation_folder_);
  report_partnerless(translations_, inputs_, input_folder_);
}

void FolderPair::report_partnerless(Listing const& listing, Listing const& other, fs::path const& folder) {
  std::vector<fs::path> alone;
  for (auto const& [name, files] : listing) {
    if (other.count(name) == 0) {
      alone.insert(alone.end(), files.begin(), files.end());
    }
  }
  if (!alone.empty()) {
    std::cout << "without partner in " << drawing::quoted(folder) << ": " << alone.size() << '\n';
  }
  for (auto const& file : alone) {
    std::cout << "  " << file.string() << '\n';
  }
}

void FolderPair::for_each(std::function<void(ImagePair const&)> const& measure,
                          std::function<void(std::string const&, std::string const&)> const& finish) const {
  auto const is_paired = [&](auto const& entry) { return translations_.count(entry.first) != 0; };
  Progress progress(std::cerr, "measured", 0, std::count_if(inputs_.begin(), inputs_.end(), is_paired));
  std::int64_t done = 0;
  for (auto const& [name, files] : inputs_) {
    auto const partner = translations_.find(name);
    if (partner == translations_.end()) {
      continue;
    }
    std::string reason;
    try {
      measure(read_pair(only_file(files), only_file(partner->second), mask_of(name)));
    } catch (std::exception const& error) {
      reason = error.what();
    }
    finish(name, reason);
    if (progress.is_due(++done)) {
      progress.show(done);
    }
  }
  progress.end_line();
}

}  // namespace inspect
