// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <scc/scc.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../drawing/image_file.hpp"
#include "image_pairs.hpp"
#include "inspection.hpp"
#include "tasks.hpp"

namespace inspect {

namespace {

namespace fs = std::filesystem;

// A field of a CSV file as RFC 4180 wants it.
std::string csv_field(std::string const& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string quoted_text = "\"";
  for (char const letter : text) {
    quoted_text += letter == '"' ? "\"\"" : std::string(1, letter);
  }
  return quoted_text + '"';
}

class CsvFile {
public:
  explicit CsvFile(fs::path path) : path_(std::move(path)) {
    errno = 0;
    file_.open(path_, std::ios::binary);
    file_ << "name,rsmi,x_outside,x_nan,y_outside,y_nan,error\n" << std::setprecision(9);
    require_written();
  }

  void write(std::string const& name, Score const& score) {
    auto const& counts = score.pixel_counts;
    file_ << csv_field(name) << ',' << score.rsmi << ',' << counts.x_outside << ',' << counts.x_nan << ','
          << counts.y_outside << ',' << counts.y_nan << ",\n";
    require_written();
  }

  void write(std::string const& name, std::string const& error) {
    file_ << csv_field(name) << ",,,,,," << csv_field(error) << '\n';
    require_written();
  }

private:
  // A line reaches the file at once: an audit that is stopped keeps what it has measured.
  void require_written() {
    if (!file_.flush()) {
      throw std::runtime_error("cannot write " + drawing::quoted(path_) + ": " + drawing::system_reason());
    }
  }

  fs::path path_;
  std::ofstream file_;
};

}  // namespace

bool audit(Request const& request) {
  scc::cpu::Loss const loss(request.options);
  FolderPair const folders(request.input, request.translation, request.mask);
  drawing::require_not_an_image(request.csv, folders.files());

  CsvFile csv(request.csv);
  scc::cpu::Workspace workspace;
  std::vector<std::pair<double, std::string>> measured;
  std::vector<std::string> failed;
  Score result;
  folders.for_each([&](ImagePair const& pair) { result = score(loss, pair, request.values, workspace); },
                   [&](std::string const& name, std::string const& reason) {
                     if (reason.empty()) {
                       measured.emplace_back(result.rsmi, name);
                       csv.write(name, result);
                     } else {
                       failed.push_back(std::string(name).append(": ").append(reason));
                       csv.write(name, reason);
                     }
                   });

  // NaN sorts first: nothing is worse than a pair without a number.
  std::sort(measured.begin(), measured.end(), [](auto const& a, auto const& b) {
    bool const a_is_nan = a.first != a.first, b_is_nan = b.first != b.first;
    return a_is_nan != b_is_nan ? a_is_nan : (a_is_nan ? a.second < b.second : a < b);
  });
  std::cout << "pairs measured: " << measured.size() << ", failed: " << failed.size() << '\n';
  for (auto const& line : failed) {
    std::cout << "  " << line << '\n';
  }
  folders.report_partnerless();
  if (!measured.empty()) {
    double sum = 0;
    for (auto const& pair : measured) {
      sum += pair.first;
    }
    auto const shown = std::min(measured.size(), static_cast<std::size_t>(request.worst));
    std::cout << std::fixed << std::setprecision(6) << "mean rSMI: " << sum / static_cast<double>(measured.size())
              << "\nlowest rSMI (" << shown << " worst of " << measured.size() << "):\n";
    for (std::size_t k = 0; k < shown; ++k) {
      std::cout << "  " << measured[k].first << "  " << measured[k].second << '\n';
    }
  }
  std::cout << "table: " << request.csv.string() << '\n';
  return !measured.empty();
}

}  // namespace inspect
