// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// k-fold cross-validation of sigma and lambda, on the host. The pixels are read once, whatever the number of
/// candidates: all of them are computed from the moments of the folds.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../cpu/lanes.hpp"
#include "../cpu/parallel.hpp"
#include "../cpu/weights.hpp"
#include "../detail/checks.hpp"
#include "../diagnostics.hpp"
#include "../image_batch.hpp"
#include "../options.hpp"
#include "../plan/plan.hpp"
#include "../selection.hpp"
#include "fold_moments.hpp"
#include "held_out_fit.hpp"

namespace scc {

/// k-fold cross-validation of the fit of the density ratio, over as many images as are added.
///
/// The pixels of each image are dealt out to folds. For each fold and candidate, alpha is fitted on the other folds and
/// judged on this one, whose h and H are those of its pixels alone:
///
///     J = (1/k) sum_fold [ (1/2) alpha^T H_fold alpha - h_fold^T alpha ],   alpha = (H_others + lambda I)^{-1} h_others
///
/// Up to a constant this is half the mean squared error of the fitted ratio on unseen pixels (Kanamori et al. 2009;
/// Yamada et al. 2013). beta says what is estimated: criteria at different beta must not be compared, those of
/// different kernels or centres may be.
///
/// Uses OpenMP's threads if the program is compiled with it; results are bitwise the same for any number of threads.
/// Keeps O(folds B^2) memory, half a megabyte to two for each fold, twice that within add(), and a byte for each
/// square. One thread at a time may call add().
/// @ingroup options
class CrossValidation {
public:
  /// @param options     Kernel, centres, beta, domain and tolerance. Bandwidth, lambda and basis are not used.
  /// @param candidates  At least one bandwidth and one lambda.
  /// @param folds       How pixels are dealt out.
  /// @throws std::invalid_argument if a number is out of range, there is no candidate, or Plan refuses one.
  CrossValidation(Options const& options, Candidates candidates, Folds const& folds = {})
      : options_(options),
        candidates_(std::move(candidates)),
        folds_(folds),
        instructions_(cpu::available_instructions()),
        plans_(make_plans(options_, candidates_, folds_)),
        moments_(folds_, plans_.front().basis_size()),
        criteria_(fold_count() * candidate_count(), 0.0),
        judged_(fold_count(), 0),
        rsmi_(candidate_count(), 0.0) {}

  /// Measures each image of a batch. Batches may differ in shape and type.
  ///
  /// @param x  [images, channels, height, width] input, host memory, values in the domain.
  /// @param y  [images, channels, height, width] translation, likewise.
  /// @throws std::invalid_argument if shapes differ, a view is not valid, an image has a NaN pixel or too few pixels for
  ///         the folds. Nothing of the batch is counted then.
  template <class X, class Y>
  void add(ImageBatch<X> x, ImageBatch<Y> y) {
    detail::require_images(x, y);
    add_images(x, y, nullptr);
  }

  /// Likewise, with a weight for each pixel: h and H of a fold are weighted means, and so is its criterion. Folds without
  /// weight are left out, and so are images without.
  ///
  /// @param x       [images, channels, height, width] input, host memory, values in the domain.
  /// @param y       [images, channels, height, width] translation, likewise.
  /// @param weight  [images, channels, height, width] host memory, >= 0; see cpu::Loss.
  /// @throws std::invalid_argument as above, and if an image has invalid weights.
  template <class X, class Y, class W>
  void add(ImageBatch<X> x, ImageBatch<Y> y, ImageBatch<W> weight) {
    detail::require_images(x, y);
    detail::require_weight(x, weight);
    cpu::WeightReader const reader(weight);
    add_images(x, y, &reader);
  }

  /// Number of images measured so far, without those that had no weight.
  std::int64_t images() const { return images_; }

