// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Second pass: the gradient of each pixel from the coefficients of its image
/// (scc/estimator/gradient_coefficients.hpp).

#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>
#include <scc/config.hpp>
#include <scc/estimator/chebyshev.hpp>
#include <scc/estimator/domain_map.hpp>
#include <scc/estimator/gradient_coefficients.hpp>
#include <scc/estimator/spline.hpp>
#include <scc/gradient_mode.hpp>
#include <type_traits>

#include "../pixel_view.hpp"
#include "../tile_partition.hpp"
#include "../tuning.hpp"
#include "pixels.cuh"
#include "warp.cuh"
#include "weights.cuh"

namespace scc::gpu {

/// Argument of the gradient kernels.
template <class Real>
struct GradientArguments {
  PixelView fixed, differentiated, gradient;
  CollapsedShape shape;
  DomainMap<Real> fixed_domain, differentiated_domain;
  TilePartition partition;
  int basis_size;  ///< B
  Side side;
  bool accumulate;
  bool stages_coefficients;  ///< histogram: the coefficients of an image fit shared memory
  double factor;
  float const* grad_loss;        ///< [1], or [images] if grad_loss_stride is 1
  int grad_loss_stride;          ///< From image to image
  double const* drsmi_dmoments;  ///< [images, B, B]
  float const* differences;      ///< histogram, in float, if they do not fit: [images, 2, B, B] as in WorkspaceView
  WeightView weight;             ///< If the pixels have weights
  ImageWeights const* image_weights;  ///< [images] likewise
};

/// The backward pass of a block. For each image that it has a share in, Gradient::prepare puts what it needs of the
/// coefficients into shared memory; a Gradient evaluates groups of pixels.
///
/// @tparam IsDense    As pixels.cuh says.
/// @tparam HasWeight  Whether the pixels have weights.
template <class Gradient, bool IsDense, bool HasWeight, class Real>
__device__ inline void backward_pass(GradientArguments<Real> const& arguments) {
  // Registers are too short for that beside views of any type and layout.
  constexpr bool loads_weights_ahead = IsDense;
  int const block = static_cast<int>(blockIdx.x);
  for (int image = arguments.partition.first_image(block); image < arguments.partition.last_image(block); ++image) {
    TileRange const range = arguments.partition.range(block, image);
    std::int64_t const moment_count = static_cast<std::int64_t>(arguments.basis_size) * arguments.basis_size;
    double const* const coefficients = arguments.drsmi_dmoments + range.image * moment_count;
    ImageWeights const image_weights = HasWeight ? arguments.image_weights[image] : ImageWeights{1, 1};
    // The gradient where no pixel enters; not 0 where weights are invalid.
    Real const nothing = HasWeight ? static_cast<Real>(0 * image_weights.inverse_total) : Real(0);
    double factor = arguments.factor;
    if (arguments.grad_loss != nullptr) {
      factor *= static_cast<double>(__ldg(arguments.grad_loss + std::int64_t{image} * arguments.grad_loss_stride));
    }
    if constexpr (HasWeight) {
      factor *= image_weights.inverse_total;
    }
    __syncthreads();  // nobody reads the coefficients of the image before any more
    Gradient const gradient(arguments, coefficients, factor);
    __syncthreads();
    GroupWeights<Real, IsDense, HasWeight> weights(arguments.weight, image_weights.scale, image);
    for (PairedGroups<Real, IsDense> groups(arguments, arguments.fixed, arguments.differentiated, range);
         !groups.is_done(); groups.advance()) {
      if (IsDense && groups.count() == 0) {
        continue;
      }
      auto const fixed = normalize_group<IsDense>(arguments.fixed.type, arguments.fixed_domain, groups.first());
      auto const differentiated =
        normalize_group<IsDense>(arguments.differentiated.type, arguments.differentiated_domain, groups.second());
      groups.load_next();
      if (loads_weights_ahead) {
        weights.load(groups.start(), groups.count());
      }
      Real values[group_size];
      gradient.evaluate(fixed, differentiated, values);
      if (!loads_weights_ahead) {
        weights.load(groups.start(), groups.count());
      }
      weights.decode(groups.count());
      SCC_UNROLL
      for (int k = 0; k < group_size; ++k) {
        bool const enters = differentiated.pixels[k].outside == 0 && (!HasWeight || weights.has(k));
        values[k] = !enters ? nothing : HasWeight ? values[k] * weights.of(k) : values[k];
      }
      store_group<IsDense>(arguments.gradient, arguments.shape, range.image, groups.start(), groups.count(), values,
                           arguments.accumulate);
    }
  }
}

/// Chebyshev basis: sum over b >= 1 of U_{b-1}(differentiated) sum_a b G_ab T_a(fixed), as T_b' = b U_{b-1}. The
/// coefficients b G_ab are in shared memory as rows b = 1, 2, ... of a = 0, 1, ...
template <class Real>
__device__ inline Real* stage_coefficients(GradientArguments<Real> const& arguments, double const* drsmi_dmoments,
                                           double factor, int rows, int columns) {
  Real* const staged = dynamic_shared<Real>();
  int const size = arguments.basis_size;
  for (int k = thread_index(); k < rows * columns; k += thread_count()) {
    int const b = k / columns + 1, a = k % columns;
    staged[k] = a + b < size
                  ? static_cast<Real>(factor * b * moment_derivative(drsmi_dmoments, size, arguments.side, a, b))
                  : Real(0);
  }
  return staged;
}

/// Degree at most `Degree`: all T_a(fixed) of a group are in registers.
template <int Degree>
class TriangleGradient {
public:
  static constexpr int columns = (Degree + 3) / 4 * 4;  ///< a < Degree, filled up to whole float4
  static constexpr std::size_t shared_bytes = Degree * columns * sizeof(float);

