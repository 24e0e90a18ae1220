// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The step between the two passes over the pixels: moments of one image -> h, H, alpha, rSMI and d rSMI / d moments.
///
/// Written once for both backends. A Team is the group of threads that solves one image: one thread on the CPU, a block on
/// the GPU. It numbers its threads (rank, size), arranges them in rows and columns, and sync() is its barrier. All of a
/// team's threads call these functions with the same arguments.
///
/// A Number is a double, or a SIMD vector of them with an image in each lane: it is added, subtracted, and multiplied with
/// others and with doubles. Nothing branches on a Number; what depends on its value is in inverse_pivot(), which a vector
/// has an overload of.

#pragma once

#include <cfloat>
#include <cmath>
#include <cstddef>

#include "../config.hpp"
#include "../plan/plan_view.hpp"

namespace scc {

/// The threads of a team as rows and columns: a thread works on the elements (row + i rows, column + j columns).
struct Arrangement {
  int row;      ///< Row of this thread
  int rows;     ///< Number of rows
  int column;   ///< Column of this thread
  int columns;  ///< Number of columns
};

/// The team of the CPU backend: one thread.
struct SerialTeam {
  /// What holds neighbouring sums of a row of a matrix product: one of them.
  template <class Number>
  using Row = Number;
  /// Height and width, in Rows, of the tile of a matrix product that a thread works on at a time.
  static constexpr int tile_rows = 4;
  static constexpr int tile_columns = 2;  ///< Likewise

  static constexpr int rank() { return 0; }  ///< Number of this thread
  static constexpr int size() { return 1; }  ///< Number of threads
  /// The threads in rows of as many columns as a matrix has, if there are so many threads.
  static constexpr Arrangement arrange(int /*columns*/) { return {0, 1, 0, 1}; }
  static void sync() {}  ///< The barrier
};

/// The intermediate results of a solve, all in one array of numbers. Matrices are row-major.
template <class Number>
struct BasicSolveScratch {
  Number* moments;     ///< [B, B] chebyshev basis: room for the moments, for a caller that has them nowhere else
  Number* margin_x;    ///< [B] mean b_a(x)
  Number* margin_y;    ///< [B] mean b_b(y)
  Number* mean_x;      ///< [r] mean psi_i(x)
  Number* mean_y;      ///< [r] mean psi_j(y)
  Number* second_x;    ///< [products] mean psi_i psi_i'(x)
  Number* second_y;    ///< [products] mean psi_j psi_j'(y)
  Number* half_joint;  ///< [products, B] mean psi_i psi_i'(x) b_b(y); in the gradient its counterpart
  Number* joint;       ///< [products, products] d rSMI / d H as a table over the products (s, t), negative
  Number* system;      ///< [unknowns, unknowns] A = H + lambda I, then D R, A = R^T D R, and its mirror image
  Number* h;           ///< [unknowns]
  Number* inverse;     ///< [unknowns] D^{-1}, the reciprocals of the pivots
  Number* z;           ///< [unknowns] R^{-T} h, then R^{-T} alpha
  Number* alpha;       ///< [unknowns] A^{-1} h
  Number* g;           ///< [unknowns] A^{-1} alpha
  Number* gradient_x;  ///< [B] d rSMI / d margin_x
  Number* gradient_y;  ///< [B] d rSMI / d margin_y
  Number* weight_x;    ///< [r] d rSMI / d mean_x
  Number* weight_y;    ///< [r] d rSMI / d mean_y
  Number* weight_xx;   ///< [products] d rSMI / d second_x, negative, over beta
  Number* weight_yy;   ///< [products] d rSMI / d second_y, negative, over beta

  /// Without memory.
  BasicSolveScratch() = default;
  /// In `memory` [size(plan)].
  SCC_HOST_DEVICE BasicSolveScratch(PlanView const& plan, Number* memory) {
    carve(plan, [&](Number*& part, std::size_t count) {
      part = memory;
      memory += count;
    });
  }

