// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The library under comparison, with a C interface that methods.py calls through ctypes. Every function returns null,
/// or a message that stays valid until the same thread's next call.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <scc/scc.hpp>
#include <stdexcept>
#include <string>

#if defined(SCC_COMPARE_GPU)
#include <cuda_runtime_api.h>
#include <optional>
#include <scc/gpu/loss.hpp>
#endif

namespace {

/// A batch [images, channels, height, width] of densely packed floats.
struct Shape {
  std::int64_t images, channels, height, width;
};

template <class T>
scc::ImageBatch<T> view(T* data, Shape const& shape) {
  return scc::ImageBatch<T>::contiguous(data, shape.images, shape.channels, shape.height, shape.width);
}

/// The same weights for all images and channels.
scc::ImageBatch<float const> weight_view(float const* weight, Shape const& shape) {
  auto result = view(weight, shape);
  result.image_stride = result.channel_stride = 0;
  return result;
}

/// Pixels are in the backend's memory; the stream is a cudaStream_t, which the CPU ignores.
class Loss {
public:
  virtual ~Loss() = default;

  /// Bytes of device memory that a workspace for so many images needs; 0 on the CPU, where it allocates its own.
  virtual std::size_t workspace_bytes(std::int64_t images) const = 0;

  /// Replaces the workspace by a new one in `memory`; with 0 bytes, by none, or on the CPU by one that has no memory yet.
  virtual void use_workspace(std::int64_t images, void* memory, std::size_t bytes) = 0;

  /// One forward pass, and a backward pass if `dloss_dy` is not null.
  ///
  /// @param weight  [height, width] of all images and channels, or null.
  virtual void run(float const* x, float const* y, float const* weight, Shape const& shape, float* dloss_dy,
                   void* stream) = 0;

  /// Writes rSMI of the images of the last run to host memory, when the stream has finished.
  virtual void read_rsmi(std::int64_t images, double* rsmi, void* stream) const = 0;
};

class CpuLoss final : public Loss {
public:
  explicit CpuLoss(scc::Options const& options) : loss_(options) {}

  std::size_t workspace_bytes(std::int64_t /*images*/) const override { return 0; }

  void use_workspace(std::int64_t /*images*/, void* /*memory*/, std::size_t /*bytes*/) override {
    workspace_ = scc::cpu::Workspace();
  }

  void run(float const* x, float const* y, float const* weight, Shape const& shape, float* dloss_dy,
           void* /*stream*/) override {
    auto const run_with = [&](auto const&... weights) {
      loss_.forward(view(x, shape), view(y, shape), weights..., workspace_);
      if (dloss_dy != nullptr) {
        loss_.backward(view(x, shape), view(y, shape), weights..., workspace_, 1, view(dloss_dy, shape));
      }
    };
    weight == nullptr ? run_with() : run_with(weight_view(weight, shape));
  }

  void read_rsmi(std::int64_t images, double* rsmi, void* /*stream*/) const override {
    std::copy_n(workspace_.rsmi().begin(), images, rsmi);
  }

private:
  scc::cpu::Loss loss_;
  scc::cpu::Workspace workspace_;
};

#if defined(SCC_COMPARE_GPU)
class GpuLoss final : public Loss {
public:
  explicit GpuLoss(scc::Options const& options) : loss_(options) {}

  std::size_t workspace_bytes(std::int64_t images) const override { return scc::gpu::Workspace::bytes(loss_, images); }

  void use_workspace(std::int64_t images, void* memory, std::size_t bytes) override {
    workspace_.reset();
    if (bytes > 0) {
      workspace_.emplace(loss_, images, memory, bytes);
    }
  }

  void run(float const* x, float const* y, float const* weight, Shape const& shape, float* dloss_dy,
           void* stream) override {
    auto* const cuda_stream = static_cast<cudaStream_t>(stream);
    auto const run_with = [&](auto const&... weights) {
      loss_.forward(view(x, shape), view(y, shape), weights..., workspace_.value(), cuda_stream);
      if (dloss_dy != nullptr) {
        loss_.backward(view(x, shape), view(y, shape), weights..., *workspace_, nullptr, 1, view(dloss_dy, shape),
                       scc::GradientMode::overwrite, cuda_stream);
      }
    };
    weight == nullptr ? run_with() : run_with(weight_view(weight, shape));
  }

  void read_rsmi(std::int64_t images, double* rsmi, void* stream) const override {
    auto* const cuda_stream = static_cast<cudaStream_t>(stream);
    scc::gpu::check(cudaMemcpyAsync(rsmi, workspace_.value().rsmi(), static_cast<std::size_t>(images) * sizeof(double),
                                    cudaMemcpyDeviceToHost, cuda_stream),
                    "cudaMemcpyAsync");
    scc::gpu::check(cudaStreamSynchronize(cuda_stream), "cudaStreamSynchronize");
  }

private:
  scc::gpu::Loss loss_;
  std::optional<scc::gpu::Workspace> workspace_;
};
#endif

std::unique_ptr<Loss> make_loss(bool is_cuda, scc::Options const& options) {
  if (!is_cuda) {
    return std::make_unique<CpuLoss>(options);
  }
#if defined(SCC_COMPARE_GPU)
  return std::make_unique<GpuLoss>(options);
#else
  throw std::runtime_error("the library was built without its GPU backend");
#endif
}

/// Calls `body`; null, or what it threw.
template <class Body>
char const* message_of(Body const& body) {
  thread_local std::string message;
  try {
    body();
    return nullptr;
  } catch (std::exception const& error) {
    message = error.what();
  }
  return message.c_str();
}

}  // namespace

extern "C" {

/// @param loss  out; to be destroyed by the caller.
char const* scc_compare_create(int is_cuda, int is_reciprocal, int centers_per_axis, double bandwidth,
                               double center_min, double center_max, double beta, double lambda, double tolerance,
                               Loss** loss) {
  return message_of([&] {
    scc::Options options;
    options.kernel = is_reciprocal != 0 ? scc::Kernel::reciprocal_gaussian : scc::Kernel::gaussian;
    options.centers_per_axis = centers_per_axis;
    options.bandwidth = bandwidth;
    options.center_min = center_min;
    options.center_max = center_max;
    options.beta = beta;
    options.lambda = lambda;
    options.tolerance = tolerance;
    *loss = make_loss(is_cuda != 0, options).release();
  });
}

char const* scc_compare_destroy(Loss* loss) {
  return message_of([&] { delete loss; });
}

char const* scc_compare_workspace_bytes(Loss const* loss, std::int64_t images, std::size_t* bytes) {
  return message_of([&] { *bytes = loss->workspace_bytes(images); });
}

char const* scc_compare_use_workspace(Loss* loss, std::int64_t images, void* memory, std::size_t bytes) {
  return message_of([&] { loss->use_workspace(images, memory, bytes); });
}

char const* scc_compare_run(Loss* loss, float const* x, float const* y, float const* weight, std::int64_t images,
                            std::int64_t channels, std::int64_t height, std::int64_t width, float* dloss_dy,
                            void* stream) {
  return message_of([&] { loss->run(x, y, weight, {images, channels, height, width}, dloss_dy, stream); });
}

char const* scc_compare_read_rsmi(Loss const* loss, std::int64_t images, double* rsmi, void* stream) {
  return message_of([&] { loss->read_rsmi(images, rsmi, stream); });
}
}
