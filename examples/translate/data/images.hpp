// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Images with the digits they show, and how they are drawn at random.

#pragma once

#include <cstdint>
#include <random>
#include <torch/torch.h>

namespace translate {

/// Height and width of all images.
inline constexpr std::int64_t image_size = 32;

/// Images of one domain.
struct Images {
  torch::Tensor pixels;  ///< [count, channels, 32, 32], uint8
  torch::Tensor labels;  ///< [count], int64, 0 to 9

  std::int64_t count() const { return pixels.size(0); }
  std::int64_t channels() const { return pixels.size(1); }

  /// The images from `first` to before `end`, in the same memory.
  Images range(std::int64_t first, std::int64_t end) const {
    return {pixels.slice(0, first, end), labels.slice(0, first, end)};
  }

  Images to(torch::Device device) const { return {pixels.to(device), labels.to(device)}; }
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

}  // namespace translate
