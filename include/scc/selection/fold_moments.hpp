// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The pixels of an image dealt out to folds, and the moments of each fold from one pass over the pixels.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../cpu/blocks.hpp"
#include "../cpu/histogram.hpp"
#include "../cpu/lanes.hpp"
#include "../cpu/pixels.hpp"
#include "../cpu/weights.hpp"
#include "../diagnostics.hpp"
#include "../image_batch.hpp"
#include "../selection.hpp"

namespace scc {

/// The histogram moments of one image by fold. Bins are integers, so those of all folds but one are an exact difference.
class FoldMoments {
public:
  /// @param folds       Valid (see validate()).
  /// @param basis_size  B, number of bins per axis.
  FoldMoments(Folds const& folds, int basis_size)
      : folds_(folds),
        basis_size_(basis_size),
        random_(folds.seed),
        bins_(static_cast<std::size_t>(folds.count) * sum_count()),
        total_(sum_count()) {}

  /// Number of bins of a fold, B^2.
  std::size_t bin_count() const {
    return static_cast<std::size_t>(basis_size_) * static_cast<std::size_t>(basis_size_);
  }

  /// Deals out the pixels of an image, by the next numbers of the random sequence, and sums them up. Those of weight 0 are
  /// not dealt out.
  ///
  /// @param instructions  Of the pixel loops; the processor must have them.
  /// @param options       Domain of the pixels.
  /// @param x             [images, channels, height, width] valid view, host memory
  /// @param y             [images, channels, height, width] likewise
  /// @param weights       Of their pixels; null without.
  /// @param image         Which image, 0 <= image < images.
  /// @return counts of out-of-domain and NaN pixels, and of invalid weights; if there are any, nothing was summed up.
  /// @throws std::invalid_argument if the image has fewer squares than there are folds.
  template <class X, class Y>
  Diagnostics measure(cpu::Instructions instructions, Options const& options, ImageBatch<X const> const& x,
                      ImageBatch<Y const> const& y, cpu::WeightReader const* weights, std::int64_t image) {
    std::int64_t const block = folds_.block, plane = x.height * x.width, pixels = x.pixels();
    std::int64_t const across = block == 0 ? 0 : (x.width + block - 1) / block;
    std::int64_t const squares = block == 0 ? pixels : across * ((x.height + block - 1) / block);
    auto const square_of = [&](std::int64_t pixel) {
      std::int64_t const place = pixel % plane;
      return static_cast<std::size_t>(block == 0 ? pixel : place / x.width / block * across + place % x.width / block);
    };
    if (squares < folds_.count) {
      throw std::invalid_argument("scc: an image of " + detail::shape_text(x) + " has " + std::to_string(squares) +
                                  " squares of Folds::block = " + std::to_string(block) + " for " +
                                  std::to_string(folds_.count) + " folds");
    }
    auto const every = static_cast<double>(pixels);
    cpu::ImageWeights of_image{1, 1, every, every};
    std::vector<bool> has_weight(static_cast<std::size_t>(squares), weights == nullptr);
    if (weights != nullptr) {
      cpu::WeightSummary const summary = weights->summary(instructions, image, 0, pixels);
      if (summary.invalid > 0) {
        Diagnostics invalid;
        invalid.weight_invalid = summary.invalid;
        return invalid;
      }
      of_image = weights->scaled(summary, pixels);
      cpu::WeightBlock<double> weight;
      for (std::int64_t first = 0; first < pixels; first += cpu::block_size) {
        std::int64_t const length = std::min<std::int64_t>(cpu::block_size, pixels - first);
        weights->load(instructions, image, first, length, of_image.scale, weight);
        for (std::int64_t k = 0; k < length; ++k) {
          if (weight.is_zero[k] == 0) {
            has_weight[square_of(first + k)] = true;
          }
        }
      }
    }
    deal(has_weight);

    struct Waiting {
      cpu::PixelBlock<double> x, y;
      cpu::WeightBlock<double> weight;
      int length;
    };
    double const unit = cpu::HistogramBins::unit(of_image);
    std::vector<cpu::HistogramBins> bins;
    std::vector<Waiting> waiting(fold_count());
    for (std::size_t fold = 0; fold < fold_count(); ++fold) {
      bins.emplace_back(instructions, basis_size_, unit, &bins_[fold * sum_count()]);
      waiting[fold].weight.zero_count = 0;
      waiting[fold].length = 0;
    }
    auto const flush = [&](std::size_t fold) {
      Waiting& of_fold = waiting[fold];
      bins[fold].add(of_fold.x, of_fold.y, weights == nullptr ? nullptr : &of_fold.weight, of_fold.length);
      of_fold.length = 0;
    };
    Diagnostics const found = cpu::for_each_block<double>(
      instructions, {options, x}, {options, y}, {weights, of_image.scale}, image, 0, pixels,
      [&](auto const& x_block, auto const& y_block, auto const* weight_block, std::int64_t first, int length) {
        for (int k = 0; k < length; ++k) {
          if (weight_block != nullptr && weight_block->is_zero[k] != 0) {
            continue;
          }
          std::size_t const fold = fold_of_square_[square_of(first + k)];
          Waiting& of_fold = waiting[fold];
          of_fold.x.t[of_fold.length] = x_block.t[k];
          of_fold.y.t[of_fold.length] = y_block.t[k];
          of_fold.weight.w[of_fold.length] = weight_block == nullptr ? 1 : weight_block->w[k];
          if (++of_fold.length == cpu::block_size) {
            flush(fold);
          }
        }
      });
    for (std::size_t fold = 0; fold < fold_count(); ++fold) {
      flush(fold);
    }

    for (std::size_t bin = 0; bin < sum_count(); ++bin) {
      total_[bin] = 0;
      for (std::size_t fold = 0; fold < fold_count(); ++fold) {
        total_[bin] += bins_[fold * sum_count() + bin];
      }
    }
    return found;
  }

