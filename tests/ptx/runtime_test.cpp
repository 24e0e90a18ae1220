// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The runtime: it takes the PTX out of fat binaries, refuses what the real one refuses, records what a capturing stream
/// must, and counts. Needs no nvcc: the fat binaries are made here, and registered as nvcc's code does it.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "control.hpp"
#include "fatbin.hpp"
#include "program.hpp"

using namespace ptx;
using scc_test::contains;

// What nvcc's code calls. The toolkit declares it for that code alone.
struct CUkern_st;
extern "C" {
void** __cudaRegisterFatBinary(void*);
void __cudaRegisterFatBinaryEnd(void**);
void __cudaUnregisterFatBinary(void**);
char __cudaInitModule(void**);
void __cudaRegisterFunction(void**, char const*, char*, char const*, int, uint3*, uint3*, dim3*, dim3*, int*);
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t, cudaStream_t);
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*);
cudaError_t __cudaGetKernel(CUkern_st**, void const*);
cudaError_t __cudaLaunchKernel(CUkern_st*, dim3, dim3, void**, std::size_t, cudaStream_t);
}

namespace {

// -------------------------------------------------------------------------------------------------------- fat binaries

/// Makes what nvcc embeds.
class FatBinary {
public:
  /// `extra_header` bytes follow what is known of an entry's header.
  FatBinary& add(std::uint16_t kind, int architecture, std::string payload, std::uint64_t flags = 0x11,
                 std::uint64_t decompressed_bytes = 0, std::size_t extra_header = 8) {
    payload.resize((payload.size() + 8) / 8 * 8);  // ends with zeros, like nvcc's
    std::string header(64 + extra_header, '\0');
    put(header, 0, kind);
    put(header, 2, std::uint16_t{0x101});
    put(header, 4, static_cast<std::uint32_t>(header.size()));
    put(header, 8, static_cast<std::uint64_t>(payload.size()));
    put(header, 28, static_cast<std::uint32_t>(architecture));
    put(header, 40, flags);
    put(header, 56, decompressed_bytes);
    container_ += header + payload;
    put(container_, 8, static_cast<std::uint64_t>(container_.size() - 16));
    return *this;
  }
  FatBinary& add_text(int architecture, std::string const& text) { return add(1, architecture, text); }

  FatBinary() : container_(16, '\0') {
    put(container_, 0, std::uint32_t{0xba55ed50});
    put(container_, 4, std::uint16_t{1});
    put(container_, 6, std::uint16_t{16});
  }

  /// What __cudaRegisterFatBinary() is given, while this exists
  struct Wrapper {
    int magic, version;
    void const* data;
    void* unused;
  };
  Wrapper wrapper() const { return {0x466243b1, 1, container_.data(), nullptr}; }

private:
  template <class Number>
  static void put(std::string& bytes, std::size_t position, Number number) {
    std::memcpy(bytes.data() + position, &number, sizeof number);
  }

  std::string container_;
};

/// A fat binary that is registered while this exists.
class Registered {
public:
  explicit Registered(FatBinary binary)
      : binary_(std::move(binary)),
        wrapper_(binary_.wrapper()),
        handle_(__cudaRegisterFatBinary(&wrapper_)) {
    __cudaInitModule(handle_);
    __cudaRegisterFatBinaryEnd(handle_);
  }
  Registered(Registered const&) = delete;
  Registered& operator=(Registered const&) = delete;
  ~Registered() { __cudaUnregisterFatBinary(handle_); }

