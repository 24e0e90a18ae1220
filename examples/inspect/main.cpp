// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "../drawing/image_file.hpp"
#include "audit.hpp"
#include "command_line.hpp"
#include "inspection.hpp"
#include "numbers.hpp"
#include "report.hpp"
#include "scene.hpp"
#include "selection.hpp"

namespace {

enum ExitStatus { success = 0, failure = 1, usage = 2 };

// One line, whatever a file is called.
ExitStatus complain(std::string message, ExitStatus status) {
  std::replace_if(
    message.begin(), message.end(), [](unsigned char letter) { return letter < ' '; }, '?');
  std::cerr << "scc_inspect: " << message << '\n';
  return status;
}

void inspect_one(inspect::Request const& request) {
  drawing::require_not_an_image(request.report, {request.input, request.translation});
  drawing::require_folder_of(request.report);
  auto const pair = request.task == inspect::Task::synthetic_pair
                      ? inspect::synthetic_pair()
                      : inspect::read_pair(request.input, request.translation);
  scc::cpu::Loss const loss(request.options);
  auto const inspection = inspect::inspect_pair(request.options, pair, request.values, request.repeat);
  auto const numbers = inspect::number_table(loss, pair, request.values, inspection);
  for (auto const& row : numbers) {
    std::cout << std::left << std::setw(28) << row.name << row.value << '\n';
  }
  drawing::write_file(request.report,
                      inspect::draw_report(loss, pair, request.values, inspection, drawing::format_of(request.report)));
  std::cout << std::setw(28) << "picture" << request.report.string() << '\n';
}

ExitStatus run(inspect::Request const& request) {
  if (request.selects && request.task != inspect::Task::help) {
    if (!inspect::select(request)) {
      return complain("no pair of images could be used", failure);
    }
    std::cout.flush();
    return std::cout ? success : complain("cannot write to the standard output", failure);
  }
  switch (request.task) {
    case inspect::Task::help:
      std::cout << inspect::help_text();
      break;
    case inspect::Task::audit:
      if (!inspect::audit(request)) {
        return complain("no pair of images could be measured", failure);
      }
      break;
    case inspect::Task::one_pair:
    case inspect::Task::synthetic_pair:
      inspect_one(request);
  }
  std::cout.flush();
  return std::cout ? success : complain("cannot write to the standard output", failure);
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    return run(inspect::parse({arguments + 1, arguments + argument_count}));
  } catch (inspect::UsageError const& error) {
    return complain(error.what(), usage);
  } catch (std::invalid_argument const& error) {  // options that are right one by one but not together
    return complain(error.what(), usage);
  } catch (std::exception const& error) {
    return complain(error.what(), failure);
  }
}
