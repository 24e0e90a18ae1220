// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Results do not depend on the number of threads or on the run, and one loss serves many threads.

#include <cstddef>
#include <cstdint>
#include <scc/scc.hpp>
#include <string>
#include <thread>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "catch.hpp"
#include "support/images.hpp"
#include "support/setups.hpp"

using namespace scc_test;
using scc::cpu::Loss;
using scc::cpu::Workspace;

namespace {

/// All that a loss says of a batch.
template <class T>
struct Results {
  double loss = 0;
  std::vector<double> rsmi;
  std::vector<scc::Diagnostics> diagnostics;
  std::vector<T> dx, dy;
  std::vector<double> statistics;  // h, H and alpha of all images: what the moments say
};

template <class T>
bool same_bits(Results<T> const& a, Results<T> const& b) {
  using scc_test::same_bits;
  return same_bits(a.loss, b.loss) && same_bits(a.rsmi, b.rsmi) && same_bits(a.diagnostics, b.diagnostics) &&
         same_bits(a.dx, b.dx) && same_bits(a.dy, b.dy) && same_bits(a.statistics, b.statistics);
}

template <class T>
struct Pair {
  Shape shape;
  Batch<T> x, y;

  // A few pixels are outside the domain, to be counted.
  explicit Pair(Shape extents, unsigned seed = 1)
      : shape(extents),
        x(shape, random_values(shape.size(), seed, -1.01, 1.01)),
        y(shape, translated(random_values(shape.size(), seed), seed + 1)) {}
};

template <class T>
Results<T> evaluate(Loss const& loss, Pair<T> const& pair, Workspace& workspace) {
  Results<T> results;
  Batch<T> dx(pair.shape), dy(pair.shape);
  results.loss = loss.forward(pair.x.view(), pair.y.view(), workspace);
  loss.backward_xy(pair.x.view(), pair.y.view(), workspace, 1.0, dx.view(), dy.view());
  results.rsmi = workspace.rsmi();
  results.dx = dx.pixels;
  results.dy = dy.pixels;
  for (std::int64_t image = 0; image < pair.shape.images; ++image) {
    results.diagnostics.push_back(workspace.diagnostics(image));
    scc::Statistics const statistics = loss.statistics(workspace, image);
    results.statistics.insert(results.statistics.end(), statistics.h.begin(), statistics.h.end());
    results.statistics.insert(results.statistics.end(), statistics.H.reshaped().begin(), statistics.H.reshaped().end());
    results.statistics.insert(results.statistics.end(), statistics.alpha.begin(), statistics.alpha.end());
  }
  return results;
}

template <class T>
Results<T> evaluate(Loss const& loss, Pair<T> const& pair) {
  Workspace workspace;
  return evaluate(loss, pair, workspace);
}

#if defined(_OPENMP)
/// Sets the number of OpenMP's threads, and sets it back.
class Threads {
public:
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  Threads(Threads const&) = delete;
  Threads& operator=(Threads const&) = delete;
  ~Threads() { omp_set_num_threads(before_); }

private:
  int before_;
};

template <class T>
void check_thread_counts(Shape const& shape) {
  Pair<T> const pair(shape);
  for (auto const& setup : kernels_and_bases()) {
    Loss const loss(setup.options);
    Results<T> const expected = [&] {
      Threads const one(1);
      return evaluate(loss, pair);
    }();
    // More threads than images, than chunks of an image, and than processors.
    for (int const count : {1, 2, 3, 7}) {
      INFO(setup.name << ", " << count << " threads, [" << shape.images << ", " << shape.channels << ", "
                      << shape.height << ", " << shape.width << "]");
      Threads const threads(count);
      Workspace workspace;
      CHECK(same_bits(evaluate(loss, pair, workspace), expected));
      CHECK(same_bits(evaluate(loss, pair, workspace), expected));
    }
  }
}
#endif

}  // namespace

TEST_CASE("results are the same to the bit with any number of threads") {
#if defined(_OPENMP)
  check_thread_counts<float>({5, 3, 130, 97});   // several chunks per image
  check_thread_counts<double>({2, 3, 130, 97});  // fewer images than threads
  check_thread_counts<float>({1, 1, 600, 601});  // as many chunks as there can be
  check_thread_counts<float>({8, 1, 3, 5});      // many images of less than a block
  check_thread_counts<float>({1, 1, 1, 3});      // fewer pixels than threads
#else
  SCC_SKIP("compiled without OpenMP");
#endif
}

TEST_CASE("a workspace may see another number of threads in every call") {
#if defined(_OPENMP)
  Pair<float> const pair({3, 3, 61, 47});
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Results<float> const expected = evaluate(loss, pair);
    Workspace workspace;
    for (int const count : {1, 7, 2, 1, 3, 7}) {
      Threads const threads(count);
      CHECK(same_bits(evaluate(loss, pair, workspace), expected));
    }
    // The backward pass by other threads than the forward pass.
    Batch<float> dy(pair.shape);
    {
      Threads const threads(2);
      loss.forward(pair.x.view(), pair.y.view(), workspace);
    }
    Threads const threads(7);
    loss.backward(pair.x.view(), pair.y.view(), workspace, 1.0, dy.view());
    CHECK(scc_test::same_bits(dy.pixels, expected.dy));
  }
#else
  SCC_SKIP("compiled without OpenMP");
#endif
}

TEST_CASE("results are the same to the bit from run to run") {
  Pair<float> const pair({5, 3, 130, 97});
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Results<float> const expected = evaluate(Loss(setup.options), pair);
    Loss const loss(setup.options);
    for (int run = 0; run < 4; ++run) {
      CHECK(same_bits(evaluate(loss, pair), expected));
    }
  }
}

TEST_CASE("threads share a loss, each with a workspace of its own") {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    constexpr std::size_t count = 6;
    std::vector<Pair<float>> pairs;
    std::vector<Results<float>> expected, actual(count);
    for (unsigned k = 0; k < count; ++k) {
      pairs.emplace_back(Shape{2, 3, 61 + static_cast<std::int64_t>(k), 47}, 10 * k);
      expected.push_back(evaluate(loss, pairs.back()));
    }
    std::vector<std::thread> threads;
    for (std::size_t k = 0; k < count; ++k) {
      threads.emplace_back([&, k] {
        Loss const copy = loss;
        Workspace workspace;
        for (int run = 0; run < 3; ++run) {
          actual[k] = evaluate(run == 1 ? copy : loss, pairs[k], workspace);
        }
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    for (std::size_t k = 0; k < count; ++k) {
      CHECK(same_bits(actual[k], expected[k]));
    }
  }
}

TEST_CASE("threads share a workspace for backward passes") {
  Pair<float> const pair({2, 3, 61, 47});
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Results<float> const expected = evaluate(loss, pair);
    Workspace workspace;
    loss.forward(pair.x.view(), pair.y.view(), workspace);
    Workspace const& shared = workspace;
    constexpr std::size_t count = 6;
    std::vector<Batch<float>> dx(count, Batch<float>(pair.shape)), dy = dx;
    std::vector<std::thread> threads;
    for (std::size_t k = 0; k < count; ++k) {
      threads.emplace_back([&, k] {
        loss.backward(pair.x.view(), pair.y.view(), shared, 1.0, dy[k].view());
        loss.backward_x(pair.x.view(), pair.y.view(), shared, 1.0, dx[k].view());
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    for (std::size_t k = 0; k < count; ++k) {
      CHECK(scc_test::same_bits(dx[k].pixels, expected.dx));
      CHECK(scc_test::same_bits(dy[k].pixels, expected.dy));
    }
  }
}