  void add(void const* function, char const* name) const {
    __cudaRegisterFunction(handle_, static_cast<char const*>(function), nullptr, name, -1, nullptr, nullptr, nullptr,
                           nullptr, nullptr);
  }

private:
  FatBinary binary_;
  FatBinary::Wrapper wrapper_;
  void** handle_;
};

std::string const head = ".version 9.0\n.target sm_90\n.address_size 64\n";

// out[threadIdx.x] += summand
std::string add_text(std::string const& name, std::string const& summand) {
  return ".visible .entry " + name +
         "(.param .align 8 .b8 p[16])\n{\n.reg .f32 %f<4>;\n.reg .b32 %r<2>;\n.reg .b64 %rd<5>;\n"
         "ld.param.f32 %f1, [p+8];\nld.param.u64 %rd1, [p];\ncvta.to.global.u64 %rd2, %rd1;\nmov.u32 %r1, %tid.x;\n"
         "mul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd4, %rd2, %rd3;\nld.global.f32 %f2, [%rd4];\nadd.f32 %f3, %f2, " +
         summand + ";\nst.global.f32 [%rd4], %f3;\nret;\n}\n";
}

// At most 64 threads, 16 KiB of static shared memory, no work.
constexpr char const* shared_text =
  ".visible .entry shared(.param .align 8 .b8 p[16])\n.maxntid 64, 1, 1\n{\n"
  ".shared .align 4 .b8 shared_array[16384];\nret;\n}\n";

std::map<int, std::string> texts_of(FatBinary const& binary) {
  auto const wrapper = binary.wrapper();
  return embedded_texts(&wrapper);
}

TEST_CASE("PTX is found in a fat binary") {
  auto const texts = texts_of(FatBinary()
                                .add(2, 80, "not text", 0x8011, 100)
                                .add_text(80, ".version 8.0 of sm_80")
                                .add(1, 120, ".version 9.0 of sm_120", 0x11, 0, 40)
                                .add(77, 300, "of a kind that is not known")
                                .add_text(90, ".version 8.0 of sm_90"));
  REQUIRE(texts.size() == 3);
  CHECK(text_for(80, texts) == ".version 8.0 of sm_80");
  CHECK(text_for(90, texts) == ".version 8.0 of sm_90");
  CHECK(text_for(0, texts) == ".version 9.0 of sm_120");
  CHECK_THROWS_WITH(text_for(75, texts), contains("no PTX for sm_75, only for sm_80, sm_90, sm_120"));
}

TEST_CASE("fat binaries without usable PTX say what to do") {
  std::pair<FatBinary, char const*> const cases[] = {
    {FatBinary().add(1, 90, ".version", 0x2011), "-Xfatbin=-compress=false"},
    {FatBinary().add(1, 90, ".version", 0x8011), "-Xfatbin=-compress=false"},
    {FatBinary().add(1, 90, ".version", 0x11, 100), "-Xfatbin=-compress=false"},
    {FatBinary().add(1, 90, "\x28\xb5\x2f\xfd"), "-Xfatbin=-compress=false"},
    {FatBinary().add(2, 90, "code"), "90-virtual"},
    {FatBinary(), "90-virtual"}};
  for (auto const& [binary, advice] : cases) {
    CHECK_THROWS_WITH(texts_of(binary), contains(advice));
  }
  FatBinary const binary;
  auto wrapper = binary.wrapper();
  wrapper.magic = 0x466243b0;
  CHECK_THROWS_WITH(embedded_texts(&wrapper), contains("damaged"));
  wrapper = {0x466243b1, 1, "not a container of PTX", nullptr};
  CHECK_THROWS_WITH(embedded_texts(&wrapper), contains("damaged"));
}

// -------------------------------------------------------------------------------------------------------------- kernels

struct Argument {
  float* out;
  float summand;
};

/// What nvcc 13 makes of `add`, and calls as add<<<...>>>(argument); nvcc 12 calls cudaLaunchKernel with the address.
void add(Argument argument) {
  void* arguments[] = {&argument};
  dim3 grid, block;
  std::size_t dynamic_bytes;
  cudaStream_t stream;
  CUkern_st* kernel = nullptr;
  static_cast<void>(__cudaGetKernel(&kernel, reinterpret_cast<void const*>(add)));
  if (__cudaPopCallConfiguration(&grid, &block, &dynamic_bytes, &stream) == cudaSuccess) {
    static_cast<void>(__cudaLaunchKernel(kernel, grid, block, arguments, dynamic_bytes, stream));
  }
}

void shared(Argument) {}
void unregistered(Argument) {}
void of_several(Argument) {}
void broken(Argument) {}
void missing(Argument) {}

void const* address(void (*function)(Argument)) { return reinterpret_cast<void const*>(function); }

/// Registered before main(), like nvcc's.
bool const is_registered = [] {
  static Registered const program(
    FatBinary().add(2, 80, "code").add_text(90, head + add_text("add", "%f1") + shared_text));
  program.add(address(add), "add");
  program.add(address(shared), "shared");
  program.add(address(missing), "missing");
  return true;
}();

struct Stream {
  explicit Stream(unsigned flags = cudaStreamNonBlocking) { cudaStreamCreateWithFlags(&stream, flags); }
  ~Stream() { cudaStreamDestroy(stream); }
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;
  operator cudaStream_t() const { return stream; }

  cudaStream_t stream = nullptr;
};

struct RestoreConfig {
  Config const saved = config();
  ~RestoreConfig() {
    config() = saved;
    cudaGetLastError();
  }
};

/// Takes the reports that a test has caused on purpose; they were not printed.
struct Expected : RestoreConfig {
  Expected() { config().quiet = true; }
  ~Expected() { take_reports(); }
};

cudaLaunchConfig_t shape(dim3 grid, dim3 block, std::size_t dynamic_bytes = 0, cudaStream_t stream = nullptr) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = dynamic_bytes;
  config.stream = stream;
  return config;
}

cudaError_t launch(cudaLaunchConfig_t const& config, void (*kernel)(Argument), float* out, float summand = 1) {
  return cudaLaunchKernelEx(&config, kernel, Argument{out, summand});
}

/// `size` numbers on the device: zeros, or if they are not set, NaN that nobody wrote.
struct DeviceArray {
  explicit DeviceArray(std::size_t length, bool is_set = true) : size(length) {
    cudaMalloc(reinterpret_cast<void**>(&data), size * sizeof(float));
    CHECK((!is_set || cudaMemset(data, 0, size * sizeof(float)) == cudaSuccess));
  }
  ~DeviceArray() { cudaFree(data); }
  DeviceArray(DeviceArray const&) = delete;
  DeviceArray& operator=(DeviceArray const&) = delete;

  std::vector<float> to_host() const {
    std::vector<float> values(size);
    cudaMemcpy(values.data(), data, size * sizeof(float), cudaMemcpyDeviceToHost);
    return values;
  }

  float* data = nullptr;
  std::size_t size;
};

