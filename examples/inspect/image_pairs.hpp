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

/// The images of a folder by their path in it without extension; more than one file may have the same.
using Listing = std::map<std::string, std::vector<std::filesystem::path>>;

/// The images of a folder and its subfolders.
///
/// @throws std::runtime_error if it cannot be read.
Listing list_images(std::filesystem::path const& folder);

/// The files of a listing.
std::vector<std::filesystem::path> files_of(Listing const& listing);

/// Names, on stdout, the files of `listing` that have no partner in `other`, the content of `folder`.
void report_partnerless(Listing const& listing, Listing const& other, std::filesystem::path const& folder);

/// Reads each image of `inputs` that has a partner in `translations`, with the partner, and says on stderr how far it is.
///
/// @param measure  Called with each pair that can be read; what it throws is the reason why the pair failed.
/// @param finish   Called after it with the name and the reason, which is empty if the pair did not fail. What it throws
///                 ends everything.
void for_each_pair(Listing const& inputs, Listing const& translations,
                   std::function<void(ImagePair const&)> const& measure,
                   std::function<void(std::string const&, std::string const&)> const& finish);

}  // namespace inspect
