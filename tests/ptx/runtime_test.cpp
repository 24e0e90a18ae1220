// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The runtime: it takes the PTX out of fat binaries, refuses what the real one refuses, records what a capturing stream
/// must, and counts. Needs no nvcc: the fat binaries are made here, and registered as nvcc's code does it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <functional>
#include <limits>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "control.hpp"
#include "fatbin.hpp"
#include "memory.hpp"
#include "report.hpp"

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
void __cudaRegisterVar(void**, char*, char*, char const*, int, std::size_t, int, int);
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t, cudaStream_t);
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*);
cudaError_t __cudaGetKernel(CUkern_st**, void const*);
cudaError_t __cudaLaunchKernel(CUkern_st*, dim3, dim3, void**, std::size_t, cudaStream_t);
}

namespace {

/// Makes what nvcc embeds.
class FatBinary {
public:
  /// `extra_header` bytes follow what is known of an entry's header.
  FatBinary& add(std::uint16_t kind, int architecture, std::string payload, std::uint64_t flags = 0x11,
                 std::uint64_t decompressed_bytes = 0, std::size_t extra_header = 8) {
    payload.resize((payload.size() + 8) / 8 * 8);  // ends with zeros, like nvcc's
    std::string header(64 + extra_header, '\0');
    auto const put = [&header](std::size_t position, auto number) {
      std::memcpy(header.data() + position, &number, sizeof number);
    };
    put(0, kind);
    put(2, std::uint16_t{0x101});
    put(4, static_cast<std::uint32_t>(header.size()));
    put(8, static_cast<std::uint64_t>(payload.size()));
    put(28, static_cast<std::uint32_t>(architecture));
    put(40, flags);
    put(56, decompressed_bytes);
    entries_ += header + payload;
    return *this;
  }
  FatBinary& add_text(int architecture, std::string const& text) { return add(1, architecture, text); }

  std::string container() const {
    std::string header(16, '\0');
    std::uint32_t const magic = 0xba55ed50;
    std::uint16_t const version = 1, header_bytes = 16;
    std::uint64_t const bytes = entries_.size();
    std::memcpy(&header[0], &magic, 4);
    std::memcpy(&header[4], &version, 2);
    std::memcpy(&header[6], &header_bytes, 2);
    std::memcpy(&header[8], &bytes, 8);
    return header + entries_;
  }

private:
  std::string entries_;
};

/// A fat binary that is registered while this exists.
class Registered {
public:
  explicit Registered(FatBinary const& binary)
      : container_(binary.container()),
        wrapper_{0x466243b1, 1, container_.data(), nullptr} {
    handle_ = __cudaRegisterFatBinary(&wrapper_);
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
  struct Wrapper {
    int magic, version;
    void const* data;
    void* unused;
  };

  std::string container_;
  Wrapper wrapper_;
  void** handle_;
};

std::string const head = ".version 9.0\n.target sm_90\n.address_size 64\n";

// out[threadIdx.x] += summand
std::string add_text(std::string const& name, std::string const& summand) {
  return ".visible .entry " + name + "(\n.param .align 8 .b8 " + name + R"(_param_0[16]
)
{
.reg .f32 %f<4>;
.reg .b32 %r<2>;
.reg .b64 %rd<5>;
ld.param.f32 %f1, [)" +
         name + R"(_param_0+8];
ld.param.u64 %rd1, [)" +
         name + R"(_param_0];
cvta.to.global.u64 %rd2, %rd1;
mov.u32 %r1, %tid.x;
mul.wide.u32 %rd3, %r1, 4;
add.s64 %rd4, %rd2, %rd3;
ld.global.f32 %f2, [%rd4];
add.f32 %f3, %f2, )" +
         summand + R"(;
st.global.f32 [%rd4], %f3;
ret;
}
)";
}

// At most 64 threads, 16 KiB of static shared memory, no work.
std::string const shared_text = R"(.visible .entry shared(
.param .align 8 .b8 shared_param_0[16]
)
.maxntid 64, 1, 1
{
.shared .align 4 .b8 shared_array[16384];
ret;
}
)";

struct Argument {
  float* out;
  float summand;
};

/// What nvcc 13 makes of `add`, and calls as add<<<...>>>(argument).
void add(Argument argument) {
  void* arguments[] = {&argument};
  static CUkern_st* kernel = nullptr;
  static bool const known = __cudaGetKernel(&kernel, reinterpret_cast<void const*>(add)) == cudaSuccess;
  static_cast<void>(known);
  dim3 grid, block;
  std::size_t dynamic_bytes;
  cudaStream_t stream;
  if (__cudaPopCallConfiguration(&grid, &block, &dynamic_bytes, &stream) == cudaSuccess) {
    static_cast<void>(__cudaLaunchKernel(kernel, grid, block, arguments, dynamic_bytes, stream));
  }
}

/// What nvcc 12 makes of it.
void add_of_nvcc_12(Argument argument) {
  void* arguments[] = {&argument};
  dim3 grid, block;
  std::size_t dynamic_bytes;
  cudaStream_t stream;
  if (__cudaPopCallConfiguration(&grid, &block, &dynamic_bytes, &stream) == cudaSuccess) {
    static_cast<void>(
      cudaLaunchKernel(reinterpret_cast<void const*>(add_of_nvcc_12), grid, block, arguments, dynamic_bytes, stream));
  }
}

void shared(Argument) {}
void unregistered(Argument) {}
void of_several(Argument) {}
void broken(Argument) {}
void missing(Argument) {}

void const* address(void (*function)(Argument)) { return reinterpret_cast<void const*>(function); }

/// Registered before main(), like nvcc's.
Registered const& program_of_tests() {
  static Registered const value(
    FatBinary().add(2, 80, "code").add_text(90, head + add_text("add", "%f1") + shared_text));
  return value;
}
bool const is_registered = [] {
  program_of_tests().add(address(add), "add");
  program_of_tests().add(address(add_of_nvcc_12), "add");
  program_of_tests().add(address(shared), "shared");
  program_of_tests().add(address(missing), "missing");
  return true;
}();

