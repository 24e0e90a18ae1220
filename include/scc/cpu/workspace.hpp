// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a forward pass leaves for the backward pass and for inspection.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "../detail/forward_record.hpp"
#include "../diagnostics.hpp"
#include "../plan/plan.hpp"
#include "aligned_buffer.hpp"

namespace scc::cpu {

class Loss;

/// What is to be known of weights before they are used.
struct WeightSummary {
  std::int64_t invalid = 0;  ///< How many are.
  double largest = 0;        ///< Of the valid ones; nothing is said of it, and of the sum, if some are invalid.
  double sum = 0;            ///< Infinite if it overflows.

  /// Adds other weights.
  WeightSummary& operator+=(WeightSummary const& other) {
    invalid += other.invalid;
    largest = std::max(largest, other.largest);
    sum += other.sum;
    return *this;
  }
};

/// The weights of an image.
struct ImageWeights {
  double scale;    ///< The power of two that they are multiplied by; 0, as all of this, if a weight is invalid.
  double largest;  ///< The largest one, scaled.
  double sum;      ///< Of the scaled ones, as the pass over the weights estimates it.
  double total;    ///< W, the sum of the scaled ones as the moments have it.
};

/// What a forward pass leaves of each image.
struct ImageResults {
  std::vector<double> rsmi;              ///< [images]; none if the images have no pixels
  std::vector<Diagnostics> diagnostics;  ///< [images]
  std::vector<ImageWeights> weights;     ///< [images]; without weights each pixel has a weight of 1
  std::vector<double> moments;           ///< [images, B, B]
  std::vector<double> alpha;             ///< [images, unknowns] of the compressed system
  std::vector<double> drsmi_dmoments;    ///< [images, B, B]; none if no gradient is wanted

  /// Makes room for so many images of so many pixels, without weights.
  void prepare(std::size_t images, std::int64_t pixels, Plan const& plan, bool with_gradient) {
    auto const count = static_cast<double>(pixels);
    weights.assign(images, {1, 1, count, count});
    diagnostics.assign(images, Diagnostics{});
    rsmi.assign(images, 0.0);
    moments.resize(images * plan.moment_count());
    drsmi_dmoments.resize(with_gradient ? images * plan.moment_count() : 0);
    alpha.resize(images * static_cast<std::size_t>(plan.unknowns()));
  }
};

/// Working memory of a forward pass: per thread unless said otherwise.
struct ForwardScratch {
  AlignedBuffer<float> float_tables;           ///< Of ChebyshevMoments<float>
  AlignedBuffer<double> double_tables;         ///< Of ChebyshevMoments<double>
  AlignedBuffer<double> sums;                  ///< Of ChebyshevMoments
  AlignedBuffer<std::int64_t> bins;            ///< Of HistogramBins
  AlignedBuffer<double> solve;                 ///< SolveScratch
  std::vector<double> chunk_sums;              ///< [images * chunks, terms]
  std::vector<Diagnostics> chunk_diagnostics;  ///< [images * chunks]
  std::vector<WeightSummary> chunk_weights;    ///< [images * chunks]

  /// The tables of ChebyshevMoments<Real>.
  template <class Real>
  AlignedBuffer<Real>& tables() {
    if constexpr (std::is_same_v<Real, float>) {
      return float_tables;
    } else {
      return double_tables;
    }
  }
};

/// Results and working memory of one batch at a time: O(images), not O(pixels). It owns its memory and keeps it between
/// calls, so that calls of the same size or smaller allocate nothing. One thread at a time may pass it to forward();
/// after that any number of threads may read it.
/// @ingroup loss
class Workspace {
public:
  /// rSMI of each image of the last forward pass, [images], or none if the images had no pixels; NaN for an image that
  /// held a NaN pixel or an invalid weight, or whose system could not be solved; 0 for one whose weights are all 0.
  std::vector<double> const& rsmi() const { return results_.rsmi; }

  /// Counts of out-of-domain and NaN pixels and of invalid weights in the last forward pass, over all images.
  Diagnostics diagnostics() const {
    Diagnostics total;
    for (auto const& image : results_.diagnostics) {
      total += image;
    }
    return total;
  }

  /// Likewise of one image.
  ///
  /// @param image  Which image, 0 <= image < images.
  /// @throws std::invalid_argument if there is no such image.
  Diagnostics diagnostics(std::int64_t image) const {
    detail::require_image(image, static_cast<std::int64_t>(results_.rsmi.size()));
    return results_.diagnostics[static_cast<std::size_t>(image)];
  }

private:
  friend class Loss;

  detail::ForwardRecord record_;
  ImageResults results_;
  ForwardScratch scratch_;
};

}  // namespace scc::cpu
