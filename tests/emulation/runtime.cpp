// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The functions of the CUDA runtime that the library, its tests and its examples call. All work is done within the
/// call, except what a capturing stream records. Others of the runtime's functions are missing on purpose: a program
/// that needs one does not link.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "control.hpp"
#include "run_kernel.hpp"

/// Something that a stream does.
struct Operation {
  cudaGraphNodeType type;
  std::function<cudaError_t()> run;
};

// The toolkit declares these and leaves them to the runtime. A node of a graph is one of its operations.
struct CUgraphNode_st : Operation {};

struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes;  // in the order in which they were captured
};

struct CUgraphExec_st {
  std::vector<CUgraphNode_st> nodes;
};

struct CUstream_st {
  int device = 0;
  unsigned flags = cudaStreamDefault;
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
  std::thread::id capturing_thread;
  std::vector<CUgraphNode_st> captured;
};

struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
};

namespace scc_emulation {
namespace {

constexpr std::size_t default_dynamic_bytes = 48 * 1024;  // what a kernel may have without cudaFuncSetAttribute

struct Runtime {
  std::mutex mutex;
  std::set<cudaStream_t> streams;  // those that the program has created
  std::map<void const*, std::size_t> dynamic_limits;
};

/// Never destroyed, as losses in static objects free their memory late.
Runtime& runtime() {
  static auto& value = *new Runtime;
  return value;
}

// Both belong to one thread of the host, as in the real runtime.
thread_local cudaError_t last_error = cudaSuccess;
thread_local int current_device = 0;

/// Every runtime function does its work in here: one at a time, with failures on demand, and with errors remembered.
template <class Work>
cudaError_t call(char const* function, Work const& work) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  cudaError_t error = config().devices > 0 ? planned_failure(function) : cudaErrorNoDevice;
  if (error == cudaSuccess) {
    error = work();
  }
  if (error != cudaSuccess) {
    last_error = error;
  }
  return error;
}

bool is_default(cudaStream_t stream) { return stream == nullptr || stream == cudaStreamLegacy; }

cudaError_t check(cudaStream_t stream) {
  return is_default(stream) || runtime().streams.count(stream) != 0 ? cudaSuccess : cudaErrorInvalidResourceHandle;
}

bool is_capturing(cudaStream_t stream) { return !is_default(stream) && stream->capture != cudaStreamCaptureStatusNone; }

/// Ends the captures that `offends` holds for, as they would miss what the caller is about to do. The error is `error`
/// if there is one.
template <class Offends>
cudaError_t invalidate_captures(Offends const& offends, cudaError_t error) {
  cudaError_t result = cudaSuccess;
  for (cudaStream_t stream : runtime().streams) {
    if (is_capturing(stream) && offends(*stream)) {
      stream->capture = cudaStreamCaptureStatusInvalidated;
      result = error;
    }
  }
  return result;
}

/// For calls that wait for the device or may do so, such as cudaMalloc.
cudaError_t forbid_while_capturing() {
  return invalidate_captures(
    [](CUstream_st const& stream) {
      return stream.capture_mode == cudaStreamCaptureModeGlobal ||
             (stream.capture_mode == cudaStreamCaptureModeThreadLocal &&
              stream.capturing_thread == std::this_thread::get_id());
    },
    cudaErrorStreamCaptureUnsupported);
}

/// For calls that a capturing stream cannot record.
cudaError_t forbid_in_capture_of(cudaStream_t stream) {
  if (cudaError_t const error = check(stream)) {
    return error;
  }
  return invalidate_captures([stream](CUstream_st const& other) { return &other == stream; },
                             cudaErrorStreamCaptureUnsupported);
}

/// Does the work, or records it if the stream is capturing.
cudaError_t enqueue(cudaStream_t stream, Operation const& operation) {
  if (cudaError_t const error = check(stream)) {
    return error;
  }
  if (is_default(stream)) {
    // The default stream waits for all others but those that were created not to.
    cudaError_t const error =
      invalidate_captures([](CUstream_st const& other) { return (other.flags & cudaStreamNonBlocking) == 0; },
                          cudaErrorStreamCaptureImplicit);
    return error != cudaSuccess ? error : operation.run();
  }
  switch (stream->capture) {
    case cudaStreamCaptureStatusNone:
      return operation.run();
    case cudaStreamCaptureStatusActive:
      stream->captured.push_back({operation});
      return cudaSuccess;
    case cudaStreamCaptureStatusInvalidated:
      break;
  }
  return cudaErrorStreamCaptureInvalidated;
}

cudaError_t run_all(std::vector<CUgraphNode_st> const& nodes) {
  for (CUgraphNode_st const& node : nodes) {
    if (cudaError_t const error = node.run()) {
      return error;
    }
  }
  return cudaSuccess;
}

/// Memory of exactly this size, so that AddressSanitizer knows its ends; filled with 0xff, which reads as NaN.
cudaError_t allocate(void** pointer, std::size_t bytes) {
  if (pointer == nullptr) {
    return cudaErrorInvalidValue;
  }
  *pointer = nullptr;
  constexpr std::size_t alignment = 256;
  if (bytes != 0 && posix_memalign(pointer, alignment, bytes) != 0) {
    return cudaErrorMemoryAllocation;
  }
  if (bytes != 0) {
    std::memset(*pointer, 0xff, bytes);
  }
  return cudaSuccess;
}

cudaError_t release_memory(void* pointer) {
  counters().frees += pointer != nullptr ? 1 : 0;
  std::free(pointer);
  return cudaSuccess;
}

Operation memset_operation(void* pointer, int value, std::size_t bytes) {
  return {cudaGraphNodeTypeMemset, [=] {
            if (bytes != 0) {
              std::memset(pointer, value, bytes);
            }
            return cudaSuccess;
          }};
}

Operation copy_operation(void* to, void const* from, std::size_t bytes) {
  return {cudaGraphNodeTypeMemcpy, [=] {
            if (bytes != 0) {
              std::memcpy(to, from, bytes);
            }
            return cudaSuccess;
          }};
}

bool is_valid(dim3 grid, dim3 block) {
  auto const within = [](dim3 extents, unsigned x, unsigned y, unsigned z) {
    return extents.x - 1 < x && extents.y - 1 < y && extents.z - 1 < z;  // 0 - 1 is large
  };
  return within(grid, 2147483647, 65535, 65535) && within(block, 1024, 1024, 64) && block.x * block.y * block.z <= 1024;
}

std::size_t dynamic_limit(void const* kernel) {
  auto const found = runtime().dynamic_limits.find(kernel);
  return found != runtime().dynamic_limits.end() ? found->second : default_dynamic_bytes;
}

}  // namespace