TEST_CASE("kernels are launched by nvcc's code and by calls of the runtime") {
  RestoreConfig const restore;
  DeviceArray array(2);
  Stream const stream;
  CHECK(__cudaPushCallConfiguration(1, 2, 0, stream) == 0);
  add({array.data, 1});
  CHECK(launch(shape(1, 1), add, array.data, 4) == cudaSuccess);
  CHECK(array.to_host() == std::vector<float>{5, 1});
  CHECK(cudaGetLastError() == cudaSuccess);
  add({array.data, 1});  // nothing was pushed
  CHECK(cudaGetLastError() == cudaErrorMissingConfiguration);
  CHECK(array.to_host() == std::vector<float>{5, 1});
  CUkern_st* kernel = nullptr;
  CHECK(__cudaGetKernel(&kernel, address(unregistered)) == cudaErrorInvalidDeviceFunction);
  CHECK(launch(shape(1, 1), unregistered, array.data) == cudaErrorInvalidDeviceFunction);
  CHECK(launch(shape(1, 1), missing, array.data) == cudaErrorInvalidDeviceFunction);
}

TEST_CASE("the PTX that runs is that of the newest architecture, or of Config::architecture") {
  RestoreConfig const restore;
  DeviceArray array(1);
  {
    Registered const binary(FatBinary()
                              .add_text(80, head + add_text("of_several", "0f42A00000"))     // 80
                              .add_text(120, head + add_text("of_several", "0f42F00000")));  // 120
    binary.add(address(of_several), "of_several");
    CHECK(launch(shape(1, 1), of_several, array.data) == cudaSuccess);
    CHECK(array.to_host()[0] == 120);
    config().architecture = 80;
    CHECK(launch(shape(1, 1), of_several, array.data) == cudaSuccess);
    CHECK(array.to_host()[0] == 200);
    int major = 0;
    CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess);
    CHECK(major == 8);
    config().architecture = 75;
    CHECK(launch(shape(1, 1), of_several, array.data) == cudaErrorInvalidPtx);
    CHECK_THAT(cudaGetErrorString(cudaErrorInvalidPtx), contains("no PTX for sm_75, only for sm_80, sm_120"));
  }
  CHECK(launch(shape(1, 1), of_several, array.data) == cudaErrorInvalidDeviceFunction);
}

TEST_CASE("PTX that the interpreter does not know is an absent device") {
  RestoreConfig const restore;
  std::pair<FatBinary, char const*> const cases[] = {
    {FatBinary().add(2, 90, "code"), "90-virtual"},
    {FatBinary().add(1, 90, ".version", 0x8011, 100), "-Xfatbin=-compress=false"},
    {FatBinary().add_text(90, ".version 99.9\n.target sm_90\n.address_size 64\n"), "99.9"}};
  int count = -1;
  for (auto const& [unknown, line] : cases) {
    CAPTURE(line);
    Registered const binary(unknown);
    binary.add(address(broken), "broken");
    for (int repetition = 0; repetition < 2; ++repetition) {
      CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
      CHECK(count == 0);
      std::string const text = cudaGetErrorString(cudaGetLastError());
      CHECK_THAT(text, contains(line));
      CHECK(text.find('\n') == text.npos);
    }
    CHECK(launch(shape(1, 1), broken, nullptr) != cudaSuccess);
    CHECK(launch(shape(1, 1), shared, nullptr) == cudaSuccess);  // what is not needed is not read
  }
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == config().devices);
}

TEST_CASE("launches that a device refuses") {
  RestoreConfig const restore;
  DeviceArray array(1024);
  Stream destroyed;
  cudaStreamDestroy(destroyed);
  cudaLaunchConfig_t with_attribute = shape(1, 1);
  cudaLaunchAttribute attribute{};
  with_attribute.attrs = &attribute;
  with_attribute.numAttrs = 1;
  struct Case {
    cudaLaunchConfig_t config;
    cudaError_t error;
    void (*kernel)(Argument) = add;
  };
  Case const cases[] = {{shape(0, 1), cudaErrorInvalidConfiguration},
                        {shape(1, 0), cudaErrorInvalidConfiguration},
                        {shape(1, 1025), cudaErrorInvalidConfiguration},
                        {shape(1, dim3(33, 32)), cudaErrorInvalidConfiguration},
                        {shape(1, dim3(1, 1, 65)), cudaErrorInvalidConfiguration},
                        {shape(dim3(1, 65536), 1), cudaErrorInvalidConfiguration},
                        {shape(1, 65), cudaErrorLaunchOutOfResources, shared},
                        {shape(1, 64), cudaSuccess, shared},
                        {shape(1, 1, 48 * 1024 + 1), cudaErrorInvalidValue},
                        {shape(1, 1024, 48 * 1024), cudaSuccess},
                        {with_attribute, cudaErrorNotSupported},
                        {shape(1, 1, 0, destroyed), cudaErrorInvalidResourceHandle}};
  for (Case const& one : cases) {
    counters() = {};
    CHECK(launch(one.config, one.kernel, array.data) == one.error);
    CHECK(counters().kernels_run == (one.error == cudaSuccess ? 1 : 0));
    CHECK(cudaGetLastError() == one.error);
  }
}

