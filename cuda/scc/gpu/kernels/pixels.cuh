// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Groups of pixels of any type and layout to numbers t in [-1, 1], and gradients back. The element type is a value
/// that all threads share, so that one kernel serves all types. IsDense leaves out the branches on types and layouts: all
/// views are vectorizable, of float, and their images are whole groups (is_dense() of pixel_view.hpp).

#pragma once

#include <cstdint>
#include <cstring>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/domain_map.hpp>
#include <type_traits>

#include "../pixel_view.hpp"
#include "../tile_partition.hpp"
#include "warp.cuh"

namespace scc::gpu {

/// The bits of a group of pixels as they came from memory, so that a load can be under way while others are worked on.
template <class Real>
struct RawGroup {
  unsigned words[group_size * sizeof(Real) / sizeof(unsigned)];
};

/// A group of pixels as the bases see it.
template <class Real>
struct PixelGroup {
  NormalizedPixel<Real> pixels[group_size];
  bool has_special;  ///< Whether one of them is outside of the domain or a NaN
};

/// Walks along the pixels of an image in their order.
class StridedIterator {
public:
  /// Starts at pixel number `first`.
  __device__ StridedIterator(CollapsedShape const& shape, PixelView const& view, std::int64_t first) {
    std::int64_t outer_index = 0;
    if (shape.is_small) {
      auto const pixel = static_cast<unsigned>(first);
      unsigned const row = shape.divisor[2].quotient(pixel), outer = shape.divisor[1].quotient(row);
      inner_index_ = pixel - row * static_cast<unsigned>(shape.extent[2]);
      middle_index_ = row - outer * static_cast<unsigned>(shape.extent[1]);
      outer_index = outer;
    } else {
      std::int64_t const row = first / shape.extent[2];
      outer_index = row / shape.extent[1];
      inner_index_ = first - row * shape.extent[2];
      middle_index_ = row - outer_index * shape.extent[1];
    }
    offset_ = outer_index * view.stride[0] + middle_index_ * view.stride[1] + inner_index_ * view.stride[2];
  }

  /// Elements from the first pixel of the image to the current one.
  __device__ std::int64_t offset() const { return offset_; }

  __device__ void advance(CollapsedShape const& shape, PixelView const& view) {
    offset_ += view.stride[2];
    if (++inner_index_ == shape.extent[2]) {
      inner_index_ = 0;
      offset_ += view.stride[1] - shape.extent[2] * view.stride[2];
      if (++middle_index_ == shape.extent[1]) {
        middle_index_ = 0;
        offset_ += view.stride[0] - shape.extent[1] * view.stride[1];
      }
    }
  }

private:
  std::int64_t offset_, inner_index_, middle_index_;
};

/// First pixel of an image of the view, as elements of type T.
template <class T>
__device__ inline T* image_data(PixelView const& view, std::int64_t image) {
  return static_cast<T*>(view.data) + image * view.image_stride;
}

/// Reads the elements number first + k, k < count, of an image. Bits of the others are 0.
///
/// @param vector_offset  If the view is vectorizable, vector_offset() is where a whole group lies, in elements from the
///                       first one of the image.
template <class Real, bool IsDense, class VectorOffset>
__device__ inline RawGroup<Real> load_group(PixelView const& view, CollapsedShape const& shape, std::int64_t image,
                                            std::int64_t first, int count, VectorOffset const& vector_offset) {
  RawGroup<Real> raw{};
  if constexpr (IsDense) {
    if (count > 0) {
      uint4 const words = __ldg(reinterpret_cast<uint4 const*>(image_data<unsigned const>(view, image) + first));
      raw = {{words.x, words.y, words.z, words.w}};
    }
    return raw;
  }
  int const bytes = element_bytes(view.type);
  if (view.is_vectorizable && count == group_size && bytes <= 4) {
    std::int64_t const at = vector_offset();
    if (bytes == 4) {
      uint4 const words = __ldg(reinterpret_cast<uint4 const*>(image_data<unsigned const>(view, image) + at));
      raw.words[0] = words.x;
      raw.words[1] = words.y;
      raw.words[2] = words.z;
      raw.words[3] = words.w;
    } else if (bytes == 2) {
      uint2 const words = __ldg(reinterpret_cast<uint2 const*>(image_data<std::uint16_t const>(view, image) + at));
      raw.words[0] = words.x;
      raw.words[1] = words.y;
    } else {
      raw.words[0] = __ldg(reinterpret_cast<unsigned const*>(image_data<std::uint8_t const>(view, image) + at));
    }
    return raw;
  }
  StridedIterator iterator(shape, view, first);
  SCC_UNROLL
  for (int k = 0; k < group_size; ++k) {
    if (k >= count) {
      continue;
    }
    std::int64_t const at = iterator.offset();
    if (bytes == 4) {
      raw.words[k] = __ldg(image_data<unsigned const>(view, image) + at);
    } else if (bytes == 2) {
      raw.words[k / 2] |= static_cast<unsigned>(__ldg(image_data<unsigned short const>(view, image) + at))
                          << (16 * (k % 2));
    } else if (bytes == 1) {
      raw.words[0] |= static_cast<unsigned>(__ldg(image_data<unsigned char const>(view, image) + at)) << (8 * k);
    } else if constexpr (std::is_same_v<Real, double>) {
      uint2 const words = __ldg(image_data<uint2 const>(view, image) + at);
      raw.words[2 * k] = words.x;
      raw.words[2 * k + 1] = words.y;
    }
    iterator.advance(shape, view);
  }
  return raw;
}

/// The numbers of a group.
///
/// @param of_byte  The number that a byte stands for.
template <bool IsDense, class Real, class OfByte>
__device__ inline void decode_group(ElementType type, RawGroup<Real> const& raw, OfByte const& of_byte,
                                    Real (&values)[group_size]) {
  auto const decode = [&](auto const& value_of) {
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      values[k] = value_of(k);
    }
  };
  switch (IsDense ? ElementType::float32 : type) {
    case ElementType::uint8:
      decode([&](int k) { return of_byte(static_cast<std::uint8_t>(raw.words[0] >> (8 * k))); });
      break;
    case ElementType::float16:
      decode([&](int k) {
        auto const bits = static_cast<unsigned short>(raw.words[k / 2] >> (16 * (k % 2)));
        return static_cast<Real>(__half2float(__ushort_as_half(bits)));
      });
      break;
    case ElementType::bfloat16:
      decode([&](int k) { return static_cast<Real>(__uint_as_float(raw.words[k / 2] >> (16 * (k % 2)) << 16)); });
      break;
    case ElementType::float32:
      decode([&](int k) { return static_cast<Real>(__uint_as_float(raw.words[k])); });
      break;
    default:
      if constexpr (std::is_same_v<Real, double>) {
        decode([&](int k) {
          auto const bits = static_cast<std::uint64_t>(raw.words[2 * k + 1]) << 32 | raw.words[2 * k];
          double value;
          std::memcpy(&value, &bits, sizeof(value));
          return value;
        });
      }
      break;
  }
}