cudaError_t launch(cudaLaunchConfig_t const& launch, void const* kernel, KernelCall const& kernel_call) {
  return call("cudaLaunchKernelEx", [&]() -> cudaError_t {
    ++counters().launches;
    if (cudaError_t const error = check(launch.stream)) {
      return error;
    }
    if (!is_default(launch.stream) && launch.stream->device != current_device) {
      return cudaErrorInvalidResourceHandle;
    }
    if (!is_valid(launch.gridDim, launch.blockDim)) {
      return cudaErrorInvalidConfiguration;
    }
    std::size_t const limit = dynamic_limit(kernel);
    if (launch.dynamicSmemBytes > limit) {
      return cudaErrorInvalidValue;
    }
    if (launch.numAttrs != 0) {
      return cudaErrorNotSupported;
    }
    LaunchShape const shape{launch.gridDim, launch.blockDim, launch.dynamicSmemBytes,
                            limit > default_dynamic_bytes ? config().shared_memory_bytes : default_dynamic_bytes};
    if (is_capturing(launch.stream)) {
      std::shared_ptr<KernelCall const> const copy(kernel_call.copy());
      return enqueue(launch.stream, {cudaGraphNodeTypeKernel, [copy, shape] {
                                       return run_kernel(*copy, shape) ? cudaSuccess : cudaErrorLaunchFailure;
                                     }});
    }
    return enqueue(launch.stream, {cudaGraphNodeTypeKernel, [&] {
                                     return run_kernel(kernel_call, shape) ? cudaSuccess : cudaErrorLaunchFailure;
                                   }});
  });
}

}  // namespace scc_emulation

using namespace scc_emulation;