  /// Count of numbers that a solve with this plan needs.
  SCC_HOST_DEVICE static std::size_t size(PlanView const& plan) {
    std::size_t sum = 0;
    BasicSolveScratch().carve(plan, [&](Number*&, std::size_t count) { sum += count; });
    return sum;
  }

private:
  // One list for the size and for the pointers, so that they cannot disagree.
  template <class Take>
  SCC_HOST_DEVICE void carve(PlanView const& plan, Take const& take) {
    auto const basis = static_cast<std::size_t>(plan.basis_size);
    auto const functions = static_cast<std::size_t>(plan.functions);
    auto const products = static_cast<std::size_t>(plan.products);
    auto const unknowns = static_cast<std::size_t>(plan.unknowns);
    take(moments, plan.basis == Basis::chebyshev ? basis * basis : 0);
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
    take(inverse, unknowns);
    take(z, unknowns);
    take(alpha, unknowns);
    take(g, unknowns);
    take(gradient_x, basis);
    take(gradient_y, basis);
    take(weight_x, functions);
    take(weight_y, functions);
    take(weight_xx, products);
    take(weight_yy, products);
  }
};

/// Of a solve of one image.
using SolveScratch = BasicSolveScratch<double>;

/// Whether a matrix with this pivot may be positive definite: it is positive and finite.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE bool is_usable_pivot(double pivot) { return pivot > 0 && pivot <= DBL_MAX; }

/// 1 / pivot of a usable pivot.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE double reciprocal_of_pivot(double pivot) {
#if defined(__CUDA_ARCH__)
  // The processor's approximation has 20 bits; the step after it has three times as many. A division has a branch, too,
  // for numbers that a pivot cannot be.
  double approximation;
  asm("rcp.approx.ftz.f64 %0, %1;" : "=d"(approximation) : "d"(pivot));
  double const error = fma(-pivot, approximation, 1.0);
  return fma(approximation, fma(error, error, error), approximation);
#else
  return 1 / pivot;
#endif
}

/// 1 / pivot; of a pivot that is not usable NaN, which makes all results NaN.
SCC_HOST_DEVICE SCC_ALWAYS_INLINE double inverse_pivot(double pivot) {
  return is_usable_pivot(pivot) ? reciprocal_of_pivot(pivot) : static_cast<double>(NAN);
}

