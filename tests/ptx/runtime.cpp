// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Stands in for the CUDA runtime library, with the interpreter as the device: the functions that the library, its
/// tests, examples and benchmarks call, and those that nvcc's code calls. All work is done within the call, except what
/// a capturing stream records. Others of the runtime's functions are missing on purpose: a program that needs one does
/// not link.
///
/// A process that ends with reports that nobody took (take_reports()) says how many and ends with status 1, so that no
/// test can pass over one: see Runtime::Runtime().

#include <algorithm>
#include <chrono>
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
#include "execution.hpp"
#include "fatbin.hpp"
#include "memory.hpp"
#include "parser.hpp"
#include "report.hpp"

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
  unsigned long long captures = 0;  // begun so far
  std::vector<CUgraphNode_st> captured;
};

struct CUkern_st;

struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
  cudaStream_t capturing_stream = nullptr;  // that recorded the event last, in its capture of this number
  unsigned long long capture = 0;
};

namespace ptx {
namespace {

constexpr std::size_t default_shared_bytes = 48 * 1024;  // what a block may have without cudaFuncSetAttribute
constexpr std::size_t reserved_shared_bytes = 1024;      // of a multiprocessor's shared memory, for each block
constexpr unsigned most_threads_of_block = 1024;
constexpr unsigned most_threads_of_multiprocessor = 2048;
constexpr std::size_t alignment = 256;  // what cudaMalloc promises

/// What nvcc's code registers for each of its objects. Nothing is read before it is needed.
struct FatBinary {
  void const* wrapper = nullptr;
  int loaded = -1;    // the Config::architecture whose PTX is in the program; -1: none
  int examined = -1;  // the Config::architecture that `obstacle` is about; -1: none
  std::string obstacle;
};

/// A kernel as the host knows it. Its address there is that of a function that nvcc has made.
struct Function {
  std::string name;
  FatBinary* binary = nullptr;          // null: its PTX was loaded by other means
  std::map<int, int> dynamic_limits{};  // by device: what cudaFuncSetAttribute has set
  std::set<int> loaded_on{};            // devices, as kernels are loaded when they are first needed
};

/// Device memory as cudaMalloc and its kin have made it.
struct DeviceMemory {
  void* all;  // what std::free() takes
  int device;
};

struct Runtime {
  Runtime();

