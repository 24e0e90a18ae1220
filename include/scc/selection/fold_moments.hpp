// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The pixels of an image dealt out to folds, and the moments of each fold from one pass over the pixels.

#pragma once

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

  /// Deals out the pixels of an image, by the next numbers of the random sequence, and sums them up.
  ///
  /// @param instructions  Of the pixel loops; the processor must have them.
  /// @param options       Domain of the pixels.
  /// @param x             [images, channels, height, width] valid view, host memory
  /// @param y             [images, channels, height, width] likewise
  /// @param image         Which image, 0 <= image < images.
  /// @return counts of out-of-domain and NaN pixels
  /// @throws std::invalid_argument if the image has fewer squares than there are folds.
  template <class X, class Y>
  Diagnostics measure(cpu::Instructions instructions, Options const& options, ImageBatch<X const> const& x,
                      ImageBatch<Y const> const& y, std::int64_t image) {
    std::int64_t const block = folds_.block, plane = x.height * x.width;
    std::int64_t const across = block == 0 ? 0 : (x.width + block - 1) / block;
    std::int64_t const squares = block == 0 ? x.pixels() : across * ((x.height + block - 1) / block);
    deal(squares, x);

    auto const pixels = static_cast<double>(x.pixels());
    double const unit = cpu::HistogramBins::unit({1, 1, pixels, pixels});
    std::vector<cpu::HistogramBins> bins;
    std::vector<std::pair<cpu::PixelBlock<double>, cpu::PixelBlock<double>>> waiting(fold_count());
    std::vector<int> lengths(fold_count(), 0);
    for (std::size_t fold = 0; fold < fold_count(); ++fold) {
      bins.emplace_back(instructions, basis_size_, unit, &bins_[fold * sum_count()]);
    }
    auto const flush = [&](std::size_t fold) {
      bins[fold].add(waiting[fold].first, waiting[fold].second, nullptr, lengths[fold]);
      lengths[fold] = 0;
    };
    Diagnostics const found = cpu::for_each_block<double>(
      instructions, {options, x}, {options, y}, {}, image, 0, x.pixels(),
      [&](auto const& x_block, auto const& y_block, auto const*, std::int64_t first, int length) {
        for (int k = 0; k < length; ++k) {
          std::int64_t const pixel = first + k, place = pixel % plane;
          std::int64_t const square = block == 0 ? pixel : place / x.width / block * across + place % x.width / block;
          std::size_t const fold = fold_of_square_[static_cast<std::size_t>(square)];
          waiting[fold].first.t[lengths[fold]] = x_block.t[k];
          waiting[fold].second.t[lengths[fold]] = y_block.t[k];
          if (++lengths[fold] == cpu::block_size) {
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

  // Folds in turn, then shuffled: their sizes differ by one square at most. The engine is the same in every standard
  // library; its distributions are not.
  template <class X>
  void deal(std::int64_t squares, ImageBatch<X> const& x) {
    if (squares < folds_.count) {
      throw std::invalid_argument("scc: an image of " + detail::shape_text(x) + " has " + std::to_string(squares) +
                                  " squares of Folds::block = " + std::to_string(folds_.block) + " for " +
                                  std::to_string(folds_.count) + " folds");
    }
    fold_of_square_.resize(static_cast<std::size_t>(squares));
    for (std::size_t k = 0; k < fold_of_square_.size(); ++k) {
      fold_of_square_[k] = static_cast<std::uint8_t>(k % fold_count());
    }
    for (std::size_t k = fold_of_square_.size(); k > 1; --k) {
      std::swap(fold_of_square_[k - 1], fold_of_square_[random_() % k]);
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