extern "C" {

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

char const* cudaGetErrorName(cudaError_t error) {
#define SCC_NAME_CASE(name) \
  case name:                \
    return #name;
  switch (error) {
    SCC_NAME_CASE(cudaSuccess)
    SCC_NAME_CASE(cudaErrorInvalidValue)
    SCC_NAME_CASE(cudaErrorMemoryAllocation)
    SCC_NAME_CASE(cudaErrorCudartUnloading)
    SCC_NAME_CASE(cudaErrorInvalidConfiguration)
    SCC_NAME_CASE(cudaErrorNoDevice)
    SCC_NAME_CASE(cudaErrorInvalidDevice)
    SCC_NAME_CASE(cudaErrorInvalidResourceHandle)
    SCC_NAME_CASE(cudaErrorIllegalState)
    SCC_NAME_CASE(cudaErrorIllegalAddress)
    SCC_NAME_CASE(cudaErrorLaunchOutOfResources)
    SCC_NAME_CASE(cudaErrorLaunchFailure)
    SCC_NAME_CASE(cudaErrorNotSupported)
    SCC_NAME_CASE(cudaErrorStreamCaptureUnsupported)
    SCC_NAME_CASE(cudaErrorStreamCaptureInvalidated)
    SCC_NAME_CASE(cudaErrorStreamCaptureImplicit)
    SCC_NAME_CASE(cudaErrorStreamCaptureWrongThread)
    default:
      return "unrecognized error code";
  }
#undef SCC_NAME_CASE
}

// The real runtime has a sentence for each error; the name says the same, and the report says more.
char const* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorLaunchFailure && !last_report().empty()) {
    return last_report().c_str();
  }
  return error == cudaSuccess ? "no error" : cudaGetErrorName(error);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return call(__func__, [&] {
    *count = config().devices;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return call(__func__, [&] {
    *device = current_device;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return call(__func__, [&] {
    if (device < 0 || device >= config().devices) {
      return cudaErrorInvalidDevice;
    }
    current_device = device;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call(__func__, [&] {
    if (device < 0 || device >= config().devices) {
      return cudaErrorInvalidDevice;
    }
    int const shared_memory = static_cast<int>(config().shared_memory_bytes);
    constexpr int reserved = 1024;  // of a multiprocessor's shared memory for each block
    switch (attribute) {
      case cudaDevAttrMultiProcessorCount:
        *value = config().multiprocessors;
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = static_cast<int>(default_dynamic_bytes);
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = shared_memory;
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        *value = shared_memory + reserved;
        return cudaSuccess;
      case cudaDevAttrWarpSize:
        *value = warpSize;
        return cudaSuccess;
      case cudaDevAttrMaxThreadsPerBlock:
        *value = 1024;
        return cudaSuccess;
      case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = 2048;
        return cudaSuccess;
      case cudaDevAttrComputeCapabilityMajor:
        *value = 9;
        return cudaSuccess;
      case cudaDevAttrComputeCapabilityMinor:
        *value = 0;
        return cudaSuccess;
      case cudaDevAttrMemoryPoolsSupported:
        *value = 1;
        return cudaSuccess;
      default:
        return cudaErrorInvalidValue;
    }
  });
}

cudaError_t cudaDeviceSynchronize() {
  return call(__func__, [&] {
    ++counters().synchronizations;
    return invalidate_captures([](CUstream_st const&) { return true; }, cudaErrorStreamCaptureUnsupported);
  });
}

cudaError_t cudaFuncSetAttribute(void const* kernel, cudaFuncAttribute attribute, int value) {
  return call(__func__, [&] {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
        static_cast<std::size_t>(value) > config().shared_memory_bytes) {
      return cudaErrorInvalidValue;
    }
    runtime().dynamic_limits[kernel] = static_cast<std::size_t>(value);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void const* kernel, int threads,
                                                          std::size_t dynamic_bytes) {
  return call(__func__, [&] {
    if (threads <= 0) {
      return cudaErrorInvalidValue;
    }
    *blocks = threads <= 1024 && dynamic_bytes <= dynamic_limit(kernel) ? config().blocks_per_multiprocessor : 0;
    return cudaSuccess;
  });
}

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().allocations;
    cudaError_t const error = forbid_while_capturing();
    return error != cudaSuccess ? error : allocate(pointer, bytes);
  });
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().allocations;
    cudaError_t const error = forbid_in_capture_of(stream);
    return error != cudaSuccess ? error : allocate(pointer, bytes);
  });
}

cudaError_t cudaFree(void* pointer) {
  return call(__func__, [&] {
    cudaError_t const error = forbid_while_capturing();
    return error != cudaSuccess ? error : release_memory(pointer);
  });
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return call(__func__, [&] {
    cudaError_t const error = forbid_in_capture_of(stream);
    return error != cudaSuccess ? error : release_memory(pointer);
  });
}

cudaError_t cudaMemcpy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind) {
  return call(__func__, [&] {
    ++counters().copies;
    ++counters().synchronizations;
    return enqueue(cudaStreamLegacy, copy_operation(to, from, bytes));
  });
}

cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().copies;
    return enqueue(stream, copy_operation(to, from, bytes));
  });
}

cudaError_t cudaMemset(void* pointer, int value, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().memsets;
    ++counters().synchronizations;
    return enqueue(cudaStreamLegacy, memset_operation(pointer, value, bytes));
  });
}

cudaError_t cudaMemsetAsync(void* pointer, int value, std::size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().memsets;
    return enqueue(stream, memset_operation(pointer, value, bytes));
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call(__func__, [&] {
    *stream = new CUstream_st;
    (*stream)->device = current_device;
    (*stream)->flags = flags;
    runtime().streams.insert(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call(__func__, [&] {
    if (runtime().streams.erase(stream) == 0) {
      return cudaErrorInvalidResourceHandle;
    }
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().synchronizations;
    return is_default(stream) ? enqueue(stream, {cudaGraphNodeTypeEmpty, [] { return cudaSuccess; }})
                              : forbid_in_capture_of(stream);
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call(__func__, [&] {
    if (is_default(stream)) {
      return cudaErrorStreamCaptureUnsupported;
    }
    if (cudaError_t const error = check(stream)) {
      return error;
    }
    if (is_capturing(stream)) {
      return cudaErrorIllegalState;
    }
    stream->capture = cudaStreamCaptureStatusActive;
    stream->capture_mode = mode;
    stream->capturing_thread = std::this_thread::get_id();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call(__func__, [&] {
    *graph = nullptr;
    if (cudaError_t const error = check(stream)) {
      return error;
    }
    if (!is_capturing(stream)) {
      return cudaErrorIllegalState;
    }
    if (stream->capture_mode != cudaStreamCaptureModeRelaxed &&
        stream->capturing_thread != std::this_thread::get_id()) {
      return cudaErrorStreamCaptureWrongThread;
    }
    auto const status = std::exchange(stream->capture, cudaStreamCaptureStatusNone);
    std::vector<CUgraphNode_st> captured = std::exchange(stream->captured, {});
    if (status == cudaStreamCaptureStatusInvalidated) {
      return cudaErrorStreamCaptureInvalidated;
    }
    *graph = new CUgraph_st{std::move(captured)};
    return cudaSuccess;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call(__func__, [&] {
    cudaError_t const error = check(stream);
    *status = error == cudaSuccess && is_capturing(stream) ? stream->capture : cudaStreamCaptureStatusNone;
    return error;
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  return call(__func__, [&] {
    if (nodes != nullptr) {
      *count = std::min(*count, graph->nodes.size());
      std::transform(graph->nodes.begin(), graph->nodes.begin() + static_cast<std::ptrdiff_t>(*count), nodes,
                     [](CUgraphNode_st& node) { return &node; });
    } else {
      *count = graph->nodes.size();
    }
    return cudaSuccess;
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  return call(__func__, [&] {
    *type = node->type;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return call(__func__, [&] {
    *executable = new CUgraphExec_st{graph->nodes};
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().graph_launches;
    cudaError_t const error = forbid_in_capture_of(stream);
    return error != cudaSuccess ? error
                                : enqueue(stream, {cudaGraphNodeTypeEmpty, [&] { return run_all(executable->nodes); }});
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call(__func__, [&] {
    delete graph;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return call(__func__, [&] {
    delete executable;
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return call(__func__, [&] {
    *event = new CUevent_st;
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call(__func__, [&] {
    return enqueue(stream, {cudaGraphNodeTypeEventRecord, [event] {
                              event->time = std::chrono::steady_clock::now();
                              event->recorded = true;
                              return cudaSuccess;
                            }});
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return call(__func__, [&] {
    ++counters().synchronizations;
    return cudaSuccess;
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  return call(__func__, [&] {
    if (!begin->recorded || !end->recorded) {
      return cudaErrorInvalidResourceHandle;
    }
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call(__func__, [&] {
    delete event;
    return cudaSuccess;
  });
}

}  // extern "C"
