// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the user asks for, from the arguments of the program.

#pragma once

#include <filesystem>
#include <scc/options.hpp>
#include <scc/selection.hpp>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace inspect {

enum class Task { one_pair, synthetic_pair, audit };

/// The pixel values that the bytes 0 and 255 stand for.
struct ValueRange {
  double low, high;
};

struct Request {
  Task task = Task::one_pair;
  std::filesystem::path input;        ///< A file, or a folder for Task::audit.
  std::filesystem::path translation;  ///< Likewise.
  std::filesystem::path mask;         ///< Likewise; empty if all pixels count alike.
  std::filesystem::path report = "scc_report.png";
  std::filesystem::path csv;  ///< "scc_pairs.csv" for Task::audit if not given; none for a selection.
  int worst = 10;
  int repeat = 5;
  bool selects = false;  ///< Bandwidth and lambda are to be chosen for the images, instead of measuring them.
  scc::Folds folds;
  scc::Candidates candidates;  ///< To choose from; those that are empty are left to scc::default_candidates().
  scc::Options options;
  ValueRange values{-1, 1};  ///< The domain of the options if not given.
};

/// Adds the options, which set the request when the arguments are parsed.
void add_options(CLI::App& app, Request& request);

}  // namespace inspect