TEST_CASE("shared memory beyond 48 KiB takes an attribute, and there is an end to it") {
  RestoreConfig const restore;
  DeviceArray array(1);
  auto const set_limit = [](void (*kernel)(Argument), std::size_t bytes) {
    return cudaFuncSetAttribute(address(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  };
  auto const runs_with = [&](std::size_t bytes, void (*kernel)(Argument)) {
    cudaError_t const error = launch(shape(1, 1, bytes), kernel, array.data);
    CHECK((error == cudaSuccess || error == cudaErrorInvalidValue));
    return error == cudaSuccess;
  };
  int most = 0;
  REQUIRE(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0) == cudaSuccess);
  auto const all = static_cast<std::size_t>(most);
  CHECK(set_limit(add, all + 1) == cudaErrorInvalidValue);
  CHECK(set_limit(add, 100000) == cudaSuccess);
  CHECK(runs_with(100000, add));
  CHECK_FALSE(runs_with(100001, add));
  config().devices = 2;
  CHECK(cudaSetDevice(1) == cudaSuccess);  // each device has its own
  CHECK_FALSE(runs_with(100000, add));
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(set_limit(add, 48 * 1024) == cudaSuccess);

  constexpr std::size_t statics = 16 * 1024;
  CHECK(runs_with(32 * 1024, shared));
  CHECK_FALSE(runs_with(32 * 1024 + 1, shared));
  CHECK(set_limit(shared, all - statics + 1) == cudaErrorInvalidValue);
  CHECK(set_limit(shared, all - statics) == cudaSuccess);
  CHECK(runs_with(all - statics, shared));
  config().shared_memory_bytes -= 1;
  CHECK_FALSE(runs_with(all - statics, shared));
  config().shared_memory_bytes = statics - 1;
  CHECK_FALSE(runs_with(0, shared));
  config() = restore.saved;
  CHECK(set_limit(shared, 32 * 1024) == cudaSuccess);
  CHECK(set_limit(unregistered, 1) == cudaErrorInvalidDeviceFunction);
  CHECK(cudaFuncSetAttribute(address(add), cudaFuncAttributePreferredSharedMemoryCarveout, 1) == cudaErrorInvalidValue);
}

// --------------------------------------------------------------------------------------------------------------- memory

TEST_CASE("device memory is NaN at first and moves") {
  RestoreConfig const restore;
  DeviceArray array(5, false), other(2, false);
  for (float const value : array.to_host()) {
    CHECK(std::isnan(value));
  }
  float const values[] = {1, 2, 3, 4, 5};
  float host[2] = {};
  Stream const stream;
  CHECK(cudaMemcpyAsync(array.data, values, sizeof values, cudaMemcpyHostToDevice, stream) == cudaSuccess);
  CHECK(cudaMemsetAsync(array.data + 1, 0, sizeof(float), stream) == cudaSuccess);
  CHECK(array.to_host() == std::vector<float>{1, 0, 3, 4, 5});
  CHECK(cudaMemcpy(other.data, array.data + 3, sizeof host, cudaMemcpyDeviceToDevice) == cudaSuccess);
  CHECK(other.to_host() == std::vector<float>{4, 5});
  CHECK(cudaMemcpy(other.data, array.data + 2, sizeof host, cudaMemcpyDefault) == cudaSuccess);
  CHECK(cudaMemcpy(host, other.data, sizeof host, cudaMemcpyDefault) == cudaSuccess);
  CHECK(cudaMemcpy(host + 1, host, sizeof(float), cudaMemcpyHostToHost) == cudaSuccess);
  CHECK(host[1] == 3);
  CHECK(report_count() == 0);
}

TEST_CASE("device memory is aligned, and what is around it is nobody's") {
  RestoreConfig const restore;
  void* memory = nullptr;
  for (std::size_t const bytes : {1, 255, 256, 1000}) {
    REQUIRE(cudaMalloc(&memory, bytes) == cudaSuccess);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % 256 == 0);
    CHECK(is_device_memory(memory, bytes));
    CHECK_FALSE(is_device_memory(memory, bytes + 1));
    CHECK_FALSE(is_device_memory(static_cast<char*>(memory) - 1, 1));
    CHECK(cudaFree(memory) == cudaSuccess);
    CHECK_FALSE(is_device_memory(memory, 1));
  }
  CHECK(cudaMallocAsync(&memory, 0, nullptr) == cudaSuccess);
  CHECK(memory == nullptr);
  CHECK(cudaMalloc(&memory, std::numeric_limits<std::size_t>::max()) == cudaErrorMemoryAllocation);
  CHECK(cudaMalloc(nullptr, 1) == cudaErrorInvalidValue);
}