/// Maps a group onto [-1, 1].
template <bool IsDense, class Real>
__device__ inline PixelGroup<Real> normalize_group(ElementType type, DomainMap<Real> const& domain,
                                                   RawGroup<Real> const& raw) {
  Real values[group_size] = {};
  decode_group<IsDense>(
    type, raw, [&](std::uint8_t byte) { return domain.byte_value(byte); }, values);
  PixelGroup<Real> group;
  group.has_special = false;
  SCC_UNROLL
  for (int k = 0; k < group_size; ++k) {
    group.pixels[k] = domain.normalize(values[k]);
    // Two ways to say the same: the first takes fewer instructions, the second fewer registers.
    group.has_special |= IsDense ? !(values[k] >= domain.lowest && values[k] <= domain.highest)
                                 : (group.pixels[k].outside | group.pixels[k].nan) != 0;
  }
  return group;
}

/// Steps through the groups of pixels of two views that a thread has in a range of tiles:
///
///   for (PairedGroups<Real, IsDense> groups(...); !groups.is_done(); groups.advance()) {
///     ... groups.start(), count(), first(), second();  groups.load_next(); ...
///   }
template <class Real, bool IsDense>
class PairedGroups {
public:
  template <class Arguments>
  __device__ PairedGroups(Arguments const& arguments, PixelView const& first, PixelView const& second,
                          TileRange const& range)
      : first_view_(first),
        second_view_(second),
        shape_(arguments.shape),
        partition_(arguments.partition),
        image_(range.image),
        tile_(range.first_tile),
        last_tile_(range.last_tile) {
    load(tile_);
  }

  __device__ bool is_done() const { return tile_ >= last_tile_; }
  __device__ void advance() { ++tile_; }

  /// Number of the first pixel of the current group.
  __device__ std::int64_t start() const { return start(tile_); }
  /// Number of pixels of the current group that exist: group_size, fewer or none at the end of an image.
  __device__ int count() const { return count(tile_); }

  __device__ RawGroup<Real> const& first() const { return first_; }
  __device__ RawGroup<Real> const& second() const { return second_; }

