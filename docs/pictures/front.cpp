// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "../../examples/drawing/image_file.hpp"
#include "../../examples/inspect/numbers.hpp"
#include "pages.hpp"

namespace pictures {

namespace {

using namespace drawing;

constexpr int columns = 10, cell = 64;  // of a grid of samples
constexpr int label_width = 226, tile = 96, margin = 12, row_gap = 10;
constexpr double name_text = 16, normal_text = 12;

// What a run has left: its options and scores, and the grid of its last samples, inputs above translations.
struct Run {
  std::map<std::string, std::string> results;
  Image grid;
};

Run read_run(std::filesystem::path const& folder) {
  Run run;
  std::ifstream results(folder / "result.txt");
  for (std::string name, value; results >> name >> value;) {
    run.results[name] = value;
  }
  for (auto const* const name : {"scc", "test-score"}) {
    if (run.results.count(name) == 0) {
      throw std::runtime_error("there is no " + std::string(name) + " in " + quoted(folder / "result.txt"));
    }
  }
  std::filesystem::path last;
  if (std::filesystem::is_directory(folder / "samples")) {
    for (auto const& entry : std::filesystem::directory_iterator(folder / "samples")) {
      last = std::max(last, entry.path());
    }
  }
  if (last.empty()) {
    throw std::runtime_error("there are no samples in " + quoted(folder));
  }
  run.grid = read_image(last);
  if (run.grid.width != columns * cell || run.grid.height < 2 * cell || run.grid.channels != 3) {
    throw std::runtime_error(quoted(last) + " is no grid of samples");
  }
  return run;
}

// One image of a grid.
Image cut(Image const& grid, int row, int column) {
  Image result{cell, cell, 3, {}, false};
  for (int y = 0; y < cell; ++y) {
    auto const from = grid.pixels.begin() + 3 * ((row * cell + y) * grid.width + column * cell);
    result.pixels.insert(result.pixels.end(), from, from + std::ptrdiff_t{3} * cell);
  }
  return result;
}

}  // namespace

std::string draw_front(std::filesystem::path const& without, std::filesystem::path const& with, Format format) {
  Run const runs[] = {read_run(without), read_run(with)};
  Canvas canvas(label_width + columns * tile + margin, 3 * tile + 2 * row_gap + 2 * margin, format);
  auto const draw_row = [&](int row, Run const& run, int grid_row, std::string const& name, std::string const& remark) {
    int const top = margin + row * (tile + row_gap);
    canvas.text({margin, top + 44.0}, name, name_text, colors::ink, Align::left, Direction::right, Weight::bold);
    canvas.text({margin, top + 70.0}, remark, normal_text, colors::grey);
    for (int column = 0; column < columns; ++column) {
      canvas.picture({label_width + column * tile, top, tile, tile}, view_of(cut(run.grid, grid_row, column)));
    }
  };
  auto const remark = [](Run const& run) {
    return inspect::fixed(std::stod(run.results.at("test-score")), 0) + " % read correctly";
  };
  draw_row(0, runs[0], 0, "input", "MNIST test digits");
  draw_row(1, runs[0], 1, "GAN", remark(runs[0]));
  draw_row(2, runs[1], 1, "GAN + SCC", remark(runs[1]));
  return canvas.finish();
}

}  // namespace pictures
