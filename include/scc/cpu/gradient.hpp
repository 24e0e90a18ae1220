// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Second pass: the gradient of each pixel from the coefficients of its image (estimator/gradient_coefficients.hpp).

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "../estimator/chebyshev.hpp"
#include "../estimator/gradient_coefficients.hpp"
#include "../estimator/spline.hpp"
#include "../options.hpp"
#include "../plan/plan.hpp"
#include "blocks.hpp"
#include "grad_loss.hpp"
#include "lanes.hpp"
#include "parallel.hpp"
#include "pixels.hpp"
#include "weights.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// Gradient in the chebyshev basis, where T_b' = b U_{b-1}: sum over b >= 1 of
/// U_{b-1}(differentiated) sum_a b G_ab T_a(fixed).
template <class Real>
class ChebyshevGradient {
public:
  /// @param instructions    Instructions to use; the processor must have them.
  /// @param degree          D
  /// @param drsmi_dmoments  [D + 1, D + 1] of the image
  /// @param differentiated          Which image is differentiated.
  /// @param factor          What the sum is multiplied by.
  ChebyshevGradient(Instructions instructions, int degree, double const* drsmi_dmoments, Side differentiated,
                    double factor)
      : instructions_(instructions),
        degree_(degree) {
    Real* coefficient = coefficients_;
    for (int b0 = 1; b0 <= degree; b0 += rows) {
      for (int a = 0; a <= degree - b0; ++a) {
        for (int b = b0; b < b0 + rows; ++b) {
          *coefficient++ =
            a + b > degree
              ? Real(0)
              : static_cast<Real>(factor * b * moment_derivative(drsmi_dmoments, degree + 1, differentiated, a, b));
        }
      }
    }
  }

  /// Writes the gradient [block_size] of the differentiated block.
  void evaluate(PixelBlock<Real> const& fixed, PixelBlock<Real> const& differentiated, Real* gradient) {
    with_instructions(instructions_, [&](auto bytes) SCC_INLINE_LAMBDA {
      evaluate_lanes<decltype(bytes)::value>(fixed.t, differentiated.t, gradient);
    });
  }

private:
  static constexpr int rows = 2;  // values of b that go together

  template <int Bytes>
  SCC_ALWAYS_INLINE void evaluate_lanes(Real const* fixed, Real const* differentiated, Real* gradient) {
    using L = Lanes<Real, Bytes>;
    // Several lanes go together, so that each coefficient is fetched once for all of them; and several b, so that each
    // T_a is.
    constexpr int together = 4;
    constexpr int stride = together * L::count;
    alignas(64) Real table[chebyshev::max_degree * stride];  // T_a(fixed), a < D
    for (int k = 0; k < block_size; k += stride) {
      SCC_UNROLL
      for (int g = 0; g < together; ++g) {
        L const value = L::load(fixed + k + g * L::count);
        L const two_t = value + value;
        L previous = L::broadcast(Real(1)), current = value;
        previous.store(table + g * L::count);
        for (int a = 1; a < degree_; ++a) {
          current.store(table + a * stride + g * L::count);
          chebyshev::advance(two_t, previous, current);
        }
      }
      L two_t[together], u_previous[together], u[together], total[together];
      SCC_UNROLL
      for (int g = 0; g < together; ++g) {
        L const value = L::load(differentiated + k + g * L::count);
        two_t[g] = value + value;
        u_previous[g] = L::broadcast(Real(0));
        u[g] = L::broadcast(Real(1));
        total[g] = L::broadcast(Real(0));
      }
      Real const* coefficient = coefficients_;
      for (int b = 1; b <= degree_; b += rows) {
        L inner[rows][together];
        SCC_UNROLL
        for (int g = 0; g < together; ++g) {
          SCC_UNROLL
          for (int row = 0; row < rows; ++row) {
            inner[row][g] = L::broadcast(Real(0));
          }
        }
        for (int a = 0; a <= degree_ - b; ++a, coefficient += rows) {
          L t[together];
          SCC_UNROLL
          for (int g = 0; g < together; ++g) {
            t[g] = L::load(table + a * stride + g * L::count);
            t[g].keep();
          }
          SCC_UNROLL
          for (int row = 0; row < rows; ++row) {
            L const c = L::broadcast(coefficient[row]);
            SCC_UNROLL
            for (int g = 0; g < together; ++g) {
              inner[row][g].add_product(c, t[g]);
            }
          }
        }
        SCC_UNROLL
        for (int row = 0; row < rows; ++row) {
          SCC_UNROLL
          for (int g = 0; g < together; ++g) {
            total[g].add_product(u[g], inner[row][g]);
            chebyshev::advance(two_t[g], u_previous[g], u[g]);
          }
        }
      }
      SCC_UNROLL
      for (int g = 0; g < together; ++g) {
        total[g].store(gradient + k + g * L::count);
      }
    }
  }

  Instructions instructions_;
  int degree_;
  alignas(64) Real coefficients_[(chebyshev::max_degree + rows) * (chebyshev::max_degree + 1) / 2 + rows];
};

/// Gradient in the histogram basis: the sum over the 4 x 4 bins that a pixel touches.
class HistogramGradient {
public:
  /// @param instructions    Instructions to use; the processor must have them.
  /// @param basis_size   B
  /// @param drsmi_dmoments  [B, B] of the image
  /// @param differentiated          Which image is differentiated.
  /// @param factor          What the sum is multiplied by.
  HistogramGradient(Instructions instructions, int basis_size, double const* drsmi_dmoments, Side differentiated,
                    double factor)
      : instructions_(instructions),
        basis_size_(basis_size),
        drsmi_dmoments_(drsmi_dmoments),
        fixed_step_(differentiated == Side::y ? basis_size : 1),
        differentiated_step_(differentiated == Side::y ? 1 : basis_size),
        factor_(factor * 0.5 * (basis_size - spline::extra_bins)) {}

