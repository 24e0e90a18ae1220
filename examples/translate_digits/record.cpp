// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <array>
#include <cerrno>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "../drawing/image_file.hpp"
#include "record.hpp"

namespace translate_digits {

namespace {

constexpr char const* header = "iteration,adversarial,discriminator,consistency,rsmi,test_rsmi,test_accuracy";

// The columns after the first, in the order of the header.
constexpr std::array<std::optional<double> Row::*, 6> columns{
  &Row::adversarial, &Row::discriminator, &Row::consistency, &Row::rsmi, &Row::test_rsmi, &Row::test_accuracy};

std::string text(std::optional<double> number) {
  if (!number) {
    return {};
  }
  std::array<char, 32> digits{};
  auto const count = std::snprintf(digits.data(), digits.size(), "%.9g", *number);
  return {digits.data(), static_cast<std::size_t>(count)};
}

}  // namespace

Record::Record(std::filesystem::path path, std::uintmax_t size) : path_(std::move(path)) {
  if (size == 0) {
    open(std::ios::trunc);
    file_ << header << '\n';
    require_written();
    return;
  }
  std::error_code error;
  auto const found = std::filesystem::file_size(path_, error);
  if (error || found < size) {
    throw std::runtime_error("cannot go on with " + drawing::quoted(path_) + ": " +
                             (error ? error.message() : "it is shorter than when the checkpoint was written"));
  }
  // What follows was written after the checkpoint, and will be written again.
  std::filesystem::resize_file(path_, size);
  read_rows();
  open(std::ios::app);
}

void Record::open(std::ios::openmode mode) {
  errno = 0;
  file_.open(path_, std::ios::binary | std::ios::out | mode);
  require_written();
}

void Record::add(Row const& row) {
  rows_.push_back(row);
  file_ << row.iteration;
  for (auto const column : columns) {
    file_ << ',' << text(row.*column);
  }
  file_ << '\n';
  file_.flush();
  require_written();
}

std::uintmax_t Record::size() { return std::filesystem::file_size(path_); }

void Record::require_written() {
  file_.flush();
  if (!file_) {
    throw std::runtime_error("cannot write " + drawing::quoted(path_) + ": " + drawing::system_reason());
  }
}

void Record::read_rows() {
  std::ifstream file(path_, std::ios::binary);
  std::string line;
  std::getline(file, line);
  bool is_good = line == header;
  while (is_good && std::getline(file, line)) {
    try {
      std::istringstream cells(line);
      std::string cell;
      std::getline(cells, cell, ',');
      Row row;
      row.iteration = std::stoll(cell);
      for (auto const column : columns) {
        if (std::getline(cells, cell, ',') && !cell.empty()) {
          row.*column = std::stod(cell);
        }
      }
      rows_.push_back(row);
    } catch (std::logic_error const&) {  // of stoll and stod
      is_good = false;
    }
  }
  if (!is_good) {
    throw std::runtime_error("cannot go on with " + drawing::quoted(path_) + ": it is not what this program wrote");
  }
}

}  // namespace translate_digits
