// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// From the value of a pixel to t in [-1, 1], where the bases live. What a pixel outside the domain or a NaN means is
/// decided here, once for both backends, both bases and both passes.

#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../config.hpp"
#include "../element_type.hpp"
#include "../options.hpp"

namespace scc {

/// The bits of a number.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE std::int32_t bits_of(float value) {
  std::int32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
/// Likewise.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE std::int64_t bits_of(double value) {
  std::int64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// Whether a number is NaN, by its bits or those of its magnitude: holds where compiler flags promise that there are no
/// NaNs. The larger the magnitude, the larger its bits, and a NaN's are the largest.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE bool is_nan(std::int32_t bits) { return (bits & 0x7fffffff) > 0x7f800000; }
/// Likewise.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE bool is_nan(std::int64_t bits) {
  return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
}
/// Likewise.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE bool is_nan(float value) { return is_nan(bits_of(value)); }
/// Likewise.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE bool is_nan(double value) { return is_nan(bits_of(value)); }

/// The larger of two numbers that are not NaN: one instruction, if it is spelled like this.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE float larger(float a, float b) {
#if defined(__CUDA_ARCH__)
  return fmaxf(a, b);
#else
  return a < b ? b : a;
#endif
}
/// The smaller of them, likewise.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE float smaller(float a, float b) {
#if defined(__CUDA_ARCH__)
  return fminf(a, b);
#else
  return a > b ? b : a;
#endif
}
/// The larger of two numbers that are not NaN.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE double larger(double a, double b) { return a < b ? b : a; }
/// The smaller of them.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE double smaller(double a, double b) { return a > b ? b : a; }

/// What the estimator sees of a pixel.
template <class Real>
struct NormalizedPixel {
  /// As wide as a Real, so that numbers and flags go through SIMD registers side by side.
  using Flag = std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>;

  Real t;        ///< Value clamped to the domain and mapped to [-1, 1]; a NaN counts as the lower end.
  Flag outside;  ///< 1 if it was clamped, so that its gradient is 0; else 0.
  Flag nan;      ///< 1 if it was a NaN, else 0.
};

/// The map from the values of pixels of one type to t in [-1, 1].
template <class Real>
struct DomainMap {
  Real lowest;      ///< Lower end of the domain, as a pixel of this type can express it
  Real highest;     ///< Upper end of the domain, likewise
  Real center;      ///< t = (value - center) * scale
  Real scale;       ///< As above
  Real byte_scale;  ///< value of a uint8 pixel = lowest + byte_scale * pixel

  /// Value of a uint8 pixel, which spans the domain from 0 to 255.
  SCC_HOST_DEVICE SCC_ALWAYS_INLINE Real byte_value(std::uint8_t pixel) const {
    Real const value = lowest + byte_scale * static_cast<Real>(pixel);
    return smaller(value, highest);
  }

  /// The pixel with this value, which may lie outside the domain or be NaN.
  SCC_HOST_DEVICE SCC_ALWAYS_INLINE NormalizedPixel<Real> normalize(Real value) const {
    bool const nan = is_nan(value);
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) {
      // Minimum and maximum of a GPU take the number where the other one is a NaN. Comparisons with a NaN are false.
      float const inside = fminf(fmaxf(value, lowest), highest);
      float const t = (inside - center) * scale;
      return {fminf(fmaxf(t, -1.0f), 1.0f), inside < value || inside > value ? 1 : 0, nan ? 1 : 0};
    }
#endif
    // The ends are inside for certain; the centre is not, where the pixel type has no number near it.
    Real const finite = nan ? lowest : value;
    Real const inside = clamp(finite);
    return {map(inside), inside != finite ? 1 : 0, nan ? 1 : 0};
  }

  /// t of a value in the domain.
  SCC_HOST_DEVICE SCC_ALWAYS_INLINE Real map(Real inside) const {
    Real const t = (inside - center) * scale;
    return smaller(larger(t, Real(-1)), Real(1));
  }

  /// The nearest value in the domain, of a number that is not NaN.
  SCC_HOST_DEVICE SCC_ALWAYS_INLINE Real clamp(Real value) const { return smaller(larger(value, lowest), highest); }
};

/// The map for pixels of this type. A pixel that holds the end of the domain is inside, even if its type cannot hold
/// that number exactly.
template <class Real>
DomainMap<Real> make_domain_map(Options const& options, ElementType type) {
  double const width = options.domain_max - options.domain_min;
  return {static_cast<Real>(nearest_element(type, options.domain_min)),
          static_cast<Real>(nearest_element(type, options.domain_max)),
          static_cast<Real>(options.domain_min + 0.5 * width), static_cast<Real>(2 / width),
          static_cast<Real>(width / 255)};
}

}  // namespace scc