class Stream {
public:
  explicit Stream(unsigned flags = cudaStreamNonBlocking) { cudaStreamCreateWithFlags(&stream_, flags); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;
  cudaStream_t get() const { return stream_; }

private:
  cudaStream_t stream_ = nullptr;
};

struct RestoreConfig {
  Config const saved = config();
  ~RestoreConfig() { config() = saved; }
};

cudaLaunchConfig_t shape(dim3 grid, dim3 block, std::size_t dynamic_bytes = 0, cudaStream_t stream = nullptr) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = dynamic_bytes;
  config.stream = stream;
  return config;
}

cudaError_t launch(cudaLaunchConfig_t const& config, void (*kernel)(Argument), float* out, float summand) {
  return cudaLaunchKernelEx(&config, kernel, Argument{out, summand});
}

/// `size` numbers on the device, at first NaN that nobody wrote.
class DeviceArray {
public:
  explicit DeviceArray(std::size_t size) : size_(size) { cudaMalloc(&pointer_, size * sizeof(float)); }
  ~DeviceArray() { cudaFree(pointer_); }
  DeviceArray(DeviceArray const&) = delete;
  DeviceArray& operator=(DeviceArray const&) = delete;

  float* data() { return static_cast<float*>(pointer_); }
  void set_zero() { cudaMemset(pointer_, 0, size_ * sizeof(float)); }

  std::vector<float> to_host() const {
    std::vector<float> values(size_);
    cudaMemcpy(values.data(), pointer_, size_ * sizeof(float), cudaMemcpyDeviceToHost);
    return values;
  }

private:
  void* pointer_ = nullptr;
  std::size_t size_;
};

/// Takes the reports that a test has caused on purpose; they were not printed.
class Expected {
public:
  Expected() { config().quiet = true; }
  ~Expected() {
    take_reports();
    cudaGetLastError();
  }
  std::vector<Report> take() { return take_reports(); }

private:
  RestoreConfig restore_;
};

std::string text_of_failure(std::string_view container) {
  try {
    embedded_texts(container);
  } catch (std::runtime_error const& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("PTX is found in a fat binary") {
  std::string const container = FatBinary()
                                  .add(2, 80, "not text")
                                  .add_text(80, ".version 8.0 of sm_80")
                                  .add(1, 120, ".version 9.0 of sm_120", 0x11, 0, 40)
                                  .add(77, 300, "of a kind that is not known")
                                  .add_text(90, ".version 8.0 of sm_90")
                                  .container();
  auto const texts = embedded_texts(container);
  REQUIRE(texts.size() == 3);
  CHECK(texts[0].architecture == 80);
  CHECK(texts[0].text == ".version 8.0 of sm_80");
  CHECK(text_for(0, texts) == ".version 9.0 of sm_120");
  CHECK(text_for(90, texts) == ".version 8.0 of sm_90");
  CHECK_THROWS_WITH(text_for(75, texts), contains("no PTX for sm_75, only for sm_80, sm_90, sm_120"));
  CHECK(embedded_texts(container + "what follows it").size() == 3);
}

TEST_CASE("fat binaries without usable PTX say what to do") {
  std::string const option = "-Xfatbin=-compress=false";
  CHECK_THAT(text_of_failure(FatBinary().add(1, 90, ".version", 0x2011).container()), contains(option));
  CHECK_THAT(text_of_failure(FatBinary().add(1, 90, ".version", 0x8011).container()), contains(option));
  CHECK_THAT(text_of_failure(FatBinary().add(1, 90, ".version", 0x11, 100).container()), contains(option));
  CHECK_THAT(text_of_failure(FatBinary().add(1, 90, "\x28\xb5\x2f\xfd").container()), contains(option));
  CHECK(text_of_failure(FatBinary().add(2, 80, "code", 0x8011, 100).add_text(90, ".version").container()).empty());
  CHECK_THAT(text_of_failure(FatBinary().add(2, 90, "code").container()), contains("90-virtual"));
  CHECK_THAT(text_of_failure(FatBinary().container()), contains("90-virtual"));
  std::string other = FatBinary().add_text(90, ".version").container();
  other[0] = 'x';
  CHECK_THAT(text_of_failure(other), contains("damaged"));
  struct {
    int magic = 0x466243b0, version = 1;
    void const* data = "";
    void* unused = nullptr;
  } const wrapper;
  CHECK_THROWS_WITH(embedded_texts_of_wrapper(&wrapper), contains("damaged"));
}

TEST_CASE("nothing is read behind the end of a fat binary") {
  std::string const whole =
    FatBinary().add(2, 80, "code").add_text(80, ".version 8.0").add_text(90, ".version 9.0").container();
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    std::vector<char> const part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));  // of its own
    CHECK_THAT(text_of_failure({part.data(), part.size()}), contains("damaged"));
  }
  // No byte of the headers, whatever is in it, leads beyond the end.
  for (std::size_t position = 0; position < whole.size(); ++position) {
    for (int const value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::vector<char> part(whole.begin(), whole.end());
      part[position] = static_cast<char>(value);
      text_of_failure({part.data(), part.size()});
    }
  }
}

