// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The criterion of cross-validation from moments: the ratio is fitted on the pixels of some folds and judged on
/// those of another. No pixels here; for each ridge one small factorisation.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "../estimator/solve.hpp"
#include "../plan/plan_view.hpp"

namespace scc {

/// Fits of the density ratio on the moments of one set of pixels, judged on the moments of another.
///
/// Least-squares density ratio fitting minimises E_P[(r - r*)^2] / 2, which is, up to a constant that no candidate
/// changes (Kanamori et al. 2009; Yamada et al. 2013),
///
///     J = (1/2) alpha^T H alpha - h^T alpha,        rSMI^ = -1 - 2 J  with the h and H that J is taken with
class HeldOutFit {
public:
  /// Makes room for a plan: afterwards the functions below allocate nothing for it.
  void reserve(PlanView const& plan) {
    auto const unknowns = static_cast<std::size_t>(plan.unknowns);
    grow(solve_, SolveScratch::size(plan));
    grow(fitted_system_, unknowns * unknowns);
    grow(judged_system_, unknowns * unknowns);
    grow(judged_h_, unknowns);
  }

  /// Takes h and H from the moments of both sets of pixels.
  ///
  /// @param plan    Of the bandwidth, which reserve() has seen; it must outlive the calls of criterion(). Its lambda is not
  ///                used.
  /// @param fitted  [B, B] moments of the pixels that alpha is fitted on.
  /// @param judged  [B, B] moments of the pixels that the fit is judged on.
  void assemble(PlanView const& plan, double const* fitted, double const* judged) {
    plan_ = plan;
    plan_.lambda = 0;
    scratch_ = SolveScratch(plan_, solve_.data());
    assemble_system(SerialTeam{}, plan_, judged, scratch_);
    std::copy(scratch_.system, scratch_.system + system_size(), judged_system_.begin());
    std::copy(scratch_.h, scratch_.h + plan_.unknowns, judged_h_.begin());
    assemble_system(SerialTeam{}, plan_, fitted, scratch_);
    std::copy(scratch_.system, scratch_.system + system_size(), fitted_system_.begin());
  }

  /// J on the judged pixels of alpha = (H + lambda I)^{-1} h of the fitted ones.
  ///
  /// NaN if lambda is lost in the errors of H: if H + lambda I could not be factorised, or J is where none can be. Since
  /// S <= P / beta, J >= -E_P[(S / P)^2] / 2 >= -1 / (2 beta) for every alpha.
  double criterion(double lambda) {
    auto const unknowns = static_cast<std::size_t>(plan_.unknowns);
    plan_.lambda = lambda;
    std::copy(fitted_system_.begin(), fitted_system_.begin() + static_cast<std::ptrdiff_t>(system_size()),
              scratch_.system);
    for (std::size_t l = 0; l < unknowns; ++l) {
      scratch_.system[l * unknowns + l] += lambda;
    }
    std::copy(scratch_.h, scratch_.h + unknowns, scratch_.z);
    fit_density_ratio(SerialTeam{}, plan_, scratch_);
    double sum = 0;
    for (std::size_t row = 0; row < unknowns; ++row) {
      // H is symmetric, and only its upper half is there.
      double const* const entries = judged_system_.data() + row * unknowns;
      double product = 0.5 * entries[row] * scratch_.alpha[row];
      for (std::size_t column = row + 1; column < unknowns; ++column) {
        product += entries[column] * scratch_.alpha[column];
      }
      sum += scratch_.alpha[row] * (product - judged_h_[row]);
    }
    constexpr double slack = 1.001;  // of the basis, in H itself
    bool const is_possible = sum >= -slack / (2 * plan_.beta);
    return is_possible ? sum : static_cast<double>(NAN);
  }

private:
  std::size_t system_size() const {
    return static_cast<std::size_t>(plan_.unknowns) * static_cast<std::size_t>(plan_.unknowns);
  }
  static void grow(std::vector<double>& buffer, std::size_t size) { buffer.resize(std::max(buffer.size(), size)); }

  PlanView plan_{};
  SolveScratch scratch_{};
  std::vector<double> solve_, fitted_system_, judged_system_, judged_h_;
};

}  // namespace scc
