// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// All that a run needs to go on where it was.

#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "methods/translator.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace translate {

/// The state of a run beside that of its translator and of torch's random numbers.
struct RunState {
  std::int64_t iteration = 0;
  double training_seconds = 0;
  std::string csv;  ///< All of record.csv.
  std::vector<Evaluation> evaluations;
  std::mt19937 sampler;
};

/// @throws std::runtime_error that names the file and the reason.
void write_checkpoint(std::filesystem::path const& path, Description const& description, RunState const& state,
                      Translator const& translator);

/// Brings the translator, and torch's random numbers on the CPU, to the state of the checkpoint.
///
/// @param description  Must be that of the checkpoint.
/// @throws std::runtime_error that names the file and the reason, or the option that differs.
RunState read_checkpoint(std::filesystem::path const& path, Description const& description, Translator& translator);

}  // namespace translate
