// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Second pass: the gradient of each pixel from the coefficients of its image (estimator/gradient_coefficients.hpp).

#pragma once

#include <cstddef>
#include <cstdint>

#include "../estimator/chebyshev.hpp"
#include "../estimator/gradient_coefficients.hpp"
#include "../estimator/spline.hpp"
#include "lanes.hpp"
#include "pixels.hpp"

namespace scc::cpu {

/// Gradient in the chebyshev basis: sum over b >= 1 of U_{b-1}(varied) sum_a b G_ab T_a(other), as T_b' = b U_{b-1}.
template <class Real>
class ChebyshevGradient {
public:
  /// @param instructions    Instructions to use; the processor must have them.
  /// @param degree          D
  /// @param drsmi_dmoments  [D + 1, D + 1] of the image
  /// @param varied          Which image is differentiated.
  /// @param factor          What the sum is multiplied by.
  ChebyshevGradient(Instructions instructions, int degree, double const* drsmi_dmoments, Side varied, double factor)
      : instructions_(instructions),
        degree_(degree) {
    Real* coefficient = coefficients_;
    for (int b = 1; b <= degree; ++b) {
      for (int a = 0; a <= degree - b; ++a) {
        *coefficient++ = static_cast<Real>(factor * b * moment_derivative(drsmi_dmoments, degree + 1, varied, a, b));
      }
    }
  }

  /// Writes the gradient [block_size] of the varied block.
  void evaluate(PixelBlock<Real> const& other, PixelBlock<Real> const& varied, Real* gradient) {
    if (instructions_ == Instructions::avx2) {
      evaluate_avx2(other.t, varied.t, gradient);
    } else {
      evaluate_lanes<baseline_bytes>(other.t, varied.t, gradient);
    }
  }

private:
  SCC_TARGET_AVX2 void evaluate_avx2(Real const* other, Real const* varied, Real* gradient) {
    evaluate_lanes<avx2_bytes>(other, varied, gradient);
  }

  template <int Bytes>
  SCC_ALWAYS_INLINE void evaluate_lanes(Real const* other, Real const* varied, Real* gradient) {
    using L = Lanes<Real, Bytes>;
    // Several lanes go together, so that each coefficient is fetched once for all of them.
    constexpr int together = 4;
    constexpr int stride = together * L::count;
    alignas(64) Real table[chebyshev::max_degree * stride];  // T_a(other), a < D
    for (int k = 0; k < block_size; k += stride) {
      SCC_UNROLL
      for (int g = 0; g < together; ++g) {
        L const value = L::load(other + k + g * L::count);
        L const two_t = value + value;
        L previous = L::all(Real(1)), current = value;
        previous.store(table + g * L::count);
        for (int a = 1; a < degree_; ++a) {
          current.store(table + a * stride + g * L::count);
          L const following = chebyshev::next(two_t, current, previous);
          previous = current;
          current = following;
        }
      }
      L two_t[together], u_previous[together], u[together], total[together];
      SCC_UNROLL
      for (int g = 0; g < together; ++g) {
        L const value = L::load(varied + k + g * L::count);
        two_t[g] = value + value;
        u_previous[g] = L::all(Real(0));
        u[g] = L::all(Real(1));
        total[g] = L::all(Real(0));
      }
      Real const* coefficient = coefficients_;
      for (int b = 1; b <= degree_; ++b) {
        L inner[together];
        SCC_UNROLL
        for (int g = 0; g < together; ++g) {
          inner[g] = L::all(Real(0));
        }
        for (int a = 0; a <= degree_ - b; ++a) {
          L const c = L::all(*coefficient++);
          SCC_UNROLL
          for (int g = 0; g < together; ++g) {
            inner[g].add_product(c, L::load(table + a * stride + g * L::count));
          }
        }
        SCC_UNROLL
        for (int g = 0; g < together; ++g) {
          total[g].add_product(u[g], inner[g]);
          L const following = chebyshev::next(two_t[g], u[g], u_previous[g]);
          u_previous[g] = u[g];
          u[g] = following;
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
  alignas(64) Real coefficients_[chebyshev::max_degree * (chebyshev::max_degree + 1) / 2];
};

/// Gradient in the histogram basis: the sum over the 4 x 4 bins that a pixel touches.
class HistogramGradient {
public:
  /// @param instructions    Instructions to use; the processor must have them.
  /// @param bins_per_axis   B
  /// @param drsmi_dmoments  [B, B] of the image
  /// @param varied          Which image is differentiated.
  /// @param factor          What the sum is multiplied by.
  HistogramGradient(Instructions instructions, int bins_per_axis, double const* drsmi_dmoments, Side varied,
                    double factor)
      : instructions_(instructions),
        size_(bins_per_axis),
        drsmi_dmoments_(drsmi_dmoments),
        other_step_(varied == Side::y ? bins_per_axis : 1),
        varied_step_(varied == Side::y ? 1 : bins_per_axis),
        factor_(factor * 0.5 * (bins_per_axis - spline_histogram::extra_bins)) {}

  /// Writes the gradient of the first `count` pixels of the varied block.
  void evaluate(PixelBlock<double> const& other, PixelBlock<double> const& varied, int count, double* gradient) {
    if (instructions_ == Instructions::avx2) {
      evaluate_avx2(other.t, varied.t, count, gradient);
    } else {
      evaluate_pixels(other.t, varied.t, count, gradient);
    }
  }

private:
  SCC_TARGET_AVX2 void evaluate_avx2(double const* other, double const* varied, int count, double* gradient) {
    evaluate_pixels(other, varied, count, gradient);
  }

  SCC_ALWAYS_INLINE void evaluate_pixels(double const* other, double const* varied, int count, double* gradient) {
    int const intervals = size_ - spline_histogram::extra_bins;
    for (int k = 0; k < count; ++k) {
      auto const at_other = spline_histogram::locate(other[k], intervals);
      auto const at_varied = spline_histogram::locate(varied[k], intervals);
      double w[4], q[3];
      spline_histogram::weights(at_other.fraction, w);
      spline_histogram::difference_weights(at_varied.fraction, q);
      double const* const corner = drsmi_dmoments_ + at_other.first * other_step_ + at_varied.first * varied_step_;
      double sum = 0;
      SCC_UNROLL
      for (int i = 0; i < 4; ++i) {
        double const* const row = corner + i * other_step_;
        double const c1 = row[varied_step_], c2 = row[2 * varied_step_];
        sum += w[i] * (q[0] * (c1 - row[0]) + q[1] * (c2 - c1) + q[2] * (row[3 * varied_step_] - c2));
      }
      gradient[k] = factor_ * sum;
    }
  }

  Instructions instructions_;
  int size_;
  double const* drsmi_dmoments_;
  std::ptrdiff_t other_step_, varied_step_;
  double factor_;
};

}  // namespace scc::cpu