  __device__ TriangleGradient(GradientArguments<float> const& arguments, double const* drsmi_dmoments, double factor)
      : coefficients_(
          reinterpret_cast<float4 const*>(stage_coefficients(arguments, drsmi_dmoments, factor, Degree, columns))) {}

  __device__ void evaluate(PixelGroup<float> const& fixed, PixelGroup<float> const& differentiated,
                           float (&gradient)[group_size]) const {
    float t[Degree][group_size], u_previous[group_size], u[group_size];
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      float const two_t = 2 * fixed.pixels[k].t;
      t[0][k] = 1;
      t[1][k] = fixed.pixels[k].t;
      SCC_UNROLL
      for (int a = 2; a < Degree; ++a) {
        t[a][k] = fma(two_t, t[a - 1][k], -t[a - 2][k]);
      }
      u_previous[k] = 0;
      u[k] = 1;
      gradient[k] = 0;
    }
    SCC_UNROLL
    for (int b = 1; b <= Degree; ++b) {
      float inner[group_size] = {};
      SCC_UNROLL
      for (int four = 0; four < columns / 4; ++four) {
        if (4 * four > Degree - b) {
          continue;
        }
        float4 const c = coefficients_[(b - 1) * (columns / 4) + four];
        float const parts[4] = {c.x, c.y, c.z, c.w};
        SCC_UNROLL
        for (int i = 0; i < 4; ++i) {
          int const a = 4 * four + i;
          SCC_UNROLL
          for (int k = 0; k < group_size; ++k) {
            if (a <= Degree - b) {
              inner[k] = fma(parts[i], t[a][k], inner[k]);
            }
          }
        }
      }
      SCC_UNROLL
      for (int k = 0; k < group_size; ++k) {
        gradient[k] = fma(u[k], inner[k], gradient[k]);
        float const following = fma(2 * differentiated.pixels[k].t, u[k], -u_previous[k]);
        u_previous[k] = u[k];
        u[k] = following;
      }
    }
  }

private:
  float4 const* coefficients_;  // [Degree, columns / 4]
};

/// Any degree: T_a(fixed) of tile_size a at a time, and U_b(differentiated) anew for each of these tiles.
template <class Real>
class TileGradient {
public:
  /// Columns of the staged coefficients for a degree D: a < D, filled up to whole tiles.
  static __host__ __device__ int columns(int degree) { return (degree + tile_size - 1) / tile_size * tile_size; }
  static std::size_t shared_bytes(int degree) {
    return static_cast<std::size_t>(degree) * static_cast<std::size_t>(columns(degree)) * sizeof(Real);
  }

  __device__ TileGradient(GradientArguments<Real> const& arguments, double const* drsmi_dmoments, double factor)
      : degree_(arguments.basis_size - 1),
        coefficients_(stage_coefficients(arguments, drsmi_dmoments, factor, degree_, columns(degree_))) {}

  __device__ void evaluate(PixelGroup<Real> const& fixed, PixelGroup<Real> const& differentiated,
                           Real (&gradient)[group_size]) const {
    Real t_previous[group_size], t_current[group_size];
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      t_previous[k] = fixed.pixels[k].t;  // T_{-1} = T_1
      t_current[k] = 1;
      gradient[k] = 0;
    }
    for (int first_a = 0; first_a < degree_; first_a += tile_size) {
      Real t[tile_size][group_size], u_previous[group_size], u[group_size];
      SCC_UNROLL
      for (int k = 0; k < group_size; ++k) {
        SCC_UNROLL
        for (int a = 0; a < tile_size; ++a) {
          t[a][k] = t_current[k];
          chebyshev::advance(2 * fixed.pixels[k].t, t_previous[k], t_current[k]);
        }
        u_previous[k] = 0;
        u[k] = 1;
      }
      for (int b = 1; b <= degree_ - first_a; ++b) {
        Real const* const row = coefficients_ + (b - 1) * columns(degree_) + first_a;
        Real inner[group_size] = {};
        SCC_UNROLL
        for (int a = 0; a < tile_size; ++a) {
          SCC_UNROLL
          for (int k = 0; k < group_size; ++k) {
            inner[k] = fma(row[a], t[a][k], inner[k]);
          }
        }
        SCC_UNROLL
        for (int k = 0; k < group_size; ++k) {
          gradient[k] = fma(u[k], inner[k], gradient[k]);
          chebyshev::advance(2 * differentiated.pixels[k].t, u_previous[k], u[k]);
        }
      }
    }
  }

