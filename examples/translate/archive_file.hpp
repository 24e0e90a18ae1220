// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Files of named tensors, as torch writes them.

#pragma once

#include <filesystem>
#include <torch/torch.h>

namespace translate {

/// Writes a file beside `path` and gives it that name when it is whole.
///
/// @throws std::runtime_error that names the file and the reason.
void write_archive(torch::serialize::OutputArchive& archive, std::filesystem::path const& path);

/// @throws std::runtime_error that names the file, if it cannot be read or is damaged.
torch::serialize::InputArchive read_archive(std::filesystem::path const& path);

}  // namespace translate
