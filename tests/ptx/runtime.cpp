// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Stands in for the CUDA runtime library, with the interpreter as the device: the functions that the library and its tests
/// call, and those that nvcc's code calls. All work is done within the call, except what a capturing stream records. Others
/// of the runtime's functions are missing on purpose: a program that needs one does not link.
///
/// A process that ends with reports that nobody took (take_reports()) says how many and ends with status 1, so that no
/// test can pass over one: see Runtime::Runtime().

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime_api.h>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "control.hpp"
#include "fatbin.hpp"
#include "program.hpp"

// The toolkit declares these and leaves them to the runtime. A node of a graph is something that a stream does.
struct CUgraphNode_st {
  cudaGraphNodeType type;
  std::function<void()> run;
};
struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes;  // in the order in which they were captured
};
struct CUgraphExec_st : CUgraph_st {};
struct CUstream_st {
  int device = 0;
  unsigned flags = cudaStreamDefault;
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
  std::thread::id capturing_thread;
  std::vector<CUgraphNode_st> captured;
};
struct CUkern_st;

namespace ptx {
namespace {

constexpr std::size_t default_shared_bytes = 48 * 1024;  // what a block may have without cudaFuncSetAttribute
constexpr unsigned most_threads_of_block = 1024;
constexpr std::size_t alignment = 256;  // what cudaMalloc promises

/// What nvcc's code registers for each of its objects. Nothing is read before it is needed.
struct FatBinary {
  void const* wrapper = nullptr;
  int loaded = -1;    // the Config::architecture whose PTX is in the program; -1: none
  int examined = -1;  // the Config::architecture that `obstacle` is about; -1: none
  std::string obstacle;

  std::string text() const { return text_for(config().architecture, embedded_texts(wrapper)); }
};

/// A kernel as the host knows it. Its address there is that of a function that nvcc has made.
struct Function {
  std::string name;
  FatBinary* binary = nullptr;
  std::map<int, std::size_t> dynamic_limits{};  // by device: what cudaFuncSetAttribute has set
  std::set<int> loaded_on{};                    // devices, as kernels are loaded when they are first needed
};

/// Device memory as cudaMalloc and its kin have made it.
struct DeviceMemory {
  void* all;  // what std::free() takes
  int device;
};

/// Runs at the end of the process. exit() must not be called there, and what follows it is of no use to a failed test.
void fail_if_reports_are_left() {
  if (std::size_t const count = report_count(); count != 0) {
    std::fprintf(stderr, "ptx: %zu reports that nobody took: the process fails\n", count);
    std::fflush(nullptr);
    std::_Exit(1);
  }
}

struct Runtime {
  Runtime() { std::atexit(fail_if_reports_are_left); }

