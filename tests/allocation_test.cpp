// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the CPU's workspace allocates and when, and what happens when there is no memory.

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <scc/scc.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "support/images.hpp"
#include "support/scene.hpp"
#include "support/setups.hpp"
#include "support/threads.hpp"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define SCC_TEST_COUNTS_MALLOC 1
#else
#define SCC_TEST_COUNTS_MALLOC 0
#endif

namespace {

std::atomic<std::int64_t> allocations{0};    // by operator new
std::atomic<std::int64_t> deallocations{0};  // by operator delete, of more than nothing
std::atomic<std::int64_t> mallocs{0};        // by anything else
std::atomic<std::int64_t> allocations_until_failure{std::numeric_limits<std::int64_t>::max()};

void* allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  if (--allocations_until_failure < 0) {
    throw std::bad_alloc();
  }
  // aligned_alloc() wants a multiple of the alignment.
  void* const memory = alignment <= alignof(std::max_align_t)
                         ? std::malloc(size)
                         : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

void release(void* memory) noexcept {
  deallocations += memory != nullptr ? 1 : 0;
  std::free(memory);
}

}  // namespace

// All others are the standard library's, which call these.
void* operator new(std::size_t size) { return allocate(size, 1); }
void* operator new(std::size_t size, std::align_val_t align) { return allocate(size, static_cast<std::size_t>(align)); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

#if SCC_TEST_COUNTS_MALLOC
// Eigen, among others, does not go through operator new.
extern "C" {
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): what glibc calls it
void* __libc_malloc(std::size_t size);
void* malloc(std::size_t size) {
  ++mallocs;
  return __libc_malloc(size);
}
}
#endif

using namespace scc_test;

TEST_CASE("the counters count") {
  struct alignas(64) Aligned {
    double numbers[8];
  };
  // Through volatile pointers, as a compiler may leave out an allocation that nobody looks at.
  std::int64_t const before = allocations, deallocations_before = deallocations;
  int* volatile const number = new int(1);
  delete number;
  Aligned* volatile const aligned = new Aligned[2];
  delete[] aligned;
  std::int64_t const after = allocations, deallocations_after = deallocations;
  CHECK(after == before + 2);
  CHECK(deallocations_after == deallocations_before + 2);
#if SCC_TEST_COUNTS_MALLOC
  std::int64_t const mallocs_before = mallocs;
  void* volatile const memory = std::malloc(123);
  std::free(memory);
  std::int64_t const mallocs_after = mallocs;
  CHECK(mallocs_after == mallocs_before + 1);
#endif
}

TEMPLATE_TEST_CASE("after the first batch, batches of the same or a smaller size allocate nothing", "", float, double,
                   Eigen::half) {
  for (auto const& setup : both_bases()) {
    for (int const count : {1, 2, 5}) {
      INFO(setup.name << ", " << count << " threads");
      Threads const threads(count);
      Loss const loss(setup.options);
      Workspace workspace;
      // More than one chunk per image.
      Scene<TestType> large(Shape{3, 3, 53, 59});
      std::vector<Scene<TestType>> scenes{Scene<TestType>(Shape{3, 3, 53, 59}), Scene<TestType>(Shape{3, 1, 20, 20}),
                                          Scene<TestType>(Shape{1, 3, 53, 59}), Scene<TestType>(Shape{2, 1, 1, 1}),
                                          Scene<TestType>(Shape{0, 3, 53, 59}), Scene<TestType>(Shape{3, 3, 0, 59})};
      std::int64_t const before_first = allocations;
      large.run_weighted(loss, workspace);
      std::int64_t const first = allocations;
      CHECK(first > before_first);

      std::int64_t const deallocations_before = deallocations;
#if SCC_TEST_COUNTS_MALLOC
      std::int64_t const mallocs_before = mallocs;
#endif
      double sum = 0;
      for (int round = 0; round < 2; ++round) {
        for (auto& scene : scenes) {
          sum += scene.run(loss, workspace);
          sum += scene.run_weighted(loss, workspace);
          sum += static_cast<double>(workspace.rsmi().size()) + static_cast<double>(workspace.diagnostics().x_nan);
        }
      }
      std::int64_t const after = allocations, deallocations_after = deallocations;
#if SCC_TEST_COUNTS_MALLOC
      std::int64_t const mallocs_after = mallocs;
      if (count == 1) {  // OpenMP allocates its teams
        CHECK(mallocs_after == mallocs_before);
      }
#endif
      CHECK(after == first);
      CHECK(deallocations_after == deallocations_before);
      CHECK(std::isfinite(sum));
    }
  }
}

TEST_CASE("the backward passes allocate nothing, not even the first time") {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Workspace workspace;
    Scene<float> scene(Shape{2, 3, 53, 59});
    loss.forward(scene.x.view(), scene.y.view(), workspace);
    std::int64_t const before = allocations;
    loss.backward(scene.x.view(), scene.y.view(), workspace, 1.0, scene.dy.view());
    loss.backward_x(scene.x.view(), scene.y.view(), workspace, 1.0, scene.dx.view());
    loss.backward_xy(scene.x.view(), scene.y.view(), workspace, 1.0, scene.dx.view(), scene.dy.view());
    std::int64_t const after = allocations;
    CHECK(after == before);
    loss.forward(scene.x.view(), scene.y.view(), scene.weight.view(), workspace);
    std::int64_t const before_weighted = allocations;
    loss.backward(scene.x.view(), scene.y.view(), scene.weight.view(), workspace, 1.0, scene.dy.view());
    loss.backward_xy(scene.x.view(), scene.y.view(), scene.weight.view(), workspace, 1.0, scene.dx.view(),
                     scene.dy.view());
    std::int64_t const after_weighted = allocations;
    CHECK(after_weighted == before_weighted);
  }
}

TEST_CASE("after a forward pass that ran out of memory a workspace is empty, not half full, and can be used again") {
  Threads const threads(2);
  for (auto const& setup : both_bases()) {
    Loss const loss(setup.options);
    Scene<float> small(Shape{1, 1, 6, 7}), scene(Shape{4, 3, 53, 59}), again(scene.shape);
    Workspace reference;
    again.run(loss, reference);
    bool failed = true;
    int failures = 0;
    for (std::int64_t k = 0; failed; ++k) {
      INFO(setup.name << ", allocation " << k << " fails");
      Workspace workspace;
      small.run(loss, workspace);
      failed = false;
      allocations_until_failure = k;
      try {
        loss.forward(scene.x.view(), scene.y.view(), scene.weight.view(), workspace);
      } catch (std::bad_alloc const&) {
        failed = true;
      }
      allocations_until_failure = std::numeric_limits<std::int64_t>::max();
      if (failed) {
        ++failures;
        for (Scene<float>* const filled : {&small, &scene}) {
          std::string const message =
            message_of([&] { loss.backward(filled->x.view(), filled->y.view(), workspace, 1.0, filled->dy.view()); });
          CHECK_THAT(message, contains("the workspace is empty"));
        }
        CHECK_THAT(message_of([&] { loss.statistics(workspace, 0); }), contains("the workspace is empty"));
        // Whatever it says that it holds can be asked for.
        for (std::size_t image = 0; image < workspace.rsmi().size(); ++image) {
          CHECK(workspace.diagnostics(static_cast<std::int64_t>(image)).x_outside == 0);
        }
      }
      CHECK(same_results(loss, scene, workspace, again, reference));
    }
    INFO(setup.name);
    CHECK(failures >= 5);
  }
}