TEST_CASE("kernels may read what a memset or copy has written, and nothing else") {
  Expected const expected;
  DeviceArray array(4, false), other(4, false);
  CHECK(launch(shape(1, 1), add, array.data) == cudaErrorLaunchFailure);
  auto const reports = take_reports();
  REQUIRE_FALSE(reports.empty());
  CHECK(cudaGetErrorString(cudaErrorLaunchFailure) == reports[0].text);
  CHECK(cudaFree(nullptr) == cudaSuccess);  // a success later changes nothing of it
  CHECK(cudaGetErrorString(cudaErrorLaunchFailure) == reports[0].text);
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);

  CHECK(cudaMemset(array.data, 0, 4 * sizeof(float)) == cudaSuccess);
  CHECK(launch(shape(1, 4), add, array.data) == cudaSuccess);
  CHECK(cudaMemcpy(other.data, array.data, 4 * sizeof(float), cudaMemcpyDeviceToDevice) == cudaSuccess);
  CHECK(launch(shape(1, 4), add, other.data) == cudaSuccess);
  CHECK(other.to_host() == std::vector<float>(4, 2.f));
  CHECK(report_count() == 0);
  CHECK(launch(shape(1, 5), add, other.data) == cudaErrorLaunchFailure);
  CHECK(report_count() > 0);
}

TEST_CASE("copies from and to the wrong memory") {
  Expected const expected;
  DeviceArray array(4);
  float host[5] = {};
  float* const device = array.data;
  auto const refused = [](float* to, float const* from, std::size_t count, cudaMemcpyKind kind) {
    CHECK(cudaMemcpy(to, from, count * sizeof(float), kind) == cudaErrorInvalidValue);
    auto const reports = take_reports();
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].check == Check::runtime);
    CHECK(cudaGetErrorString(cudaErrorInvalidValue) == reports[0].text);
  };
  refused(host, host, 1, cudaMemcpyHostToDevice);
  refused(device, device + 2, 1, cudaMemcpyHostToDevice);
  refused(device, host, 5, cudaMemcpyHostToDevice);
  refused(device, device + 2, 1, cudaMemcpyDeviceToHost);
  refused(host, host + 2, 1, cudaMemcpyDeviceToHost);
  refused(host, device, 5, cudaMemcpyDeviceToHost);
  refused(host, device + 3, 2, cudaMemcpyDefault);
  refused(host, device, 1, cudaMemcpyDeviceToDevice);
  refused(device, host, 1, cudaMemcpyDeviceToDevice);
  refused(device, host, 1, cudaMemcpyHostToHost);
  CHECK(cudaMemset(host, 0, sizeof host) == cudaErrorInvalidValue);
  CHECK(cudaMemset(device, 0, 5 * sizeof(float)) == cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(device + 4, 0, 1, nullptr) == cudaErrorInvalidValue);
  CHECK(take_reports().size() == 3);
  CHECK(cudaMemcpy(host, host, 0, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemset(nullptr, 0, 0) == cudaSuccess);
}

TEST_CASE("only what is allocated can be freed") {
  Expected const expected;
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, 8) == cudaSuccess);
  CHECK(cudaFree(static_cast<char*>(memory) + 4) == cudaErrorInvalidValue);
  CHECK(cudaFree(memory) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaErrorInvalidValue);
  CHECK(cudaFreeAsync(&memory, nullptr) == cudaErrorInvalidValue);
  CHECK(take_reports().size() == 3);
}

// ---------------------------------------------------------------------------------------------- counts, threads, devices

TEST_CASE("counters") {
  DeviceArray array(1);
  Stream const stream;
  counters() = {};
  cudaMemset(array.data, 0, sizeof(float));
  cudaMemsetAsync(array.data, 0, sizeof(float), stream);
  launch(shape(1, 1), add, array.data);
  launch(shape(1, 1, 0, stream), add, array.data);
  cudaStreamSynchronize(stream);
  { DeviceArray const other(1, false); }
  CHECK(counters().launches == 2);
  CHECK(counters().kernels_run == 2);
  CHECK(counters().memsets == 2);
  CHECK(counters().copies == 0);
  CHECK(counters().allocations == 1);
  CHECK(counters().frees == 1);
  CHECK(counters().synchronizations == 2);  // one by cudaMemset
}

TEST_CASE("threads of the host take turns") {
  DeviceArray array(64);
  auto const launch_often = [&array] {
    for (int i = 0; i < 50; ++i) {
      launch(shape(1, 64), add, array.data);
    }
  };
  std::thread other(launch_often);
  launch_often();
  other.join();
  CHECK(array.to_host() == std::vector<float>(64, 100.f));
}

TEST_CASE("errors have names and are remembered by thread") {
  CHECK(cudaSetDevice(-1) == cudaErrorInvalidDevice);
  std::thread([] { CHECK(cudaGetLastError() == cudaSuccess); }).join();
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(std::string(cudaGetErrorName(cudaErrorMemoryAllocation)) == "cudaErrorMemoryAllocation");
  CHECK(std::string(cudaGetErrorString(cudaSuccess)) == "no error");
  CHECK(std::string(cudaGetErrorString(cudaErrorIllegalState)) == "cudaErrorIllegalState");
  CHECK(std::string(cudaGetErrorName(static_cast<cudaError_t>(12345))) == "unrecognized error code");
}

