// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Makes numbers, options and views of memory out of the bytes of a fuzzer.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <scc/scc.hpp>
#include <type_traits>
#include <vector>

namespace scc_fuzz {

/// Reads numbers off the fuzzer's bytes. After the last byte it goes on with pseudo-random ones that depend on all bytes,
/// so that a short input describes a whole image.
class Input {
public:
  Input(std::uint8_t const* bytes, std::size_t size) : bytes_(bytes), size_(size) {
    for (std::size_t k = 0; k < size; ++k) {
      state_ = (state_ ^ bytes[k]) * 0x100000001b3U;
    }
  }

  std::uint8_t byte() {
    if (used_ < size_) {
      return bytes_[used_++];
    }
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint8_t>(state_ >> 56U);
  }

  /// A number in [low, high], high - low < 256.
  std::int64_t integer(std::int64_t low, std::int64_t high) { return low + byte() % (high - low + 1); }

  /// True once in `n` times.
  bool once_in(int n) { return byte() % n == n - 1; }

  /// A value of any bit pattern.
  template <class T>
  T bits() {
    std::array<std::uint8_t, sizeof(T)> raw{};
    std::generate(raw.begin(), raw.end(), [&] { return byte(); });
    T value;
    std::memcpy(static_cast<void*>(&value), raw.data(), sizeof(T));
    return value;
  }

  /// A number between low and high, or, once in 32 times, any double.
  double number(double low, double high) {
    if (once_in(32)) {
      return extreme();
    }
    return low + (high - low) * (byte() * 256.0 + byte()) / 65535.0;
  }

  double extreme() {
    using Limits = std::numeric_limits<double>;
    std::array const values{0.0,
                            -0.0,
                            1.0,
                            -1.0,
                            1e-100,
                            1e100,
                            -1e100,
                            1e-300,
                            1e300,
                            1e30,
                            -1e30,
                            1e-30,
                            3e38,
                            1e-12,
                            1e-2,
                            65504.0,
                            Limits::max(),
                            Limits::min(),
                            Limits::denorm_min(),
                            Limits::lowest(),
                            Limits::infinity(),
                            -Limits::infinity(),
                            Limits::quiet_NaN()};
    auto const choice = static_cast<std::size_t>(byte());
    return choice < 5 * values.size() ? values[choice % values.size()] : bits<double>();
  }

private:
  std::uint8_t const* bytes_;
  std::size_t size_, used_ = 0;
  std::uint64_t state_ = 0xcbf29ce484222325U;
};

/// Options most of which are in range, few kernels in most of them.
inline scc::Options read_options(Input& input) {
  scc::Options options;
  options.kernel = static_cast<scc::Kernel>(input.once_in(64) ? input.bits<int>() : input.integer(0, 1));
  options.basis = static_cast<scc::Basis>(input.once_in(64) ? input.bits<int>() : input.integer(0, 2));
  options.centers_per_axis = static_cast<int>(input.integer(2, 4));
  if (input.once_in(64)) {
    options.centers_per_axis = static_cast<int>(input.once_in(8) ? input.integer(-1, 34) : input.integer(0, 8));
  }
  options.bandwidth = input.number(0.05, 3);
  options.lambda = input.number(1e-3, 1);
  options.beta = input.number(0, 0.999);
  options.tolerance = input.once_in(8) ? input.number(1e-7, 1e-5) : input.number(1e-4, 1e-2);
  if (input.once_in(4)) {
    options.center_min = input.number(-2, 0);
    options.center_max = input.number(0, 2);
  }
  if (input.once_in(4)) {
    options.domain_min = input.number(-3, 0);
    options.domain_max = input.number(0, 3);
  }
  return options;
}

using Extents = std::array<std::int64_t, 4>;

/// No view that the library must accept has a larger extent.
constexpr std::int64_t largest_extent = 2240;

inline Extents read_extents(Input& input) {
  Extents extents{};
  std::generate(extents.begin(), extents.end(), [&] { return input.integer(1, 4); });
  extents[0] = input.once_in(8) ? extents[0] : 1;  // an image more costs as much as all its pixels
  if (input.once_in(16)) {                         // more than one block of the GPU has in a tile
    extents[static_cast<std::size_t>(input.integer(1, 3))] = 200 + 8 * input.integer(0, 255);
  }
  if (input.once_in(16)) {
    extents[static_cast<std::size_t>(input.integer(0, 3))] = 0;
  }
  if (input.once_in(64)) {
    using Limits = std::numeric_limits<std::int64_t>;
    std::array const out_of_range{std::int64_t{-1}, Limits::min(), std::int64_t{1} << 60, Limits::max()};
    extents[static_cast<std::size_t>(input.integer(0, 3))] =
      out_of_range[static_cast<std::size_t>(input.integer(0, 3))];
  }
  return extents;
}

/// A view and the memory it shows, of exactly the size that it reaches, so that AddressSanitizer sees any step outside.
template <class T>
class Image {
public:
  /// Takes strides from the input: those of dense memory in some order of the axes and with gaps, flipped or not; or any.
  Image(Input& input, Extents const& extents) {
    view_.images = extents[0];
    view_.channels = extents[1];
    view_.height = extents[2];
    view_.width = extents[3];
    bool const is_negative = std::any_of(extents.begin(), extents.end(), [](std::int64_t e) { return e < 0; });
    is_empty_ = std::find(extents.begin(), extents.end(), 0) != extents.end();
    bool const is_small =
      std::all_of(extents.begin(), extents.end(), [](std::int64_t e) { return e <= largest_extent; });
    is_readable_ = !is_negative && (is_empty_ || is_small);
    is_doubtful_ = !is_negative && is_empty_ && !is_small;
    std::array<std::int64_t, 4> strides = dense_strides(input, extents);
    bool const any_strides = input.once_in(4);
    for (auto& stride : strides) {
      if (any_strides) {
        stride = input.integer(-12, 12);
      } else if (input.once_in(6)) {
        stride = -stride;
      } else if (input.once_in(12)) {
        stride = 0;
      }
    }
    if (input.once_in(64)) {  // out of all memory
      std::array const huge{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
                            std::int64_t{1} << 60, -(std::int64_t{1} << 60)};
      strides[static_cast<std::size_t>(input.integer(0, 3))] = huge[static_cast<std::size_t>(input.integer(0, 3))];
    }
    view_.image_stride = strides[0];
    view_.channel_stride = strides[1];
    view_.row_stride = strides[2];
    view_.column_stride = strides[3];
    allocate(input, extents, strides);
  }

