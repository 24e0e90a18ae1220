// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Trains a translator between MNIST and MNIST-M with LibTorch, with or without the structure consistency constraint.

#include <algorithm>
#include <c10/util/Exception.h>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "trainer.hpp"

namespace {

enum ExitStatus { success = 0, failure = 1, usage = 2, stopped = 3 };

// One line, whatever a file is called.
ExitStatus complain(std::string message, ExitStatus status) {
  std::replace_if(
    message.begin(), message.end(), [](unsigned char letter) { return letter < ' '; }, '?');
  std::cerr << "scc_translate_digits: " << message << '\n';
  return status;
}

ExitStatus run(std::vector<std::string> const& arguments) {
  if (translate_digits::asks_for_help(arguments)) {
    std::cout << translate_digits::help_text();
    return success;
  }
  auto const outcome = translate_digits::run(translate_digits::parse(arguments));
  return outcome == translate_digits::Outcome::finished ? success : stopped;
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    return run({arguments + 1, arguments + argument_count});
  } catch (translate_digits::UsageError const& error) {
    return complain(error.what(), usage);
  } catch (c10::Error const& error) {
    // Its first line; the others are a trace of calls.
    std::string const message = error.what_without_backtrace();
    return complain("LibTorch: " + message.substr(0, message.find('\n')), failure);
  } catch (std::exception const& error) {
    return complain(error.what(), failure);
  }
}
