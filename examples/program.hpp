// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the programs with a command line have in common.

#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <exception>
#include <iostream>
#include <memory>
#include <scc/options.hpp>
#include <stdexcept>
#include <string>
#include <vector>

/// --help as name, kind of value, meaning, and the value if nothing is said in brackets.
class HelpFormatter : public CLI::Formatter {
public:
  std::string make_option_opts(CLI::Option const* option) const override {
    auto const type = option->get_type_name();  // and, after a colon, what is accepted
    return option->get_type_size() == 0 ? "" : ' ' + type.substr(0, type.find(':'));
  }

  std::string make_option_desc(CLI::Option const* option) const override {
    auto const value = option->get_default_str();
    return option->get_description() + (value.empty() ? "" : " (" + value + ')');
  }
};

/// Options that may come more than once, of which the last counts, and defaults that --help names.
inline void set_up(CLI::App& app) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->always_capture_default();
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(30);
}

/// Adds an option that takes one of `names`, which are those of the enumeration's values in their order.
template <class Enum>
CLI::Option* add_choice(CLI::App& app, std::string const& name, Enum& field, std::vector<std::string> const& names,
                        std::string const& help) {
  auto const set = [&field, names](std::string const& text) {
    field = static_cast<Enum>(std::find(names.begin(), names.end(), text) - names.begin());
  };
  return app.add_option_function<std::string>(name, set, help)
    ->check(CLI::IsMember(names))
    ->default_str(names.at(static_cast<std::size_t>(field)))
    ->type_name("NAME");
}

/// Names of scc::Kernel, for add_choice().
inline std::vector<std::string> const kernel_names{"gaussian", "reciprocal_gaussian"};

/// @throws CLI::ValidationError if the estimator cannot have these options.
inline void require_valid(scc::Options const& options) {
  try {
    scc::validate(options);
  } catch (std::invalid_argument const& error) {
    std::string const message = error.what(), prefix = "scc::Options::";
    throw CLI::ValidationError(message.substr(message.find(prefix) == 0 ? prefix.size() : 0));
  }
}

/// Parses the arguments and runs the program; every error is one line on stderr.
///
/// @param run  Its result is the exit status.
/// @return The exit status: 1 if `run` throws, 2 if the arguments are wrong or run() throws std::invalid_argument,
///         because they are right one by one but not together.
template <class Run>
int run_program(CLI::App& app, int count, char** arguments, Run const& run) {
  auto const complain = [&](std::string message, int status) {
    // One line, whatever a file is called.
    std::replace_if(
      message.begin(), message.end(), [](unsigned char letter) { return letter < ' '; }, '?');
    std::cerr << app.get_name() << ": " << message << '\n';
    return status;
  };
  try {
    app.parse(count, arguments);
    int const status = run();
    std::cout.flush();
    return std::cout ? status : complain("cannot write to the standard output", 1);
  } catch (CLI::CallForHelp const&) {
    std::cout << app.help();
    return 0;
  } catch (CLI::ParseError const& error) {
    return complain(error.what(), 2);
  } catch (std::invalid_argument const& error) {
    return complain(error.what(), 2);
  } catch (std::exception const& error) {
    return complain(error.what(), 1);
  }
}