  scc::ImageBatch<T> const& view() const { return view_; }
  std::vector<T>& memory() { return memory_; }
  std::vector<T> const& memory() const { return memory_; }

  /// Whether the library must accept this view for reading; if not, it must reject it.
  bool is_readable() const { return is_readable_; }

  /// Whether either answer to this view will do: it shows no pixels, but one of its extents is beyond all reason.
  bool is_doubtful() const { return is_doubtful_; }

  /// Whether two pixels share an address; for readable views.
  bool overlaps() const {
    std::vector<std::size_t> places;
    for_each_pixel([&](std::int64_t, std::size_t place) { places.push_back(place); });
    std::sort(places.begin(), places.end());
    return std::adjacent_find(places.begin(), places.end()) != places.end();
  }

  /// Calls visit(image, place in memory()) for every pixel, in the order of the axes; for readable views.
  template <class Visit>
  void for_each_pixel(Visit const& visit) const {
    if (is_empty_) {
      return;
    }
    auto const& v = view_;
    for (std::int64_t n = 0; n < v.images; ++n) {
      for (std::int64_t c = 0; c < v.channels; ++c) {
        for (std::int64_t h = 0; h < v.height; ++h) {
          for (std::int64_t w = 0; w < v.width; ++w) {
            visit(n, static_cast<std::size_t>(origin_ + n * v.image_stride + c * v.channel_stride + h * v.row_stride +
                                              w * v.column_stride));
          }
        }
      }
    }
  }

private:
  static std::array<std::int64_t, 4> dense_strides(Input& input, Extents const& extents) {
    std::array<std::size_t, 4> order{3, 2, 1, 0};  // fastest first
    if (input.once_in(2)) {
      std::swap(order[static_cast<std::size_t>(input.integer(0, 3))],
                order[static_cast<std::size_t>(input.integer(0, 3))]);
    }
    std::array<std::int64_t, 4> strides{};
    std::int64_t step = input.integer(1, 2);
    for (auto const axis : order) {
      strides[axis] = step;
      step = step * std::clamp<std::int64_t>(extents[axis], 1, largest_extent) + (input.once_in(4) ? 3 : 0);
    }
    return strides;
  }

  void allocate(Input& input, Extents const& extents, std::array<std::int64_t, 4> const& strides) {
    if (!is_readable_ || is_empty_) {
      return;  // null is what such a view may show
    }
    __extension__ using Wide = __int128;
    Wide below = 0, above = 0;
    for (std::size_t axis = 0; axis < 4; ++axis) {
      Wide const reach = static_cast<Wide>(strides[axis]) * (extents[axis] - 1);
      (reach < 0 ? below : above) += reach;
    }
    if (above - below >= 1 << 20) {  // strides are small or huge: this exceeds every memory
      is_readable_ = false;
      view_.data = reinterpret_cast<T*>(alignof(T));
    } else if (input.once_in(64)) {
      is_readable_ = false;  // null, with pixels
    } else {
      origin_ = static_cast<std::int64_t>(-below);
      memory_ = std::vector<T>(static_cast<std::size_t>(above - below + 1));
      view_.data = memory_.data() + origin_;
    }
  }

  scc::ImageBatch<T> view_;
  std::vector<T> memory_;
  std::int64_t origin_ = 0;
  bool is_empty_ = false, is_readable_ = false, is_doubtful_ = false;
};

/// Fills the memory with pixels, most of them inside the domain; some images hold pixels of any bits.
template <class T>
void fill(Input& input, scc::Options const& options, std::vector<T>& pixels) {
  bool const any_bits = input.once_in(8);
  double const width = options.domain_max - options.domain_min;
  for (auto& pixel : pixels) {
    if (std::is_integral_v<T> || (any_bits && input.once_in(4))) {
      pixel = input.bits<T>();
    } else {
      double const share = input.once_in(32) ? input.number(-1, 2) : input.byte() / 255.0;
      constexpr double largest = std::numeric_limits<float>::max();
      double const value = std::clamp(options.domain_min + width * share, -largest, largest);
      pixel = static_cast<T>(static_cast<float>(value));
    }
  }
}

/// Fills the memory with weights, a third of them 0; some images hold weights of any size, and of any bits.
template <class W>
void fill_weights(Input& input, std::vector<W>& weights) {
  bool const any_size = input.once_in(8), any_bits = input.once_in(8);
  for (auto& weight : weights) {
    if (any_bits && input.once_in(4)) {
      weight = input.bits<W>();
    } else {
      double const value = any_size && input.once_in(4) ? std::abs(input.extreme()) : input.byte();
      bool const fits = value <= static_cast<double>(std::numeric_limits<W>::max());
      weight = fits && !input.once_in(3) ? static_cast<W>(value) : W(0);
    }
  }
}

}  // namespace scc_fuzz