  std::mutex mutex;
  std::set<cudaStream_t> streams;  // those that the program has created
  std::vector<std::unique_ptr<FatBinary>> binaries;
  std::map<void const*, Function> functions;
  std::map<void*, DeviceMemory> device_memory;
  std::set<void*> host_memory;
  std::set<std::string> error_texts;  // what cudaGetErrorString has returned remains there
};

/// Never destroyed, as losses in static objects free their memory late.
Runtime& runtime() {
  static auto& value = *new Runtime;
  return value;
}

// These belong to one thread of the host, as in the real runtime.
thread_local cudaError_t last_error = cudaSuccess;
thread_local int current_device = 0;
thread_local cudaStreamCaptureMode thread_capture_mode = cudaStreamCaptureModeGlobal;
/// The latest error of which there is more to say than its name
thread_local std::pair<cudaError_t, char const*> explanation{cudaSuccess, nullptr};
/// Between __cudaPushCallConfiguration and __cudaPopCallConfiguration: `kernel<<<...>>>` calls the one, then the function
/// of the kernel's name, which calls the other.
thread_local std::vector<cudaLaunchConfig_t> pushed_configurations;

/// What a runtime function returns if it does not do its work.
struct Failure {
  cudaError_t error;
};

void check(bool condition, cudaError_t error) {
  if (!condition) {
    throw Failure{error};
  }
}

cudaError_t explained(cudaError_t error, std::string const& text) {
  explanation = {error, runtime().error_texts.insert(text).first->c_str()};
  return error;
}

/// Every runtime function does its work in here: one at a time, with failures on demand, and with errors remembered.
template <class Work>
cudaError_t call(char const* function, Work const& work) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  auto const before = std::exchange(explanation, {});
  cudaError_t error = cudaSuccess;
  try {
    check(config().devices > 0, cudaErrorNoDevice);
    std::optional<cudaError_t> const planned = planned_failure(function);
    check(planned.value_or(cudaSuccess) == cudaSuccess, planned.value_or(cudaSuccess));
    if (!planned) {
      work();
    }
  } catch (Failure const& failure) {
    error = failure.error;
  } catch (std::bad_alloc const&) {
    error = cudaErrorMemoryAllocation;
  } catch (std::exception const& unusable_ptx) {
    error = explained(cudaErrorInvalidPtx, unusable_ptx.what());
  }
  if (error == cudaSuccess) {
    explanation = before;
  } else {
    last_error = error;
  }
  return error;
}

void refuse_misuse(bool condition, std::string const& text) {
  if (!condition) {
    report(Check::runtime, text);
    throw Failure{explained(cudaErrorInvalidValue, text)};
  }
}

// ------------------------------------------------------------------------------------------------------------- streams

bool is_default(cudaStream_t stream) { return stream == nullptr || stream == cudaStreamLegacy; }
/// The device of a stream; the default stream is the current device's.
int device_of(cudaStream_t stream) { return is_default(stream) ? current_device : stream->device; }
bool is_capturing(cudaStream_t stream) { return !is_default(stream) && stream->capture != cudaStreamCaptureStatusNone; }

void check(cudaStream_t stream) {
  check(is_default(stream) || runtime().streams.count(stream) != 0, cudaErrorInvalidResourceHandle);
}

/// Ends the captures that `offends` holds for, as they would miss what the caller is about to do. If there are any, that
/// fails with the error.
template <class Offends>
void forbid_in_captures(cudaError_t error, Offends const& offends) {
  bool any = false;
  for (cudaStream_t stream : runtime().streams) {
    if (is_capturing(stream) && offends(*stream)) {
      stream->capture = cudaStreamCaptureStatusInvalidated;
      any = true;
    }
  }
  check(!any, error);
}

/// For calls that wait for the device or may do so, such as cudaMalloc.
void forbid_while_capturing() {
  forbid_in_captures(cudaErrorStreamCaptureUnsupported, [](CUstream_st const& stream) {
    bool const is_own = stream.capturing_thread == std::this_thread::get_id();
    bool const is_global =
      stream.capture_mode == cudaStreamCaptureModeGlobal && thread_capture_mode == cudaStreamCaptureModeGlobal;
    return stream.capture_mode != cudaStreamCaptureModeRelaxed && thread_capture_mode != cudaStreamCaptureModeRelaxed &&
           (is_own || is_global);
  });
}

/// For calls that a capturing stream cannot record.
void forbid_in_capture_of(cudaStream_t stream) {
  check(stream);
  forbid_in_captures(cudaErrorStreamCaptureUnsupported, [=](CUstream_st const& other) { return &other == stream; });
}

/// Does the work, or records it if the stream is capturing.
void enqueue(cudaStream_t stream, CUgraphNode_st const& node) {
  check(stream);
  if (is_default(stream)) {
    // The default stream waits for all others but those that were created not to.
    forbid_in_captures(cudaErrorStreamCaptureImplicit,
                       [](CUstream_st const& other) { return (other.flags & cudaStreamNonBlocking) == 0; });
  }
  if (!is_capturing(stream)) {
    node.run();
    return;
  }
  check(stream->capture == cudaStreamCaptureStatusActive, cudaErrorStreamCaptureInvalidated);
  stream->captured.push_back(node);
}

// -------------------------------------------------------------------------------------------------------------- memory

/// Device memory is filled with 0xff, which reads as NaN, and has bytes before and behind it that are nobody's.
void allocate(void** pointer, std::size_t bytes, int device) {
  check(pointer != nullptr, cudaErrorInvalidValue);
  *pointer = nullptr;
  if (bytes == 0) {
    return;
  }
  check(bytes <= std::numeric_limits<std::size_t>::max() - 3 * alignment, cudaErrorMemoryAllocation);
  std::size_t const all_bytes = (bytes + alignment - 1) / alignment * alignment + 2 * alignment;
  void* const all = std::aligned_alloc(alignment, all_bytes);
  check(all != nullptr, cudaErrorMemoryAllocation);
  std::memset(all, 0xff, all_bytes);
  *pointer = static_cast<char*>(all) + alignment;
  runtime().device_memory[*pointer] = {all, device};
  add_allocation(*pointer, bytes);
}

void release(void* pointer, int device) {
  if (pointer == nullptr) {
    return;
  }
  ++counters().frees;
  auto const found = runtime().device_memory.find(pointer);
  refuse_misuse(found != runtime().device_memory.end(), "cudaFree of what is not allocated");
  refuse_misuse(found->second.device == device, "cudaFree on device " + std::to_string(device) +
                                                  " of memory of device " + std::to_string(found->second.device));
  remove_allocation(pointer);
  std::free(found->second.all);
  runtime().device_memory.erase(found);
}

/// Whether it begins or ends in device memory.
bool touches_device_memory(void const* memory, std::size_t bytes) {
  return is_device_memory(memory, 1) || is_device_memory(static_cast<char const*>(memory) + bytes - 1, 1);
}

/// The device that has this memory, if one has.
std::optional<int> device_of_memory(void const* pointer) {
  auto const& memory = runtime().device_memory;
  auto const behind = memory.upper_bound(const_cast<void*>(pointer));
  if (behind == memory.begin()) {
    return std::nullopt;
  }
  auto const& [begin, of] = *std::prev(behind);
  auto const before = static_cast<char const*>(pointer) - static_cast<char const*>(begin);
  return is_device_memory(begin, static_cast<std::size_t>(before) + 1) ? std::optional(of.device) : std::nullopt;
}

/// A device permits copies in a stream of a third device, but such a stream does not wait for what its kernels do.
void check_device(cudaStream_t stream, void const* to, void const* from) {
  check(stream);
  std::optional<int> const of_to = device_of_memory(to), of_from = device_of_memory(from);
  int const of_stream = device_of(stream);
  refuse_misuse((!of_to && !of_from) || of_to == of_stream || of_from == of_stream,
                "copy from or to memory of device " + std::to_string(of_to.value_or(of_from.value_or(-1))) +
                  " in a stream of device " + std::to_string(of_stream));
}

/// One side of a copy must be where the kind of copy says.
void check_side(std::string const& side, void const* memory, std::size_t bytes, cudaMemcpyKind kind,
                cudaMemcpyKind from_or_to_host) {
  std::string const start = "copy of " + std::to_string(bytes) + " bytes: its " + side;
  bool const on_device = kind == cudaMemcpyDefault ? touches_device_memory(memory, bytes)
                                                   : kind == cudaMemcpyDeviceToDevice || kind == from_or_to_host;
  if (on_device) {
    refuse_misuse(is_device_memory(memory, bytes), start + " is not device memory, or only in part");
  } else {
    refuse_misuse(!touches_device_memory(memory, bytes), start + " is device memory, and should be the host's");
  }
}

void check_copy(void const* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (bytes != 0) {
    check_side("destination", to, bytes, kind, cudaMemcpyHostToDevice);
    check_side("source", from, bytes, kind, cudaMemcpyDeviceToHost);
  }
}

/// Checks and does the work, or records both: what it needs may be gone later.
template <class Check, class Work>
void enqueue_checked(cudaStream_t stream, cudaGraphNodeType type, Check const& check, Work const& work) {
  check();
  enqueue(stream, {type, [=] {
                     check();
                     work();
                   }});
}

/// Copies. What nobody wrote may be copied; the copy then counts as written, also on the device.
void enqueue_copy(cudaStream_t stream, void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
  ++counters().copies;
  auto const check = [=] { check_copy(to, from, bytes, kind); };
  check();
  check_device(stream, to, from);
  enqueue_checked(stream, cudaGraphNodeTypeMemcpy, check, [=] {
    if (bytes != 0) {
      std::memmove(to, from, bytes);
      mark_written(to, bytes);
    }
  });
}

void enqueue_memset(cudaStream_t stream, void* pointer, int value, std::size_t bytes) {
  ++counters().memsets;
  auto const check = [=] {
    refuse_misuse(bytes == 0 || is_device_memory(pointer, bytes),
                  "memset of " + std::to_string(bytes) + " bytes that are not device memory, or only in part");
  };
  enqueue_checked(stream, cudaGraphNodeTypeMemset, check, [=] {
    if (bytes != 0) {
      std::memset(pointer, value, bytes);
      mark_written(pointer, bytes);
    }
  });
}

// ------------------------------------------------------------------------------------------------------------- kernels

/// Why the interpreter cannot run this program; empty: it can. Asks once per architecture, as it takes time.
std::string const& obstacle_of(FatBinary& binary) {
  if (std::exchange(binary.examined, config().architecture) != config().architecture) {
    try {
      binary.obstacle = obstacle(binary.text());
    } catch (std::exception const& error) {
      binary.obstacle = error.what();
    }
  }
  return binary.obstacle;
}

/// The kernel of a function's name, in the PTX that Config::architecture asks for.
Kernel& kernel_of(Function const& function) {
  FatBinary& binary = *function.binary;
  if (binary.loaded != config().architecture) {
    load(binary.text());
    binary.loaded = config().architecture;
  }
  Kernel* const kernel = program().kernel(function.name);
  check(kernel != nullptr, cudaErrorInvalidDeviceFunction);
  return *kernel;
}

Function& function_at(void const* address) {
  auto const found = runtime().functions.find(address);
  check(found != runtime().functions.end(), cudaErrorInvalidDeviceFunction);
  return found->second;
}

/// Whether the extents are from 1 on to these.
bool is_within(dim3 extents, unsigned x, unsigned y, unsigned z) {
  return extents.x - 1 < x && extents.y - 1 < y && extents.z - 1 < z;  // 0 - 1 is large
}

/// The dynamic shared memory that a block may have on the current device.
std::size_t dynamic_limit(Function const& function, Kernel const& kernel) {
  std::size_t const statics = kernel.static_shared_bytes, all = config().shared_memory_bytes;
  auto const found = function.dynamic_limits.find(current_device);
  std::size_t const set = found != function.dynamic_limits.end() ? found->second
                          : statics < default_shared_bytes       ? default_shared_bytes - statics
                                                                 : 0;
  return statics < all ? std::min(set, all - statics) : 0;
}

void run(Function const& function, LaunchShape const& shape, void const* argument) {
  Kernel& kernel = kernel_of(function);
  ++counters().kernels_run;
  std::size_t const reports_before = report_count();
  if (!run_kernel(kernel, shape, argument)) {
    throw Failure{explained(cudaErrorLaunchFailure, report_text(reports_before))};
  }
}

/// Some drivers cannot load a kernel while a stream is capturing.
void load_for_launch(Function& function, cudaStream_t stream) {
  if (!is_capturing(stream)) {
    function.loaded_on.insert(current_device);
  } else if (stream->capture == cudaStreamCaptureStatusActive && function.loaded_on.count(current_device) == 0) {
    stream->capture = cudaStreamCaptureStatusInvalidated;
    throw Failure{explained(cudaErrorStreamCaptureUnsupported,
                            "the first launch of " + function.name + " on device " + std::to_string(current_device) +
                              " is captured, and some drivers cannot load a kernel then")};
  }
}

cudaError_t launch(char const* caller, cudaLaunchConfig_t const& launch, void const* address, void** arguments) {
  return call(caller, [&] {
    ++counters().launches;
    check(launch.stream);
    check(device_of(launch.stream) == current_device, cudaErrorInvalidResourceHandle);
    unsigned const threads = launch.blockDim.x * launch.blockDim.y * launch.blockDim.z;
    check(is_within(launch.gridDim, 2147483647, 65535, 65535) && is_within(launch.blockDim, 1024, 1024, 64) &&
            threads <= most_threads_of_block,
          cudaErrorInvalidConfiguration);
    Function& function = function_at(address);
    Kernel const& kernel = kernel_of(function);
    load_for_launch(function, launch.stream);
    check(kernel.most_threads == 0 || threads <= kernel.most_threads, cudaErrorLaunchOutOfResources);
    check(kernel.static_shared_bytes <= config().shared_memory_bytes &&
            launch.dynamicSmemBytes <= dynamic_limit(function, kernel),
          cudaErrorInvalidValue);
    check(launch.numAttrs == 0, cudaErrorNotSupported);
    LaunchShape const shape{{launch.gridDim.x, launch.gridDim.y, launch.gridDim.z},
                            {launch.blockDim.x, launch.blockDim.y, launch.blockDim.z},
                            launch.dynamicSmemBytes};
    std::vector<unsigned char> argument(kernel.parameter_bytes);  // a copy, which a graph needs later
    for (Parameter const& parameter : kernel.parameters) {
      std::memcpy(argument.data() + parameter.offset, *arguments++, parameter.bytes);
    }
    enqueue(launch.stream, {cudaGraphNodeTypeKernel, [function = Function(function), shape, argument] {
                              run(function, shape, argument.data());
                            }});
  });
}

cudaLaunchConfig_t launch_configuration(dim3 grid, dim3 block, std::size_t dynamic_bytes, cudaStream_t stream) {
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = grid;
  configuration.blockDim = block;
  configuration.dynamicSmemBytes = dynamic_bytes;
  configuration.stream = stream;
  return configuration;
}

}  // namespace

