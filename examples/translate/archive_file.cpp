// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unistd.h>

#include "archive_file.hpp"
#include "drawing/image_file.hpp"

namespace translate {

void write_archive(torch::serialize::OutputArchive& archive, std::filesystem::path const& path) {
  std::ostringstream bytes;
  archive.save_to(bytes);
  // Its own name for each process: several may train the same classifier.
  auto unfinished = path;
  unfinished += '.' + std::to_string(getpid()) + ".part";
  std::error_code failure;
  try {
    drawing::write_file(unfinished, bytes.str());
    std::filesystem::rename(unfinished, path);
  } catch (...) {
    std::filesystem::remove(unfinished, failure);
    throw;
  }
}

torch::serialize::InputArchive read_archive(std::filesystem::path const& path) {
  torch::serialize::InputArchive archive;
  try {
    archive.load_from(path.string());
  } catch (c10::Error const&) {
    throw std::runtime_error("cannot read " + drawing::quoted(path) + ": it is damaged or no file of tensors");
  }
  return archive;
}

}  // namespace translate
