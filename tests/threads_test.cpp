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

#include "catch.hpp"
#include "support/images.hpp"
#include "support/results.hpp"
#include "support/setups.hpp"
#include "support/threads.hpp"

using namespace scc_test;

namespace {

/// All that a loss says of a batch, some pixels of which are outside the domain.
template <class T>
struct Findings {
  Results<T> results;
  std::vector<scc::Diagnostics> diagnostics;
  std::vector<double> statistics;  // h, H and alpha of all images: what the moments say
};

template <class T>
bool same_bits(Findings<T> const& a, Findings<T> const& b) {
  using scc_test::same_bits;
  return same_bits(a.results, b.results) && same_bits(a.diagnostics, b.diagnostics) &&
         same_bits(a.statistics, b.statistics);
}

template <class T>
Findings<T> find(Loss const& loss, Pair<T> const& pair, Workspace& workspace, bool is_weighted = false) {
  Batch<float> const weight(pair.shape, random_values(pair.shape.size(), 3, 0, 2));
  Findings<T> found{is_weighted ? evaluate<T>(loss, pair.shape, pair.x.view(), pair.y.view(), weight.view(), workspace)
                                : evaluate(loss, pair, workspace),
                    {},
                    {}};
  for (std::int64_t image = 0; image < pair.shape.images; ++image) {
    found.diagnostics.push_back(workspace.diagnostics(image));
    scc::Statistics const statistics = loss.statistics(workspace, image);
    for (Eigen::VectorXd const& values : {statistics.h, Eigen::VectorXd(statistics.H.reshaped()), statistics.alpha}) {
      found.statistics.insert(found.statistics.end(), values.begin(), values.end());
    }
  }
  return found;
}

template <class T>
Findings<T> find(Loss const& loss, Pair<T> const& pair, bool is_weighted = false) {
  Workspace workspace;
  return find(loss, pair, workspace, is_weighted);
}

template <class T>
void check_thread_counts(Shape const& shape) {
  Pair<T> const pair(shape, 1);
  for (auto const& setup : kernels_and_bases()) {
    Loss const loss(setup.options);
    for (bool const is_weighted : {false, true}) {
      Findings<T> const expected = [&] {
        Threads const one(1);
        return find(loss, pair, is_weighted);
      }();
      // More threads than images, than chunks of an image, and than processors.
      for (int const count : {1, 2, 3, 7}) {
        INFO(setup.name << (is_weighted ? ", weighted, " : ", ") << count << " threads, [" << shape.images << ", "
                        << shape.channels << ", " << shape.height << ", " << shape.width << "]");
        Threads const threads(count);
        CHECK(same_bits(find(loss, pair, is_weighted), expected));
      }
    }
  }
}

}  // namespace

TEST_CASE("results are the same to the bit from run to run, and with any number of threads") {
  if (!Threads::can_be_set) {
    SCC_SKIP("compiled without OpenMP");
  }
  check_thread_counts<float>({5, 3, 130, 97});   // several chunks per image
  check_thread_counts<double>({2, 3, 130, 97});  // fewer images than threads
  check_thread_counts<float>({1, 1, 600, 601});  // as many chunks as there can be
  check_thread_counts<float>({8, 1, 3, 5});      // many images of less than a block
  check_thread_counts<float>({1, 1, 1, 3});      // fewer pixels than threads
}

TEST_CASE("a workspace may see another number of threads in every call") {
  if (!Threads::can_be_set) {
    SCC_SKIP("compiled without OpenMP");
  }
  Pair<float> const pair({3, 3, 61, 47}, 1);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Findings<float> const expected = find(loss, pair);
    Workspace workspace;
    for (int const count : {1, 7, 2, 1, 3, 7}) {
      Threads const threads(count);
      CHECK(same_bits(find(loss, pair, workspace), expected));
    }
    // The backward pass by other threads than the forward pass.
    Batch<float> dy(pair.shape);
    {
      Threads const threads(2);
      loss.forward(pair.x.view(), pair.y.view(), workspace);
    }
    Threads const threads(7);
    loss.backward(pair.x.view(), pair.y.view(), workspace, 1.0, dy.view());
    CHECK(scc_test::same_bits(dy.pixels, expected.results.dy));
  }
}

TEST_CASE("threads share a loss, each with a workspace of its own") {
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    constexpr std::size_t count = 6;
    std::vector<Pair<float>> pairs;
    std::vector<Findings<float>> expected, actual(count);
    for (unsigned k = 0; k < count; ++k) {
      pairs.emplace_back(Shape{2, 3, 61 + static_cast<std::int64_t>(k), 47}, 10 * k);
      expected.push_back(find(loss, pairs.back()));
    }
    std::vector<std::thread> threads;
    for (std::size_t k = 0; k < count; ++k) {
      threads.emplace_back([&, k] {
        Loss const copy = loss;
        Workspace workspace;
        for (int run = 0; run < 3; ++run) {
          actual[k] = find(run == 1 ? copy : loss, pairs[k], workspace);
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
  Pair<float> const pair({2, 3, 61, 47}, 1);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Findings<float> const expected = find(loss, pair);
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
      CHECK(scc_test::same_bits(dx[k].pixels, expected.results.dx));
      CHECK(scc_test::same_bits(dy[k].pixels, expected.results.dy));
    }
  }
}
