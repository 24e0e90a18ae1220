// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The step between the two passes over the pixels: moments of one image -> h, H, alpha, rSMI and d rSMI / d moments.
///
/// Written once for both backends. A Team is the group of threads that solves one image: one thread on the CPU, a block on
/// the GPU. It numbers its threads (rank, size), arranges them in rows and columns, and sync() is its barrier. All of a
/// team's threads call these functions with the same arguments.

#pragma once

#include <cfloat>
#include <cmath>
#include <cstddef>

#include "../config.hpp"
#include "../plan/plan_view.hpp"

namespace scc {

/// The team of the CPU backend: one thread.
struct SerialTeam {
  /// Rows and columns of the tile of a matrix product that a thread works on at a time, for the sake of SIMD.
  static constexpr int tile_rows = 4;
  static constexpr int tile_columns = 8;  ///< Likewise

  static constexpr int rank() { return 0; }     ///< Number of this thread
  static constexpr int size() { return 1; }     ///< Number of threads
  static constexpr int row() { return 0; }      ///< Its row
  static constexpr int rows() { return 1; }     ///< Number of rows
  static constexpr int column() { return 0; }   ///< Its column
  static constexpr int columns() { return 1; }  ///< Number of columns
  static void sync() {}                         ///< The barrier
};

/// The intermediate results of a solve, all in one array of doubles. Matrices are row-major.
struct SolveScratch {
  double* margin_x;    ///< [B] mean b_a(x)
  double* margin_y;    ///< [B] mean b_b(y)
  double* mean_x;      ///< [r] mean psi_i(x)
  double* mean_y;      ///< [r] mean psi_j(y)
  double* second_x;    ///< [products] mean psi_i psi_i'(x)
  double* second_y;    ///< [products] mean psi_j psi_j'(y)
  double* half_joint;  ///< [products, B] mean psi_i psi_i'(x) b_b(y); in the gradient its counterpart
  double* joint;       ///< [products, products] H as a table over (s, t); in the gradient, d rSMI / d of it, negative
  double* system;      ///< [unknowns, unknowns] A = H + lambda I, upper half, then its factor R, A = R^T R
  double* h;           ///< [unknowns]
  double* alpha;       ///< [unknowns] A^{-1} h
  double* g;           ///< [unknowns] A^{-1} alpha
  double* gradient_x;  ///< [B] d rSMI / d margin_x
  double* gradient_y;  ///< [B] d rSMI / d margin_y
  double* weight_x;    ///< [r] d rSMI / d mean_x
  double* weight_y;    ///< [r] d rSMI / d mean_y
  double* weight_xx;   ///< [products] d rSMI / d second_x, negative, over beta
  double* weight_yy;   ///< [products] d rSMI / d second_y, negative, over beta

  /// Without memory.
  SolveScratch() = default;
  /// In `memory` [size(plan)].
  SCC_HOST_DEVICE SolveScratch(PlanView const& plan, double* memory) { carve(plan, memory); }