TEST_CASE("devices") {
  RestoreConfig const restore;
  int value = -1;
  config().devices = 1;
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
  config().devices = 2;
  Stream const stream;
  CHECK(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaGetDevice(&value) == cudaSuccess);
  CHECK(value == 1);
  std::thread([&] { CHECK(cudaGetDevice(&value) == cudaSuccess); }).join();
  CHECK(value == 0);
  {
    DeviceArray array(1);
    CHECK(launch(shape(1, 1), add, array.data) == cudaSuccess);
    CHECK(launch(shape(1, 1, 0, stream), add, array.data) == cudaErrorInvalidResourceHandle);
  }
  CHECK(cudaSetDevice(0) == cudaSuccess);

  config().multiprocessors = 7;
  CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 1) == cudaSuccess);
  CHECK(value == 7);
  CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 2) == cudaErrorInvalidDevice);
  CHECK(cudaGetDeviceCount(&value) == cudaSuccess);
  CHECK(value == 2);
  config().devices = 0;
  CHECK(cudaGetDeviceCount(&value) == cudaErrorNoDevice);
  CHECK(value == 0);
  config().devices = 1;
}

TEST_CASE("failures on demand") {
  RestoreConfig const restore;
  void* memory = nullptr;
  FailingCall const second("cudaMallocAsync", 2, cudaErrorMemoryAllocation);
  counters() = {};
  CHECK(cudaMallocAsync(&memory, 8, nullptr) == cudaSuccess);
  CHECK_FALSE(second.happened());
  CHECK(cudaMallocAsync(&memory, 8, nullptr) == cudaErrorMemoryAllocation);
  CHECK(second.happened());
  CHECK(counters().allocations == 1);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  {
    FailingCall const never("cudaFreeAsync", 1, cudaErrorCudartUnloading);
    CHECK_FALSE(never.happened());
  }
  FailingCall const launched("cudaLaunchKernelExC", 1, cudaErrorLaunchOutOfResources);
  CHECK(launch(shape(1, 1), add, static_cast<float*>(memory)) == cudaErrorLaunchOutOfResources);
  FailingCall const forgotten("cudaMemsetAsync", 1, cudaSuccess);
  CHECK(cudaMemsetAsync(memory, 0, sizeof(float), nullptr) == cudaSuccess);
  CHECK(forgotten.happened());
  CHECK(std::isnan(*static_cast<float*>(memory)));
  CHECK(cudaFreeAsync(memory, nullptr) == cudaSuccess);
}

TEST_CASE("memory belongs to a device, and is freed there") {
  RestoreConfig const restore;
  config().devices = 2;
  CHECK(cudaSetDevice(1) == cudaSuccess);
  Stream const stream;
  void *current = nullptr, *ordered = nullptr, *pinned = nullptr;
  CHECK(cudaMalloc(&current, 8) == cudaSuccess);
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaMallocAsync(&ordered, 8, stream) == cudaSuccess);  // on the stream's device
  CHECK(cudaMallocHost(&pinned, 8) == cudaSuccess);
  auto const type_of = [](void const* pointer, int device) {
    cudaPointerAttributes attributes{};
    CHECK(cudaPointerGetAttributes(&attributes, pointer) == cudaSuccess);
    CHECK(attributes.device == device);
    return attributes.type;
  };
  CHECK(type_of(current, 1) == cudaMemoryTypeDevice);
  CHECK(type_of(static_cast<char*>(ordered) + 7, 1) == cudaMemoryTypeDevice);
  CHECK(type_of(static_cast<char*>(ordered) + 8, 0) == cudaMemoryTypeUnregistered);
  CHECK(type_of(pinned, 0) == cudaMemoryTypeHost);
  {
    Expected const expected;
    CHECK(cudaFree(current) == cudaErrorInvalidValue);
    CHECK(cudaFreeAsync(ordered, nullptr) == cudaErrorInvalidValue);
    CHECK(cudaFreeHost(current) == cudaErrorInvalidValue);
    // Nor does a stream of another device copy it, but to its own.
    CHECK(cudaMemcpyAsync(pinned, ordered, 8, cudaMemcpyDefault, nullptr) == cudaErrorInvalidValue);
    CHECK(take_reports().size() == 4);
  }
  DeviceArray here(2);
  CHECK(cudaMemsetAsync(ordered, 0, 8, stream) == cudaSuccess);
  CHECK(cudaMemcpyAsync(here.data, ordered, 8, cudaMemcpyDefault, nullptr) == cudaSuccess);
  CHECK(here.to_host() == std::vector<float>{0, 0});
  CHECK(cudaFreeAsync(ordered, stream) == cudaSuccess);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  CHECK(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaFree(current) == cudaSuccess);
  CHECK(cudaSetDevice(0) == cudaSuccess);
}

TEST_CASE("a device may have no memory pools") {
  RestoreConfig const restore;
  config().has_memory_pools = false;
  int has_pools = -1;
  CHECK(cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, 0) == cudaSuccess);
  CHECK(has_pools == 0);
  void* memory = nullptr;
  CHECK(cudaMallocAsync(&memory, 8, nullptr) == cudaErrorNotSupported);
  CHECK(cudaFreeAsync(memory, nullptr) == cudaErrorNotSupported);
}

// ------------------------------------------------------------------------------------------------------------- captures

/// Loads a kernel, so that its launches can be captured.
void load_kernel(void (*kernel)(Argument)) {
  cudaFuncAttributes attributes{};
  CHECK(cudaFuncGetAttributes(&attributes, address(kernel)) == cudaSuccess);
}

