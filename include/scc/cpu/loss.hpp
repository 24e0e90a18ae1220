// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The structure consistency loss on the CPU: pixels -> moments -> solve -> gradient.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "../detail/checks.hpp"
#include "../estimator/original_kernels.hpp"
#include "../estimator/solve.hpp"
#include "../gradient_mode.hpp"
#include "../image_batch.hpp"
#include "../plan/plan.hpp"
#include "../statistics.hpp"
#include "gradient.hpp"
#include "histogram.hpp"
#include "lanes.hpp"
#include "moments.hpp"
#include "parallel.hpp"
#include "pixels.hpp"
#include "workspace.hpp"

namespace scc::cpu {

/// The loss L = -mean over the images of rSMI (Guo et al., eq. 8 and 9), with its exact gradient.
///
/// Immutable; may be copied, and shared between threads that each have a Workspace of their own. Uses OpenMP's threads if
/// the program is compiled with OpenMP; results are bitwise the same for any number of threads and from run to run.
///
/// Pixels may be float, double, Eigen::half, Eigen::bfloat16 or std::uint8_t (0..255 stands for the domain), of different
/// types in x and y, in any layout that an ImageBatch can describe. A pixel outside the domain counts as its nearest end,
/// and its gradient is 0. A NaN pixel makes the rSMI and the gradient of its image, and the loss, NaN.
class Loss {
public:
  /// @param options  Parameters of the estimate.
  /// @throws std::invalid_argument as Plan does.
  explicit Loss(Options const& options = {}) : Loss(Plan(options)) {}

  /// As above, for a plan made by hand.
  ///
  /// @param plan          Kept, and shared by copies of the loss.
  /// @param instructions  Instructions of the pixel loops; the processor must have them.
  explicit Loss(Plan plan, Instructions instructions = available_instructions())
      : plan_(std::make_shared<Plan const>(std::move(plan))),
        instructions_(instructions) {}

  /// The parameters of the estimate.
  Options const& options() const { return plan_->options(); }
  /// The plan: the basis in use, its size and its error.
  Plan const& plan() const { return *plan_; }

  /// L = -(1/N) sum_n rSMI_n, where rSMI_n = 2 alpha^T h - alpha^T H alpha - 1 (eq. 7) of image n.
  ///
  /// @param x          [images, channels, height, width] input, host memory, values in the domain.
  /// @param y          [images, channels, height, width] translation, likewise.
  /// @param workspace  Receives what the other functions need. Allocates if it has not held a batch of this size yet.
  /// @return the loss; 0 if there are no images or no pixels.
  /// @throws std::invalid_argument if shapes differ, an extent is negative, or data is null where there are pixels.
  template <class X, class Y>
  double forward(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace) const {
    detail::require_images(x, y);
    // A workspace whose forward pass failed half-way must not look as if it had succeeded.
    workspace.plan_.reset();
    prepare(x, workspace);
    if (!workspace.rsmi_.empty()) {
      if (plan_->basis() == Basis::histogram) {
        histogram_moments({options(), x}, {options(), y}, x.pixels(), workspace);
      } else if (uses_double<X, Y>()) {
        chebyshev_moments<double>({options(), x}, {options(), y}, x.pixels(), workspace, workspace.double_tables_);
      } else {
        chebyshev_moments<float>({options(), x}, {options(), y}, x.pixels(), workspace, workspace.float_tables_);
      }
      solve_images(workspace);
    }
    workspace.plan_ = plan_;
    double sum = 0;
    for (double const rsmi : workspace.rsmi_) {
      sum += rsmi;
    }
    return workspace.rsmi_.empty() ? 0.0 : -sum / static_cast<double>(x.images);
  }

