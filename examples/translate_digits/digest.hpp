// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A short name for bytes, by which two runs on different machines can be compared.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace translate_digits {

/// The FNV-1a hash of 64 bits over all bytes that were added.
class Digest {
public:
  void add(void const* bytes, std::size_t size) {
    auto const* const begin = static_cast<unsigned char const*>(bytes);
    for (auto const* byte = begin; byte != begin + size; ++byte) {
      hash_ = (hash_ ^ *byte) * 0x100000001B3U;
    }
  }

  /// The hash as 16 hexadecimal digits.
  std::string text() const {
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) {
      digits += "0123456789abcdef"[(hash_ >> static_cast<unsigned>(shift)) & 15U];
    }
    return digits;
  }

private:
  std::uint64_t hash_ = 0xCBF29CE484222325U;
};

}  // namespace translate_digits
