// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What select_parameters() takes and gives: candidates, folds, scores. Plain values.

#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "diagnostics.hpp"
#include "options.hpp"

namespace scc {

/// The parameters to choose from: every bandwidth with every ridge.
/// @ingroup options
struct Candidates {
  std::vector<double> bandwidths;  ///< sigma, in units of pixel value; see Options::bandwidth.
  std::vector<double> lambdas;     ///< Ridges; see Options::lambda.
};

/// How cross-validation deals the pixels of an image out to folds: squares of them, to each fold as many as to the others or
/// one more.
/// @ingroup options
struct Folds {
  int count = 5;  ///< k, 2..256
  /// Edge of the squares of pixels that stay together, in all channels: as neighbours in a photograph are nearly copies of
  /// each other, pixels dealt out one by one are not unseen. 0 deals out each channel of each pixel by itself. Squares lie
  /// in rows and columns: those of a volume with depth * height rows do not hold its slices together.
  int block = 8;
  std::uint64_t seed = 1;  ///< Of the random deal: the same seed gives the same folds everywhere.
};

/// Checks both numbers against their ranges.
///
/// @throws std::invalid_argument that names the field, its value and the allowed range.
inline void validate(Folds const& folds) {
  if (folds.count < 2 || folds.count > 256) {
    throw std::invalid_argument("scc::Folds::count is " + std::to_string(folds.count) + ", must be in [2, 256]");
  }
  if (folds.block < 0) {
    throw std::invalid_argument("scc::Folds::block is " + std::to_string(folds.block) + ", must be at least 0");
  }
}

/// How one candidate did: means over the images.
/// @ingroup options
struct CandidateScore {
  double bandwidth;  ///< sigma
  double lambda;     ///< Ridge.
  /// J of pixels that the fit has not seen, mean over the folds; the smaller the better. NaN if lambda is lost in the errors
  /// of H for some image and fold.
  double criterion;
  /// Of the criterion: its standard deviation from fold to fold over the root of their number. It tells how much depends on
  /// the deal of the pixels; that other images would give other criteria it does not tell.
  double standard_error;
  double rsmi;  ///< What the loss computes with these parameters: rSMI of all pixels, fitted on all.

  /// rSMI of the unseen pixels as the fit judges them, -1 - 2 J. The best candidate has the largest.
  double held_out_rsmi() const { return -1 - 2 * criterion; }
};

/// The outcome of a cross-validation.
/// @ingroup options
struct Selection {
  Options options;  ///< Those given, with the bandwidth and the lambda of the best candidate and Basis::automatic.
  std::vector<CandidateScore> table;  ///< [bandwidths * lambdas], the lambdas of a bandwidth one after the other.
  std::size_t best = 0;               ///< Index of the best candidate in the table.
  std::int64_t images = 0;            ///< Number of images that were measured.
  Diagnostics diagnostics;            ///< Counts of pixels outside the domain, which count as its nearest end.
};

}  // namespace scc