/// Captures what the work enqueues on the stream.
class Graph {
public:
  Graph(cudaStream_t stream, std::function<void()> const& work,
        cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
    REQUIRE(cudaStreamBeginCapture(stream, mode) == cudaSuccess);
    work();
    error = cudaStreamEndCapture(stream, &graph_);
    CHECK((graph_ != nullptr) == (error == cudaSuccess));
    if (error == cudaSuccess) {
      CHECK(cudaGraphInstantiate(&executable_, graph_, 0) == cudaSuccess);
    }
  }
  ~Graph() {
    CHECK(cudaGraphExecDestroy(executable_) == cudaSuccess);
    CHECK(cudaGraphDestroy(graph_) == cudaSuccess);
  }
  Graph(Graph const&) = delete;
  Graph& operator=(Graph const&) = delete;

  std::vector<cudaGraphNodeType> node_types() const {
    std::size_t count = 0;
    CHECK(cudaGraphGetNodes(graph_, nullptr, &count) == cudaSuccess);
    std::vector<cudaGraphNode_t> nodes(count);
    std::vector<cudaGraphNodeType> types(count);
    CHECK(cudaGraphGetNodes(graph_, nodes.data(), &count) == cudaSuccess);
    for (std::size_t n = 0; n < count; ++n) {
      CHECK(cudaGraphNodeGetType(nodes[n], &types[n]) == cudaSuccess);
    }
    return types;
  }
  cudaError_t launch_on(cudaStream_t stream) const { return cudaGraphLaunch(executable_, stream); }

  cudaError_t error = cudaSuccess;

private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

TEST_CASE("a graph replays what was captured") {
  load_kernel(add);
  DeviceArray array(2, false);
  float const start[] = {10, 20};
  Stream const stream;
  counters() = {};
  Graph const graph(stream, [&] {
    CHECK(cudaMemcpyAsync(array.data, start, sizeof start, cudaMemcpyDefault, stream) == cudaSuccess);
    CHECK(cudaMemsetAsync(array.data + 1, 0, sizeof(float), stream) == cudaSuccess);
    CHECK(launch(shape(1, 2, 0, stream), add, array.data, 3) == cudaSuccess);  // of which the graph has a copy
  });
  CHECK(counters().launches == 1);
  CHECK(counters().kernels_run == 0);
  CHECK(std::isnan(array.to_host()[0]));
  CHECK(graph.node_types() ==
        std::vector<cudaGraphNodeType>{cudaGraphNodeTypeMemcpy, cudaGraphNodeTypeMemset, cudaGraphNodeTypeKernel});
  for (int i = 0; i < 3; ++i) {
    CHECK(graph.launch_on(stream) == cudaSuccess);
    CHECK(launch(shape(1, 1, 0, stream), add, array.data, 100) == cudaSuccess);
    CHECK(array.to_host() == std::vector<float>{113, 3});
  }
  CHECK(counters().graph_launches == 3);
  CHECK(counters().kernels_run == 6);
}

TEST_CASE("what a graph uses must still be there") {
  Expected const expected;
  Stream const stream;
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, 4) == cudaSuccess);
  Graph const graph(stream, [&] {
    CHECK(cudaMemsetAsync(memory, 0, 4, stream) == cudaSuccess);
    CHECK(cudaMemsetAsync(memory, 0, 5, stream) == cudaErrorInvalidValue);  // and is not recorded
  });
  CHECK(take_reports().size() == 1);
  CHECK(graph.launch_on(stream) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaSuccess);
  CHECK(graph.launch_on(stream) == cudaErrorInvalidValue);
  CHECK(take_reports().size() == 1);
}

TEST_CASE("what a capture does not permit makes it fail") {
  RestoreConfig const restore;
  load_kernel(add);
  DeviceArray array(1);
  Stream const stream(cudaStreamDefault);
  void* memory = nullptr;
  struct Violation {
    char const* name;
    std::function<cudaError_t()> commit;
    cudaError_t error = cudaErrorStreamCaptureUnsupported;
  };
  Violation const violations[] = {
    {"cudaMalloc", [&] { return cudaMalloc(&memory, 4); }},
    {"cudaMallocAsync", [&] { return cudaMallocAsync(&memory, 4, stream); }},
    {"cudaFree", [&] { return cudaFree(nullptr); }},
    {"cudaFreeAsync", [&] { return cudaFreeAsync(nullptr, stream); }},
    {"cudaStreamSynchronize", [&] { return cudaStreamSynchronize(stream); }},
    {"cudaMemset", [&] { return cudaMemset(array.data, 0, 4); }, cudaErrorStreamCaptureImplicit},
    {"default stream", [&] { return launch(shape(1, 1), add, array.data); }, cudaErrorStreamCaptureImplicit}};
  for (Violation const& violation : violations) {
    CAPTURE(violation.name);
    Graph const graph(stream, [&] {
      CHECK(violation.commit() == violation.error);
      CHECK(memory == nullptr);
      CHECK(launch(shape(1, 1, 0, stream), add, array.data) == cudaErrorStreamCaptureInvalidated);
    });
    CHECK(graph.error == cudaErrorStreamCaptureInvalidated);
    CHECK(violation.commit() == cudaSuccess);  // permitted again
    CHECK(cudaFree(std::exchange(memory, nullptr)) == cudaSuccess);
  }
}