  /// The scores of the candidates over all images so far, and the best of them.
  ///
  /// @throws std::invalid_argument if no image was added, or none that has weight in two folds.
  /// @throws std::runtime_error if the criterion of every candidate is NaN.
  Selection result() const {
    if (std::count(judged_.begin(), judged_.end(), 0) == folds_.count) {
      throw std::invalid_argument(
        images_ == 0 ? "scc: no image was added; there is nothing to select parameters by"
                     : "scc: no image has weight in two folds; there is nothing to select parameters by");
    }
    Selection selection{options_, {}, 0, images_, diagnostics_};
    auto const images = static_cast<double>(images_);
    double smallest = std::numeric_limits<double>::infinity();
    for (std::size_t candidate = 0; candidate < candidate_count(); ++candidate) {
      std::vector<double> of_folds;
      for (std::size_t fold = 0; fold < fold_count(); ++fold) {
        if (judged_[fold] > 0) {
          double const sum = criteria_[fold * candidate_count() + candidate];
          of_folds.push_back(sum / static_cast<double>(judged_[fold]));
        }
      }
      auto const folds = static_cast<double>(of_folds.size());
      double const mean = std::accumulate(of_folds.begin(), of_folds.end(), 0.0) / folds;
      double squares = 0;
      for (double const of_fold : of_folds) {
        squares += (of_fold - mean) * (of_fold - mean);
      }
      std::size_t const ridges = candidates_.lambdas.size();
      selection.table.push_back({candidates_.bandwidths[candidate / ridges], candidates_.lambdas[candidate % ridges],
                                 mean, std::sqrt(squares / (folds - 1) / folds), rsmi_[candidate] / images});
      if (mean < smallest) {
        smallest = mean;
        selection.best = candidate;
      }
    }
    if (smallest == std::numeric_limits<double>::infinity()) {
      throw std::runtime_error("scc: lambda is lost in the errors of H for every candidate; larger ones are needed");
    }
    selection.options.basis = Basis::automatic;
    selection.options.bandwidth = selection.table[selection.best].bandwidth;
    selection.options.lambda = selection.table[selection.best].lambda;
    return selection;
  }

private:
  template <class X, class Y>
  void add_images(ImageBatch<X> const& x, ImageBatch<Y> const& y, cpu::WeightReader const* weights) {
    if (x.images > 0 && x.pixels() == 0) {
      throw std::invalid_argument("scc: x is " + detail::shape_text(x) + "; there is nothing to select parameters by");
    }
    // A batch that is refused half-way leaves no trace, not even in the random deal.
    FoldMoments moments = moments_;
    std::vector<double> criteria = criteria_, rsmi = rsmi_;
    std::vector<std::int64_t> judged = judged_;
    std::int64_t images = images_;
    Diagnostics diagnostics = diagnostics_;
    for (std::int64_t image = 0; image < x.images; ++image) {
      Diagnostics const found =
        moments.measure(instructions_, options_, ImageBatch<X const>(x), ImageBatch<Y const>(y), weights, image);
      if (found.weight_invalid > 0) {
        throw std::invalid_argument("scc: image " + std::to_string(image) + " has " +
                                    std::to_string(found.weight_invalid) +
                                    " weights that are negative, infinite or NaN; parameters cannot be selected by it");
      }
      if (found.x_nan + found.y_nan > 0) {
        throw std::invalid_argument("scc: image " + std::to_string(image) + " has " + std::to_string(found.x_nan) +
                                    " NaN pixels in x and " + std::to_string(found.y_nan) +
                                    " in y; parameters cannot be selected by it");
      }
      diagnostics += found;
      if (moments.has_weight()) {
        judge(moments, criteria, rsmi);
        for (std::size_t fold = 0; fold < fold_count(); ++fold) {
          judged[fold] += moments.can_judge(static_cast<int>(fold)) ? 1 : 0;
        }
        ++images;
      }
    }
    moments_ = std::move(moments);
    criteria_ = std::move(criteria);
    judged_ = std::move(judged);
    rsmi_ = std::move(rsmi);
    diagnostics_ = diagnostics;
    images_ = images;
  }