namespace detail {

/// sum over k < count of term(k), in four sums that do not wait for each other.
template <class Number, class Term>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE Number sum_of(int count, Term const& term) {
  Number sum[4] = {};
  int k = 0;
#if defined(__CUDA_ARCH__)
  for (; k + 8 <= count; k += 8) {  // as many loads are under way at a time
    SCC_UNROLL
    for (int lane = 0; lane < 8; ++lane) {
      sum[lane % 4] += term(k + lane);
    }
  }
#endif
  for (; k + 4 <= count; k += 4) {
    SCC_UNROLL
    for (int lane = 0; lane < 4; ++lane) {
      sum[lane] += term(k + lane);
    }
  }
  for (; k < count; ++k) {
    sum[0] += term(k);
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// A tile of multiply(): `Height` rows, of which those beyond the last one are the last one, so that nothing branches, and
/// `Width` Rows, each a Number or a SIMD vector of them.
template <class Number, class Row, int Height, int Width, class Left, class Right, class Store>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void multiply_tile(int row, int rows, int column, int columns, int depth,
                                                     Left const& left, Right const* right, Store const& store) {
  constexpr int unrolled = Width == 1 ? 8 : 1;  // steps, so that as many loads are under way
  // NOLINTNEXTLINE(bugprone-sizeof-expression): Row may be a vector of Numbers
  constexpr int lanes = sizeof(Row) / sizeof(Number);
  Row sum[Height][Width] = {};
  auto const add = [&](int k) SCC_INLINE_LAMBDA {
    Right const* const factors = right + k * columns + column;
    SCC_UNROLL
    for (int i = 0; i < Height; ++i) {
      auto const factor = left(row + i < rows ? row + i : rows - 1, k);
      SCC_UNROLL
      for (int j = 0; j < Width; ++j) {
        if constexpr (lanes == 1) {
          sum[i][j] += factor * factors[j];
        } else {
          sum[i][j].add_product(Row::broadcast(factor), Row::load_unaligned(factors + j * lanes));
        }
      }
    }
  };
  int k = 0;
  for (; k + unrolled <= depth; k += unrolled) {
    SCC_UNROLL
    for (int n = 0; n < unrolled; ++n) {
      add(k + n);
    }
  }
  for (; k < depth; ++k) {
    add(k);
  }
  SCC_UNROLL
  for (int i = 0; i < Height; ++i) {
    if (row + i < rows) {
      SCC_UNROLL
      for (int j = 0; j < Width; ++j) {
        if constexpr (lanes == 1) {
          store(row + i, column + j, sum[i][j]);
        } else {
          alignas(Row) Number values[lanes];
          sum[i][j].store(values);
          SCC_UNROLL
          for (int lane = 0; lane < lanes; ++lane) {
            store(row + i, column + j * lanes + lane, values[lane]);
          }
        }
      }
    }
  }
}

/// Calls store(row, column, sum over k < depth(row, column) of left(row, k) right[k, column]) for each element of a
/// matrix product [rows, columns].
///
/// @param depth  Nowhere larger than in the rows and columns before. A tile takes that of its first element.
template <class Number, class Team, class Depth, class Left, class Right, class Store>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void multiply(Team const& team, int rows, int columns, Depth const& depth,
                                                Left const& left, Right const* right, Store const& store) {
  using Row = typename Team::template Row<Number>;
  constexpr int height = Team::tile_rows;
  // NOLINTNEXTLINE(bugprone-sizeof-expression): Row may be a vector of Numbers
  constexpr int width = Team::tile_columns * static_cast<int>(sizeof(Row) / sizeof(Number));
  Arrangement const threads = team.arrange((columns + width - 1) / width);
  for (int column = threads.column * width; column < columns; column += threads.columns * width) {
    for (int row = threads.row * height; row < rows; row += threads.rows * height) {
      if (width == 1 || column + width <= columns) {
        multiply_tile<Number, Row, height, Team::tile_columns>(row, rows, column, columns, depth(row, column), left,
                                                               right, store);
      } else {
        for (int k = column; k < columns; ++k) {
          multiply_tile<Number, Number, height, 1>(row, rows, k, columns, depth(row, k), left, right, store);
        }
      }
    }
  }
}

/// A = R^T D R, R with a diagonal of 1, and b -> R^{-T} b on the way.
///
/// @param a        [size, size] A, of which the upper half is read; then D R in the upper half, and its mirror image in
///                 the lower one, so that both sweeps go along rows. The diagonal is D.
/// @param inverse  [size] out: D^{-1}.
/// @param b        [size] a right side, in place.
template <class Team, class Number>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void factorise(Team const& team, Number* a, int size, Number* inverse, Number* b) {
  auto const row_of = [&](int i)
                        SCC_INLINE_LAMBDA { return a + static_cast<std::size_t>(i) * static_cast<std::size_t>(size); };
  Arrangement const threads = team.arrange(32);
  for (int k = 0; k < size; ++k) {
    Number* const row = row_of(k);
    Number const inverse_k = inverse_pivot(row[k]);
    if (team.rank() == 0) {
      inverse[k] = inverse_k;
    }
    Number const solved = b[k] * inverse_k;
    for (int j = k + 1 + team.rank(); j < size; j += team.size()) {
      b[j] -= row[j] * solved;
      row_of(j)[k] = row[j];
    }
    for (int i = k + 1 + threads.row; i < size; i += threads.rows) {
      Number const factor = row[i] * inverse_k;
      Number* const target = row_of(i);
      for (int j = i + threads.column; j < size; j += threads.columns) {
        target[j] -= factor * row[j];
      }
    }
    team.sync();
  }
}

/// b -> R^{-T} b in place.
template <class Team, class Number>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void sweep_forward(Team const& team, Number const* factor, int size,
                                                     Number const* inverse, Number* b) {
  for (int k = 0; k < size; ++k) {
    Number const* const row = factor + static_cast<std::size_t>(k) * static_cast<std::size_t>(size);
    Number const solved = b[k] * inverse[k];
    for (int j = k + 1 + team.rank(); j < size; j += team.size()) {
      b[j] -= row[j] * solved;
    }
    team.sync();
  }
}

/// x = (D R)^{-1} z; z is used up.
template <class Team, class Number>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void sweep_back(Team const& team, Number const* factor, int size,
                                                  Number const* inverse, Number* z, Number* x) {
  for (int k = size - 1; k >= 0; --k) {
    Number const* const row = factor + static_cast<std::size_t>(k) * static_cast<std::size_t>(size);
    Number const solved = z[k] * inverse[k];
    if (team.rank() == 0) {
      x[k] = solved;
    }
    for (int j = team.rank(); j < k; j += team.size()) {
      z[j] -= row[j] * solved;
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
/// @param scratch  Memory of the team; h, in z, too, and A, both halves, are left there.
template <class Team, class Number>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void assemble_system(Team const& team, PlanView const& plan, Number const* moments,
                                                       BasicSolveScratch<Number> const& scratch) {
  int const basis = plan.basis_size;
  int const functions = plan.functions;
  int const products = plan.products;
  int const unknowns = plan.unknowns;

  for (int a = team.rank(); a < 2 * basis; a += team.size()) {
    if (a < basis) {
      scratch.margin_x[a] =
        detail::sum_of<Number>(basis, [&](int b) SCC_INLINE_LAMBDA { return moments[a * basis + b] * plan.one[b]; });
    } else {
      scratch.margin_y[a - basis] = detail::sum_of<Number>(
        basis, [&](int b) SCC_INLINE_LAMBDA { return moments[b * basis + a - basis] * plan.one[b]; });
    }
  }
  detail::multiply<Number>(
    team, products, basis, [&](int, int b) SCC_INLINE_LAMBDA { return plan.row_length(b); },
    [&](int s, int a) SCC_INLINE_LAMBDA { return plan.psi_psi[s * basis + a]; }, moments,
    [&](int s, int b, Number const& sum) SCC_INLINE_LAMBDA { scratch.half_joint[s * basis + b] = sum; });
  team.sync();
  for (int k = team.rank(); k < 2 * (functions + products); k += team.size()) {
    bool const is_of_x = k < functions + products;
    int const row = is_of_x ? k : k - (functions + products);
    Number const* const margin = is_of_x ? scratch.margin_x : scratch.margin_y;
    double const* const table = row < functions ? plan.psi + row * basis : plan.psi_psi + (row - functions) * basis;
    Number* const means = is_of_x ? scratch.mean_x : scratch.mean_y;
    Number* const seconds = is_of_x ? scratch.second_x : scratch.second_y;
    Number const mean = detail::sum_of<Number>(basis, [&](int a) SCC_INLINE_LAMBDA { return margin[a] * table[a]; });
    (row < functions ? means[row] : seconds[row - functions]) = mean;
  }
  team.sync();

  // An entry of H is a mean over psi_i psi_k (x) psi_j psi_l (y); those of (i, l), (k, j) and of (i, j), (k, l) share it.
  auto const row_of = [&](int row) SCC_INLINE_LAMBDA {
    return scratch.system + static_cast<std::size_t>(row) * static_cast<std::size_t>(unknowns);
  };
  Arrangement const threads = team.arrange(products);
  for (int s = threads.row; s < products; s += threads.rows) {
    int const i = plan.product_i[s], k = plan.product_k[s];
    for (int t = threads.column; t < products; t += threads.columns) {
      if (plan.has_entries(s, t)) {
        int const j = plan.product_i[t], l = plan.product_k[t];
        Number const mean = detail::sum_of<Number>(basis, [&](int b) SCC_INLINE_LAMBDA {
          return scratch.half_joint[s * basis + b] * plan.psi_psi[t * basis + b];
        });
        Number const entry = plan.beta * scratch.second_x[s] * scratch.second_y[t] + (1 - plan.beta) * mean;
        auto const store = [&](int row, int column) SCC_INLINE_LAMBDA {
          Number const element = row == column ? entry + plan.lambda : entry;
          row_of(row)[column] = element;
          row_of(column)[row] = element;
        };
        store(plan.first_unknown[i] + l, plan.first_unknown[k] + j);
        if (j < plan.kept[i]) {
          store(plan.first_unknown[i] + j, plan.first_unknown[k] + l);
        }
      }
    }
  }
  for (int row = team.rank(); row < unknowns; row += team.size()) {
    scratch.h[row] = scratch.z[row] = scratch.mean_x[plan.unknown_i[row]] * scratch.mean_y[plan.unknown_j[row]];
  }
  team.sync();
}

/// h, in z, too, and A -> alpha = A^{-1} h, g = A^{-1} alpha, and rSMI, which every thread of the team gets.
///
///     rSMI = 2 alpha^T h - alpha^T H alpha - 1 = alpha^T h + lambda alpha^T alpha - 1  (eq. 7, with H = A - lambda I)
template <class Team, class Number>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE Number fit_density_ratio(Team const& team, PlanView const& plan,
                                                           BasicSolveScratch<Number> const& scratch) {
  int const unknowns = plan.unknowns;
  detail::factorise(team, scratch.system, unknowns, scratch.inverse, scratch.z);
  detail::sweep_back(team, scratch.system, unknowns, scratch.inverse, scratch.z, scratch.alpha);
  for (int l = team.rank(); l < unknowns; l += team.size()) {
    scratch.z[l] = scratch.alpha[l];
  }
  team.sync();
  detail::sweep_forward(team, scratch.system, unknowns, scratch.inverse, scratch.z);
  detail::sweep_back(team, scratch.system, unknowns, scratch.inverse, scratch.z, scratch.g);
  return detail::sum_of<Number>(unknowns,
                                [&](int l) SCC_INLINE_LAMBDA {
                                  return scratch.alpha[l] * (scratch.h[l] + plan.lambda * scratch.alpha[l]);
                                }) -
         1.0;
}

/// alpha and g -> d rSMI / d M_ab, the coefficients of the pixels' gradient.
///
///     d rSMI = u^T dh - w^T dH alpha,    u = 2 (alpha + lambda g),    w = alpha + 2 lambda g
///
/// @param team            The threads that solve the image.
/// @param plan            In memory that the team can read.
/// @param scratch         As fit_density_ratio() left it.
/// @param drsmi_dmoments  [B, B] out; entries beyond row_length(a) are set to 0.
template <class Team, class Number>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE void differentiate(Team const& team, PlanView const& plan,
                                                     BasicSolveScratch<Number> const& scratch, Number* drsmi_dmoments) {
  int const basis = plan.basis_size;
  int const functions = plan.functions;
  int const products = plan.products;
  double const lambda = plan.lambda;
  auto const u = [&](int l) SCC_INLINE_LAMBDA { return 2.0 * (scratch.alpha[l] + lambda * scratch.g[l]); };
  auto const unknown = [&](int i, int j) SCC_INLINE_LAMBDA { return plan.first_unknown[i] + j; };

  for (int k = team.rank(); k < 2 * functions; k += team.size()) {
    bool const is_of_x = k < functions;
    int const i = is_of_x ? k : k - functions;
    Number const* const mean = is_of_x ? scratch.mean_y : scratch.mean_x;
    (is_of_x ? scratch.weight_x : scratch.weight_y)[i] = detail::sum_of<Number>(
      plan.kept[i], [&](int j) SCC_INLINE_LAMBDA { return u(is_of_x ? unknown(i, j) : unknown(j, i)) * mean[j]; });
  }

  // The symmetric part of w alpha^T, summed over the entries of H that share the mean over psi_i psi_k (x) psi_j psi_l (y).
  Arrangement const threads = team.arrange(products);
  for (int s = threads.row; s < products; s += threads.rows) {
    int const i = plan.product_i[s], k = plan.product_k[s];
    for (int t = threads.column; t < products; t += threads.columns) {
      Number weight{};
      if (plan.has_entries(s, t)) {
        int const j = plan.product_i[t], l = plan.product_k[t];
        auto const symmetric = [&](int first, int second) SCC_INLINE_LAMBDA {
          return scratch.alpha[first] * scratch.alpha[second] +
                 lambda * (scratch.g[first] * scratch.alpha[second] + scratch.alpha[first] * scratch.g[second]);
        };
        Number sum = symmetric(unknown(i, l), unknown(k, j));
        if (j < plan.kept[i]) {
          sum += symmetric(unknown(i, j), unknown(k, l));
        }
        weight = (0.5 * (i == k ? 1 : 2) * (j == l ? 1 : 2)) * sum;
      }
      scratch.joint[s * products + t] = weight;
    }
  }
  team.sync();
  for (int k = team.rank(); k < 2 * products; k += team.size()) {
    bool const is_of_x = k < products;
    int const s = is_of_x ? k : k - products;
    Number const* const weights = is_of_x ? scratch.joint + s * products : scratch.joint + s;
    Number const* const second = is_of_x ? scratch.second_y : scratch.second_x;
    int const step = is_of_x ? 1 : products;
    (is_of_x ? scratch.weight_xx : scratch.weight_yy)[s] =
      detail::sum_of<Number>(products, [&](int t) SCC_INLINE_LAMBDA { return weights[t * step] * second[t]; });
  }
  detail::multiply<Number>(
    team, products, basis, [&](int, int) SCC_INLINE_LAMBDA { return products; },
    [&](int s, int t) SCC_INLINE_LAMBDA { return scratch.joint[s * products + t]; }, plan.psi_psi,
    [&](int s, int b, Number const& sum) SCC_INLINE_LAMBDA { scratch.half_joint[s * basis + b] = sum; });
  team.sync();
  for (int k = team.rank(); k < 2 * basis; k += team.size()) {
    bool const is_of_x = k < basis;
    int const b = is_of_x ? k : k - basis;
    Number const* const weight = is_of_x ? scratch.weight_x : scratch.weight_y;
    Number const* const weights = is_of_x ? scratch.weight_xx : scratch.weight_yy;
    (is_of_x ? scratch.gradient_x : scratch.gradient_y)[b] =
      detail::sum_of<Number>(functions, [&](int i) SCC_INLINE_LAMBDA { return weight[i] * plan.psi[i * basis + b]; }) -
      plan.beta * detail::sum_of<Number>(
                    products, [&](int s) SCC_INLINE_LAMBDA { return weights[s] * plan.psi_psi[s * basis + b]; });
  }
  team.sync();
  detail::multiply<Number>(
    team, basis, basis, [&](int a, int b) SCC_INLINE_LAMBDA { return b < plan.row_length(a) ? products : 0; },
    [&](int a, int s) SCC_INLINE_LAMBDA { return plan.psi_psi[s * basis + a]; }, scratch.half_joint,
    [&](int a, int b, Number const& joint) SCC_INLINE_LAMBDA {
      Number const margins = scratch.gradient_x[a] * plan.one[b] + scratch.gradient_y[b] * plan.one[a];
      drsmi_dmoments[a * basis + b] = b < plan.row_length(a) ? margins - (1 - plan.beta) * joint : Number{};
    });
}

/// The whole solve of one image.
///
/// @param team            The threads that solve the image.
/// @param plan            In memory that the team can read.
/// @param moments         [B, B] means of b_a(x) b_b(y).
/// @param scratch         Memory of the team; afterwards holds h and alpha of the compressed system.
/// @param drsmi_dmoments  [B, B] out; null if only the value is wanted.
/// @return rSMI; NaN, and NaN in all outputs, if A could not be factorised.
template <class Team, class Number>
SCC_HOST_DEVICE SCC_ALWAYS_INLINE Number solve(Team const& team, PlanView const& plan, Number const* moments,
                                               BasicSolveScratch<Number> const& scratch, Number* drsmi_dmoments) {
  assemble_system(team, plan, moments, scratch);
  Number const rsmi = fit_density_ratio(team, plan, scratch);
  if (drsmi_dmoments != nullptr) {
    differentiate(team, plan, scratch, drsmi_dmoments);
  }
  return rsmi;
}

}  // namespace scc
