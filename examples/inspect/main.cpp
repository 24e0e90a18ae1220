// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <iomanip>
#include <iostream>
#include <stdexcept>

#include "../drawing/image_file.hpp"
#include "../program.hpp"
#include "command_line.hpp"
#include "inspection.hpp"
#include "numbers.hpp"
#include "report.hpp"
#include "scene.hpp"
#include "tasks.hpp"

namespace {

void inspect_one(inspect::Request const& request) {
  drawing::require_not_an_image(request.report, {request.input, request.translation, request.mask});
  drawing::require_folder_of(request.report);
  auto const pair = request.task == inspect::Task::synthetic_pair
                      ? inspect::synthetic_pair()
                      : inspect::read_pair(request.input, request.translation, request.mask);
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

int run(inspect::Request const& request) {
  if (request.selects) {
    if (!inspect::select(request)) {
      throw std::runtime_error("no pair of images could be used");
    }
  } else if (request.task != inspect::Task::audit) {
    inspect_one(request);
  } else if (!inspect::audit(request)) {
    throw std::runtime_error("no pair of images could be measured");
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  inspect::Request request;
  CLI::App app("", "scc_inspect");
  set_up(app);
  inspect::add_options(app, request);
  return run_program(app, count, arguments, [&] { return run(request); });
}
