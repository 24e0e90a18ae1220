// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Weights of any type and layout to numbers in [0, 2) (scc/estimator/weights.hpp), and the kernel that comes before those of
/// the first pass: it finds the largest weight of each image, and counts invalid ones.

#pragma once

#include <cstdint>
#include <cstring>
#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/weights.hpp>
#include <type_traits>

#include "../pixel_view.hpp"
#include "../tile_partition.hpp"
#include "../tuning.hpp"
#include "../workspace.hpp"
#include "pixels.cuh"
#include "warp.cuh"

namespace scc::gpu {

/// What is to be known of weights: those of a block, or of an image.
///
/// @param a, b  Of some, and of others.
__device__ inline WeightSummary operator+(WeightSummary const& a, WeightSummary const& b) {
  return {larger(a.largest, b.largest), a.invalid + b.invalid};
}

/// The summary of an image's weights, from those that find_largest_weights left, in all lanes of a warp.
__device__ inline WeightSummary summarise_image(WeightSummary const* of_blocks, TilePartition const& partition,
                                                int image) {
  std::int64_t const last = partition.last_partial(image);
  WeightSummary summary{0, 0};
  for (std::int64_t partial = partition.first_partial(image) + lane_index(); partial <= last; partial += warp_size) {
    summary = summary + of_blocks[partial];
  }
  SCC_UNROLL
  for (int step = warp_size / 2; step > 0; step /= 2) {
    summary = summary + WeightSummary{__shfl_xor_sync(all_lanes, summary.largest, step),
                                      __shfl_xor_sync(all_lanes, summary.invalid, step)};
  }
  return summary;
}

/// The powers of two that the weights of an image are multiplied by.
struct WeightScale {
  double scale = 1;  ///< weight_scale(), as a number of their type
  double rest = 1;   ///< What the largest one lacks to [1, 2), if it is subnormal

  __device__ WeightScale() {}
  __device__ WeightScale(ElementType type, double largest)
      : scale(type == ElementType::float64 ? weight_scale(largest)
                                           : static_cast<double>(weight_scale(static_cast<float>(largest)))),
        rest(weight_scale(largest * scale)) {}
};

/// The weights of the groups of pixels that a thread has in an image. Without weights, a pixel that exists has a weight of 1.
template <class Real, bool IsDense, bool HasWeight>
class GroupWeights {
public:
  __device__ GroupWeights(WeightView const& /*weight*/, double /*scale*/, int /*image*/) {}

  /// Starts to load the weights of pixels number first + k, k < count, of the image.
  __device__ void load(std::int64_t /*first*/, int /*count*/) {}
  /// Makes the group that was loaded, of so many pixels, the current one.
  __device__ void decode(int count) { count_ = count; }

  /// Whether a pixel of the current group enters.
  __device__ bool has(int k) const { return k < count_; }
  /// What it counts.
  __device__ Real of(int k) const { return IsDense || k < count_ ? Real(1) : Real(0); }

private:
  int count_;
};

template <class Real, bool IsDense>
class GroupWeights<Real, IsDense, true> {
public:
  __device__ GroupWeights(WeightView const& weight, double scale, int image)
      : weight_(weight),
        scale_(static_cast<Real>(scale)),
        image_(image) {
    if (is_double_beside_floats()) {
      // A power of two is all in the upper half of a double: one register, not two.
      int const upper = __double2hiint(scale);
      memcpy(&scale_, &upper, sizeof(upper));
    }
  }

  __device__ void load(std::int64_t first, int count) {
    if (is_double_beside_floats()) {
      int upper;
      memcpy(&upper, &scale_, sizeof(upper));
      double const scale = __hiloint2double(upper, 0);
      StridedIterator iterator(weight_.shape, weight_.view, first);
      SCC_UNROLL
      for (int k = 0; k < group_size; ++k) {
        raw_.words[k] = 0;
        if (k < count) {
          double const number = __ldg(image_data<double const>(weight_.view, image_) + iterator.offset());
          // What is too small for a float is not 0 for that.
          float const smallest = number != 0 ? __uint_as_float(1) : 0;
          raw_.words[k] = __float_as_uint(fmaxf(static_cast<float>(number * scale), smallest));
          iterator.advance(weight_.shape, weight_.view);
        }
      }
      return;
    }
    raw_ = load_group<Real, false>(weight_.view, weight_.shape, image_, first, count, [&] {
      bool const is_row = weight_.shape.extent[0] == 1 && weight_.shape.extent[1] == 1;
      return is_row ? first : StridedIterator(weight_.shape, weight_.view, first).offset();
    });
  }