TEST_CASE("kernels are launched by the code of nvcc 12 and of nvcc 13") {
  DeviceArray array(2);
  array.set_zero();
  Stream const stream;
  CHECK(__cudaPushCallConfiguration(1, 2, 0, stream.get()) == 0);
  add({array.data(), 1});
  CHECK(array.to_host() == std::vector<float>{1, 1});
  CHECK(__cudaPushCallConfiguration(1, 1, 0, nullptr) == 0);
  add_of_nvcc_12({array.data(), 2});
  CHECK(array.to_host() == std::vector<float>{3, 1});
  CHECK(launch(shape(1, 2), add, array.data(), 4) == cudaSuccess);
  CHECK(array.to_host() == std::vector<float>{7, 5});
  CHECK(cudaGetLastError() == cudaSuccess);

  add({array.data(), 1});  // nothing was pushed
  CHECK(cudaGetLastError() == cudaErrorMissingConfiguration);
  CHECK(array.to_host() == std::vector<float>{7, 5});

  CUkern_st* kernel = nullptr;
  CHECK(__cudaGetKernel(&kernel, address(unregistered)) == cudaErrorInvalidDeviceFunction);
  CHECK(launch(shape(1, 1), unregistered, array.data(), 1) == cudaErrorInvalidDeviceFunction);
  CHECK(launch(shape(1, 1), missing, array.data(), 1) == cudaErrorInvalidDeviceFunction);
  cudaGetLastError();
}

TEST_CASE("the PTX that runs is that of the newest architecture, or of Config::architecture") {
  RestoreConfig const restore;
  DeviceArray array(1);
  {
    Registered const binary(FatBinary()
                              .add_text(80, head + add_text("of_several", "0f42A00000"))     // 80
                              .add_text(120, head + add_text("of_several", "0f42F00000")));  // 120
    binary.add(address(of_several), "of_several");
    array.set_zero();
    CHECK(launch(shape(1, 1), of_several, array.data(), 0) == cudaSuccess);
    CHECK(array.to_host()[0] == 120);
    config().architecture = 80;
    array.set_zero();
    CHECK(launch(shape(1, 1), of_several, array.data(), 0) == cudaSuccess);
    CHECK(array.to_host()[0] == 80);
    config().architecture = 75;
    CHECK(launch(shape(1, 1), of_several, array.data(), 0) == cudaErrorInvalidPtx);
    CHECK_THAT(cudaGetErrorString(cudaErrorInvalidPtx), contains("no PTX for sm_75, only for sm_80, sm_120"));
    int major = 0;
    config().architecture = 80;
    CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess);
    CHECK(major == 8);
  }
  CHECK(launch(shape(1, 1), of_several, array.data(), 0) == cudaErrorInvalidDeviceFunction);
  cudaGetLastError();
}

TEST_CASE("PTX that the interpreter does not know is an absent device") {
  struct Case {
    FatBinary binary;
    std::string line;
  };
  Case const cases[] = {
    {FatBinary().add(2, 90, "code"), "90-virtual"},
    {FatBinary().add(1, 90, ".version", 0x8011, 100), "-Xfatbin=-compress=false"},
    {FatBinary().add_text(90, ".version 99.9\n.target sm_90\n.address_size 64\n"), "99.9"},
  };
  int count = -1;
  for (Case const& one : cases) {
    CAPTURE(one.line);
    Registered const binary(one.binary);
    binary.add(address(broken), "broken");
    for (int repetition = 0; repetition < 2; ++repetition) {
      CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
      CHECK(count == 0);
      CHECK(cudaGetLastError() == cudaErrorNoDevice);
      std::string const line = cudaGetErrorString(cudaErrorNoDevice);
      CHECK_THAT(line, contains(one.line));
      CHECK(line.find('\n') == line.npos);
    }
    CHECK(launch(shape(1, 1), broken, nullptr, 0) != cudaSuccess);
    CHECK(launch(shape(1, 1), shared, nullptr, 0) == cudaSuccess);
  }
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == config().devices);
  cudaGetLastError();
}

TEST_CASE("nothing is read of a fat binary before it is needed") {
  FatBinary const damaged = FatBinary().add(1, 90, "nonsense");
  Registered const binary(damaged);
  DeviceArray array(1);
  array.set_zero();
  CHECK(launch(shape(1, 1), add, array.data(), 1) == cudaSuccess);
}

TEST_CASE("device memory is NaN at first and moves") {
  DeviceArray array(5);
  for (float const value : array.to_host()) {
    CHECK(std::isnan(value));
  }
  float const values[] = {1, 2, 3, 4, 5};
  Stream const stream;
  CHECK(cudaMemcpyAsync(array.data(), values, sizeof values, cudaMemcpyHostToDevice, stream.get()) == cudaSuccess);
  CHECK(cudaMemsetAsync(array.data() + 1, 0, sizeof(float), stream.get()) == cudaSuccess);
  CHECK(array.to_host() == std::vector<float>{1, 0, 3, 4, 5});
  DeviceArray other(2);
  CHECK(cudaMemcpy(other.data(), array.data() + 3, 2 * sizeof(float), cudaMemcpyDeviceToDevice) == cudaSuccess);
  CHECK(other.to_host() == std::vector<float>{4, 5});
  CHECK(cudaMemcpy(other.data(), array.data(), 2 * sizeof(float), cudaMemcpyDefault) == cudaSuccess);
  float host[2] = {};
  CHECK(cudaMemcpy(host, other.data(), sizeof host, cudaMemcpyDefault) == cudaSuccess);
  CHECK(host[0] == 1);
  float copied[2] = {};
  CHECK(cudaMemcpy(copied, host, sizeof host, cudaMemcpyHostToHost) == cudaSuccess);
  CHECK(copied[0] == 1);

  void* none = &array;
  CHECK(cudaMallocAsync(&none, 0, stream.get()) == cudaSuccess);
  CHECK(none == nullptr);
  CHECK(cudaFreeAsync(none, stream.get()) == cudaSuccess);
  CHECK(cudaMalloc(&none, std::numeric_limits<std::size_t>::max()) == cudaErrorMemoryAllocation);
  CHECK(cudaMalloc(nullptr, 1) == cudaErrorInvalidValue);
  cudaGetLastError();
  CHECK(report_count() == 0);
}

