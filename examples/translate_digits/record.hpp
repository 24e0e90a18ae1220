// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The course of a run in numbers: its CSV.

#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

namespace translate_digits {

/// One row; what was not measured is empty.
struct Row {
  std::int64_t iteration = 0;
  std::optional<double> adversarial, discriminator, consistency;  ///< Losses of the batch, without weights.
  std::optional<double> rsmi;                                     ///< Mean over the batch.
  std::optional<double> test_rsmi;                                ///< Mean over the test images of an evaluation.
  std::optional<double> test_accuracy;                            ///< Percent of them.
};

/// The CSV file of a run, and its rows.
class Record {
public:
  /// Starts a file, or goes on with one of an earlier process.
  ///
  /// @param size  Bytes to keep of the existing file, as size() said; 0 starts anew.
  /// @throws std::runtime_error that names the file and the reason.
  Record(std::filesystem::path path, std::uintmax_t size);

  void add(Row const& row);

  /// Bytes of the file, all of them written.
  std::uintmax_t size();

  std::vector<Row> const& rows() const { return rows_; }

private:
  void open(std::ios::openmode mode);
  void read_rows();
  void require_written();

  std::filesystem::path path_;
  std::ofstream file_;
  std::vector<Row> rows_;
};

}  // namespace translate_digits