void mark_written_by_host(void* memory, std::size_t bytes) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  mark_written(memory, bytes);
}

}  // namespace ptx

using namespace ptx;

extern "C" {

// What nvcc's code calls. The toolkit declares it for that code alone.

void** __cudaRegisterFatBinary(void* wrapper) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  runtime().binaries.push_back(std::make_unique<FatBinary>());
  runtime().binaries.back()->wrapper = wrapper;
  return reinterpret_cast<void**>(runtime().binaries.back().get());
}

void __cudaRegisterFatBinaryEnd(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterVar(void**, char*, char*, char const*, int, std::size_t, int, int) {}

void __cudaUnregisterFatBinary(void** handle) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  auto& functions = runtime().functions;
  for (auto function = functions.begin(); function != functions.end();) {
    function = reinterpret_cast<void**>(function->second.binary) == handle ? functions.erase(function) : ++function;
  }
  auto& binaries = runtime().binaries;
  binaries.erase(std::remove_if(binaries.begin(), binaries.end(),
                                [=](auto const& one) { return reinterpret_cast<void**>(one.get()) == handle; }),
                 binaries.end());
}

void __cudaRegisterFunction(void** handle, char const* address, char*, char const* name, int, uint3*, uint3*, dim3*,
                            dim3*, int*) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  runtime().functions[address] = {name, reinterpret_cast<FatBinary*>(handle)};
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t dynamic_bytes, cudaStream_t stream) {
  pushed_configurations.push_back(launch_configuration(grid, block, dynamic_bytes, stream));
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* dynamic_bytes, void* stream) {
  if (pushed_configurations.empty()) {
    return last_error = cudaErrorMissingConfiguration;
  }
  cudaLaunchConfig_t const configuration = pushed_configurations.back();
  pushed_configurations.pop_back();
  *grid = configuration.gridDim;
  *block = configuration.blockDim;
  *dynamic_bytes = configuration.dynamicSmemBytes;
  *static_cast<cudaStream_t*>(stream) = configuration.stream;
  return cudaSuccess;
}