TEST_CASE("device memory is aligned, and what is around it is nobody's") {
  for (std::size_t const bytes : {std::size_t{1}, std::size_t{255}, std::size_t{256}, std::size_t{1000}}) {
    void* memory = nullptr;
    REQUIRE(cudaMalloc(&memory, bytes) == cudaSuccess);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % 256 == 0);
    CHECK(is_device_memory(memory, bytes));
    CHECK_FALSE(is_device_memory(memory, bytes + 1));
    CHECK_FALSE(is_device_memory(static_cast<char*>(memory) - 1, 1));
    CHECK_FALSE(is_device_memory(static_cast<char*>(memory) + bytes, 1));
    CHECK(cudaFree(memory) == cudaSuccess);
    CHECK_FALSE(is_device_memory(memory, 1));
  }
}

TEST_CASE("kernels may read what a memset or copy has written, and nothing else") {
  DeviceArray array(4);
  Expected expected;
  CHECK(launch(shape(1, 1), add, array.data(), 1) == cudaErrorLaunchFailure);
  auto const reports = expected.take();
  REQUIRE_FALSE(reports.empty());
  CHECK(cudaGetErrorString(cudaErrorLaunchFailure) == reports[0].text);
  CHECK(cudaFree(nullptr) == cudaSuccess);  // a success later changes nothing of it
  CHECK(cudaGetErrorString(cudaErrorLaunchFailure) == reports[0].text);
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);

  array.set_zero();
  CHECK(launch(shape(1, 4), add, array.data(), 1) == cudaSuccess);
  DeviceArray other(4);
  CHECK(cudaMemcpy(other.data(), array.data(), 4 * sizeof(float), cudaMemcpyDeviceToDevice) == cudaSuccess);
  CHECK(launch(shape(1, 4), add, other.data(), 1) == cudaSuccess);
  CHECK(other.to_host() == std::vector<float>(4, 2.f));
  CHECK(report_count() == 0);
  CHECK(launch(shape(1, 5), add, other.data(), 1) == cudaErrorLaunchFailure);
  CHECK(report_count() > 0);
}

TEST_CASE("copies from and to the wrong memory") {
  DeviceArray array(4);
  float host[5] = {};
  Stream const stream;
  Expected expected;
  auto const refused = [&](void* to, void const* from, std::size_t count, cudaMemcpyKind kind) {
    CHECK(cudaMemcpy(to, from, count * sizeof(float), kind) == cudaErrorInvalidValue);
    CHECK(cudaMemcpyAsync(to, from, count * sizeof(float), kind, stream.get()) == cudaErrorInvalidValue);
    auto const reports = expected.take();
    REQUIRE(reports.size() == 2);
    CHECK(reports[0].check == Check::runtime);
    CHECK(cudaGetErrorString(cudaErrorInvalidValue) == reports[1].text);
  };
  refused(host, host, 1, cudaMemcpyHostToDevice);
  refused(array.data(), array.data() + 2, 1, cudaMemcpyHostToDevice);
  refused(array.data(), host, 5, cudaMemcpyHostToDevice);
  refused(array.data(), array.data() + 2, 1, cudaMemcpyDeviceToHost);
  refused(host, host + 2, 1, cudaMemcpyDeviceToHost);
  refused(host, array.data(), 5, cudaMemcpyDeviceToHost);
  refused(host, array.data() + 3, 2, cudaMemcpyDefault);
  refused(host, array.data(), 1, cudaMemcpyDeviceToDevice);
  refused(array.data(), host, 1, cudaMemcpyDeviceToDevice);
  refused(array.data(), host, 1, cudaMemcpyHostToHost);
  CHECK(cudaMemset(host, 0, sizeof host) == cudaErrorInvalidValue);
  CHECK(cudaMemset(array.data(), 0, 5 * sizeof(float)) == cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(array.data() + 4, 0, 1, stream.get()) == cudaErrorInvalidValue);
  CHECK(expected.take().size() == 3);
  CHECK(cudaMemcpy(host, host, 0, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemset(nullptr, 0, 0) == cudaSuccess);
}

TEST_CASE("only what is allocated can be freed") {
  Expected expected;
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, 8) == cudaSuccess);
  CHECK(cudaFree(static_cast<char*>(memory) + 4) == cudaErrorInvalidValue);
  CHECK(cudaFreeHost(memory) == cudaErrorInvalidValue);
  CHECK(cudaFree(memory) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaErrorInvalidValue);
  CHECK(cudaFreeAsync(&memory, nullptr) == cudaErrorInvalidValue);
  auto const reports = expected.take();
  REQUIRE(reports.size() == 4);
  CHECK(reports[0].check == Check::runtime);
}

TEST_CASE("pinned memory is the host's") {
  float* pinned = nullptr;
  float* other = nullptr;
  REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&pinned), 2 * sizeof(float)) == cudaSuccess);
  REQUIRE(cudaHostAlloc(reinterpret_cast<void**>(&other), 2 * sizeof(float), cudaHostAllocDefault) == cudaSuccess);
  DeviceArray array(2);
  pinned[0] = 1;
  pinned[1] = 2;
  CHECK(cudaMemcpy(array.data(), pinned, 2 * sizeof(float), cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemcpy(other, array.data(), 2 * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(other[1] == 2);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  CHECK(cudaFreeHost(other) == cudaSuccess);
  CHECK(cudaFreeHost(nullptr) == cudaSuccess);
}

TEST_CASE("counters") {
  DeviceArray array(1);
  Stream const stream;
  counters() = {};
  array.set_zero();
  CHECK(launch(shape(1, 1), add, array.data(), 1) == cudaSuccess);
  CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 1) == cudaSuccess);
  CHECK(cudaMemsetAsync(array.data(), 0, sizeof(float), stream.get()) == cudaSuccess);
  CHECK(cudaStreamSynchronize(stream.get()) == cudaSuccess);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 1) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaSuccess);
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
  array.set_zero();
  auto const launch_often = [&array] {
    for (int i = 0; i < 50; ++i) {
      launch(shape(1, 64), add, array.data(), 1);
    }
  };
  std::thread other(launch_often);
  launch_often();
  other.join();
  CHECK(array.to_host() == std::vector<float>(64, 100.f));
}