  std::mutex mutex;
  std::set<cudaStream_t> streams;  // those that the program has created
  std::vector<std::unique_ptr<FatBinary>> binaries;
  std::map<void const*, Function> functions;
  std::map<void*, DeviceMemory> device_memory;
  std::set<void*> host_memory;
  std::set<std::string> error_texts;  // what cudaGetErrorString has returned remains there
};

/// Runs at the end of the process. exit() must not be called there, and what follows it is of no use to a failed test.
void fail_if_reports_are_left() {
  std::size_t const count = report_count();
  if (count != 0) {
    std::fprintf(stderr, "ptx: %zu reports that nobody took: the process fails\n", count);
    std::fflush(nullptr);
    std::_Exit(1);
  }
}

Runtime::Runtime() {
  report_count();  // what it needs is made before, and so lives longer than the handler
  std::atexit(fail_if_reports_are_left);
}

/// Never destroyed, as losses in static objects free their memory late.
Runtime& runtime() {
  static auto& value = *new Runtime;
  return value;
}

// These belong to one thread of the host, as in the real runtime.
thread_local cudaError_t last_error = cudaSuccess;
thread_local int current_device = 0;
thread_local cudaStreamCaptureMode thread_capture_mode = cudaStreamCaptureModeGlobal;

/// What there is to say about the latest error beside its name.
struct Explanation {
  cudaError_t error = cudaSuccess;
  char const* text = nullptr;
};
thread_local Explanation explanation;

cudaError_t explain(cudaError_t error, std::string const& text) {
  explanation = {error, runtime().error_texts.insert(text).first->c_str()};
  return error;
}

/// Every runtime function does its work in here: one at a time, with failures on demand, and with errors remembered.
template <class Work>
cudaError_t call(char const* function, Work const& work) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  Explanation const before = std::exchange(explanation, {});
  std::optional<cudaError_t> const planned =
    config().devices > 0 ? planned_failure(function) : std::optional(cudaErrorNoDevice);
  cudaError_t error = planned.value_or(cudaSuccess);
  if (!planned) {
    try {
      error = work();
    } catch (std::bad_alloc const&) {
      error = cudaErrorMemoryAllocation;
    } catch (std::exception const& unusable_ptx) {
      error = explain(cudaErrorInvalidPtx, unusable_ptx.what());
    }
  }
  if (error == cudaSuccess) {
    explanation = before;
  } else {
    last_error = error;
  }
  return error;
}

cudaError_t report_misuse(std::string const& text) {
  report(Check::runtime, text);
  return explain(cudaErrorInvalidValue, text);
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
      bool const is_own = stream.capturing_thread == std::this_thread::get_id();
      return stream.capture_mode != cudaStreamCaptureModeRelaxed &&
             thread_capture_mode != cudaStreamCaptureModeRelaxed &&
             (is_own || (stream.capture_mode == cudaStreamCaptureModeGlobal &&
                         thread_capture_mode == cudaStreamCaptureModeGlobal));
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

// ---------------------------------------------------------------------------------------------------------------------
// Memory

/// The device of a stream; the default stream is the current device's.
int device_of(cudaStream_t stream) { return is_default(stream) ? current_device : stream->device; }

/// Device memory is filled with 0xff, which reads as NaN, and has bytes before and behind it that are nobody's.
cudaError_t allocate(void** pointer, std::size_t bytes, int device) {
  if (pointer == nullptr) {
    return cudaErrorInvalidValue;
  }
  *pointer = nullptr;
  if (bytes == 0) {
    return cudaSuccess;
  }
  if (bytes > std::numeric_limits<std::size_t>::max() - 3 * alignment) {
    return cudaErrorMemoryAllocation;
  }
  std::size_t const all_bytes = (bytes + alignment - 1) / alignment * alignment + 2 * alignment;
  void* const all = std::aligned_alloc(alignment, all_bytes);
  if (all == nullptr) {
    return cudaErrorMemoryAllocation;
  }
  std::memset(all, 0xff, all_bytes);
  *pointer = static_cast<char*>(all) + alignment;
  runtime().device_memory[*pointer] = {all, device};
  add_allocation(*pointer, bytes);
  return cudaSuccess;
}

cudaError_t release(void* pointer, int device) {
  counters().frees += pointer != nullptr ? 1 : 0;
  if (pointer == nullptr) {
    return cudaSuccess;
  }
  auto const found = runtime().device_memory.find(pointer);
  if (found == runtime().device_memory.end()) {
    return report_misuse("cudaFree of what is not allocated");
  }
  if (found->second.device != device) {
    return report_misuse("cudaFree on device " + std::to_string(device) + " of memory of device " +
                         std::to_string(found->second.device));
  }
  remove_allocation(pointer);
  std::free(found->second.all);
  runtime().device_memory.erase(found);
  return cudaSuccess;
}

cudaError_t allocate_host(void** pointer, std::size_t bytes) {
  if (pointer == nullptr) {
    return cudaErrorInvalidValue;
  }
  *pointer = nullptr;
  if (bytes == 0) {
    return cudaSuccess;
  }
  *pointer = std::malloc(bytes);
  if (*pointer == nullptr) {
    return cudaErrorMemoryAllocation;
  }
  std::memset(*pointer, 0xff, bytes);
  runtime().host_memory.insert(*pointer);
  return cudaSuccess;
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
cudaError_t check_device(cudaStream_t stream, void const* to, void const* from) {
  if (cudaError_t const error = check(stream)) {
    return error;
  }
  std::optional<int> const of_to = device_of_memory(to), of_from = device_of_memory(from);
  int const of_stream = device_of(stream);
  if ((of_to || of_from) && of_to != of_stream && of_from != of_stream) {
    return report_misuse("copy from or to memory of device " + std::to_string(of_to ? *of_to : *of_from) +
                         " in a stream of device " + std::to_string(of_stream));
  }
  return cudaSuccess;
}

/// Empty if one side of a copy is where the kind of copy says; else what is wrong.
std::string fault_of_side(char const* side, void const* memory, std::size_t bytes, bool on_device) {
  std::string const start = std::string("copy of ") + std::to_string(bytes) + " bytes: its " + side;
  if (on_device) {
    return is_device_memory(memory, bytes) ? "" : start + " is not device memory, or only in part";
  }
  return touches_device_memory(memory, bytes) ? start + " is device memory, and should be the host's" : "";
}

cudaError_t check_copy(void const* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) {
    return cudaSuccess;
  }
  bool const is_automatic = kind == cudaMemcpyDefault;
  bool const to_device = is_automatic ? touches_device_memory(to, bytes)
                                      : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool const from_device = is_automatic ? touches_device_memory(from, bytes)
                                        : kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  for (std::string const& fault :
       {fault_of_side("destination", to, bytes, to_device), fault_of_side("source", from, bytes, from_device)}) {
    if (!fault.empty()) {
      return report_misuse(fault);
    }
  }
  return cudaSuccess;
}

cudaError_t check_memset(void const* pointer, std::size_t bytes) {
  if (bytes != 0 && !is_device_memory(pointer, bytes)) {
    return report_misuse("memset of " + std::to_string(bytes) + " bytes that are not device memory, or only in part");
  }
  return cudaSuccess;
}

/// Copies. What nobody wrote may be copied; the copy then counts as written, also on the device.
cudaError_t enqueue_copy(cudaStream_t stream, void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (cudaError_t const error = check_copy(to, from, bytes, kind)) {
    return error;
  }
  if (cudaError_t const error = check_device(stream, to, from)) {
    return error;
  }
  return enqueue(stream, {cudaGraphNodeTypeMemcpy, [=] {
                            cudaError_t const error = check_copy(to, from, bytes, kind);  // it may have been freed
                            if (error == cudaSuccess && bytes != 0) {
                              std::memmove(to, from, bytes);
                              mark_written(to, bytes);
                            }
                            return error;
                          }});
}

cudaError_t enqueue_memset(cudaStream_t stream, void* pointer, int value, std::size_t bytes) {
  if (cudaError_t const error = check_memset(pointer, bytes)) {
    return error;
  }
  return enqueue(stream, {cudaGraphNodeTypeMemset, [=] {
                            cudaError_t const error = check_memset(pointer, bytes);
                            if (error == cudaSuccess && bytes != 0) {
                              std::memset(pointer, value, bytes);
                              mark_written(pointer, bytes);
                            }
                            return error;
                          }});
}

// ---------------------------------------------------------------------------------------------------------------------
// Kernels

/// Adds the PTX that Config::architecture asks for to the program, if it is not there.
void load(FatBinary& binary) {
  int const architecture = config().architecture;
  if (binary.loaded != architecture) {
    ptx::load(text_for(architecture, embedded_texts_of_wrapper(binary.wrapper)));
    binary.loaded = architecture;
  }
}

/// Why the interpreter cannot run this program; empty: it can. Asks once per process, as it takes time.
std::string const& obstacle_of(FatBinary& binary) {
  int const architecture = config().architecture;
  if (binary.examined != architecture) {
    try {
      binary.obstacle = obstacle(text_for(architecture, embedded_texts_of_wrapper(binary.wrapper)));
    } catch (std::exception const& error) {
      binary.obstacle = error.what();
    }
    binary.examined = architecture;
  }
  return binary.obstacle;
}

/// The kernel of a function's name; null if the program has none.
Kernel* kernel_of(Function const& function) {
  if (function.binary != nullptr) {
    load(*function.binary);
  }
  return program().kernel(function.name);
}

Function* function_at(void const* address) {
  auto const found = runtime().functions.find(address);
  return found != runtime().functions.end() ? &found->second : nullptr;
}

bool is_valid(dim3 grid, dim3 block) {
  auto const within = [](dim3 extents, unsigned x, unsigned y, unsigned z) {
    return extents.x - 1 < x && extents.y - 1 < y && extents.z - 1 < z;  // 0 - 1 is large
  };
  return within(grid, 2147483647, 65535, 65535) && within(block, 1024, 1024, 64) &&
         block.x * block.y * block.z <= most_threads_of_block;
}

/// The dynamic shared memory that a block may have on the current device.
std::size_t dynamic_limit(Function const& function, Kernel const& kernel) {
  std::size_t const statics = kernel.static_shared_bytes;
  auto const found = function.dynamic_limits.find(current_device);
  std::size_t const set = found != function.dynamic_limits.end() ? static_cast<std::size_t>(found->second)
                          : statics < default_shared_bytes       ? default_shared_bytes - statics
                                                                 : 0;
  std::size_t const all = config().shared_memory_bytes;
  return statics < all ? std::min(set, all - statics) : 0;
}

unsigned thread_limit(Kernel const& kernel) {
  return kernel.most_threads > 0 ? static_cast<unsigned>(kernel.most_threads) : most_threads_of_block;
}

/// The text of the first report of those after `count`.
std::string text_of_report(std::size_t count) {
  // They can only be taken all at once, and are put back.
  bool const was_quiet = std::exchange(config().quiet, true);
  std::vector<Report> const reports = take_reports();
  for (Report const& one : reports) {
    report(one.check, one.text);
  }
  config().quiet = was_quiet;
  return count < reports.size() ? reports[count].text : "see the reports";
}

cudaError_t run(Function const& function, LaunchShape const& shape, void const* argument) {
  Kernel* const kernel = kernel_of(function);
  if (kernel == nullptr) {
    return cudaErrorInvalidDeviceFunction;
  }
  ++counters().kernels_run;
  std::size_t const reports_before = report_count();
  if (run_kernel(*kernel, shape, argument)) {
    return cudaSuccess;
  }
  return explain(cudaErrorLaunchFailure, text_of_report(reports_before));
}

cudaError_t launch(char const* caller, cudaLaunchConfig_t const& launch, void const* address, void** arguments) {
  return call(caller, [&]() -> cudaError_t {
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
    Function* const function = function_at(address);
    Kernel const* const kernel = function != nullptr ? kernel_of(*function) : nullptr;
    if (kernel == nullptr) {
      return cudaErrorInvalidDeviceFunction;
    }
    bool const is_captured = is_capturing(launch.stream);
    if (!is_captured) {
      function->loaded_on.insert(current_device);
    } else if (launch.stream->capture == cudaStreamCaptureStatusActive &&
               function->loaded_on.count(current_device) == 0) {
      invalidate_captures([&](CUstream_st const& stream) { return &stream == launch.stream; }, cudaSuccess);
      return explain(cudaErrorStreamCaptureUnsupported, "the first launch of " + function->name + " on device " +
                                                          std::to_string(current_device) +
                                                          " is captured, and some drivers cannot load a kernel then");
    }
    if (launch.blockDim.x * launch.blockDim.y * launch.blockDim.z > thread_limit(*kernel)) {
      return cudaErrorLaunchOutOfResources;
    }
    if (kernel->static_shared_bytes > config().shared_memory_bytes ||
        launch.dynamicSmemBytes > dynamic_limit(*function, *kernel)) {
      return cudaErrorInvalidValue;
    }
    if (launch.numAttrs != 0) {
      return cudaErrorNotSupported;
    }
    LaunchShape const shape{{launch.gridDim.x, launch.gridDim.y, launch.gridDim.z},
                            {launch.blockDim.x, launch.blockDim.y, launch.blockDim.z},
                            launch.dynamicSmemBytes};
    // A copy, which a graph needs later.
    std::vector<std::uint64_t> argument((kernel->parameter_bytes + 7) / 8);
    for (std::size_t k = 0; k < kernel->parameters.size(); ++k) {
      std::memcpy(reinterpret_cast<unsigned char*>(argument.data()) + kernel->parameters[k].offset, arguments[k],
                  kernel->parameters[k].bytes);
    }
    return enqueue(launch.stream, {cudaGraphNodeTypeKernel, [function = *function, shape, argument] {
                                     return run(function, shape, argument.data());
                                   }});
  });
}

/// Between __cudaPushCallConfiguration and __cudaPopCallConfiguration: `kernel<<<...>>>` calls the one, then the function
/// of the kernel's name, which calls the other.
thread_local std::vector<cudaLaunchConfig_t> pushed_configurations;

}  // namespace

void mark_written_by_host(void* memory, std::size_t bytes) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  mark_written(memory, bytes);
}

}  // namespace ptx