  /// Writes the gradient of the first `count` pixels of the differentiated block.
  void evaluate(PixelBlock<double> const& fixed, PixelBlock<double> const& differentiated, int count,
                double* gradient) {
    with_instructions(instructions_,
                      [&](auto) SCC_INLINE_LAMBDA { evaluate_pixels(fixed.t, differentiated.t, count, gradient); });
  }

private:
  SCC_ALWAYS_INLINE void evaluate_pixels(double const* fixed, double const* differentiated, int count,
                                         double* gradient) {
    int const intervals = basis_size_ - spline::extra_bins;
    for (int k = 0; k < count; ++k) {
      auto const at_fixed = spline::locate(fixed[k], intervals);
      auto const at_differentiated = spline::locate(differentiated[k], intervals);
      double w[4], q[3];
      spline::weights(at_fixed.fraction, w);
      spline::difference_weights(at_differentiated.fraction, q);
      double const* const corner =
        drsmi_dmoments_ + at_fixed.first * fixed_step_ + at_differentiated.first * differentiated_step_;
      double sum = 0;
      SCC_UNROLL
      for (int i = 0; i < 4; ++i) {
        double const* const row = corner + i * fixed_step_;
        double const c1 = row[differentiated_step_], c2 = row[2 * differentiated_step_];
        sum += w[i] * (q[0] * (c1 - row[0]) + q[1] * (c2 - c1) + q[2] * (row[3 * differentiated_step_] - c2));
      }
      gradient[k] = factor_ * sum;
    }
  }

  Instructions instructions_;
  int basis_size_;
  double const* drsmi_dmoments_;
  std::ptrdiff_t fixed_step_, differentiated_step_;
  double factor_;
};

/// Second pass over the images of a batch: writes the gradient of each pixel of one of them.
///
/// @param instructions    Instructions to use; the processor must have them.
/// @param plan            Of the loss.
/// @param fixed           The batch that is not differentiated.
/// @param differentiated  The batch that is.
/// @param weights         Of their pixels; null without.
/// @param gradient        Where the gradients go.
/// @param pixels          Of each image, at least 1.
/// @param results         Of the forward pass.
/// @param side            Which batch `differentiated` is.
/// @param grad_loss       What dL is multiplied by.
template <class Real>
void differentiate_pixels(Instructions instructions, Plan const& plan, PixelReader<Real> const& fixed,
                          PixelReader<Real> const& differentiated, WeightReader const* weights,
                          GradientWriter<Real> const& gradient, std::int64_t pixels, ImageResults const& results,
                          Side side, GradLoss const& grad_loss) {
  Chunks const chunks(pixels);
  auto const images = static_cast<std::int64_t>(results.rsmi.size());
  parallel_for(images * chunks.count(), thread_count(), [&](std::int64_t task, int) {
    std::int64_t const image = task / chunks.count();
    std::int64_t const chunk = task % chunks.count();
    std::int64_t const start = chunks.start(chunk), count = chunks.length(chunk);
    auto const index = static_cast<std::size_t>(image);
    double const* const coefficients = &results.drsmi_dmoments[index * plan.moment_count()];
    alignas(64) Real values[block_size] = {};
    if (results.diagnostics[index].weight_invalid > 0) {
      std::fill(values, values + block_size, std::numeric_limits<Real>::quiet_NaN());
      for (std::int64_t offset = 0; offset < count; offset += block_size) {
        gradient.store(image, start + offset, std::min<std::int64_t>(block_size, count - offset), values, nullptr);
      }
      return;
    }
    double const factor = grad_loss.of(image) * gradient_factor(plan.options(), images, results.weights[index].total);
    auto const write_blocks = [&](auto&& evaluate) {
      for_each_block(instructions, fixed, differentiated, {weights, results.weights[index].scale}, image, start, count,
                     [&](auto const& fixed_block, auto const& differentiated_block, auto const* weight_block,
                         std::int64_t at, int length) {
                       if (weight_block != nullptr && weight_block->is_empty()) {
                         std::fill(values, values + block_size, Real(0));
                         gradient.store(image, at, length, values, nullptr);
                         return;
                       }
                       evaluate(fixed_block, differentiated_block, length);
                       if (weight_block != nullptr) {
                         weight_block->multiply(instructions, values);
                       }
                       gradient.store(image, at, length, values, differentiated_block.outside_flags());
                     });
    };
    if constexpr (std::is_same_v<Real, double>) {
      if (plan.basis() == Basis::histogram) {
        HistogramGradient at_pixels(instructions, plan.basis_size(), coefficients, side, factor);
        write_blocks([&](auto const& fixed_block, auto const& differentiated_block, int length) {
          at_pixels.evaluate(fixed_block, differentiated_block, length, values);
        });
        return;
      }
    }
    ChebyshevGradient<Real> at_pixels(instructions, plan.degree(), coefficients, side, factor);
    write_blocks([&](auto const& fixed_block, auto const& differentiated_block, int) {
      at_pixels.evaluate(fixed_block, differentiated_block, values);
    });
  });
}

}  // namespace scc::cpu
