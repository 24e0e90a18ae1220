// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "picture.hpp"

namespace translate_digits {

inspect::Image draw_grid(std::vector<torch::Tensor> const& rows) {
  constexpr std::int64_t scale = 2;
  std::vector<torch::Tensor> lines;
  lines.reserve(rows.size());
  for (auto const& row : rows) {
    auto const images = row.cpu().expand({-1, 3, -1, -1});
    // [columns, 3, H, W] to [H, columns * W, 3].
    lines.push_back(images.permute({2, 0, 3, 1}).reshape({images.size(2), -1, 3}));
  }
  auto const picture = torch::cat(lines).repeat_interleave(scale, 0).repeat_interleave(scale, 1).contiguous();
  inspect::Image image;
  image.height = static_cast<int>(picture.size(0));
  image.width = static_cast<int>(picture.size(1));
  image.channels = 3;
  auto const* const begin = picture.data_ptr<std::uint8_t>();
  image.pixels.assign(begin, begin + picture.numel());
  return image;
}

}  // namespace translate_digits