using namespace ptx;

extern "C" {

// ---------------------------------------------------------------------------------------------------------------------
// What nvcc's code calls. The toolkit declares it for that code alone.

void** __cudaRegisterFatBinary(void* wrapper) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  runtime().binaries.push_back(std::make_unique<FatBinary>());
  runtime().binaries.back()->wrapper = wrapper;
  return reinterpret_cast<void**>(runtime().binaries.back().get());
}

void __cudaRegisterFatBinaryEnd(void**) {}

char __cudaInitModule(void**) { return 1; }

void __cudaUnregisterFatBinary(void** handle) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  auto& functions = runtime().functions;
  for (auto function = functions.begin(); function != functions.end();) {
    function = reinterpret_cast<void**>(function->second.binary) == handle ? functions.erase(function) : ++function;
  }
  auto& binaries = runtime().binaries;
  binaries.erase(std::remove_if(binaries.begin(), binaries.end(),
                                [handle](auto const& one) { return reinterpret_cast<void**>(one.get()) == handle; }),
                 binaries.end());
}

void __cudaRegisterFunction(void** handle, char const* address, char*, char const* name, int, uint3*, uint3*, dim3*,
                            dim3*, int*) {
  std::lock_guard<std::mutex> const lock(runtime().mutex);
  runtime().functions[address] = {name, reinterpret_cast<FatBinary*>(handle)};
}