// A CUkern_st*, which newer toolkits call cudaKernel_t, is the function's address here, so that launches take either.
cudaError_t __cudaGetKernel(CUkern_st** kernel, void const* address) {
  return call(__func__, [&] {
    *kernel = reinterpret_cast<CUkern_st*>(const_cast<void*>(address));
    function_at(address);
  });
}

cudaError_t cudaLaunchKernel(void const* address, dim3 grid, dim3 block, void** arguments, std::size_t dynamic_bytes,
                             cudaStream_t stream) {
  return launch(__func__, launch_configuration(grid, block, dynamic_bytes, stream), address, arguments);
}
cudaError_t __cudaLaunchKernel(CUkern_st* kernel, dim3 grid, dim3 block, void** arguments, std::size_t dynamic_bytes,
                               cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, dynamic_bytes, stream);
}
cudaError_t cudaLaunchKernelExC(cudaLaunchConfig_t const* configuration, void const* address, void** arguments) {
  return launch(__func__, *configuration, address, arguments);
}

// -------------------------------------------------------------------------------------------------------------- errors

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }

char const* cudaGetErrorName(cudaError_t error) {
  static std::map<cudaError_t, char const*> const names{
    {cudaSuccess, "cudaSuccess"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation"},
    {cudaErrorCudartUnloading, "cudaErrorCudartUnloading"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration"},
    {cudaErrorMissingConfiguration, "cudaErrorMissingConfiguration"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction"},
    {cudaErrorNoDevice, "cudaErrorNoDevice"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice"},
    {cudaErrorInvalidPtx, "cudaErrorInvalidPtx"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure"},
    {cudaErrorNotSupported, "cudaErrorNotSupported"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit"},
    {cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread"}};
  auto const found = names.find(error);
  return found != names.end() ? found->second : "unrecognized error code";
}

// The real runtime has a sentence for each error. The name says the same, and what is known of this thread's latest
// failure says more.
char const* cudaGetErrorString(cudaError_t error) {
  bool const is_explained = error != cudaSuccess && error == explanation.first;
  return is_explained ? explanation.second : error == cudaSuccess ? "no error" : cudaGetErrorName(error);
}

// ------------------------------------------------------------------------------------------------------------- devices

// There is no device for a program whose PTX the interpreter does not know; cudaGetErrorString says why. Tests are then
// skipped with that line, or fail: see tests/main.cpp.
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return call(__func__, [&] {
    for (auto const& binary : runtime().binaries) {
      if (!obstacle_of(*binary).empty()) {
        throw Failure{explained(cudaErrorNoDevice, binary->obstacle)};
      }
    }
    *count = config().devices;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return call(__func__, [&] { *device = current_device; });
}
cudaError_t cudaSetDevice(int device) {
  return call(__func__, [&] {
    check(device >= 0 && device < config().devices, cudaErrorInvalidDevice);
    current_device = device;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call(__func__, [&] {
    check(device >= 0 && device < config().devices, cudaErrorInvalidDevice);
    int const architecture = config().architecture != 0 ? config().architecture : 90;
    std::map<cudaDeviceAttr, std::size_t> const values{
      {cudaDevAttrMultiProcessorCount, static_cast<std::size_t>(config().multiprocessors)},
      {cudaDevAttrMaxSharedMemoryPerBlock, default_shared_bytes},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, config().shared_memory_bytes},
      {cudaDevAttrMaxThreadsPerBlock, most_threads_of_block},
      {cudaDevAttrMemoryPoolsSupported, config().has_memory_pools ? 1 : 0},
      {cudaDevAttrComputeCapabilityMajor, static_cast<std::size_t>(architecture / 10)},
      {cudaDevAttrComputeCapabilityMinor, static_cast<std::size_t>(architecture % 10)}};
    auto const found = values.find(attribute);
    check(found != values.end(), cudaErrorInvalidValue);
    *value = static_cast<int>(found->second);
  });
}

cudaError_t cudaFuncSetAttribute(void const* address, cudaFuncAttribute attribute, int value) {
  return call(__func__, [&] {
    Function& function = function_at(address);
    Kernel const& kernel = kernel_of(function);
    function.loaded_on.insert(current_device);
    auto const bytes = static_cast<std::size_t>(value);  // large if negative
    check(attribute == cudaFuncAttributeMaxDynamicSharedMemorySize && value >= 0 &&
            bytes + kernel.static_shared_bytes <= config().shared_memory_bytes,
          cudaErrorInvalidValue);
    function.dynamic_limits[current_device] = bytes;
  });
}

// What only ptxas knows, such as the number of registers, is 0.
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void const* address) {
  return call(__func__, [&] {
    Function& function = function_at(address);
    Kernel const& kernel = kernel_of(function);
    function.loaded_on.insert(current_device);
    *attributes = {};
    attributes->sharedSizeBytes = kernel.static_shared_bytes;
    attributes->maxThreadsPerBlock =
      static_cast<int>(kernel.most_threads > 0 ? kernel.most_threads : most_threads_of_block);
    attributes->maxDynamicSharedSizeBytes = static_cast<int>(dynamic_limit(function, kernel));
  });
}

// -------------------------------------------------------------------------------------------------------------- memory

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().allocations;
    forbid_while_capturing();
    allocate(pointer, bytes, current_device);
  });
}
cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().allocations;
    check(config().has_memory_pools, cudaErrorNotSupported);
    forbid_in_capture_of(stream);
    allocate(pointer, bytes, device_of(stream));
  });
}

cudaError_t cudaFree(void* pointer) {
  return call(__func__, [&] {
    forbid_while_capturing();
    release(pointer, current_device);
  });
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return call(__func__, [&] {
    check(config().has_memory_pools, cudaErrorNotSupported);
    forbid_in_capture_of(stream);
    release(pointer, device_of(stream));
  });
}

// Pinned memory is ordinary memory.
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().allocations;
    forbid_while_capturing();
    *pointer = bytes == 0 ? nullptr : std::malloc(bytes);
    check(bytes == 0 || *pointer != nullptr, cudaErrorMemoryAllocation);
    if (bytes != 0) {
      std::memset(*pointer, 0xff, bytes);
      runtime().host_memory.insert(*pointer);
    }
  });
}
cudaError_t cudaFreeHost(void* pointer) {
  return call(__func__, [&] {
    forbid_while_capturing();
    counters().frees += pointer != nullptr ? 1 : 0;
    refuse_misuse(pointer == nullptr || runtime().host_memory.erase(pointer) == 1,
                  "cudaFreeHost of what is not allocated");
    std::free(pointer);
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, void const* pointer) {
  return call(__func__, [&] {
    *attributes = {};
    attributes->type = cudaMemoryTypeUnregistered;
    if (std::optional<int> const device = device_of_memory(pointer)) {
      attributes->type = cudaMemoryTypeDevice;
      attributes->device = *device;
      attributes->devicePointer = const_cast<void*>(pointer);
    } else if (runtime().host_memory.count(const_cast<void*>(pointer)) != 0) {
      attributes->type = cudaMemoryTypeHost;
      attributes->devicePointer = attributes->hostPointer = const_cast<void*>(pointer);
    }
  });
}

cudaError_t cudaMemcpy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
  return call(__func__, [&] {
    ++counters().synchronizations;
    enqueue_copy(cudaStreamLegacy, to, from, bytes, kind);
  });
}
cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return call(__func__, [&] { enqueue_copy(stream, to, from, bytes, kind); });
}

