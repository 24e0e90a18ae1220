// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The life of a workspace: batches that grow and shrink, moves, and calls that are refused.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "support/backend.hpp"
#include "support/images.hpp"
#include "support/scene.hpp"
#include "support/setups.hpp"

using namespace scc_test;

TEST_CASE("a workspace serves batches that grow and shrink, of any type, and losses in turn") {
  auto const setups = kernels_and_bases();
  std::vector<Loss> losses;
  losses.reserve(setups.size());
  for (auto const& setup : setups) {
    losses.emplace_back(setup.options);
  }
  Workspace reused;
  for (Shape const& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 9, 11}, Shape{5, 1, 3, 2}, Shape{0, 1, 3, 2},
                             Shape{1, 3, 80, 90}, Shape{3, 0, 3, 2}, Shape{7, 3, 9, 11}}) {
    for (std::size_t k = 0; k < losses.size(); ++k) {
      INFO(setups[k].name << ", [" << shape.images << ", " << shape.channels << ", " << shape.height << ", "
                          << shape.width << "]");
      Workspace one_time;
      Scene<float> a(shape), b(shape);
      CHECK(same_results(losses[k], a, reused, b, one_time));
      Workspace another_one_time;
      Scene<double> c(shape), d(shape);
      CHECK(same_results(losses[k], c, reused, d, another_one_time));

      // Images without pixels have no rSMI.
      std::int64_t const held = shape.pixels() > 0 ? shape.images : 0;
      CHECK(reused.rsmi().size() == static_cast<std::size_t>(held));
      for (std::int64_t image = 0; image < held; ++image) {
        CHECK_NOTHROW(reused.diagnostics(image));
        CHECK(losses[k].statistics(reused, image).rsmi == reused.rsmi()[static_cast<std::size_t>(image)]);
      }
      CHECK_THROWS_AS(reused.diagnostics(held), std::invalid_argument);
      CHECK_THROWS_AS(reused.diagnostics(-1), std::invalid_argument);
      CHECK_THROWS_AS(losses[k].statistics(reused, held), std::invalid_argument);
      CHECK_THROWS_AS(losses[k].statistics(reused, -1), std::invalid_argument);
    }
  }
}

TEST_CASE("a workspace holds nothing before its first batch") {
  Workspace const workspace;
  CHECK(workspace.rsmi().empty());
  CHECK(workspace.diagnostics().x_outside == 0);
  CHECK_THROWS_AS(workspace.diagnostics(0), std::invalid_argument);
}

TEST_CASE("a moved workspace takes its results along, and the old one can be used again") {
  STATIC_REQUIRE(std::is_move_constructible<Workspace>::value);
  STATIC_REQUIRE(std::is_move_assignable<Workspace>::value);
  for (auto const& setup : both_bases()) {
    INFO(setup.name);
    Loss const loss(setup.options);
    Scene<float> scene(Shape{2, 3, 9, 11}), again(scene.shape);
    Scene<double> wide(scene.shape);
    Workspace workspace, reference;
    wide.run(loss, workspace);
    scene.run(loss, workspace);
    again.run(loss, reference);

    Workspace moved(std::move(workspace));
    CHECK(same_bits(moved.rsmi(), reference.rsmi()));
    loss.backward(scene.x.view(), scene.y.view(), moved, 1.0, scene.dy.view());
    CHECK(same_bits(scene.dy.pixels, again.dy.pixels));
    CHECK(same_results(loss, scene, moved, again, reference));

    // NOLINTBEGIN(bugprone-use-after-move): that it is possible is what is tested
    CHECK(message_of([&] {
            loss.backward(scene.x.view(), scene.y.view(), workspace, 1.0, scene.dy.view());
          }).find("the workspace is empty") != std::string::npos);
    CHECK(same_results(loss, scene, workspace, again, reference));
    Scene<double> wide_again(scene.shape);
    Workspace one_time;
    CHECK(same_results(loss, wide, workspace, wide_again, one_time));

    scene.run(loss, moved);
    workspace = std::move(moved);
    CHECK(same_bits(workspace.rsmi(), reference.rsmi()));
    CHECK(same_results(loss, scene, workspace, again, reference));
    CHECK(same_results(loss, scene, moved, again, reference));
    // NOLINTEND(bugprone-use-after-move)

    std::vector<Workspace> many;
    for (int k = 0; k < 5; ++k) {
      many.emplace_back();
      scene.run(loss, many.back());
    }
    for (Workspace const& one : many) {
      CHECK(same_bits(one.rsmi(), reference.rsmi()));
    }
  }
}

TEST_CASE("a refused call leaves the results of the last forward pass") {
  for (auto const& setup : both_bases()) {
    Loss const loss(setup.options);
    Scene<float> scene(Shape{2, 3, 9, 11}), again(scene.shape);
    Workspace workspace, reference;
    again.run(loss, reference);
    scene.run(loss, workspace);
    Batch<float> const other({2, 3, 11, 9});
    CHECK_THROWS_AS(loss.forward(scene.x.view(), other.view(), workspace), std::invalid_argument);
    CHECK_THROWS_AS(loss.forward_backward(scene.x.view(), scene.y.view(), workspace, 1.0,
                                          scc::ImageBatch<float>::contiguous(scene.dy.pixels.data(), 2, 3, 11, 9)),
                    std::invalid_argument);
    CHECK(same_bits(workspace.rsmi(), reference.rsmi()));
    loss.backward(scene.x.view(), scene.y.view(), workspace, 1.0, scene.dy.view());
    CHECK(same_bits(scene.dy.pixels, again.dy.pixels));
  }
}

TEST_CASE("a value alone is that of the forward pass, and no backward pass may follow") {
  auto setups = both_bases();
  // A table of coefficients that fits no block's shared memory, with differences of its own on the GPU.
  setups.push_back({"large histogram", setups[1].options});
  setups.back().options.bandwidth = 0.25;
  for (auto const& setup : setups) {
    INFO(setup.name);
    Loss const loss(setup.options);
    for (std::int64_t const images : {1, 9}) {  // the CPU solves the second batch in the lanes of SIMD registers
      Scene<float> scene({images, 3, 9, 11});
      auto const x = scene.x.view(), y = scene.y.view();
      auto const dy = scene.dy.view();
      Workspace workspace, reference;
      double const expected = loss.forward(x, y, reference);
      CHECK(loss.value(x, y, workspace) == expected);
      CHECK(same_bits(workspace.rsmi(), reference.rsmi()));
      CHECK(loss.statistics(workspace, 0).alpha == loss.statistics(reference, 0).alpha);
      auto const is_refused = [](auto const& call) {
        return message_of(call).find("call forward() with it first") != std::string::npos;
      };
      CHECK(is_refused([&] { loss.backward(x, y, workspace, 1.0, dy); }));
      CHECK(is_refused([&] { loss.backward_x(x, y, workspace, 1.0, dy); }));
      CHECK(is_refused([&] { loss.backward_xy(x, y, workspace, 1.0, dy, Batch<float>(scene.shape).view()); }));

      // It neither hides nor keeps what a forward pass leaves.
      CHECK(loss.forward(x, y, workspace) == expected);
      CHECK_NOTHROW(loss.backward(x, y, workspace, 1.0, dy));
      loss.value(x, y, workspace);
      CHECK(is_refused([&] { loss.backward(x, y, workspace, 1.0, dy); }));

      auto const weight = scene.weight.view();
      double const weighted = loss.forward(x, y, weight, reference);
      CHECK(loss.value(x, y, weight, workspace) == weighted);
      scene.x.pixels.front() = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isnan(loss.value(x, y, workspace)));
    }
  }
}