void __cudaRegisterVar(void**, char*, char*, char const*, int, std::size_t, int, int) {}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t dynamic_bytes, cudaStream_t stream) {
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = grid;
  configuration.blockDim = block;
  configuration.dynamicSmemBytes = dynamic_bytes;
  configuration.stream = stream;
  pushed_configurations.push_back(configuration);
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
    return function_at(address) != nullptr ? cudaSuccess : cudaErrorInvalidDeviceFunction;
  });
}

cudaError_t cudaLaunchKernel(void const* address, dim3 grid, dim3 block, void** arguments, std::size_t dynamic_bytes,
                             cudaStream_t stream) {
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = grid;
  configuration.blockDim = block;
  configuration.dynamicSmemBytes = dynamic_bytes;
  configuration.stream = stream;
  return launch(__func__, configuration, address, arguments);
}

cudaError_t __cudaLaunchKernel(CUkern_st* kernel, dim3 grid, dim3 block, void** arguments, std::size_t dynamic_bytes,
                               cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, dynamic_bytes, stream);
}

cudaError_t cudaLaunchKernelExC(cudaLaunchConfig_t const* configuration, void const* address, void** arguments) {
  return launch(__func__, *configuration, address, arguments);
}

// ---------------------------------------------------------------------------------------------------------------------
// Errors

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
    SCC_NAME_CASE(cudaErrorMissingConfiguration)
    SCC_NAME_CASE(cudaErrorInvalidDeviceFunction)
    SCC_NAME_CASE(cudaErrorNoDevice)
    SCC_NAME_CASE(cudaErrorInvalidDevice)
    SCC_NAME_CASE(cudaErrorInvalidPtx)
    SCC_NAME_CASE(cudaErrorInvalidResourceHandle)
    SCC_NAME_CASE(cudaErrorIllegalState)
    SCC_NAME_CASE(cudaErrorIllegalAddress)
    SCC_NAME_CASE(cudaErrorLaunchOutOfResources)
    SCC_NAME_CASE(cudaErrorLaunchFailure)
    SCC_NAME_CASE(cudaErrorNotSupported)
    SCC_NAME_CASE(cudaErrorStreamCaptureUnsupported)
    SCC_NAME_CASE(cudaErrorStreamCaptureInvalidated)
    SCC_NAME_CASE(cudaErrorStreamCaptureImplicit)
    SCC_NAME_CASE(cudaErrorStreamCaptureIsolation)
    SCC_NAME_CASE(cudaErrorStreamCaptureWrongThread)
    SCC_NAME_CASE(cudaErrorCapturedEvent)
    default:
      return "unrecognized error code";
  }