  /// dloss_dy = grad_loss dL/dy, where L and the moments are those of the workspace's last forward pass with the same x
  /// and y. Exact: alpha is differentiated too.
  ///
  ///   dL/dy_j = -(1 / (N M)) sum_ab G_ab b_a(x_j) b_b'(y_j),   G_ab = d rSMI / d M_ab       (docs/mathematics.md)
  ///
  /// @param x          [images, channels, height, width] as passed to forward().
  /// @param y          [images, channels, height, width] as passed to forward().
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed; nothing is allocated.
  /// @param grad_loss  Gradient of the final objective with respect to L: the weight of this loss, a loss scale.
  /// @param dloss_dy   [images, channels, height, width] out; float, double, half or bfloat16. Elements must not
  ///                   overlap each other, x or y.
  /// @param mode       Overwrite dloss_dy or add to it.
  /// @throws std::invalid_argument, before anything is written, if shapes differ, a view is not valid, dloss_dy overlaps
  ///         itself, or the workspace was not filled by this loss with a batch of this shape.
  template <class X, class Y, class G>
  void backward(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, double grad_loss, ImageBatch<G> dloss_dy,
                GradientMode mode = GradientMode::overwrite) const {
    require_backward(x, y, workspace);
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    differentiate_pixels(x, y, workspace, grad_loss, dloss_dy, Side::y, mode);
  }

  /// dloss_dx = grad_loss dL/dx; otherwise as backward().
  ///
  /// @param x, y       [images, channels, height, width] as passed to forward().
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed; nothing is allocated.
  /// @param grad_loss  Gradient of the final objective with respect to L.
  /// @param dloss_dx   [images, channels, height, width] out; elements must not overlap each other, x or y.
  /// @param mode       Overwrite dloss_dx or add to it.
  /// @throws std::invalid_argument as backward() does.
  template <class X, class Y, class G>
  void backward_x(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, double grad_loss,
                  ImageBatch<G> dloss_dx, GradientMode mode = GradientMode::overwrite) const {
    require_backward(x, y, workspace);
    detail::require_gradient(x, "x", dloss_dx, "dloss_dx");
    differentiate_pixels(y, x, workspace, grad_loss, dloss_dx, Side::x, mode);
  }

  /// Both gradients; otherwise as backward().
  ///
  /// @param x, y       [images, channels, height, width] as passed to forward().
  /// @param workspace  Filled by forward() of this loss, or of a copy of it. Not changed; nothing is allocated.
  /// @param grad_loss  Gradient of the final objective with respect to L.
  /// @param dloss_dx   [images, channels, height, width] out; elements must not overlap each other, dloss_dy, x or y.
  /// @param dloss_dy   [images, channels, height, width] out; likewise.
  /// @param mode       Overwrite both or add to them.
  /// @throws std::invalid_argument as backward() does, and if both gradients start at the same address.
  template <class X, class Y, class GX, class GY>
  void backward_xy(ImageBatch<X> x, ImageBatch<Y> y, Workspace const& workspace, double grad_loss,
                   ImageBatch<GX> dloss_dx, ImageBatch<GY> dloss_dy,
                   GradientMode mode = GradientMode::overwrite) const {
    require_backward(x, y, workspace);
    detail::require_gradient(x, "x", dloss_dx, "dloss_dx");
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    detail::require_distinct(dloss_dx, dloss_dy);
    differentiate_pixels(y, x, workspace, grad_loss, dloss_dx, Side::x, mode);
    differentiate_pixels(x, y, workspace, grad_loss, dloss_dy, Side::y, mode);
  }

  /// forward() and backward() in one call: returns L and writes grad_loss dL/dy.
  ///
  /// @param x          [images, channels, height, width] input, host memory, values in the domain.
  /// @param y          [images, channels, height, width] translation, likewise.
  /// @param workspace  As in forward().
  /// @param grad_loss  Gradient of the final objective with respect to L.
  /// @param dloss_dy   [images, channels, height, width] out; as in backward().
  /// @param mode       Overwrite dloss_dy or add to it.
  /// @return the loss; 0 if there are no images or no pixels.
  /// @throws std::invalid_argument as the two do, before anything is written.
  template <class X, class Y, class G>
  double forward_backward(ImageBatch<X> x, ImageBatch<Y> y, Workspace& workspace, double grad_loss,
                          ImageBatch<G> dloss_dy, GradientMode mode = GradientMode::overwrite) const {
    detail::require_images(x, y);
    detail::require_gradient(y, "y", dloss_dy, "dloss_dy");
    double const loss = forward(x, y, workspace);
    backward(x, y, workspace, grad_loss, dloss_dy, mode);
    return loss;
  }

