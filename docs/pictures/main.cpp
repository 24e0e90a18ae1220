// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Draws the pictures of docs/parameters.md into a folder, from the built-in scene of scc_inspect, and prints the numbers
/// in them.

#include <cstddef>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../examples/drawing/image_file.hpp"
#include "../../examples/inspect/numbers.hpp"
#include "../../examples/inspect/scene.hpp"
#include "plots.hpp"
#include "studies.hpp"

namespace {

using drawing::write_file;
using inspect::fixed;

constexpr auto png = drawing::Format::png;

constexpr int setting_width = 66;

char const* const usage = R"(usage: scc_parameter_pictures FOLDER

Draws scene.png, sigma.png, lambda.png, beta.png, centres.png, domain.png and curves.png into FOLDER, which must be
there; files of these names are replaced. Prints the numbers in them: rSMI of the built-in scene and its translation, of the scene and
itself, and with the pixels of the translation shuffled; and the smallest and largest density ratio.
)";

void print_row(std::string const& setting, parameters::Triple const& rsmi, std::string const& rest) {
  std::cout << std::left << std::setw(setting_width) << setting << std::right << std::setw(8) << fixed(rsmi.pair, 3)
            << std::setw(8) << fixed(rsmi.itself, 3) << std::setw(10) << fixed(rsmi.shuffled, 3) << rest << '\n';
}

void write_pictures(std::filesystem::path const& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw std::runtime_error("there is no folder " + drawing::quoted(folder));
  }
  auto const pair = inspect::synthetic_pair();
  write_file(folder / "scene.png", parameters::draw_pair(pair, png));

  std::cout << std::string(setting_width, ' ') << "    pair  itself  shuffled  r from, to\n";
  for (auto const& study : parameters::studies()) {
    std::vector<parameters::Measured> measured;
    for (auto const& setting : study.settings) {
      measured.push_back(parameters::measure(setting, pair));
      auto const& ratio = measured.back().ratio;
      print_row(study.name + ".png: " + setting.heading + (setting.remark.empty() ? "" : ", " + setting.remark),
                parameters::triple(measured.back().inspection),
                "  " + fixed(ratio.smallest, 2) + ", " + fixed(ratio.largest, 2));
    }
    write_file(folder / (study.name + ".png"), parameters::draw_study(study, measured, pair, png));
  }

  auto const sweeps = parameters::sweeps();
  std::vector<std::vector<parameters::Triple>> triples(sweeps.size());
  for (std::size_t k = 0; k < sweeps.size(); ++k) {
    for (double const at : sweeps[k].at) {
      triples[k].push_back(parameters::triple(inspect::inspect_pair(sweeps[k].options(at), pair, {-1, 1}, 1)));
      print_row("curves.png: " + sweeps[k].title + ", " + sweeps[k].parameter + ' ' + inspect::significant(at, 3),
                triples[k].back(), "");
    }
  }
  write_file(folder / "curves.png", parameters::draw_sweeps(sweeps, triples, png));
}

}  // namespace

int main(int count, char** arguments) try {
  std::vector<std::string> const given(arguments + 1, arguments + count);
  if (given.size() == 1 && (given[0] == "--help" || given[0] == "-h")) {
    std::cout << usage;
    return 0;
  }
  if (given.size() != 1 || given[0].empty() || given[0][0] == '-') {
    std::cerr << usage;
    return 2;
  }
  write_pictures(given[0]);
  return 0;
} catch (std::exception const& error) {
  std::cerr << "scc_parameter_pictures: " << error.what() << '\n';
  return 1;
}
