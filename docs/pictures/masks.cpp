// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "../../examples/inspect/numbers.hpp"
#include "pages.hpp"

namespace pictures {

namespace {

using namespace drawing;

constexpr int margin = 16, tile = 190, gap = 10, label_width = 138, heading_height = 62;
constexpr double name_text = 14, normal_text = 11.5;

// The image in the middle of a page of one byte.
Image padded(Image const& image, int border, std::uint8_t byte) {
  Image page{image.width + 2 * border, image.height + 2 * border, image.channels, {}, false};
  auto const row = static_cast<std::size_t>(page.width) * static_cast<std::size_t>(page.channels);
  page.pixels.assign(row * static_cast<std::size_t>(page.height), byte);
  auto const length = static_cast<std::ptrdiff_t>(image.width) * image.channels;
  for (int y = 0; y < image.height; ++y) {
    auto const to = static_cast<std::ptrdiff_t>(row) * (y + border) + std::ptrdiff_t{border} * image.channels;
    std::copy_n(image.pixels.begin() + y * length, length, page.pixels.begin() + to);
  }
  return page;
}

Image gradient_map(Image const& image, std::vector<float> const& sensitivity, float largest) {
  Image map{image.width, image.height, 1, {}, false};
  std::transform(sensitivity.begin(), sensitivity.end(), std::back_inserter(map.pixels), [&](float value) {
    return static_cast<std::uint8_t>(std::lround(255 * std::min(value / largest, 1.0F)));
  });
  return map;
}

}  // namespace

std::string draw_masks(inspect::ImagePair const& pair, Format format) {
  int const border = pair.input.width / 4;
  inspect::ImagePair const in_page{
    pair.input_name, pair.translation_name, padded(pair.input, border, 0), padded(pair.translation, border, 0), "", {}};
  inspect::ImagePair masked = in_page;
  Image const inside{pair.input.width, pair.input.height, 1,
                     std::vector<std::uint8_t>(pair.input.pixels.size() / 3, 255), false};
  masked.mask = padded(inside, border, 0);

  struct Column {
    char const* name;
    inspect::ImagePair const& pair;
  };
  Column const columns[] = {
    {"the images alone", pair}, {"padded with black", in_page}, {"padded, with a mask", masked}};
  Canvas canvas(margin + label_width + 3 * (tile + gap), heading_height + 3 * (tile + gap) + margin, format);
  char const* const rows[] = {"input", "translation", "|dloss/dy|"};
  for (int row = 0; row < 3; ++row) {
    canvas.text({margin, heading_height + row * (tile + gap) + tile / 2.0}, rows[row], name_text, colors::ink);
  }
  for (int k = 0; k < 3; ++k) {
    Column const& column = columns[k];
    auto const inspection = inspect::inspect_pair({}, column.pair, {-1, 1}, 1);
    auto const largest = *std::max_element(inspection.sensitivity.begin(), inspection.sensitivity.end());
    int const left = margin + label_width + k * (tile + gap);
    canvas.text({static_cast<double>(left), 24}, "rSMI " + inspect::fixed(inspection.score.rsmi, 4), name_text,
                colors::ink, Align::left, Direction::right, Weight::bold);
    canvas.text({static_cast<double>(left), 44}, column.name, normal_text, colors::ink);
    auto const place = [&](int row) {
      int const edge = tile * column.pair.input.width / in_page.input.width;
      return Box{left + (tile - edge) / 2, heading_height + row * (tile + gap) + (tile - edge) / 2, edge, edge};
    };
    canvas.picture(place(0), view_of(column.pair.input));
    canvas.picture(place(1), view_of(column.pair.translation));
    canvas.picture(place(2), view_of(gradient_map(column.pair.input, inspection.sensitivity, largest)), heat);
  }
  return canvas.finish();
}

}  // namespace pictures
