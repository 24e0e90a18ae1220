// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <scc/scc.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "audit.hpp"
#include "image_file.hpp"
#include "inspection.hpp"

namespace inspect {

namespace {

namespace fs = std::filesystem;

// The images of a folder by their path in it without extension; more than one file may have the same.
using Listing = std::map<std::string, std::vector<fs::path>>;

Listing list_images(fs::path const& folder) {
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, error);
  Listing listing;
  for (; !error && entries != fs::recursive_directory_iterator{}; entries.increment(error)) {
    std::error_code is_gone;
    if (entries->is_regular_file(is_gone) && has_image_name(entries->path())) {
      auto const name = fs::path(entries->path().lexically_relative(folder)).replace_extension().generic_string();
      listing[name].push_back(entries->path());
    }
  }
  if (error) {
    throw std::runtime_error("cannot read the folder " + quoted(folder) + ": " + error.message());
  }
  return listing;
}

fs::path const& only_file(std::vector<fs::path> const& files) {
  if (files.size() > 1) {
    throw std::runtime_error("ambiguous: " + quoted(files[0]) + " and " + quoted(files[1]) + " have the same name");
  }
  return files[0];
}

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

// Says how far the audit is: in place on a terminal, else a line at every tenth.
class Progress {
public:
  explicit Progress(std::size_t total) : total_(total), is_terminal_(isatty(STDERR_FILENO) != 0) {}

  void advance() {
    ++done_;
    auto const now = std::chrono::steady_clock::now();
    bool const is_last = done_ == total_;
    if (is_terminal_) {
      if (is_last || now - shown_ > std::chrono::milliseconds(100)) {
        shown_ = now;
        std::cerr << "\rmeasured " << done_ << " of " << total_ << (is_last ? "\n" : "") << std::flush;
      }
    } else if (done_ * 10 / total_ != (done_ - 1) * 10 / total_) {
      std::cerr << "measured " << done_ << " of " << total_ << '\n';
    }
  }

private:
  std::size_t total_, done_ = 0;
  bool is_terminal_;
  std::chrono::steady_clock::time_point shown_{};
};

class CsvFile {
public:
  explicit CsvFile(fs::path path) : path_(std::move(path)) {
    errno = 0;
    file_.open(path_, std::ios::binary);
    file_ << "name,rsmi,x_outside,x_nan,y_outside,y_nan,error\n" << std::setprecision(9);
    require_written();
  }

  void write(std::string const& name, Score const& score) {
    auto const& odd = score.odd_pixels;
    file_ << csv_field(name) << ',' << score.rsmi << ',' << odd.x_outside << ',' << odd.x_nan << ',' << odd.y_outside
          << ',' << odd.y_nan << ",\n";
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
      throw std::runtime_error("cannot write " + quoted(path_) + ": " + system_reason());
    }
  }

  fs::path path_;
  std::ofstream file_;
};

void require_not_an_image(fs::path const& csv, Listing const& listing) {
  std::error_code is_absent;
  for (auto const& [name, files] : listing) {
    for (auto const& file : files) {
      if (fs::equivalent(csv, file, is_absent)) {
        throw std::runtime_error("will not replace " + quoted(csv) + ": it is one of the images");
      }
    }
  }
}

// Names the files of `listing` that have no partner in `other`, the content of `folder`.
void report_partnerless(Listing const& listing, Listing const& other, fs::path const& folder) {
  std::vector<fs::path> alone;
  for (auto const& [name, files] : listing) {
    if (other.count(name) == 0) {
      alone.insert(alone.end(), files.begin(), files.end());
    }
  }
  if (!alone.empty()) {
    std::cout << "without partner in " << quoted(folder) << ": " << alone.size() << '\n';
  }
  for (auto const& file : alone) {
    std::cout << "  " << file.string() << '\n';
  }
}

}  // namespace

bool audit(Request const& request) {
  scc::cpu::Loss const loss(request.options);
  auto const inputs = list_images(request.input);
  auto const translations = list_images(request.translation);
  require_not_an_image(request.csv, inputs);
  require_not_an_image(request.csv, translations);

  auto const is_paired = [&](auto const& entry) { return translations.count(entry.first) != 0; };
  auto const pairs = static_cast<std::size_t>(std::count_if(inputs.begin(), inputs.end(), is_paired));
  CsvFile csv(request.csv);
  Progress progress(pairs);
  scc::cpu::Workspace workspace;
  std::vector<std::pair<double, std::string>> measured;
  std::vector<std::string> failed;
  for (auto const& [name, files] : inputs) {
    auto const partner = translations.find(name);
    if (partner == translations.end()) {
      continue;
    }
    std::string reason;
    Score result;
    try {
      result = score(loss, read_pair(only_file(files), only_file(partner->second)), request.values, workspace);
    } catch (std::exception const& error) {
      reason = error.what();
    }
    if (reason.empty()) {
      measured.emplace_back(result.rsmi, name);
      csv.write(name, result);
    } else {
      failed.push_back(std::string(name).append(": ").append(reason));
      csv.write(name, reason);
    }
    progress.advance();
  }

  // NaN sorts first: nothing is worse than a pair without a number.
  std::sort(measured.begin(), measured.end(), [](auto const& a, auto const& b) {
    bool const a_is_nan = a.first != a.first, b_is_nan = b.first != b.first;
    return a_is_nan != b_is_nan ? a_is_nan : (a_is_nan ? a.second < b.second : a < b);
  });
  std::cout << "pairs measured: " << measured.size() << ", failed: " << failed.size() << '\n';
  for (auto const& line : failed) {
    std::cout << "  " << line << '\n';
  }
  report_partnerless(inputs, translations, request.translation);
  report_partnerless(translations, inputs, request.input);
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
