// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Which images of two folders belong together.

#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "inspection.hpp"

namespace inspect {

/// The images of two folders and their subfolders. Two files are a pair if their paths agree but for the extension; its
/// mask has that path in a third folder.
class FolderPair {
public:
  /// @param mask  May be empty: there are no masks.
  /// @throws std::runtime_error if a folder cannot be read.
  FolderPair(std::filesystem::path input, std::filesystem::path translation, std::filesystem::path mask);

  /// All images of the folders.
  std::vector<std::filesystem::path> files() const;

  /// Names the files without partner on stdout.
  void report_partnerless() const;

  /// Reads each pair, and says on stderr how far it is.
  ///
  /// @param measure  Called with each pair that can be read; what it throws is the reason why the pair failed.
  /// @param finish   Called after it with the name and the reason, which is empty if the pair did not fail. What it
  ///                 throws ends everything.
  void for_each(std::function<void(ImagePair const&)> const& measure,
                std::function<void(std::string const&, std::string const&)> const& finish) const;

private:
  /// Files by their path in the folder without extension; more than one may have the same.
  using Listing = std::map<std::string, std::vector<std::filesystem::path>>;

  static Listing list_images(std::filesystem::path const& folder);
  static void report_partnerless(Listing const& listing, Listing const& other, std::filesystem::path const& folder);

  /// The mask of the pair of this name; empty if there are no masks.
  std::filesystem::path mask_of(std::string const& name) const;

  std::filesystem::path input_folder_, translation_folder_, mask_folder_;
  Listing inputs_, translations_, masks_;
};

}  // namespace inspect