TEST_CASE("errors are remembered by thread") {
  CHECK(cudaSetDevice(-1) == cudaErrorInvalidDevice);
  std::thread([] { CHECK(cudaGetLastError() == cudaSuccess); }).join();
  CHECK(cudaPeekAtLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("launches that a device refuses") {
  DeviceArray array(1024);
  array.set_zero();
  auto const refused = [&](cudaLaunchConfig_t const& config, void (*kernel)(Argument) = add) {
    unsigned long long const before = counters().kernels_run;
    cudaError_t const error = launch(config, kernel, array.data(), 1);
    CHECK(counters().kernels_run == before);
    CHECK(cudaGetLastError() == error);
    CHECK(cudaPeekAtLastError() == cudaSuccess);
    return error;
  };
  CHECK(refused(shape(0, 1)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, 0)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, 1025)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, dim3(33, 32))) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, dim3(1, 1, 65))) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(dim3(1, 65536), 1)) == cudaErrorInvalidConfiguration);
  CHECK(refused(shape(1, 65), shared) == cudaErrorLaunchOutOfResources);
  CHECK(launch(shape(1, 64), shared, array.data(), 1) == cudaSuccess);
  CHECK(refused(shape(1, 1, 48 * 1024 + 1)) == cudaErrorInvalidValue);
  CHECK(launch(shape(1, 1024, 48 * 1024), add, array.data(), 1) == cudaSuccess);

  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  cudaLaunchConfig_t with_attribute = shape(1, 1);
  with_attribute.attrs = &attribute;
  with_attribute.numAttrs = 1;
  CHECK(refused(with_attribute) == cudaErrorNotSupported);

  Stream destroyed;
  cudaStreamDestroy(destroyed.get());
  CHECK(refused(shape(1, 1, 0, destroyed.get())) == cudaErrorInvalidResourceHandle);
  cudaGetLastError();
}

cudaError_t set_limit(void (*kernel)(Argument), std::size_t bytes) {
  return cudaFuncSetAttribute(address(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
}

TEST_CASE("shared memory beyond 48 KiB takes an attribute, and there is an end to it") {
  RestoreConfig const restore;
  DeviceArray array(1);
  array.set_zero();
  int most = 0;
  REQUIRE(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0) == cudaSuccess);
  auto const all = static_cast<std::size_t>(most);
  CHECK(set_limit(add, all + 1) == cudaErrorInvalidValue);
  CHECK(set_limit(add, 100000) == cudaSuccess);
  CHECK(launch(shape(1, 1, 100000), add, array.data(), 1) == cudaSuccess);
  CHECK(launch(shape(1, 1, 100001), add, array.data(), 1) == cudaErrorInvalidValue);
  config().devices = 2;
  CHECK(cudaSetDevice(1) == cudaSuccess);  // each device has its own
  CHECK(launch(shape(1, 1, 100000), add, array.data(), 1) == cudaErrorInvalidValue);
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(set_limit(add, 48 * 1024) == cudaSuccess);

  constexpr std::size_t statics = 16 * 1024;
  CHECK(launch(shape(1, 1, 32 * 1024), shared, array.data(), 1) == cudaSuccess);
  CHECK(launch(shape(1, 1, 32 * 1024 + 1), shared, array.data(), 1) == cudaErrorInvalidValue);
  CHECK(set_limit(shared, all - statics + 1) == cudaErrorInvalidValue);
  CHECK(set_limit(shared, all - statics) == cudaSuccess);
  CHECK(launch(shape(1, 1, all - statics), shared, array.data(), 1) == cudaSuccess);
  config().shared_memory_bytes -= 1;
  CHECK(launch(shape(1, 1, all - statics), shared, array.data(), 1) == cudaErrorInvalidValue);
  config().shared_memory_bytes = statics - 1;
  CHECK(launch(shape(1, 1), shared, array.data(), 1) == cudaErrorInvalidValue);
  config() = restore.saved;
  CHECK(set_limit(shared, 32 * 1024) == cudaSuccess);
  CHECK(set_limit(unregistered, 1) == cudaErrorInvalidDeviceFunction);
  CHECK(cudaFuncSetAttribute(address(add), cudaFuncAttributePreferredSharedMemoryCarveout, 1) == cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST_CASE("what can be asked of a kernel") {
  cudaFuncAttributes attributes{};
  CHECK(cudaFuncGetAttributes(&attributes, address(shared)) == cudaSuccess);
  CHECK(attributes.sharedSizeBytes == 16 * 1024);
  CHECK(attributes.maxThreadsPerBlock == 64);
  CHECK(attributes.maxDynamicSharedSizeBytes == 32 * 1024);
  CHECK(cudaFuncGetAttributes(&attributes, address(add)) == cudaSuccess);
  CHECK(attributes.maxThreadsPerBlock == 1024);
  CHECK(cudaFuncGetAttributes(&attributes, address(unregistered)) == cudaErrorInvalidDeviceFunction);
  auto const blocks = [](void (*kernel)(Argument), int threads, std::size_t dynamic_bytes) {
    int value = -1;
    CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&value, address(kernel), threads, dynamic_bytes) ==
          cudaSuccess);
    return value;
  };
  CHECK(blocks(add, 256, 0) == 8);
  CHECK(blocks(add, 1, 0) == 32);
  CHECK(blocks(add, 256, 47 * 1024) == 4);
  CHECK(blocks(add, 1, 48 * 1024 + 1) == 0);
  CHECK(blocks(shared, 64, 0) == 13);
  CHECK(blocks(shared, 65, 0) == 0);
  cudaGetLastError();
}

TEST_CASE("devices") {
  RestoreConfig const restore;
  int device = -1;
  config().devices = 1;
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
  config().devices = 2;
  Stream const stream;
  CHECK(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaGetDevice(&device) == cudaSuccess);
  CHECK(device == 1);
  std::thread([] {
    int of_other_thread = -1;
    CHECK(cudaGetDevice(&of_other_thread) == cudaSuccess);
    CHECK(of_other_thread == 0);
  }).join();
  {
    DeviceArray array(1);
    array.set_zero();
    CHECK(launch(shape(1, 1), add, array.data(), 1) == cudaSuccess);
    CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 1) == cudaErrorInvalidResourceHandle);
  }
  CHECK(cudaSetDevice(0) == cudaSuccess);

  int multiprocessors = 0;
  config().multiprocessors = 7;
  CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 1) == cudaSuccess);
  CHECK(multiprocessors == 7);
  CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 2) == cudaErrorInvalidDevice);
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 1) == cudaSuccess);
  CHECK(properties.multiProcessorCount == 7);
  CHECK(cudaGetDeviceProperties(&properties, 2) == cudaErrorInvalidDevice);

  int count = -1;
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 2);
  config().devices = 0;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
  CHECK(count == 0);
  config().devices = 1;
  CHECK(cudaGetLastError() == cudaErrorNoDevice);
}