  /// Number of doubles that a solve with this plan needs.
  SCC_HOST_DEVICE static std::size_t size(PlanView const& plan) { return SolveScratch().carve(plan, nullptr); }

private:
  // One list for the size and for the pointers, so that they cannot disagree.
  SCC_HOST_DEVICE std::size_t carve(PlanView const& plan, double* memory) {
    auto const basis = static_cast<std::size_t>(plan.basis_size);
    auto const functions = static_cast<std::size_t>(plan.functions);
    auto const products = static_cast<std::size_t>(plan.products);
    auto const unknowns = static_cast<std::size_t>(plan.unknowns);
    std::size_t used = 0;
    auto const take = [&](double*& part, std::size_t count) {
      part = memory == nullptr ? nullptr : memory + used;
      used += count;
    };
    take(margin_x, basis);
    take(margin_y, basis);
    take(mean_x, functions);
    take(mean_y, functions);
    take(second_x, products);
    take(second_y, products);
    take(half_joint, products * basis);
    take(joint, products * products);
    take(system, unknowns * unknowns);
    take(h, unknowns);
    take(alpha, unknowns);
    take(g, unknowns);
    take(gradient_x, basis);
    take(gradient_y, basis);
    take(weight_x, functions);
    take(weight_y, functions);
    take(weight_xx, products);
    take(weight_yy, products);
    return used;
  }
};

namespace detail {

/// a^T b, in four sums that do not wait for each other.
SCC_HOST_DEVICE inline double dot(double const* a, double const* b, int size) {
  double sum[4] = {0, 0, 0, 0};
  int k = 0;
  for (; k + 4 <= size; k += 4) {
    SCC_UNROLL
    for (int lane = 0; lane < 4; ++lane) {
      sum[lane] += a[k + lane] * b[k + lane];
    }
  }
  for (; k < size; ++k) {
    sum[0] += a[k] * b[k];
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// out [rows] = matrix [rows, columns] times vector [columns].
template <class Team>
SCC_HOST_DEVICE void multiply(Team const& team, double const* matrix, int rows, int columns, double const* vector,
                              double* out) {
  for (int row = team.rank(); row < rows; row += team.size()) {
    out[row] = dot(matrix + row * columns, vector, columns);
  }
}

/// Calls store(row, column, sum over k < depth(column) of left(row, k) right[k, column]) for each element of a matrix
/// product [rows, columns].
///
/// @param depth  Nowhere larger than in the columns before.
template <class Team, class Depth, class Left, class Store>
SCC_HOST_DEVICE void multiply(Team const& team, int rows, int columns, Depth const& depth, Left const& left,
                              double const* right, Store const& store) {
  constexpr int height = Team::tile_rows, width = Team::tile_columns;
  for (int column = team.column() * width; column < columns; column += team.columns() * width) {
    int const end = depth(column);
    for (int row = team.row() * height; row < rows; row += team.rows() * height) {
      double sum[height][width] = {};
      int const tile_rows = rows - row < height ? rows - row : height;
      int const tile_columns = columns - column < width ? columns - column : width;
      if (tile_rows == height && tile_columns == width) {
        for (int k = 0; k < end; ++k) {
          SCC_UNROLL
          for (int i = 0; i < height; ++i) {
            double const factor = left(row + i, k);
            SCC_UNROLL
            for (int j = 0; j < width; ++j) {
              sum[i][j] += factor * right[k * columns + column + j];
            }
          }
        }
      } else {
        for (int k = 0; k < end; ++k) {
          for (int i = 0; i < tile_rows; ++i) {
            double const factor = left(row + i, k);
            for (int j = 0; j < tile_columns; ++j) {
              sum[i][j] += factor * right[k * columns + column + j];
            }
          }
        }
      }
      for (int i = 0; i < tile_rows; ++i) {
        for (int j = 0; j < tile_columns; ++j) {
          store(row + i, column + j, sum[i][j]);
        }
      }
    }
  }
}

/// R^T R = A in place, upper half. A pivot that is not positive and finite makes everything after it NaN.
template <class Team>
SCC_HOST_DEVICE void cholesky(Team const& team, double* a, int size) {
  for (int k = 0; k < size; ++k) {
    double* const row = a + static_cast<std::size_t>(k) * static_cast<std::size_t>(size);
    double const pivot = row[k];
    double const root = pivot > 0 && pivot <= DBL_MAX ? std::sqrt(pivot) : static_cast<double>(NAN);
    team.sync();  // all have read the pivot before it is overwritten
    for (int j = k + team.rank(); j < size; j += team.size()) {
      row[j] = j == k ? root : row[j] / root;
    }
    team.sync();
    for (int i = k + 1 + team.row(); i < size; i += team.rows()) {
      double const factor = row[i];
      double* const target = a + static_cast<std::size_t>(i) * static_cast<std::size_t>(size);
      for (int j = i + team.column(); j < size; j += team.columns()) {
        target[j] -= factor * row[j];
      }
    }
    team.sync();
  }
}

/// x = (R^T R)^{-1} b; x and b may be the same.
template <class Team>
SCC_HOST_DEVICE void solve_factored(Team const& team, double const* r, int size, double const* b, double* x) {
  auto const at = [&](int i, int j) {
    return r[static_cast<std::size_t>(i) * static_cast<std::size_t>(size) + static_cast<std::size_t>(j)];
  };
  for (int k = team.rank(); k < size; k += team.size()) {
    x[k] = b[k];
  }
  team.sync();
  for (int k = 0; k < size; ++k) {  // R^T z = b
    double const z = x[k] / at(k, k);
    team.sync();
    for (int j = k + team.rank(); j < size; j += team.size()) {
      x[j] = j == k ? z : x[j] - at(k, j) * z;
    }
    team.sync();
  }
  for (int k = size - 1; k >= 0; --k) {  // R x = z
    double const solution = x[k] / at(k, k);
    team.sync();
    for (int j = team.rank(); j <= k; j += team.size()) {
      x[j] = j == k ? solution : x[j] - at(j, k) * solution;
    }
    team.sync();
  }
}

}  // namespace detail

/// Moments -> h and A = H + lambda I of the compressed system.
///
///     h_(i,j)          = mean psi_i(x) mean psi_j(y)
///     H_(i,j),(i',j')  = beta mean psi_i psi_i'(x) mean psi_j psi_j'(y) + (1 - beta) mean psi_i psi_i'(x) psi_j psi_j'(y)
///
/// @param team     The threads that solve the image.
/// @param plan     In memory that the team can read.
/// @param moments  [B, B] means of b_a(x) b_b(y) over the pixels.
/// @param scratch  Memory of the team; h and A are left there.
template <class Team>
SCC_HOST_DEVICE void assemble_system(Team const& team, PlanView const& plan, double const* moments,
                                     SolveScratch const& scratch) {
  int const basis = plan.basis_size;
  int const products = plan.products;
  int const unknowns = plan.unknowns;

  for (int a = team.rank(); a < basis; a += team.size()) {
    double sum_x = 0, sum_y = 0;
    for (int b = 0; b < basis; ++b) {
      sum_x += moments[a * basis + b] * plan.one[b];
      sum_y += moments[b * basis + a] * plan.one[b];
    }
    scratch.margin_x[a] = sum_x;
    scratch.margin_y[a] = sum_y;
  }
  detail::multiply(
    team, products, basis, [&](int b) { return plan.row_length(b); },
    [&](int s, int a) { return plan.psi_psi[s * basis + a]; }, moments,
    [&](int s, int b, double sum) { scratch.half_joint[s * basis + b] = sum; });
  team.sync();
  detail::multiply(team, plan.psi, plan.functions, basis, scratch.margin_x, scratch.mean_x);
  detail::multiply(team, plan.psi, plan.functions, basis, scratch.margin_y, scratch.mean_y);
  detail::multiply(team, plan.psi_psi, products, basis, scratch.margin_x, scratch.second_x);
  detail::multiply(team, plan.psi_psi, products, basis, scratch.margin_y, scratch.second_y);
  team.sync();

  for (int s = team.row(); s < products; s += team.rows()) {
    for (int t = team.column(); t < products; t += team.columns()) {
      if (plan.has_entries(s, t)) {
        double const mean = detail::dot(scratch.half_joint + s * basis, plan.psi_psi + t * basis, basis);
        scratch.joint[s * products + t] =
          plan.beta * scratch.second_x[s] * scratch.second_y[t] + (1 - plan.beta) * mean;
      }
    }
  }
  team.sync();

  for (int row = team.row(); row < unknowns; row += team.rows()) {
    int const i = plan.unknown_i[row];
    int const j = plan.unknown_j[row];
    for (int column = row + team.column(); column < unknowns; column += team.columns()) {
      int const s = product_index(i, plan.unknown_i[column]);
      int const t = product_index(j, plan.unknown_j[column]);
      double const ridge = row == column ? plan.lambda : 0;
      scratch
        .system[static_cast<std::size_t>(row) * static_cast<std::size_t>(unknowns) + static_cast<std::size_t>(column)] =
        scratch.joint[s * products + t] + ridge;
    }
  }
  for (int row = team.rank(); row < unknowns; row += team.size()) {
    scratch.h[row] = scratch.mean_x[plan.unknown_i[row]] * scratch.mean_y[plan.unknown_j[row]];
  }
  team.sync();
}

/// h and A -> alpha = A^{-1} h, g = A^{-1} alpha, and rSMI, which every thread of the team gets.
///
///     rSMI = 2 alpha^T h - alpha^T H alpha - 1 = alpha^T h + lambda alpha^T alpha - 1  (eq. 7, with H = A - lambda I)
template <class Team>
SCC_HOST_DEVICE double fit_density_ratio(Team const& team, PlanView const& plan, SolveScratch const& scratch) {
  detail::cholesky(team, scratch.system, plan.unknowns);
  detail::solve_factored(team, scratch.system, plan.unknowns, scratch.h, scratch.alpha);
  detail::solve_factored(team, scratch.system, plan.unknowns, scratch.alpha, scratch.g);
  double rsmi = -1;
  for (int l = 0; l < plan.unknowns; ++l) {
    rsmi += scratch.alpha[l] * (scratch.h[l] + plan.lambda * scratch.alpha[l]);
  }
  return rsmi;
}

/// alpha and g -> d rSMI / d M_ab, the coefficients of the pixels' gradient.
///
///     d rSMI = u^T dh - w^T dH alpha,    u = 2 (alpha + lambda g),    w = alpha + 2 lambda g
///
/// @param team            The threads that solve the image.
/// @param plan            In memory that the team can read.
/// @param scratch         As fit_density_ratio() left it.
/// @param drsmi_dmoments  [B, B] out; entries beyond row_length(a) are set to 0.
template <class Team>
SCC_HOST_DEVICE void differentiate(Team const& team, PlanView const& plan, SolveScratch const& scratch,
                                   double* drsmi_dmoments) {
  int const basis = plan.basis_size;
  int const functions = plan.functions;
  int const products = plan.products;
  double const lambda = plan.lambda;
  auto const u = [&](int l) { return 2 * (scratch.alpha[l] + lambda * scratch.g[l]); };
  auto const w = [&](int l) { return scratch.alpha[l] + 2 * lambda * scratch.g[l]; };
  auto const unknown = [&](int i, int j) { return plan.first_unknown[i] + j; };

  for (int i = team.rank(); i < functions; i += team.size()) {
    double sum_x = 0, sum_y = 0;
    for (int j = 0; j < plan.kept[i]; ++j) {
      sum_x += u(unknown(i, j)) * scratch.mean_y[j];
      sum_y += u(unknown(j, i)) * scratch.mean_x[j];
    }
    scratch.weight_x[i] = sum_x;
    scratch.weight_y[i] = sum_y;
  }

  // The symmetric part of w alpha^T, summed over the entries of H that share the mean over psi_i psi_k (x) psi_j psi_l (y).
  for (int s = team.row(); s < products; s += team.rows()) {
    int const i = plan.product_i[s], k = plan.product_k[s];
    for (int t = team.column(); t < products; t += team.columns()) {
      double weight = 0;
      if (plan.has_entries(s, t)) {
        int const j = plan.product_i[t], l = plan.product_k[t];
        auto const symmetric = [&](int first, int second) {
          return 0.5 * (w(first) * scratch.alpha[second] + scratch.alpha[first] * w(second));
        };
        double sum = symmetric(unknown(i, l), unknown(k, j));
        if (j < plan.kept[i]) {
          sum += symmetric(unknown(i, j), unknown(k, l));
        }
        weight = 0.5 * (i == k ? 1 : 2) * (j == l ? 1 : 2) * sum;
      }
      scratch.joint[s * products + t] = weight;
    }
  }
  team.sync();
  for (int s = team.rank(); s < products; s += team.size()) {
    double sum_x = 0, sum_y = 0;
    for (int t = 0; t < products; ++t) {
      sum_x += scratch.joint[s * products + t] * scratch.second_y[t];
      sum_y += scratch.joint[t * products + s] * scratch.second_x[t];
    }
    scratch.weight_xx[s] = sum_x;
    scratch.weight_yy[s] = sum_y;
  }
  detail::multiply(
    team, products, basis, [&](int) { return products; }, [&](int s, int t) { return scratch.joint[s * products + t]; },
    plan.psi_psi, [&](int s, int b, double sum) { scratch.half_joint[s * basis + b] = sum; });
  team.sync();
  for (int b = team.rank(); b < basis; b += team.size()) {
    double sum_x = 0, sum_y = 0;
    for (int i = 0; i < functions; ++i) {
      sum_x += plan.psi[i * basis + b] * scratch.weight_x[i];
      sum_y += plan.psi[i * basis + b] * scratch.weight_y[i];
    }
    double product_x = 0, product_y = 0;
    for (int s = 0; s < products; ++s) {
      product_x += plan.psi_psi[s * basis + b] * scratch.weight_xx[s];
      product_y += plan.psi_psi[s * basis + b] * scratch.weight_yy[s];
    }
    scratch.gradient_x[b] = sum_x - plan.beta * product_x;
    scratch.gradient_y[b] = sum_y - plan.beta * product_y;
  }
  team.sync();
  detail::multiply(
    team, basis, basis, [&](int) { return products; }, [&](int a, int s) { return plan.psi_psi[s * basis + a]; },
    scratch.half_joint,
    [&](int a, int b, double joint) {
      double const margins = scratch.gradient_x[a] * plan.one[b] + plan.one[a] * scratch.gradient_y[b];
      drsmi_dmoments[a * basis + b] = b < plan.row_length(a) ? margins - (1 - plan.beta) * joint : 0;
    });
}

/// The whole solve of one image.
///
/// @param team            The threads that solve the image.
/// @param plan            In memory that the team can read.
/// @param moments         [B, B] means of b_a(x) b_b(y).
/// @param scratch         Memory of the team; afterwards holds h and alpha of the compressed system.
/// @param drsmi_dmoments  [B, B] out.
/// @return rSMI; NaN, and NaN in all outputs, if A could not be factorised.
template <class Team>
SCC_HOST_DEVICE double solve(Team const& team, PlanView const& plan, double const* moments, SolveScratch const& scratch,
                             double* drsmi_dmoments) {
  assemble_system(team, plan, moments, scratch);
  double const rsmi = fit_density_ratio(team, plan, scratch);
  differentiate(team, plan, scratch, drsmi_dmoments);
  return rsmi;
}

}  // namespace scc