cudaError_t cudaMemset(void* pointer, int value, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().synchronizations;
    enqueue_memset(cudaStreamLegacy, pointer, value, bytes);
  });
}
cudaError_t cudaMemsetAsync(void* pointer, int value, std::size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] { enqueue_memset(stream, pointer, value, bytes); });
}

// ------------------------------------------------------------------------------------------------------------- streams

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call(__func__, [&] {
    *stream = new CUstream_st;
    (*stream)->device = current_device;
    (*stream)->flags = flags;
    runtime().streams.insert(*stream);
  });
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call(__func__, [&] {
    check(runtime().streams.erase(stream) == 1, cudaErrorInvalidResourceHandle);
    delete stream;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().synchronizations;
    forbid_in_capture_of(stream);
    enqueue(stream, {cudaGraphNodeTypeEmpty, [] {}});
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call(__func__, [&] {
    check(!is_default(stream), cudaErrorStreamCaptureUnsupported);
    check(stream);
    check(!is_capturing(stream), cudaErrorIllegalState);
    stream->capture = cudaStreamCaptureStatusActive;
    stream->capture_mode = mode;
    stream->capturing_thread = std::this_thread::get_id();
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call(__func__, [&] {
    *graph = nullptr;
    check(stream);
    check(is_capturing(stream), cudaErrorIllegalState);
    check(
      stream->capture_mode == cudaStreamCaptureModeRelaxed || stream->capturing_thread == std::this_thread::get_id(),
      cudaErrorStreamCaptureWrongThread);
    auto const status = std::exchange(stream->capture, cudaStreamCaptureStatusNone);
    std::vector<CUgraphNode_st> captured = std::exchange(stream->captured, {});
    check(status == cudaStreamCaptureStatusActive, cudaErrorStreamCaptureInvalidated);
    *graph = new CUgraph_st{std::move(captured)};
  });
}

// The default stream cannot say while a stream that it waits for is capturing; asking ends no capture.
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call(__func__, [&] {
    *status = cudaStreamCaptureStatusNone;
    check(stream);
    auto const& all = runtime().streams;
    bool const is_unknown = is_default(stream) && std::any_of(all.begin(), all.end(), [](cudaStream_t other) {
                              return is_capturing(other) && (other->flags & cudaStreamNonBlocking) == 0;
                            });
    check(!is_unknown, cudaErrorStreamCaptureImplicit);
    *status = is_capturing(stream) ? stream->capture : cudaStreamCaptureStatusNone;
  });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return call(__func__, [&] { std::swap(*mode, thread_capture_mode); });
}

// -------------------------------------------------------------------------------------------------------------- graphs

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  return call(__func__, [&] {
    *count = nodes == nullptr ? graph->nodes.size() : std::min(*count, graph->nodes.size());
    for (std::size_t n = 0; nodes != nullptr && n < *count; ++n) {
      nodes[n] = &graph->nodes[n];
    }
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  return call(__func__, [&] { *type = node->type; });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return call(__func__, [&] { *executable = new CUgraphExec_st{*graph}; });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().graph_launches;
    forbid_in_capture_of(stream);
    enqueue(stream, {cudaGraphNodeTypeEmpty, [&] {
                       for (CUgraphNode_st const& node : executable->nodes) {
                         node.run();
                       }
                     }});
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call(__func__, [&] { delete graph; });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return call(__func__, [&] { delete executable; });
}

}  // extern "C"
