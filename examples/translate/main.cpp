// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Trains a translator between MNIST and MNIST-M with LibTorch, with or without the structure consistency constraint.

#include <c10/util/Exception.h>
#include <stdexcept>
#include <string>

#include "command_line.hpp"
#include "program.hpp"
#include "trainer.hpp"

namespace {

int run_trainer(translate::Settings const& settings) {
  try {
    return translate::run(settings) == translate::Outcome::finished ? 0 : 3;
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
  return run_program(app, count, arguments, [&] { return run_trainer(settings); });
}