TEST_CASE("failures on demand") {
  void* first = nullptr;
  void* second = nullptr;
  {
    FailingCall const failure("cudaMallocAsync", 2, cudaErrorMemoryAllocation);
    unsigned long long const before = counters().allocations;
    CHECK(cudaMallocAsync(&first, 8, nullptr) == cudaSuccess);
    CHECK_FALSE(failure.happened());
    CHECK(cudaMallocAsync(&second, 8, nullptr) == cudaErrorMemoryAllocation);
    CHECK(failure.happened());
    CHECK(counters().allocations == before + 1);
    CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
    CHECK(cudaMallocAsync(&second, 8, nullptr) == cudaSuccess);
  }
  FailingCall const launch_failure("cudaLaunchKernelExC", 1, cudaErrorLaunchOutOfResources);
  CHECK(launch(shape(1, 1), add, static_cast<float*>(first), 1) == cudaErrorLaunchOutOfResources);
  CHECK(std::isnan(*static_cast<float*>(first)));
  {
    FailingCall const never("cudaFreeAsync", 1, cudaErrorCudartUnloading);
    CHECK_FALSE(never.happened());
  }
  {
    FailingCall const forgotten("cudaMemsetAsync", 1, cudaSuccess);
    CHECK(cudaMemsetAsync(first, 0, sizeof(float), nullptr) == cudaSuccess);
    CHECK(forgotten.happened());
    CHECK(std::isnan(*static_cast<float*>(first)));
  }
  CHECK(cudaFreeAsync(first, nullptr) == cudaSuccess);
  CHECK(cudaFreeAsync(second, nullptr) == cudaSuccess);
  CHECK(cudaGetLastError() == cudaErrorLaunchOutOfResources);
}

TEST_CASE("memory belongs to a device, and is freed there") {
  RestoreConfig const restore;
  config().devices = 2;
  CHECK(cudaSetDevice(1) == cudaSuccess);
  Stream const stream;
  void *current = nullptr, *ordered = nullptr, *pinned = nullptr;
  CHECK(cudaMalloc(&current, 8) == cudaSuccess);
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaMallocAsync(&ordered, 8, stream.get()) == cudaSuccess);  // on the stream's device
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
  CHECK(type_of(&pinned, 0) == cudaMemoryTypeUnregistered);
  {
    Expected expected;
    CHECK(cudaFree(current) == cudaErrorInvalidValue);
    CHECK(cudaFreeAsync(ordered, nullptr) == cudaErrorInvalidValue);
    // Nor does a stream of another device copy it, but to its own.
    CHECK(cudaMemcpyAsync(pinned, ordered, 8, cudaMemcpyDefault, nullptr) == cudaErrorInvalidValue);
    CHECK(expected.take().size() == 3);
  }
  DeviceArray here(2);
  CHECK(cudaMemsetAsync(ordered, 0, 8, stream.get()) == cudaSuccess);
  CHECK(cudaMemcpyAsync(here.data(), ordered, 8, cudaMemcpyDefault, nullptr) == cudaSuccess);
  CHECK(here.to_host() == std::vector<float>{0, 0});
  CHECK(cudaFreeAsync(ordered, stream.get()) == cudaSuccess);
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
  cudaGetLastError();
}

TEST_CASE("the first launch of a kernel cannot be captured unless the kernel was loaded before") {
  DeviceArray array(1);
  array.set_zero();
  Stream const stream;
  Registered const binary(FatBinary().add_text(90, head + add_text("of_several", "%f1")));
  auto const capture = [&] {
    REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeRelaxed) == cudaSuccess);
    cudaError_t const launched = launch(shape(1, 1, 0, stream.get()), of_several, array.data(), 1);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(stream.get(), &graph) ==
          (launched == cudaSuccess ? cudaSuccess : cudaErrorStreamCaptureInvalidated));
    cudaGraphDestroy(graph);
    cudaGetLastError();
    return launched;
  };
  cudaFuncAttributes attributes{};
  std::function<cudaError_t()> const loads[] = {
    [&] { return cudaFuncGetAttributes(&attributes, address(of_several)); },
    [] { return set_limit(of_several, 48 * 1024); },
    [&] { return launch(shape(1, 1), of_several, array.data(), 1); },
  };
  for (auto const& load : loads) {
    binary.add(address(of_several), "of_several");
    CHECK(capture() == cudaErrorStreamCaptureUnsupported);
    CHECK(capture() == cudaErrorStreamCaptureUnsupported);
    CHECK(load() == cudaSuccess);
    CHECK(capture() == cudaSuccess);
  }
  RestoreConfig const restore;
  config().devices = 2;
  CHECK(cudaSetDevice(1) == cudaSuccess);  // each device loads it
  {
    Stream const of_other_device;
    REQUIRE(cudaStreamBeginCapture(of_other_device.get(), cudaStreamCaptureModeRelaxed) == cudaSuccess);
    CHECK(launch(shape(1, 1, 0, of_other_device.get()), of_several, array.data(), 1) ==
          cudaErrorStreamCaptureUnsupported);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(of_other_device.get(), &graph) == cudaErrorStreamCaptureInvalidated);
  }
  CHECK(cudaSetDevice(0) == cudaSuccess);
  cudaGetLastError();
}

