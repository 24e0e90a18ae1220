// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Trains a translator between MNIST and MNIST-M with LibTorch, with or without the structure consistency constraint.

#include <c10/util/Exception.h>
#include <stdexcept>
#include <string>

#include "../program.hpp"
#include "command_line.hpp"
#include "trainer.hpp"

namespace {

int run_trainer(translate_digits::Settings const& settings) {
  try {
    return translate_digits::run(settings) == translate_digits::Outcome::finished ? 0 : 3;
  } catch (c10::Error const& error) {
    // Its first line; the others are a trace of calls.
    std::string const message = error.what_without_backtrace();
    throw std::runtime_error("LibTorch: " + message.substr(0, message.find('\n')));
  }
}

}  // namespace

int main(int count, char** arguments) {
  translate_digits::Settings settings;
  CLI::App app("", "scc_translate_digits");
  set_up(app);
  translate_digits::add_options(app, settings);
  return run_program(app, count, arguments, [&] { return run_trainer(settings); });
}
