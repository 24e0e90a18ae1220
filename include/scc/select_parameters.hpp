// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The choice of sigma and lambda by cross-validation (selection/cross_validation.hpp), on the host.

#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "estimator/spline.hpp"
#include "image_batch.hpp"
#include "options.hpp"
#include "plan/plan.hpp"
#include "selection.hpp"
#include "selection/cross_validation.hpp"

namespace scc {

/// Candidates around these options: bandwidths from 1/20 of the domain to its width, ridges from 1e-5 to 1, and the
/// bandwidth and the lambda of the options themselves; without those that Plan would refuse beside the options' own.
///
/// @param options  Domain, kernel, bandwidth and lambda.
/// @throws std::invalid_argument if Plan refuses the options, other than for their basis.
/// @ingroup options
inline Candidates default_candidates(Options const& options = {}) {
  Options attempt = options;
  attempt.basis = Basis::histogram;
  Plan const own(attempt);  // refuses what no candidate could mend

  Candidates candidates;
  double const width = options.domain_max - options.domain_min;
  for (double const share : {0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.56, 0.75, 1.0}) {
    candidates.bandwidths.push_back(share * width);
  }
  candidates.lambdas = {1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1};
  auto const add = [](std::vector<double>& sorted, double value) {
    auto const place = std::lower_bound(sorted.begin(), sorted.end(), value);
    if (place == sorted.end() || *place != value) {
      sorted.insert(place, value);
    }
  };
  add(candidates.bandwidths, options.bandwidth);
  add(candidates.lambdas, options.lambda);

  // A reciprocal kernel that is narrow grows beyond what a small ridge can hold.
  auto const is_refused = [&](double bandwidth, double lambda) {
    attempt.bandwidth = bandwidth;
    attempt.lambda = lambda;
    try {
      Plan const plan(attempt, spline::min_intervals + spline::extra_bins);
      return false;
    } catch (std::invalid_argument const&) {
      return true;
    }
  };
  auto const drop_if = [](std::vector<double>& values, auto const& condition) {
    values.erase(std::remove_if(values.begin(), values.end(), condition), values.end());
  };
  drop_if(candidates.lambdas, [&](double lambda) { return is_refused(options.bandwidth, lambda); });
  drop_if(candidates.bandwidths, [&](double bandwidth) { return is_refused(bandwidth, candidates.lambdas.front()); });
  return candidates;
}

/// The bandwidth and the ridge among `candidates` whose fitted ratio is the best on pixels that it has not seen, by k-fold
/// cross-validation over the images of a batch. See CrossValidation.
///
/// @param options     Kernel, centres, beta, domain and tolerance.
/// @param x           [images, channels, height, width] input, host memory, values in the domain.
/// @param y           [images, channels, height, width] translation, likewise.
/// @param candidates  At least one bandwidth and one lambda.
/// @param folds       How pixels are dealt out.
/// @throws std::invalid_argument as CrossValidation and its functions do; also if there are no images.
/// @ingroup options
template <class X, class Y>
Selection select_parameters(Options const& options, ImageBatch<X> x, ImageBatch<Y> y, Candidates const& candidates,
                            Folds const& folds = {}) {
  CrossValidation validation(options, candidates, folds);
  validation.add(x, y);
  return validation.result();
}

/// Likewise, with a weight for each pixel.
///
/// @param options     Kernel, centres, beta, domain and tolerance.
/// @param x           [images, channels, height, width] input, host memory, values in the domain.
/// @param y           [images, channels, height, width] translation, likewise.
/// @param weight      [images, channels, height, width] host memory, >= 0; see cpu::Loss.
/// @param candidates  At least one bandwidth and one lambda.
/// @param folds       How pixels are dealt out.
/// @throws std::invalid_argument as CrossValidation and its functions do; also if there are no images.
/// @ingroup options
template <class X, class Y, class W>
Selection select_parameters(Options const& options, ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight,
                            Candidates const& candidates, Folds const& folds = {}) {
  CrossValidation validation(options, candidates, folds);
  validation.add(x, y, weight);
  return validation.result();
}

}  // namespace scc