/// Loads a kernel, so that its launches can be captured.
void load_kernel(void (*kernel)(Argument)) {
  cudaFuncAttributes attributes{};
  CHECK(cudaFuncGetAttributes(&attributes, address(kernel)) == cudaSuccess);
}

TEST_CASE("a graph replays what was captured") {
  load_kernel(add);
  DeviceArray array(2);
  float const start[] = {10, 20};
  Stream const stream;
  counters() = {};
  REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  CHECK(cudaStreamIsCapturing(stream.get(), &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusActive);
  CHECK(cudaMemcpyAsync(array.data(), start, sizeof start, cudaMemcpyDefault, stream.get()) == cudaSuccess);
  CHECK(cudaMemsetAsync(array.data() + 1, 0, sizeof(float), stream.get()) == cudaSuccess);
  float summand = 3;
  CHECK(launch(shape(1, 2, 0, stream.get()), add, array.data(), summand) == cudaSuccess);
  summand = 5;  // the graph has its own copy
  CHECK(cudaPeekAtLastError() == cudaSuccess);
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
  CHECK(cudaStreamIsCapturing(stream.get(), &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusNone);
  CHECK(counters().launches == 1);
  CHECK(counters().kernels_run == 0);
  CHECK(std::isnan(array.to_host()[0]));

  std::size_t count = 0;
  CHECK(cudaGraphGetNodes(graph, nullptr, &count) == cudaSuccess);
  REQUIRE(count == 3);
  cudaGraphNode_t nodes[3] = {};
  CHECK(cudaGraphGetNodes(graph, nodes, &count) == cudaSuccess);
  cudaGraphNodeType const types[] = {cudaGraphNodeTypeMemcpy, cudaGraphNodeTypeMemset, cudaGraphNodeTypeKernel};
  for (std::size_t i = 0; i < 3; ++i) {
    cudaGraphNodeType type{};
    CHECK(cudaGraphNodeGetType(nodes[i], &type) == cudaSuccess);
    CHECK(type == types[i]);
  }

  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  for (int i = 0; i < 3; ++i) {
    CHECK(cudaGraphLaunch(executable, stream.get()) == cudaSuccess);
    CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 100) == cudaSuccess);
    CHECK(array.to_host() == std::vector<float>{113, 3});
  }
  CHECK(counters().graph_launches == 3);
  CHECK(counters().kernels_run == 6);
  CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);
}

TEST_CASE("what a graph uses must still be there") {
  Expected expected;
  Stream const stream;
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, 4) == cudaSuccess);
  REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
  CHECK(cudaMemsetAsync(memory, 0, 4, stream.get()) == cudaSuccess);
  CHECK(cudaMemsetAsync(memory, 0, 5, stream.get()) == cudaErrorInvalidValue);  // and is not recorded
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
  REQUIRE(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess);
  CHECK(expected.take().size() == 1);
  CHECK(cudaGraphLaunch(executable, stream.get()) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaSuccess);
  CHECK(cudaGraphLaunch(executable, stream.get()) == cudaErrorInvalidValue);
  CHECK(expected.take().size() == 1);
  CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
}

TEST_CASE("what a capture does not permit makes it fail") {
  load_kernel(add);
  DeviceArray array(1);
  array.set_zero();
  Stream const stream(cudaStreamDefault);
  void* memory = nullptr;
  struct Violation {
    char const* name;
    std::function<cudaError_t()> commit;
    cudaError_t error;
  };
  Violation const violations[] = {
    {"cudaMalloc", [&] { return cudaMalloc(&memory, 4); }, cudaErrorStreamCaptureUnsupported},
    {"cudaMallocAsync", [&] { return cudaMallocAsync(&memory, 4, stream.get()); }, cudaErrorStreamCaptureUnsupported},
    {"cudaFree", [&] { return cudaFree(nullptr); }, cudaErrorStreamCaptureUnsupported},
    {"cudaFreeAsync", [&] { return cudaFreeAsync(nullptr, stream.get()); }, cudaErrorStreamCaptureUnsupported},
    {"cudaFreeHost", [&] { return cudaFreeHost(nullptr); }, cudaErrorStreamCaptureUnsupported},
    {"cudaStreamSynchronize", [&] { return cudaStreamSynchronize(stream.get()); }, cudaErrorStreamCaptureUnsupported},
    {"cudaDeviceSynchronize", [] { return cudaDeviceSynchronize(); }, cudaErrorStreamCaptureUnsupported},
    {"cudaMemset", [&] { return cudaMemset(array.data(), 0, 4); }, cudaErrorStreamCaptureImplicit},
    {"default stream", [&] { return launch(shape(1, 1), add, array.data(), 1); }, cudaErrorStreamCaptureImplicit},
  };
  for (Violation const& violation : violations) {
    CAPTURE(violation.name);
    REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(violation.commit() == violation.error);
    CHECK(memory == nullptr);
    CHECK(launch(shape(1, 1, 0, stream.get()), add, array.data(), 1) == cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
    CHECK(violation.commit() == cudaSuccess);  // permitted again
    CHECK(cudaFree(std::exchange(memory, nullptr)) == cudaSuccess);
  }
  cudaGetLastError();
}

TEST_CASE("captures of the relaxed mode permit cudaMalloc") {
  Stream const stream;
  REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeRelaxed) == cudaSuccess);
  CHECK(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeRelaxed) == cudaErrorIllegalState);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 4) == cudaSuccess);
  CHECK(cudaFree(memory) == cudaSuccess);
  CHECK(cudaMallocHost(&memory, 4) == cudaSuccess);
  CHECK(cudaFreeHost(memory) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaErrorIllegalState);
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed) == cudaErrorStreamCaptureUnsupported);
  cudaGetLastError();
}