  /// h, H and alpha of one image in the original m = n^2 kernels: O(m^2) memory, for inspection.
  ///
  /// @param workspace  Filled by forward() of this loss.
  /// @param image      Which image, 0 <= image < images.
  /// @return matrices in host memory.
  /// @throws std::invalid_argument if the workspace was filled by another loss, or there is no such image.
  Statistics statistics(Workspace const& workspace, std::int64_t image) const {
    require_filled(workspace);
    workspace.require_image(image);
    auto const index = static_cast<std::size_t>(image);
    return statistics_in_original_kernels(*plan_, workspace.moments_.data() + index * moment_count(),
                                          workspace.alpha_.data() + index * unknown_count(), workspace.rsmi_[index]);
  }

private:
  template <class X, class Y>
  bool uses_double() const {
    return std::is_same_v<std::remove_const_t<X>, double> || std::is_same_v<std::remove_const_t<Y>, double> ||
           !plan_->allows_float_arithmetic();
  }

  std::size_t moment_count() const {
    return static_cast<std::size_t>(plan_->basis_size()) * static_cast<std::size_t>(plan_->basis_size());
  }
  std::size_t unknown_count() const { return static_cast<std::size_t>(plan_->unknowns()); }
  std::size_t term_count() const { return static_cast<std::size_t>(plan_->terms()); }

  void require_filled(Workspace const& workspace) const {
    if (workspace.plan_ != plan_) {
      throw std::invalid_argument(workspace.plan_ == nullptr
                                    ? "scc: the workspace is empty; call forward() with it first"
                                    : "scc: the workspace was filled by the forward pass of another loss");
    }
  }

  template <class X, class Y>
  void require_backward(ImageBatch<X> const& x, ImageBatch<Y> const& y, Workspace const& workspace) const {
    detail::require_images(x, y);
    require_filled(workspace);
    detail::require_same_batch(workspace.extents_, x);
  }

  template <class X>
  void prepare(ImageBatch<X> const& x, Workspace& workspace) const {
    auto const count = static_cast<std::size_t>(x.pixels() == 0 ? 0 : x.images);
    workspace.extents_ = detail::extents(x);
    workspace.diagnostics_.assign(count, Diagnostics{});
    workspace.rsmi_.assign(count, 0.0);
    workspace.moments_.resize(count * moment_count());
    workspace.drsmi_dmoments_.resize(count * moment_count());
    workspace.alpha_.resize(count * unknown_count());
  }

  template <class Real>
  void chebyshev_moments(PixelReader<Real> const& x, PixelReader<Real> const& y, std::int64_t pixels,
                         Workspace& workspace, AlignedBuffer<Real>& tables) const {
    using Moments = ChebyshevMoments<Real>;
    int const degree = plan_->resolution();
    int const threads = thread_count();
    auto const images = static_cast<std::int64_t>(workspace.rsmi_.size());
    Chunks const chunks(pixels);
    auto const chunk_count = static_cast<std::size_t>(chunks.count());
    auto const tasks = workspace.rsmi_.size() * chunk_count;
    auto const table_size = aligned_size<Real>(Moments::table_size(degree));
    auto const sum_size = aligned_size<double>(Moments::sum_size(degree));
    tables.reserve(table_size * static_cast<std::size_t>(threads));
    workspace.sums_.reserve(sum_size * static_cast<std::size_t>(threads));
    workspace.chunk_sums_.resize(tasks * term_count());
    workspace.chunk_diagnostics_.resize(tasks);

    parallel_for(static_cast<std::int64_t>(tasks), threads, [&](std::int64_t task, int thread) {
      std::int64_t const chunk = task % chunks.count();
      Moments moments(instructions_, degree, tables.data() + table_size * static_cast<std::size_t>(thread),
                      workspace.sums_.data() + sum_size * static_cast<std::size_t>(thread));
      auto const index = static_cast<std::size_t>(task);
      workspace.chunk_diagnostics_[index] =
        for_each_block(instructions_, x, y, task / chunks.count(), chunks.start(chunk), chunks.length(chunk),
                       [&](auto const& x_block, auto const& y_block, std::int64_t, int count) {
                         moments.add(x_block, y_block, count);
                       });
      moments.finish(&workspace.chunk_sums_[index * term_count()]);
    });

    parallel_for(images, threads, [&](std::int64_t image, int) {
      auto const first = static_cast<std::size_t>(image) * chunk_count;
      auto const size = static_cast<std::size_t>(degree) + 1;
      double* const moments = &workspace.moments_[static_cast<std::size_t>(image) * moment_count()];
      std::size_t term = 0;
      for (std::size_t a = 0; a < size; ++a) {
        for (std::size_t b = 0; b < size; ++b) {
          double sum = 0;
          if (a + b < size) {
            for (std::size_t chunk = first; chunk < first + chunk_count; ++chunk) {
              sum += workspace.chunk_sums_[chunk * term_count() + term];
            }
            ++term;
          }
          moments[a * size + b] = sum / static_cast<double>(pixels);
        }
      }
      for (std::size_t chunk = first; chunk < first + chunk_count; ++chunk) {
        workspace.diagnostics_[static_cast<std::size_t>(image)] += workspace.chunk_diagnostics_[chunk];
      }
    });
  }