#undef SCC_NAME_CASE
}

// The real runtime has a sentence for each error. The name says the same, and what is known of this thread's latest
// failure says more.
char const* cudaGetErrorString(cudaError_t error) {
  if (error != cudaSuccess && error == explanation.error) {
    return explanation.text;
  }
  return error == cudaSuccess ? "no error" : cudaGetErrorName(error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Devices

// There is no device for a program whose PTX the interpreter does not know; cudaGetErrorString says why. Tests are then
// skipped with that line, or fail: see tests/main.cpp.
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return call(__func__, [&] {
    for (auto const& binary : runtime().binaries) {
      if (!obstacle_of(*binary).empty()) {
        return explain(cudaErrorNoDevice, binary->obstacle);
      }
    }
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
    int const architecture = config().architecture != 0 ? config().architecture : 90;
    switch (attribute) {
      case cudaDevAttrMultiProcessorCount:
        *value = config().multiprocessors;
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = static_cast<int>(default_shared_bytes);
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = static_cast<int>(config().shared_memory_bytes);
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        *value = static_cast<int>(config().shared_memory_bytes + reserved_shared_bytes);
        return cudaSuccess;
      case cudaDevAttrWarpSize:
        *value = 32;
        return cudaSuccess;
      case cudaDevAttrMaxThreadsPerBlock:
        *value = most_threads_of_block;
        return cudaSuccess;
      case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = most_threads_of_multiprocessor;
        return cudaSuccess;
      case cudaDevAttrComputeCapabilityMajor:
        *value = architecture / 10;
        return cudaSuccess;
      case cudaDevAttrComputeCapabilityMinor:
        *value = architecture % 10;
        return cudaSuccess;
      case cudaDevAttrMemoryPoolsSupported:
        *value = config().has_memory_pools ? 1 : 0;
        return cudaSuccess;
      default:
        return cudaErrorInvalidValue;
    }
  });
}

// What is not set here is 0.
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call(__func__, [&] {
    if (device < 0 || device >= config().devices) {
      return cudaErrorInvalidDevice;
    }
    *properties = {};
    std::strcpy(properties->name, "PTX interpreter");
    properties->multiProcessorCount = config().multiprocessors;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = most_threads_of_block;
    properties->sharedMemPerBlock = default_shared_bytes;
    properties->sharedMemPerBlockOptin = config().shared_memory_bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return call(__func__, [&] {
    ++counters().synchronizations;
    return invalidate_captures([](CUstream_st const&) { return true; }, cudaErrorStreamCaptureUnsupported);
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Kernels' properties

cudaError_t cudaFuncSetAttribute(void const* address, cudaFuncAttribute attribute, int value) {
  return call(__func__, [&] {
    Function* const function = function_at(address);
    Kernel const* const kernel = function != nullptr ? kernel_of(*function) : nullptr;
    if (kernel == nullptr) {
      return cudaErrorInvalidDeviceFunction;
    }
    function->loaded_on.insert(current_device);
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
        static_cast<std::size_t>(value) + kernel->static_shared_bytes > config().shared_memory_bytes) {
      return cudaErrorInvalidValue;
    }
    function->dynamic_limits[current_device] = value;
    return cudaSuccess;
  });
}

// What only ptxas knows, such as the number of registers, is 0.
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void const* address) {
  return call(__func__, [&] {
    Function* const function = function_at(address);
    Kernel const* const kernel = function != nullptr ? kernel_of(*function) : nullptr;
    if (kernel == nullptr) {
      return cudaErrorInvalidDeviceFunction;
    }
    function->loaded_on.insert(current_device);
    *attributes = {};
    attributes->sharedSizeBytes = kernel->static_shared_bytes;
    attributes->maxThreadsPerBlock = static_cast<int>(thread_limit(*kernel));
    attributes->maxDynamicSharedSizeBytes = static_cast<int>(dynamic_limit(*function, *kernel));
    return cudaSuccess;
  });
}

// As if registers were never short.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void const* address, int threads,
                                                          std::size_t dynamic_bytes) {
  return call(__func__, [&] {
    Function* const function = function_at(address);
    Kernel const* const kernel = function != nullptr ? kernel_of(*function) : nullptr;
    if (kernel == nullptr) {
      return cudaErrorInvalidDeviceFunction;
    }
    function->loaded_on.insert(current_device);
    if (threads <= 0) {
      return cudaErrorInvalidValue;
    }
    if (static_cast<unsigned>(threads) > thread_limit(*kernel) || dynamic_bytes > dynamic_limit(*function, *kernel)) {
      *blocks = 0;
      return cudaSuccess;
    }
    std::size_t const shared = kernel->static_shared_bytes + dynamic_bytes + reserved_shared_bytes;
    std::size_t const by_shared_memory = (config().shared_memory_bytes + reserved_shared_bytes) / shared;
    std::size_t const by_threads = most_threads_of_multiprocessor / (static_cast<std::size_t>(threads + 31) / 32 * 32);
    *blocks = static_cast<int>(std::min({by_shared_memory, by_threads, std::size_t{32}}));
    return cudaSuccess;
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().allocations;
    cudaError_t const error = forbid_while_capturing();
    return error != cudaSuccess ? error : allocate(pointer, bytes, current_device);
  });
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().allocations;
    if (!config().has_memory_pools) {
      return cudaErrorNotSupported;
    }
    cudaError_t const error = forbid_in_capture_of(stream);
    return error != cudaSuccess ? error : allocate(pointer, bytes, device_of(stream));
  });
}

