// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Images with what is known of them, and how they are drawn at random.

#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <torch/torch.h>
#include <vector>

namespace translate {

/// Height and width of digits.
inline constexpr std::int64_t digit_size = 32;

/// How many different digits there are.
inline constexpr std::int64_t digit_count = 10;

/// Images of one domain.
struct Images {
  torch::Tensor pixels;  ///< [count, channels, H, W], uint8
  torch::Tensor labels;  ///< [count], int64, 0 to 9; undefined for images without
  torch::Tensor guides;  ///< [count, 3, H, W], uint8: what the constraint sees in place of pixels; or undefined
  torch::Tensor masks;   ///< [count, 1, H, W], uint8: how much each pixel counts in the constraint; or undefined
  std::vector<std::string> names;  ///< Of the files, without folder and extension; empty where there are none.

  std::int64_t count() const { return pixels.size(0); }
  std::int64_t channels() const { return pixels.size(1); }

  /// The images from `first` to before `end`, in the same memory.
  Images range(std::int64_t first, std::int64_t end) const {
    return changed([&](torch::Tensor const& of_images) { return of_images.slice(0, first, end); });
  }

  Images to(torch::Device device) const {
    auto result = changed([&](torch::Tensor const& of_images) { return of_images.to(device); });
    result.names = names;
    return result;
  }

  /// Without names: each tensor that is there as change(tensor).
  template <class Change>
  Images changed(Change const& change) const {
    auto const if_defined = [&](torch::Tensor const& of_images) {
      return of_images.defined() ? change(of_images) : torch::Tensor();
    };
    return {if_defined(pixels), if_defined(labels), if_defined(guides), if_defined(masks), {}};
  }
};

/// Bytes as the networks see them.
///
/// @param bytes  [...], uint8.
/// @return [...], float, from -1 to 1.
inline torch::Tensor to_values(torch::Tensor const& bytes) { return bytes.to(torch::kFloat32) / 127.5 - 1.0; }

/// The nearest bytes to what a network made.
///
/// @param values  [...], float, from -1 to 1.
/// @return [...], uint8.
inline torch::Tensor to_bytes(torch::Tensor const& values) {
  return ((values + 1.0) * 127.5).round().clamp(0, 255).to(torch::kUInt8);
}

/// A number from 0 to count - 1, for 1 <= count < 2^32: the same with every compiler and standard library, as
/// std::uniform_int_distribution is not.
inline std::int64_t draw_below(std::int64_t count, std::mt19937& random) {
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(random()) * static_cast<std::uint64_t>(count)) >> 32U);
}

/// How many images of this height and width a network without gradient is given at a time.
inline std::int64_t images_per_pass(std::int64_t size) {
  return std::max<std::int64_t>(1, 250 * digit_size * digit_size / (size * size));
}

}  // namespace translate