  void histogram_moments(PixelReader<double> const& x, PixelReader<double> const& y, std::int64_t pixels,
                         Workspace& workspace) const {
    int const threads = thread_count();
    auto const images = static_cast<std::int64_t>(workspace.rsmi_.size());
    auto const bin_count = aligned_size<std::int64_t>(moment_count());
    workspace.bins_.reserve(bin_count * static_cast<std::size_t>(threads));
    workspace.chunk_diagnostics_.resize(static_cast<std::size_t>(threads));
    std::int64_t* const all_bins = workspace.bins_.data();

    auto const fill = [&](std::int64_t image, std::int64_t start, std::int64_t count, std::size_t part) {
      HistogramBins bins(instructions_, plan_->basis_size(), pixels, all_bins + part * bin_count);
      workspace.chunk_diagnostics_[part] = for_each_block(instructions_, x, y, image, start, count,
                                                          [&](auto const& x_block, auto const& y_block, std::int64_t,
                                                              int length) { bins.add(x_block, y_block, length); });
    };
    auto const collect = [&](std::int64_t image, std::size_t first, std::size_t parts) {
      double* const moments = &workspace.moments_[static_cast<std::size_t>(image) * moment_count()];
      double const total = HistogramBins::unit(pixels) * static_cast<double>(pixels);
      for (std::size_t bin = 0; bin < moment_count(); ++bin) {
        std::int64_t sum = 0;
        for (std::size_t part = first; part < first + parts; ++part) {
          sum += all_bins[part * bin_count + bin];
        }
        moments[bin] = static_cast<double>(sum) / total;
      }
      for (std::size_t part = first; part < first + parts; ++part) {
        workspace.diagnostics_[static_cast<std::size_t>(image)] += workspace.chunk_diagnostics_[part];
      }
    };

    // The bins are integers, so the cut can follow the number of threads and the sums still agree to the bit.
    if (images >= threads) {
      parallel_for(images, threads, [&](std::int64_t image, int thread) {
        fill(image, 0, pixels, static_cast<std::size_t>(thread));
        collect(image, static_cast<std::size_t>(thread), 1);
      });
      return;
    }
    std::int64_t const share = (pixels + threads - 1) / threads;
    for (std::int64_t image = 0; image < images; ++image) {
      parallel_for(threads, threads, [&](std::int64_t part, int) {
        std::int64_t const start = std::min(part * share, pixels);
        fill(image, start, std::min(share, pixels - start), static_cast<std::size_t>(part));
      });
      collect(image, 0, static_cast<std::size_t>(threads));
    }
  }

  SCC_TARGET_AVX2_ALL static double solve_avx2(Tables const& tables, double const* moments, SolveScratch const& scratch,
                                               double* gradient) {
    return solve(SerialTeam{}, tables, moments, scratch, gradient);
  }