cudaError_t cudaFree(void* pointer) {
  return call(__func__, [&] {
    cudaError_t const error = forbid_while_capturing();
    return error != cudaSuccess ? error : release(pointer, current_device);
  });
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return call(__func__, [&] {
    if (!config().has_memory_pools) {
      return cudaErrorNotSupported;
    }
    cudaError_t const error = forbid_in_capture_of(stream);
    return error != cudaSuccess ? error : release(pointer, device_of(stream));
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
    return cudaSuccess;
  });
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
  return call(__func__, [&] {
    ++counters().allocations;
    cudaError_t const error = forbid_while_capturing();
    return error != cudaSuccess ? error : allocate_host(pointer, bytes);
  });
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().allocations;
    cudaError_t const error = forbid_while_capturing();
    return error != cudaSuccess ? error : allocate_host(pointer, bytes);
  });
}

cudaError_t cudaFreeHost(void* pointer) {
  return call(__func__, [&] {
    if (cudaError_t const error = forbid_while_capturing()) {
      return error;
    }
    counters().frees += pointer != nullptr ? 1 : 0;
    if (pointer != nullptr && runtime().host_memory.erase(pointer) == 0) {
      return report_misuse("cudaFreeHost of what is not allocated");
    }
    std::free(pointer);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
  return call(__func__, [&] {
    ++counters().copies;
    ++counters().synchronizations;
    return enqueue_copy(cudaStreamLegacy, to, from, bytes, kind);
  });
}

cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().copies;
    return enqueue_copy(stream, to, from, bytes, kind);
  });
}