private:
  int degree_;
  Real const* coefficients_;  // [degree, columns]
};

/// Histogram basis: the sum over the 4 x 4 bins that a pixel touches, by the differences of their coefficients along
/// the differentiated axis.
template <class Real>
class HistogramGradient {
public:
  __device__ HistogramGradient(GradientArguments<Real> const& arguments, double const* drsmi_dmoments, double factor)
      : intervals_(arguments.basis_size - spline::extra_bins),
        fixed_step_(arguments.side == Side::y ? arguments.basis_size : 1),
        differentiated_step_(arguments.side == Side::y ? 1 : arguments.basis_size),
        factor_(static_cast<Real>(factor * 0.5 * intervals_)),
        drsmi_dmoments_(drsmi_dmoments) {
    if (arguments.stages_coefficients) {
      Real* const staged = dynamic_shared<Real>();
      differences_ = staged;
      // The last bin of the differentiated axis has no difference; those of the bins before it end here.
      int const count = arguments.basis_size * arguments.basis_size - differentiated_step_;
      for (int k = thread_index(); k < count; k += thread_count()) {
        staged[k] = difference(k);
      }
    } else if constexpr (std::is_same_v<Real, float>) {
      // As many images on, with two tables each; the first is that of y.
      differences_ = arguments.differences + 2 * (drsmi_dmoments - arguments.drsmi_dmoments) +
                     (arguments.side == Side::y ? 0 : arguments.basis_size * arguments.basis_size);
    }
  }

  __device__ void evaluate(PixelGroup<Real> const& fixed, PixelGroup<Real> const& differentiated,
                           Real (&gradient)[group_size]) const {
    SCC_UNROLL
    for (int k = 0; k < group_size; ++k) {
      auto const at_fixed = spline::locate(fixed.pixels[k].t, intervals_);
      auto const at_differentiated = spline::locate(differentiated.pixels[k].t, intervals_);
      Real w[4], q[3];
      spline::weights(at_fixed.fraction, w);
      spline::difference_weights(at_differentiated.fraction, q);
      int const corner = at_fixed.first * fixed_step_ + at_differentiated.first * differentiated_step_;
      Real sum = 0;
      SCC_UNROLL
      for (int i = 0; i < 4; ++i) {
        Real inner = 0;
        SCC_UNROLL
        for (int j = 0; j < 3; ++j) {
          int const at = corner + i * fixed_step_ + j * differentiated_step_;
          inner = fma(q[j], coefficient(at), inner);
        }
        sum = fma(w[i], inner, sum);
      }
      gradient[k] = factor_ * sum;
    }
  }

private:
  __device__ Real difference(int at) const {
    return static_cast<Real>(__ldg(drsmi_dmoments_ + at + differentiated_step_) - __ldg(drsmi_dmoments_ + at));
  }

  /// The same, from a table if there is one: always for float.
  __device__ Real coefficient(int at) const {
    return std::is_same_v<Real, float> || differences_ != nullptr ? differences_[at] : difference(at);
  }

  int intervals_, fixed_step_, differentiated_step_;
  Real factor_;
  double const* drsmi_dmoments_;
  Real const* differences_ = nullptr;  // [B, B], in shared or global memory
};

template <int Degree, bool IsDense, bool HasWeight>
static __global__ void __launch_bounds__(gradient_threads, gradient_blocks_per_multiprocessor)
  gradient_triangle(__grid_constant__ GradientArguments<float> const arguments) {
  backward_pass<TriangleGradient<Degree>, IsDense, HasWeight>(arguments);
}

template <class Real, bool HasWeight>
static __global__ void __launch_bounds__(gradient_threads, sizeof(Real) == 4
                                                             ? gradient_blocks_per_multiprocessor
                                                             : double_gradient_blocks_per_multiprocessor)
  gradient_tile(__grid_constant__ GradientArguments<Real> const arguments) {
  backward_pass<TileGradient<Real>, false, HasWeight>(arguments);
}

template <class Real, bool HasWeight>
static __global__ void __launch_bounds__(gradient_threads, HasWeight
                                                             ? weighted_histogram_gradient_blocks_per_multiprocessor
                                                             : gradient_blocks_per_multiprocessor)
  gradient_histogram(__grid_constant__ GradientArguments<Real> const arguments) {
  backward_pass<HistogramGradient<Real>, false, HasWeight>(arguments);
}

}  // namespace scc::gpu