TEST_CASE("which threads a capture restricts") {
  // Whether this thread's capture lasts if cudaMalloc is called by it, or by another thread, in this mode of the caller.
  auto const lasts = [](cudaStreamCaptureMode of_capture, bool other_thread, cudaStreamCaptureMode of_caller) {
    Stream const stream;
    auto const allocate = [of_caller] {
      cudaStreamCaptureMode mode = of_caller;
      CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
      CHECK(mode == cudaStreamCaptureModeGlobal);
      void* memory = nullptr;
      cudaMalloc(&memory, 4);
      mode = cudaStreamCaptureModeRelaxed;
      CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
      CHECK(mode == of_caller);
      cudaFree(memory);
      mode = cudaStreamCaptureModeGlobal;
      CHECK(cudaThreadExchangeStreamCaptureMode(&mode) == cudaSuccess);
    };
    REQUIRE(cudaStreamBeginCapture(stream.get(), of_capture) == cudaSuccess);
    if (other_thread) {
      std::thread(allocate).join();
    } else {
      allocate();
    }
    cudaGraph_t graph = nullptr;
    cudaError_t const error = cudaStreamEndCapture(stream.get(), &graph);
    cudaGraphDestroy(graph);
    cudaGetLastError();
    return error == cudaSuccess;
  };
  auto const global = cudaStreamCaptureModeGlobal, thread_local_mode = cudaStreamCaptureModeThreadLocal,
             relaxed = cudaStreamCaptureModeRelaxed;
  CHECK_FALSE(lasts(global, false, global));
  CHECK_FALSE(lasts(global, true, global));
  CHECK_FALSE(lasts(global, false, thread_local_mode));
  CHECK(lasts(global, true, thread_local_mode));
  CHECK(lasts(global, false, relaxed));
  CHECK_FALSE(lasts(thread_local_mode, false, global));
  CHECK(lasts(thread_local_mode, true, global));
  CHECK(lasts(relaxed, false, global));
}

TEST_CASE("a capture ends in the thread that began it, unless it is relaxed") {
  for (auto const mode : {cudaStreamCaptureModeGlobal, cudaStreamCaptureModeRelaxed}) {
    Stream const stream;
    REQUIRE(cudaStreamBeginCapture(stream.get(), mode) == cudaSuccess);
    cudaGraph_t graph = nullptr;
    cudaError_t error = cudaSuccess;
    std::thread([&] { error = cudaStreamEndCapture(stream.get(), &graph); }).join();
    if (mode == cudaStreamCaptureModeGlobal) {
      CHECK(error == cudaErrorStreamCaptureWrongThread);
      CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
    } else {
      CHECK(error == cudaSuccess);
    }
    CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  }
}

TEST_CASE("the default stream does not say whether it is captured while another is") {
  cudaStreamCaptureStatus status{};
  for (unsigned const flags : {unsigned{cudaStreamDefault}, unsigned{cudaStreamNonBlocking}}) {
    Stream const stream(flags);
    REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(cudaStreamIsCapturing(nullptr, &status) ==
          (flags == cudaStreamDefault ? cudaErrorStreamCaptureImplicit : cudaSuccess));
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
    CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  }
  CHECK(cudaStreamIsCapturing(nullptr, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusNone);
  cudaGetLastError();
}

class Event {
public:
  Event() { cudaEventCreate(&event_); }
  ~Event() { cudaEventDestroy(event_); }
  Event(Event const&) = delete;
  Event& operator=(Event const&) = delete;
  cudaEvent_t get() const { return event_; }

private:
  cudaEvent_t event_ = nullptr;
};

TEST_CASE("events measure time") {
  Event const begin;
  Event const end;
  CHECK(cudaEventRecord(begin.get(), nullptr) == cudaSuccess);
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventRecord(end.get(), nullptr) == cudaSuccess);
  CHECK(cudaEventSynchronize(end.get()) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()) == cudaSuccess);
  CHECK(milliseconds >= 0);
  cudaGetLastError();
}

TEST_CASE("streams wait for events, and captures only for their own") {
  Stream const stream;
  Stream const other;
  Event const event;
  Event const captured;
  CHECK(cudaEventRecord(event.get(), stream.get()) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(other.get(), event.get(), 0) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(nullptr, event.get(), 0) == cudaSuccess);

  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
  CHECK(cudaEventRecord(captured.get(), stream.get()) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(stream.get(), captured.get(), 0) == cudaSuccess);
  CHECK(cudaEventSynchronize(captured.get()) == cudaErrorCapturedEvent);
  CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  for (auto const& [waiting, awaited] : {std::pair{stream.get(), event.get()}, std::pair{other.get(), captured.get()},
                                         std::pair{stream.get(), captured.get()}}) {
    REQUIRE(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(waiting, awaited, 0) == cudaErrorStreamCaptureIsolation);
    CHECK(cudaStreamEndCapture(stream.get(), &graph) == cudaErrorStreamCaptureInvalidated);
  }
  cudaGetLastError();
}

TEST_CASE("errors have names") {
  CHECK(std::string(cudaGetErrorName(cudaErrorMemoryAllocation)) == "cudaErrorMemoryAllocation");
  CHECK(std::string(cudaGetErrorString(cudaSuccess)) == "no error");
  CHECK(std::string(cudaGetErrorString(cudaErrorIllegalState)) == "cudaErrorIllegalState");
  CHECK(std::string(cudaGetErrorName(static_cast<cudaError_t>(12345))) == "unrecognized error code");
}

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
