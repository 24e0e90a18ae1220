// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Gives a LibTorch without CUDA a device "cuda", with its tensors in host memory: every operator works on them as that of
/// the CPU does. With the runtime of tests/ptx, whose device memory is host memory too, the adapter's part for CUDA runs.

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/Storage.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <cuda_runtime_api.h>
#include <memory>
#include <new>
#include <scc/gpu/device_memory.hpp>
#include <torch/library.h>
#include <vector>

#include "../../ptx/control.hpp"

namespace {

constexpr auto cuda = c10::DeviceType::CUDA;

// The current device is that of the runtime; there is one stream.
class HostGuard final : public c10::impl::DeviceGuardImplInterface {
public:
  static constexpr c10::DeviceType static_type = cuda;

  c10::DeviceType type() const override { return cuda; }
  c10::Device exchangeDevice(c10::Device device) const override {
    c10::Device const old = getDevice();
    setDevice(device);
    return old;
  }
  c10::Device getDevice() const override {
    int device = 0;
    static_cast<void>(cudaGetDevice(&device));
    return {cuda, static_cast<c10::DeviceIndex>(device)};
  }
  void setDevice(c10::Device device) const override { static_cast<void>(cudaSetDevice(device.index())); }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    static_cast<void>(cudaSetDevice(device.index()));
  }
  c10::Stream getStream(c10::Device device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream exchangeStream(c10::Stream stream) const noexcept override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override {
    int count = 0;
    static_cast<void>(cudaGetDeviceCount(&count));
    return static_cast<c10::DeviceIndex>(count);
  }
  void record(void** /*event*/, c10::Stream const& /*stream*/, c10::DeviceIndex /*device*/,
              c10::EventFlag /*flag*/) const override {}
  void block(void* /*event*/, c10::Stream const& /*stream*/) const override {}
  bool queryEvent(void* /*event*/) const override { return true; }
  void destroyEvent(void* /*event*/, c10::DeviceIndex /*device*/) const noexcept override {}
};

C10_REGISTER_GUARD_IMPL(CUDA, HostGuard);

at::Tensor make_tensor(at::Tensor const& like, c10::DataPtr data) {
  bool const is_cuda = data.device().type() == cuda;
  c10::Storage storage(c10::Storage::use_byte_size_t{}, like.storage().nbytes(), std::move(data));
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
    std::move(storage), c10::DispatchKeySet(is_cuda ? c10::DispatchKey::CUDA : c10::DispatchKey::CPU), like.dtype());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides());
  tensor.unsafeGetTensorImpl()->set_storage_offset(like.storage_offset());
  return tensor;
}

void* memory_of(at::Tensor const& tensor) { return const_cast<void*>(tensor.storage().data()); }

// The same memory as a tensor of another device.
at::Tensor alias(at::Tensor const& tensor, c10::Device device) {
  auto* const owner = new c10::Storage(tensor.storage());
  return make_tensor(tensor,
                     c10::DataPtr(
                       memory_of(tensor), owner, [](void* held) { delete static_cast<c10::Storage*>(held); }, device));
}

// A copy, in device memory, of what an operator has made.
at::Tensor on_device(at::Tensor const& tensor, c10::Device device) {
  std::size_t const bytes = tensor.storage().nbytes();
  void* memory = nullptr;
  scc::gpu::DeviceScope const scope(device.index());
  if (cudaMalloc(&memory, bytes) != cudaSuccess ||
      cudaMemcpy(memory, memory_of(tensor), bytes, cudaMemcpyHostToDevice) != cudaSuccess) {
    throw std::bad_alloc();
  }
  return make_tensor(tensor, c10::DataPtr(
                               memory, memory,
                               [](void* held) {
                                 scc::gpu::DeviceScope const own(scc::gpu::device_of(held), std::nothrow);
                                 static_cast<void>(cudaFree(held));
                               },
                               device));
}

// Calls an operator with all tensors and devices as those of the CPU.
void run_on_cpu(c10::OperatorHandle const& operation, torch::jit::Stack* stack) {
  std::size_t const count = operation.schema().arguments().size();
  std::size_t const first = stack->size() - count;
  c10::Device device(cuda, 0);
  std::vector<at::Tensor> originals;
  auto const to_cpu = [&](at::Tensor const& tensor) {
    if (!tensor.defined() || !tensor.is_cuda()) {
      return tensor;
    }
    device = tensor.device();
    originals.push_back(tensor);
    return alias(tensor, c10::Device(c10::DeviceType::CPU));
  };
  for (std::size_t k = first; k < stack->size(); ++k) {
    auto& value = (*stack)[k];
    if (value.isTensor()) {
      value = to_cpu(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> tensors;
      for (auto const& tensor : value.toTensorVector()) {
        tensors.push_back(to_cpu(tensor));
      }
      value = tensors;
    } else if (value.isDevice() && value.toDevice().is_cuda()) {
      device = value.toDevice().has_index() ? value.toDevice() : device;
      value = c10::Device(c10::DeviceType::CPU);
    }
  }
  bool const to_host = operation.operator_name().name == "aten::_copy_from_and_resize";
  operation.callBoxed(stack);
  for (auto const& original : originals) {
    // The operator may have written to any of its arguments, unseen by the interpreter.
    ptx::mark_written_by_host(memory_of(original), original.storage().nbytes());
  }
  auto const to_cuda = [&](at::Tensor const& tensor) {
    if (!tensor.defined() || to_host) {
      return tensor;
    }
    for (auto const& original : originals) {
      if (memory_of(original) == memory_of(tensor)) {
        // What works in place returns its argument.
        bool const is_same = original.sizes() == tensor.sizes() && original.strides() == tensor.strides() &&
                             original.storage_offset() == tensor.storage_offset();
        bool const in_place = operation.schema().is_mutable();
        return is_same && in_place ? original : alias(tensor, original.device());
      }
    }
    return on_device(tensor, device);
  };
  std::size_t const results = operation.schema().returns().size();
  for (std::size_t k = stack->size() - results; k < stack->size(); ++k) {
    if ((*stack)[k].isTensor()) {
      (*stack)[k] = to_cuda((*stack)[k].toTensor());
    }
  }
}

// Operators that LibTorch has for each device, but with inner parts for those that it was built for.
TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  for (char const* const name : {"copy_"}) {
    library.impl(name, torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
  }
}

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>()); }

}  // namespace

namespace at {

namespace {

// LibTorch asks for one of this name.
struct CUDAHooks : CUDAHooksInterface {
  explicit CUDAHooks(CUDAHooksArgs /*arguments*/) {}
  bool hasCUDA() const override { return true; }
  int getNumGPUs() const override { return HostGuard().deviceCount(); }
  bool hasPrimaryContext(int64_t /*device*/) const override { return true; }
};

}  // namespace

REGISTER_CUDA_HOOKS(CUDAHooks);

}  // namespace at
