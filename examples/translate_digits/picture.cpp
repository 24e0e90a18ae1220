// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "../drawing/canvas.hpp"
#include "picture.hpp"

namespace translate_digits {

std::string draw_grid(std::vector<torch::Tensor> const& rows) {
  constexpr int scale = 2;
  std::vector<torch::Tensor> lines;
  lines.reserve(rows.size());
  for (auto const& row : rows) {
    auto const images = row.cpu().expand({-1, 3, -1, -1});
    // [columns, 3, H, W] to [H, columns * W, 3].
    lines.push_back(images.permute({2, 0, 3, 1}).reshape({images.size(2), -1, 3}));
  }
  auto const picture = torch::cat(lines).contiguous();
  auto const height = static_cast<int>(picture.size(0)), width = static_cast<int>(picture.size(1));
  drawing::Canvas canvas(scale * width, scale * height, drawing::Format::png);
  canvas.picture({0, 0, scale * width, scale * height}, {picture.data_ptr<std::uint8_t>(), width, height, 3});
  return canvas.finish();
}

}  // namespace translate_digits