  /// Whether a pixel has a weight.
  bool has_weight() const { return total_[bin_count()] > 0; }

  /// Whether pixels of this fold have a weight, and pixels of others.
  bool can_judge(int fold) const {
    std::int64_t const weight = bins_[static_cast<std::size_t>(fold) * sum_count() + bin_count()];
    return weight > 0 && weight < total_[bin_count()];
  }

  /// Writes the moments [B, B] of the pixels of one fold.
  void of_fold(int fold, double* moments) const {
    std::int64_t const* const bins = &bins_[static_cast<std::size_t>(fold) * sum_count()];
    write(moments, [&](std::size_t bin) { return bins[bin]; });
  }

  /// Writes the moments [B, B] of the pixels of all other folds.
  void of_others(int fold, double* moments) const {
    std::int64_t const* const bins = &bins_[static_cast<std::size_t>(fold) * sum_count()];
    write(moments, [&](std::size_t bin) { return total_[bin] - bins[bin]; });
  }

  /// Writes the moments [B, B] of all pixels.
  void of_all(double* moments) const {
    write(moments, [&](std::size_t bin) { return total_[bin]; });
  }

private:
  std::size_t fold_count() const { return static_cast<std::size_t>(folds_.count); }

  // The bins of a fold, and W.
  std::size_t sum_count() const { return cpu::HistogramBins::size(basis_size_); }

  template <class Bin>
  void write(double* moments, Bin const& bin_at) const {
    double const scale = 1 / static_cast<double>(bin_at(bin_count()));
    for (std::size_t bin = 0; bin < bin_count(); ++bin) {
      moments[bin] = static_cast<double>(bin_at(bin)) * scale;
    }
  }

  // Folds in turn, then shuffled: their sizes differ by one square at most. Squares without weight are not dealt out, so
  // that each fold has weight if there are enough. The engine is the same in every standard library; its distributions are
  // not.
  void deal(std::vector<bool> const& has_weight) {
    std::vector<std::uint8_t> dealt(static_cast<std::size_t>(std::count(has_weight.begin(), has_weight.end(), true)));
    for (std::size_t k = 0; k < dealt.size(); ++k) {
      dealt[k] = static_cast<std::uint8_t>(k % fold_count());
    }
    for (std::size_t k = dealt.size(); k > 1; --k) {
      std::swap(dealt[k - 1], dealt[random_() % k]);
    }
    fold_of_square_.assign(has_weight.size(), 0);
    for (std::size_t square = 0, k = 0; square < has_weight.size(); ++square) {
      if (has_weight[square]) {
        fold_of_square_[square] = dealt[k++];
      }
    }
  }

  Folds folds_;
  int basis_size_;
  std::mt19937_64 random_;
  std::vector<std::uint8_t> fold_of_square_;
  std::vector<std::int64_t> bins_;   // [folds, B^2 + 1]
  std::vector<std::int64_t> total_;  // [B^2 + 1]
};

}  // namespace scc