TEST_CASE("which threads a capture restricts, and which may end it") {
  RestoreConfig const restore;
  Stream const stream;
  constexpr auto global = cudaStreamCaptureModeGlobal, own = cudaStreamCaptureModeThreadLocal,
                 relaxed = cudaStreamCaptureModeRelaxed;
  struct Case {
    cudaStreamCaptureMode of_capture, of_caller;
    bool in_other_thread;
    bool lasts;  ///< A capture during which a thread in this mode calls cudaMalloc
  };
  Case const cases[] = {{global, global, false, false}, {global, global, true, false},  {global, own, false, false},
                        {global, own, true, true},      {global, relaxed, false, true}, {own, global, false, false},
                        {own, global, true, true},      {relaxed, global, false, true}};
  for (Case const& one : cases) {
    auto const in_thread = [&](std::function<void()> const& work) {
      one.in_other_thread ? std::thread(work).join() : work();
    };
    auto const allocate = [&] {
      cudaStreamCaptureMode mode = one.of_caller;
      CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
      CHECK(mode == global);
      void* memory = nullptr;
      cudaMalloc(&memory, 4);
      mode = relaxed;
      CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
      CHECK(mode == one.of_caller);
      CHECK(cudaFree(memory) == cudaSuccess);
      mode = global;
      CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
    };
    Graph const graph(
      stream, [&] { in_thread(allocate); }, one.of_capture);
    CHECK((graph.error == cudaSuccess) == one.lasts);

    Graph const ended(
      stream,
      [&] {
        cudaGraph_t other = nullptr;
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        CHECK(cudaStreamIsCapturing(stream, &status) == cudaSuccess);
        CHECK(status == cudaStreamCaptureStatusActive);
        CHECK(cudaStreamBeginCapture(stream, one.of_capture) == cudaErrorIllegalState);
        if (one.of_capture != relaxed) {
          std::thread([&] { CHECK(cudaStreamEndCapture(stream, &other) == cudaErrorStreamCaptureWrongThread); }).join();
        }
      },
      one.of_capture);
    CHECK(ended.error == cudaSuccess);
  }
  cudaGraph_t none = nullptr;
  CHECK(cudaStreamEndCapture(stream, &none) == cudaErrorIllegalState);
  CHECK(cudaStreamBeginCapture(nullptr, relaxed) == cudaErrorStreamCaptureUnsupported);
}

TEST_CASE("the default stream does not say whether it is captured while another is") {
  RestoreConfig const restore;
  cudaStreamCaptureStatus status{};
  for (unsigned const flags : {unsigned{cudaStreamDefault}, unsigned{cudaStreamNonBlocking}}) {
    Stream const stream(flags);
    Graph const graph(stream, [&] {
      CHECK(cudaStreamIsCapturing(nullptr, &status) ==
            (flags == cudaStreamDefault ? cudaErrorStreamCaptureImplicit : cudaSuccess));
    });
    CHECK(graph.error == cudaSuccess);
  }
  CHECK(cudaStreamIsCapturing(nullptr, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusNone);
}

TEST_CASE("the first launch of a kernel cannot be captured unless the kernel was loaded before") {
  RestoreConfig const restore;
  DeviceArray array(1);
  Registered const binary(FatBinary().add_text(90, head + add_text("of_several", "%f1")));
  auto const capture = [&] {
    Stream const stream;
    cudaError_t launched = cudaSuccess;
    Graph const graph(stream, [&] { launched = launch(shape(1, 1, 0, stream), of_several, array.data); });
    CHECK(graph.error == (launched == cudaSuccess ? cudaSuccess : cudaErrorStreamCaptureInvalidated));
    return launched;
  };
  cudaFuncAttributes attributes{};
  std::function<cudaError_t()> const loads[] = {
    [] { return cudaFuncSetAttribute(address(of_several), cudaFuncAttributeMaxDynamicSharedMemorySize, 48 * 1024); },
    [&] { return launch(shape(1, 1), of_several, array.data); },
    [&] { return cudaFuncGetAttributes(&attributes, address(of_several)); }};
  for (auto const& load : loads) {
    binary.add(address(of_several), "of_several");
    CHECK(capture() == cudaErrorStreamCaptureUnsupported);
    CHECK(load() == cudaSuccess);
    CHECK(capture() == cudaSuccess);
  }
  CHECK(attributes.maxThreadsPerBlock == 1024);
  CHECK(attributes.maxDynamicSharedSizeBytes == 48 * 1024);
  config().devices = 2;
  CHECK(cudaSetDevice(1) == cudaSuccess);  // each device loads it
  CHECK(capture() == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaSetDevice(0) == cudaSuccess);
}

// ------------------------------------------------------------------------------------------------------ end of a process

/// The status of a process that does this and ends.
int status_of_process(void (*work)()) {
  std::fflush(nullptr);
  pid_t const child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) {
      std::_Exit(2);
    }
    work();
    std::exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("a process with reports that nobody took ends with status 1") {
  REQUIRE(report_count() == 0);
  CHECK(status_of_process([] { report(Check::runtime, "planted"); }) == 1);
  CHECK(status_of_process([] {
          report(Check::runtime, "planted");
          take_reports();
        }) == 0);
  CHECK(status_of_process([] { static DeviceArray const freed_late(1); }) == 0);
}

}  // namespace
