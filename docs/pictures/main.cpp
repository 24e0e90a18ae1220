// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Draws pictures of the pages: those of docs/parameters.md, whose numbers it prints, and the four steps in
/// docs/mathematics.md and the mask in docs/questions.md, from the built-in scene of scc_inspect.

#include <cstddef>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../examples/drawing/image_file.hpp"
#include "../../examples/inspect/numbers.hpp"
#include "../../examples/inspect/scene.hpp"
#include "../../examples/program.hpp"
#include "pages.hpp"
#include "plots.hpp"
#include "studies.hpp"

namespace {

using drawing::write_file;
using inspect::fixed;

constexpr auto png = drawing::Format::png;

constexpr int setting_width = 66;

void print_row(std::string const& setting, parameters::Triple const& rsmi, std::string const& rest) {
  std::cout << std::left << std::setw(setting_width) << setting << std::right << std::setw(8) << fixed(rsmi.pair, 3)
            << std::setw(8) << fixed(rsmi.itself, 3) << std::setw(10) << fixed(rsmi.shuffled, 3) << rest << '\n';
}

void write_parameters(std::filesystem::path const& folder) {
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

int main(int count, char** arguments) {
  CLI::App app("Draws the pictures of the pages.", "scc_pictures");
  set_up(app);
  app.require_subcommand(1);
  std::filesystem::path folder, file;
  auto* const parameters =
    app.add_subcommand("parameters", "The pictures of docs/parameters.md. Prints the numbers in them");
  parameters->add_option("FOLDER", folder, "where they are written; must be there")->required();
  auto* const steps = app.add_subcommand("steps", "docs/mathematics/steps.png: pixels, moments, solve, gradient");
  steps->add_option("FILE", file, "a .png or .svg")->required();
  auto* const masks = app.add_subcommand("masks", "docs/pictures/masks.png: what a mask changes");
  masks->add_option("FILE", file, "a .png or .svg")->required();
  return run_program(app, count, arguments, [&] {
    if (*parameters) {
      write_parameters(folder);
    } else {
      auto const format = drawing::format_of(file);
      write_file(file, *steps ? pictures::draw_steps(inspect::synthetic_pair(), format)
                              : pictures::draw_masks(inspect::synthetic_pair(), format));
    }
    return 0;
  });
}
