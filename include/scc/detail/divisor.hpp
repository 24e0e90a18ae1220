// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Division by a number that is known beforehand.

#pragma once

#include <cstdint>

#include "../config.hpp"

namespace scc {

/// A divisor d of numbers n below 2^31: a GPU has no instruction for the division of integers. With 2^s the first power of
/// two that is not below d,
///
///     floor(n / d) = floor(n m / 2^(31 + s)),   m = floor(2^(31 + s) / d) + 1
///
/// since m d exceeds 2^(31 + s) by at most d, which changes the quotient by at most n / 2^(31 + s) < 1 / d. m has 32 bits
/// (Granlund and Montgomery, Division by invariant integers using multiplication, PLDI 1994).
class Divisor {
public:
  /// 1.
  Divisor() = default;
  /// @param divisor  At least 1 and below 2^31.
  explicit Divisor(std::uint32_t divisor) {
    while (std::uint32_t{1} << shift_ < divisor) {
      ++shift_;
    }
    multiplier_ = static_cast<std::uint32_t>((std::uint64_t{1} << (31 + shift_)) / divisor + 1);
  }

  /// n / d, rounded down, for n below 2^31.
  SCC_HOST_DEVICE std::uint32_t quotient(std::uint32_t number) const {
    return static_cast<std::uint32_t>((std::uint64_t{number} * multiplier_) >> 31) >> shift_;
  }

private:
  std::uint32_t multiplier_ = (std::uint32_t{1} << 31) + 1;
  std::uint32_t shift_ = 0;
};

}  // namespace scc