cudaError_t cudaMemset(void* pointer, int value, std::size_t bytes) {
  return call(__func__, [&] {
    ++counters().memsets;
    ++counters().synchronizations;
    return enqueue_memset(cudaStreamLegacy, pointer, value, bytes);
  });
}

cudaError_t cudaMemsetAsync(void* pointer, int value, std::size_t bytes, cudaStream_t stream) {
  return call(__func__, [&] {
    ++counters().memsets;
    return enqueue_memset(stream, pointer, value, bytes);
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Streams

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

// There is nothing to wait for, as all work is done. A capture cannot go on in a second stream here, which a device
// permits, nor wait for what is not part of it.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call(__func__, [&] {
    if (cudaError_t const error = check(stream)) {
      return error;
    }
    cudaStream_t const origin = event->capturing_stream;
    bool const stays = origin == nullptr
                         ? !is_capturing(stream)
                         : origin == stream && is_capturing(stream) && stream->captures == event->capture;
    if (stays) {
      return enqueue(stream, {cudaGraphNodeTypeWaitEvent, [] { return cudaSuccess; }});
    }
    invalidate_captures([=](CUstream_st const& other) { return &other == stream || &other == origin; }, cudaSuccess);
    return cudaErrorStreamCaptureIsolation;
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
    ++stream->captures;
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

// The default stream cannot say while a stream that it waits for is capturing; asking ends no capture.
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call(__func__, [&] {
    *status = cudaStreamCaptureStatusNone;
    if (cudaError_t const error = check(stream)) {
      return error;
    }
    auto const& all = runtime().streams;
    bool const is_unknown = is_default(stream) && std::any_of(all.begin(), all.end(), [](cudaStream_t other) {
                              return is_capturing(other) && (other->flags & cudaStreamNonBlocking) == 0;
                            });
    if (is_unknown) {
      return cudaErrorStreamCaptureImplicit;
    }
    *status = is_capturing(stream) ? stream->capture : cudaStreamCaptureStatusNone;
    return cudaSuccess;
  });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return call(__func__, [&] {
    std::swap(*mode, thread_capture_mode);
    return cudaSuccess;
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Graphs

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

// ---------------------------------------------------------------------------------------------------------------------
// Events

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return call(__func__, [&] {
    *event = new CUevent_st;
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call(__func__, [&] {
    bool const is_captured = check(stream) == cudaSuccess && is_capturing(stream);
    cudaError_t const error = enqueue(stream, {cudaGraphNodeTypeEventRecord, [event] {
                                                 event->time = std::chrono::steady_clock::now();
                                                 event->recorded = true;
                                                 return cudaSuccess;
                                               }});
    if (error == cudaSuccess) {
      event->capturing_stream = is_captured ? stream : nullptr;
      event->capture = is_captured ? stream->captures : 0;
    }
    return error;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call(__func__, [&] {
    ++counters().synchronizations;
    return event->capturing_stream == nullptr ? cudaSuccess : cudaErrorCapturedEvent;
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