  std::size_t fold_count() const { return static_cast<std::size_t>(folds_.count); }
  std::size_t candidate_count() const { return candidates_.bandwidths.size() * candidates_.lambdas.size(); }

  // One histogram for all bandwidths, so that the pixels are read once: as fine as the most demanding of them needs. The
  // compression of the kernels is that of the smallest ridge, which keeps the most.
  static std::vector<Plan> make_plans(Options options, Candidates const& candidates, Folds const& folds) {
    validate(options);
    validate(folds);
    auto const& [bandwidths, lambdas] = candidates;
    if (bandwidths.empty() || lambdas.empty()) {
      throw std::invalid_argument("scc::Candidates has " + std::to_string(bandwidths.size()) + " bandwidths and " +
                                  std::to_string(lambdas.size()) + " lambdas; both must have at least one");
    }
    options.basis = Basis::histogram;
    for (double const lambda : lambdas) {
      options.lambda = lambda;
      validate(options);
    }
    options.lambda = *std::min_element(lambdas.begin(), lambdas.end());
    std::vector<Plan> plans;
    int basis_size = 0;
    for (double const bandwidth : bandwidths) {
      options.bandwidth = bandwidth;
      plans.emplace_back(options);
      basis_size = std::max(basis_size, plans.back().basis_size());
    }
    for (Plan& plan : plans) {
      if (plan.basis_size() != basis_size) {
        plan = Plan(plan.options(), basis_size);
      }
    }
    return plans;
  }

  // Adds the criteria of one image: for each bandwidth, each fold against the others, and all pixels against themselves.
  void judge(FoldMoments const& moments, std::vector<double>& criteria, std::vector<double>& rsmi) const {
    struct Memory {
      HeldOutFit fit;
      std::vector<double> fitted, judged;
    };
    int const threads = cpu::thread_count();
    std::vector<Memory> memory(static_cast<std::size_t>(threads));
    for (Memory& of_thread : memory) {
      for (Plan const& plan : plans_) {
        of_thread.fit.reserve(plan.view());
      }
      of_thread.fitted.resize(moments.bin_count());
      of_thread.judged.resize(moments.bin_count());
    }
    std::size_t const ridges = candidates_.lambdas.size();
    auto const tasks = static_cast<std::int64_t>(plans_.size() * (fold_count() + 1));
    cpu::parallel_for(tasks, threads, [&](std::int64_t task, int thread) {
      auto const bandwidth = static_cast<std::size_t>(task) / (fold_count() + 1);
      auto const fold = static_cast<std::size_t>(task) % (fold_count() + 1);
      auto& [fit, fitted, judged] = memory[static_cast<std::size_t>(thread)];
      bool const is_whole = fold == fold_count();
      if (!is_whole && !moments.can_judge(static_cast<int>(fold))) {
        return;
      }
      if (is_whole) {
        moments.of_all(fitted.data());
      } else {
        moments.of_others(static_cast<int>(fold), fitted.data());
        moments.of_fold(static_cast<int>(fold), judged.data());
      }
      fit.assemble(plans_[bandwidth].view(), fitted.data(), is_whole ? fitted.data() : judged.data());
      for (std::size_t ridge = 0; ridge < ridges; ++ridge) {
        double const criterion = fit.criterion(candidates_.lambdas[ridge]);
        std::size_t const candidate = bandwidth * ridges + ridge;
        if (is_whole) {
          rsmi[candidate] += -1 - 2 * criterion;
        } else {
          criteria[fold * candidate_count() + candidate] += criterion;
        }
      }
    });
  }

  Options options_;
  Candidates candidates_;
  Folds folds_;
  cpu::Instructions instructions_;
  std::vector<Plan> plans_;  // [bandwidths]
  FoldMoments moments_;
  std::vector<double> criteria_;      // [folds, candidates] sums over images
  std::vector<std::int64_t> judged_;  // [folds] images that have weight in and outside of the fold
  std::vector<double> rsmi_;          // [candidates] sums over images
  Diagnostics diagnostics_;
  std::int64_t images_ = 0;
};

}  // namespace scc