  __device__ void decode(int /*count*/) {
    ElementType const type = weight_.view.type;
    bool const is_boolean = type == ElementType::boolean;
    if (type == ElementType::float32 || is_double_beside_floats()) {  // first, as the usual ones
      decode_group<false>(
        ElementType::float32, raw_, [](std::uint8_t) { return Real(0); }, numbers_);
    } else {
      decode_group<false>(
        is_boolean ? ElementType::uint8 : type, raw_,
        [&](std::uint8_t byte) { return static_cast<Real>(is_boolean && byte != 0 ? 1 : byte); }, numbers_);
    }
  }

  /// The weight as it stands.
  __device__ Real number(int k) const { return numbers_[k]; }
  __device__ bool has(int k) const { return numbers_[k] != 0; }
  __device__ Real of(int k) const { return numbers_[k] * (is_double_beside_floats() ? Real(1) : scale_); }

private:
  /// Then load() makes scaled floats of them.
  __device__ bool is_double_beside_floats() const {
    return std::is_same_v<Real, float> && weight_.view.type == ElementType::float64;
  }

  WeightView const& weight_;
  Real scale_;  ///< Of double beside floats: the upper half of a double in its place
  int image_;
  RawGroup<Real> raw_{};
  Real numbers_[group_size] = {};  ///< Not scaled, so that one that is not 0 is not taken for 0
};

/// Argument of find_largest_weights.
struct WeightArguments {
  WeightView weight;        ///< Each weight once, where images repeat it
  TilePartition partition;  ///< Of these
  std::int64_t repeats;     ///< How often an image has each
  WeightSummary* summaries;
};

/// The largest valid weight of each image, and the number of invalid ones, in the part of a block.
///
/// @tparam Number  double for weights of double, else float.
template <class Number>
static __global__ void __launch_bounds__(weight_threads, weight_blocks_per_multiprocessor)
  find_largest_weights(__grid_constant__ WeightArguments const arguments) {
  using Reduce = BlockReduce<WeightSummary, weight_threads>;
  __shared__ typename Reduce::TempStorage storage;
  TilePartition const& partition = arguments.partition;
  int const block = static_cast<int>(blockIdx.x);
  for (int image = partition.first_image(block); image < partition.last_image(block); ++image) {
    TileRange const range = partition.range(block, image);
    Number largest = 0;
    std::int64_t invalid = 0;
    GroupWeights<Number, false, true> weights(arguments.weight, 1, image);
    for (int tile = range.first_tile; tile < range.last_tile; ++tile) {
      std::int64_t const first = std::int64_t{tile} * partition.tile_pixels + thread_index() * group_size;
      std::int64_t const left = partition.pixels - first;
      weights.load(first, left >= group_size ? group_size : left > 0 ? static_cast<int>(left) : 0);
      weights.decode(group_size);
      SCC_UNROLL
      for (int k = 0; k < group_size; ++k) {
        bool const is_valid = is_valid_weight(weights.number(k));
        largest = larger(largest, is_valid ? weights.number(k) : Number(0));
        invalid += is_valid ? 0 : 1;
      }
    }
    WeightSummary const of_thread{static_cast<double>(largest), invalid * arguments.repeats};
    WeightSummary const sum =
      Reduce(storage).Reduce(of_thread, [](WeightSummary const& a, WeightSummary const& b) { return a + b; });
    if (thread_index() == 0) {
      arguments.summaries[partition.partial_index(block, image)] = sum;
    }
    __syncthreads();
  }
}

}  // namespace scc::gpu