  /// Starts to load the next group in place of the current one, to be called when that has been decoded and there is
  /// still work to do on it.
  __device__ void load_next() {
    if (tile_ + 1 < last_tile_) {
      load(tile_ + 1);
    }
  }
  /// Likewise of others, such as GroupWeights, of which load(first, count) loads a group.
  template <class Others>
  __device__ void load_next(Others& others) const {
    if (tile_ + 1 < last_tile_) {
      others.load(start(tile_ + 1), count(tile_ + 1));
    }
  }

private:
  __device__ std::int64_t start(int tile) const {
    return std::int64_t{tile} * partition_.tile_pixels + thread_index() * group_size;
  }
  __device__ int count(int tile) const {
    std::int64_t const left = partition_.pixels - start(tile);
    if constexpr (IsDense) {
      return left > 0 ? group_size : 0;
    }
    return left >= group_size ? group_size : left > 0 ? static_cast<int>(left) : 0;
  }
  __device__ void load(int tile) {
    std::int64_t const first = start(tile);
    auto const offset = [first] { return first; };
    first_ = load_group<Real, IsDense>(first_view_, shape_, image_, first, count(tile), offset);
    second_ = load_group<Real, IsDense>(second_view_, shape_, image_, first, count(tile), offset);
  }

  PixelView const& first_view_;
  PixelView const& second_view_;
  CollapsedShape const& shape_;
  TilePartition const& partition_;
  std::int64_t image_;
  int tile_, last_tile_;
  RawGroup<Real> first_, second_;
};

/// The bits of a gradient of a 16-bit type, and back.
template <class Real>
__device__ inline unsigned half_bits(ElementType type, Real value) {
  auto const single = static_cast<float>(value);
  return type == ElementType::float16 ? __half_as_ushort(__float2half_rn(single))
                                      : __bfloat16_as_ushort(__float2bfloat16_rn(single));
}
/// The number that these bits, the lower half of a word, stand for.
template <class Real>
__device__ inline Real value_of_half(ElementType type, unsigned bits) {
  return static_cast<Real>(type == ElementType::float16
                             ? __half2float(__ushort_as_half(static_cast<unsigned short>(bits)))
                             : __uint_as_float(bits << 16));
}

/// Writes, or adds, gradients to the pixels number first + k, k < count, of an image.
template <bool IsDense, class Real>
__device__ inline void store_group(PixelView const& view, CollapsedShape const& shape, std::int64_t image,
                                   std::int64_t first, int count, Real const (&gradient)[group_size], bool accumulate) {
  if (IsDense || (view.is_vectorizable && count == group_size && view.type == ElementType::float32)) {
    if (count == 0) {
      return;
    }
    auto* const target = reinterpret_cast<float4*>(image_data<float>(view, image) + first);
    float4 const before = accumulate ? *target : float4{0, 0, 0, 0};
    *target = {static_cast<float>(static_cast<Real>(before.x) + gradient[0]),
               static_cast<float>(static_cast<Real>(before.y) + gradient[1]),
               static_cast<float>(static_cast<Real>(before.z) + gradient[2]),
               static_cast<float>(static_cast<Real>(before.w) + gradient[3])};
    return;
  }
  if (view.is_vectorizable && count == group_size && element_bytes(view.type) == 2) {
    auto* const target = reinterpret_cast<uint2*>(image_data<unsigned short>(view, image) + first);
    uint2 const before = accumulate ? *target : uint2{0, 0};
    auto const sum = [&](unsigned bits, Real number) {
      return half_bits(view.type, accumulate ? value_of_half<Real>(view.type, bits) + number : number);
    };
    *target = {sum(before.x & 0xffff, gradient[0]) | sum(before.x >> 16, gradient[1]) << 16,
               sum(before.y & 0xffff, gradient[2]) | sum(before.y >> 16, gradient[3]) << 16};
    return;
  }
  StridedIterator iterator(shape, view, first);
  SCC_UNROLL
  for (int k = 0; k < group_size; ++k) {
    if (k >= count) {
      continue;
    }
    // A double buffer keeps its digits and its range whatever the pixels are; any other is added to in Real.
    auto const store = [&](auto* data, auto const& to_real, auto const& from_real) {
      auto& target = data[iterator.offset()];
      target = from_real(accumulate ? to_real(target) + gradient[k] : gradient[k]);
    };
    switch (view.type) {
      case ElementType::float64:
        store(
          image_data<double>(view, image), [](double value) { return value; }, [](double value) { return value; });
        break;
      case ElementType::float16:
      case ElementType::bfloat16:
        store(
          image_data<unsigned short>(view, image),
          [&](unsigned short bits) { return value_of_half<Real>(view.type, bits); },
          [&](Real value) { return static_cast<unsigned short>(half_bits(view.type, value)); });
        break;
      default:
        store(
          image_data<float>(view, image), [](float value) { return static_cast<Real>(value); },
          [](Real value) { return static_cast<float>(value); });
        break;
    }
    iterator.advance(shape, view);
  }
}

}  // namespace scc::gpu