  void solve_images(Workspace& workspace) const {
    Tables const tables = plan_->tables();
    int const threads = thread_count();
    auto const images = static_cast<std::int64_t>(workspace.rsmi_.size());
    auto const scratch_size = aligned_size<double>(SolveScratch::size(tables));
    workspace.solve_.reserve(scratch_size * static_cast<std::size_t>(threads));

    parallel_for(images, threads, [&](std::int64_t image, int thread) {
      auto const index = static_cast<std::size_t>(image);
      double* const gradient = &workspace.drsmi_dmoments_[index * moment_count()];
      double* const alpha = &workspace.alpha_[index * unknown_count()];
      double* const moments = &workspace.moments_[index * moment_count()];
      Diagnostics const& found = workspace.diagnostics_[index];
      if (found.x_nan + found.y_nan > 0) {
        double const nan = std::numeric_limits<double>::quiet_NaN();
        workspace.rsmi_[index] = nan;
        std::fill(moments, moments + moment_count(), nan);
        std::fill(gradient, gradient + moment_count(), nan);
        std::fill(alpha, alpha + unknown_count(), nan);
        return;
      }
      SolveScratch const scratch =
        SolveScratch::in(workspace.solve_.data() + scratch_size * static_cast<std::size_t>(thread), tables);
      workspace.rsmi_[index] = instructions_ == Instructions::avx2
                                 ? solve_avx2(tables, moments, scratch, gradient)
                                 : solve(SerialTeam{}, tables, moments, scratch, gradient);
      std::copy(scratch.alpha, scratch.alpha + unknown_count(), alpha);
    });
  }

  template <class Other, class Varied, class G>
  void differentiate_pixels(ImageBatch<Other> const& other, ImageBatch<Varied> const& varied,
                            Workspace const& workspace, double grad_loss, ImageBatch<G> const& gradient, Side side,
                            GradientMode mode) const {
    std::int64_t const pixels = varied.pixels();
    if (varied.images == 0 || pixels == 0) {
      return;
    }
    double const factor = grad_loss * gradient_factor(options(), varied.images, pixels);
    if (plan_->basis() == Basis::histogram || uses_double<Other, Varied>()) {
      differentiate_blocks<double>({options(), other}, {options(), varied}, {gradient, mode}, pixels, workspace, side,
                                   factor);
    } else {
      differentiate_blocks<float>({options(), other}, {options(), varied}, {gradient, mode}, pixels, workspace, side,
                                  factor);
    }
  }

  template <class Real>
  void differentiate_blocks(PixelReader<Real> const& other, PixelReader<Real> const& varied,
                            GradientWriter<Real> const& gradient, std::int64_t pixels, Workspace const& workspace,
                            Side side, double factor) const {
    Chunks const chunks(pixels);
    auto const images = static_cast<std::int64_t>(workspace.rsmi_.size());
    parallel_for(images * chunks.count(), thread_count(), [&](std::int64_t task, int) {
      std::int64_t const image = task / chunks.count();
      std::int64_t const chunk = task % chunks.count();
      double const* const coefficients = &workspace.drsmi_dmoments_[static_cast<std::size_t>(image) * moment_count()];
      alignas(64) Real values[block_size];
      auto const write_blocks = [&](auto&& evaluate) {
        for_each_block(instructions_, other, varied, image, chunks.start(chunk), chunks.length(chunk),
                       [&](auto const& other_block, auto const& varied_block, std::int64_t at, int length) {
                         evaluate(other_block, varied_block, length);
                         gradient.store(image, at, length, values, varied_block.outside);
                       });
      };
      if constexpr (std::is_same_v<Real, double>) {
        if (plan_->basis() == Basis::histogram) {
          HistogramGradient at_pixels(instructions_, plan_->basis_size(), coefficients, side, factor);
          write_blocks([&](auto const& other_block, auto const& varied_block, int length) {
            at_pixels.evaluate(other_block, varied_block, length, values);
          });
          return;
        }
      }
      ChebyshevGradient<Real> at_pixels(instructions_, plan_->resolution(), coefficients, side, factor);
      write_blocks([&](auto const& other_block, auto const& varied_block, int) {
        at_pixels.evaluate(other_block, varied_block, values);
      });
    });
  }

  std::shared_ptr<Plan const> plan_;
  Instructions instructions_;
};

}  // namespace scc::cpu
