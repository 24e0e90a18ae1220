// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Trains a translator between two domains of images with LibTorch, with or without the structure consistency constraint.

#include <c10/util/Exception.h>
#include <stdexcept>
#include <string>

#include "command_line.hpp"
#include "launch.hpp"
#include "program.hpp"
#include "trainer.hpp"

namespace {

int run_trainer(translate::Settings const& settings, char** arguments) {
  auto const place = translate::find_place();
  if (settings.processes > 1 && place.size == 1) {
    return translate::run_processes(static_cast<int>(settings.processes), arguments);
  }
  if (settings.processes > 1 && place.size != settings.processes) {
    throw std::invalid_argument("--processes is " + std::to_string(settings.processes) + ", but there are " +
                                std::to_string(place.size));
  }
  try {
    return translate::run(settings, place) == translate::Outcome::finished ? 0 : 3;
  } catch (c10::Error const& error) {
    // Its first line; the others are a trace of calls.
    std::string const message = error.what_without_backtrace();
    throw std::runtime_error("LibTorch: " + message.substr(0, message.find('\n')));
  }
}

}  // namespace

int main(int count, char** arguments) {
  translate::Settings settings;
  CLI::App app("", "scc_translate");
  set_up(app);
  translate::add_options(app, settings);
  return run_program(app, count, arguments, [&] { return run_trainer(settings, arguments); });
}
