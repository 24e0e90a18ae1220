// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Cross-validation against its definition with dense matrices, and against the package densratio.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <scc/scc.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../bench/scene.hpp"
#include "catch.hpp"
#include "support/golden.hpp"
#include "support/images.hpp"
#include "support/layouts.hpp"
#include "support/setups.hpp"
#include "support/threads.hpp"

using namespace scc_test;
using scc::Candidates;
using scc::CandidateScore;
using scc::CrossValidation;
using scc::Folds;
using scc::Options;
using scc::Selection;

namespace {

/// A batch and its translation.
template <class T>
struct Pair {
  Batch<T> x, y;
  explicit Pair(Shape const& shape, unsigned seed = 1)
      : x(shape, random_values(shape.size(), seed)),
        y(shape, translated(random_values(shape.size(), seed), seed + 1)) {}
};

/// The deal as Folds describes it: the fold of each pixel (c, h, w), image after image.
std::vector<std::size_t> dealt(Folds const& folds, Shape const& shape) {
  std::mt19937_64 random(folds.seed);
  auto const block = static_cast<std::size_t>(folds.block), k = static_cast<std::size_t>(folds.count);
  auto const height = static_cast<std::size_t>(shape.height), width = static_cast<std::size_t>(shape.width);
  std::size_t const rows = block == 0 ? 0 : (height + block - 1) / block;
  std::size_t const columns = block == 0 ? 0 : (width + block - 1) / block;
  std::vector<std::size_t> fold_of_pixel;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    std::vector<std::size_t> square(block == 0 ? static_cast<std::size_t>(shape.pixels()) : rows * columns);
    for (std::size_t s = 0; s < square.size(); ++s) {
      square[s] = s % k;
    }
    for (std::size_t left = square.size(); left > 1; --left) {
      std::swap(square[left - 1], square[random() % left]);
    }
    for (std::size_t c = 0; c < static_cast<std::size_t>(shape.channels); ++c) {
      for (std::size_t h = 0; h < height; ++h) {
        for (std::size_t w = 0; w < width; ++w) {
          fold_of_pixel.push_back(square[block == 0 ? (c * height + h) * width + w : h / block * columns + w / block]);
        }
      }
    }
  }
  return fold_of_pixel;
}

/// The pixels of one image, their weights and their folds.
struct Sample {
  std::vector<double> x, y, weight;
  std::vector<std::size_t> fold;
};

template <class T>
std::vector<Sample> samples(Pair<T> const& pair, Folds const& folds, std::vector<double> const& weights) {
  auto const fold_of_pixel = dealt(folds, pair.x.shape);
  auto const pixels = static_cast<std::size_t>(pair.x.shape.pixels());
  std::vector<Sample> images(static_cast<std::size_t>(pair.x.shape.images));
  for (std::size_t image = 0; image < images.size(); ++image) {
    for (std::size_t pixel = image * pixels; pixel < (image + 1) * pixels; ++pixel) {
      images[image].x.push_back(static_cast<double>(pair.x.pixels[pixel]));
      images[image].y.push_back(static_cast<double>(pair.y.pixels[pixel]));
      images[image].weight.push_back(weights[pixel]);
      images[image].fold.push_back(fold_of_pixel[pixel]);
    }
  }
  return images;
}
template <class T>
std::vector<Sample> samples(Pair<T> const& pair, Folds const& folds) {
  return samples(pair, folds, std::vector<double>(pair.x.pixels.size(), 1.0));
}

/// h, H and alpha, from their definition, of the pixels whose fold is this one, or is not.
scc::Statistics dense(Options const& options, Sample const& sample, std::size_t fold, bool is_held_out) {
  std::vector<double> x, y, weight;
  for (std::size_t pixel = 0; pixel < sample.x.size(); ++pixel) {
    if ((sample.fold[pixel] == fold) == is_held_out) {
      x.push_back(sample.x[pixel]);
      y.push_back(sample.y[pixel]);
      weight.push_back(sample.weight[pixel]);
    }
  }
  return scc::reference_statistics(options, x, y, weight);
}

/// The table of a cross-validation by its definition.
std::vector<CandidateScore> dense_table(Options options, std::vector<Sample> const& images,
                                        Candidates const& candidates, std::size_t folds) {
  std::vector<CandidateScore> table;
  auto const count = static_cast<double>(images.size()), k = static_cast<double>(folds);
  for (double const bandwidth : candidates.bandwidths) {
    for (double const lambda : candidates.lambdas) {
      options.bandwidth = bandwidth;
      options.lambda = lambda;
      std::vector<double> criteria(folds, 0.0);
      double rsmi = 0;
      for (Sample const& image : images) {
        for (std::size_t fold = 0; fold < folds; ++fold) {
          Eigen::VectorXd const alpha = dense(options, image, fold, false).alpha;
          scc::Statistics const judge = dense(options, image, fold, true);
          criteria[fold] += (0.5 * alpha.dot(judge.H * alpha) - judge.h.dot(alpha)) / count;
        }
        rsmi += scc::reference_statistics(options, image.x, image.y, image.weight).rsmi / count;
      }
      double mean = 0, squares = 0;
      for (double const criterion : criteria) {
        mean += criterion / k;
      }
      for (double const criterion : criteria) {
        squares += (criterion - mean) * (criterion - mean);
      }
      table.push_back({bandwidth, lambda, mean, std::sqrt(squares / (k - 1) / k), rsmi});
    }
  }
  return table;
}

std::size_t best_of(std::vector<CandidateScore> const& table) {
  auto const smaller = [](CandidateScore const& a, CandidateScore const& b) { return a.criterion < b.criterion; };
  return static_cast<std::size_t>(std::min_element(table.begin(), table.end(), smaller) - table.begin());
}

void check_table(Selection const& actual, std::vector<CandidateScore> const& expected, double tolerance) {
  REQUIRE(actual.table.size() == expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    CandidateScore const &a = actual.table[k], &e = expected[k];
    CAPTURE(e.bandwidth, e.lambda, e.criterion, e.rsmi);
    CHECK(a.bandwidth == e.bandwidth);
    CHECK(a.lambda == e.lambda);
    double const scale = tolerance * (1 + std::abs(e.criterion));
    CHECK(std::abs(a.criterion - e.criterion) <= scale);
    CHECK(std::abs(a.standard_error - e.standard_error) <= scale);
    CHECK(std::abs(a.rsmi - e.rsmi) <= tolerance * (1 + std::abs(e.rsmi)));
    CHECK(a.held_out_rsmi() == -1 - 2 * a.criterion);
  }
  REQUIRE(actual.best == best_of(expected));
  CHECK(actual.options.bandwidth == expected[actual.best].bandwidth);
  CHECK(actual.options.lambda == expected[actual.best].lambda);
}

template <class T>
Selection select(Options const& options, Pair<T> const& pair, Candidates const& candidates, Folds const& folds) {
  return scc::select_parameters(options, pair.x.view(), pair.y.view(), candidates, folds);
}

bool same_table(Selection const& a, Selection const& b) {
  return same_bits(a.table, b.table) && a.best == b.best && a.images == b.images &&
         same_bits(a.diagnostics, b.diagnostics);
}

Folds folds_of(int count, int block, std::uint64_t seed = 1) {
  Folds folds;
  folds.count = count;
  folds.block = block;
  folds.seed = seed;
  return folds;
}

}  // namespace

TEST_CASE("every criterion, and the choice, agree with dense matrices", "[select_parameters]") {
  Pair<double> const pair({2, 3, 9, 14});
  for (auto const kernel : {scc::Kernel::gaussian, scc::Kernel::reciprocal_gaussian}) {
    for (Folds const& folds : {folds_of(3, 0), folds_of(4, 1), folds_of(5, 4, 99)}) {
      Options options;
      options.kernel = kernel;
      options.centers_per_axis = 6;
      options.beta = folds.count == 3 ? 0.2 : 0.5;
      options.tolerance = 1e-10;
      Candidates const candidates{
        kernel == scc::Kernel::gaussian ? std::vector<double>{0.3, 0.15, 1.2} : std::vector<double>{1.0, 0.8, 2.0},
        {0.3, 0.001, 0.02}};
      CAPTURE(static_cast<int>(kernel), folds.count, folds.block);
      Selection const selection = select(options, pair, candidates, folds);
      check_table(selection,
                  dense_table(options, samples(pair, folds), candidates, static_cast<std::size_t>(folds.count)), 1e-7);
      CHECK(selection.images == 2);
      CHECK(selection.options.kernel == kernel);
      CHECK(selection.options.beta == options.beta);
    }
  }
}

TEST_CASE("weighted criteria agree with dense matrices", "[select_parameters]") {
  Pair<double> const pair({2, 3, 9, 14});
  // Some are 0, though in no square of 4 x 4 all of them.
  std::vector<double> weights = random_values(pair.x.pixels.size(), 8, -0.5, 2);
  for (double& weight : weights) {
    weight = std::max(weight, 0.0);
  }
  Batch<float> const weight(pair.x.shape, weights);
  std::vector<double> const rounded(weight.pixels.begin(), weight.pixels.end());
  Options options;
  options.centers_per_axis = 6;
  options.tolerance = 1e-10;
  Candidates const candidates{{0.3, 0.15, 1.2}, {0.3, 0.001, 0.02}};
  Folds const folds = folds_of(5, 4, 99);
  Selection const selection =
    scc::select_parameters(options, pair.x.view(), pair.y.view(), weight.view(), candidates, folds);
  check_table(selection, dense_table(options, samples(pair, folds, rounded), candidates, 5), 1e-7);
  std::vector<double> const ones(rounded.size(), 1.0);
  CHECK(std::abs(selection.table[0].criterion -
                 dense_table(options, samples(pair, folds, ones), candidates, 5)[0].criterion) > 1e-4);
}

TEST_CASE("a selection by a mask is that of the pixels in it", "[select_parameters]") {
  Shape const shape{1, 1, 12, 20};
  Pair<double> pair(shape);
  Batch<std::uint8_t> mask(shape);
  std::vector<double> x, y;
  for (std::size_t pixel = 0; pixel < pair.x.pixels.size(); ++pixel) {
    if (pixel % 3 == 1 || pixel > 100) {
      mask.pixels[pixel] = 1;
      x.push_back(pair.x.pixels[pixel]);
      y.push_back(pair.y.pixels[pixel]);
    } else {
      pair.x.pixels[pixel] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  Pair<double> of_mask({1, 1, 1, static_cast<std::int64_t>(x.size())});
  of_mask.x.pixels = x;
  of_mask.y.pixels = y;
  Options const options;
  Candidates const candidates{{0.3, 1}, {0.001, 0.05}};
  Folds const folds = folds_of(4, 0);
  Selection const masked =
    scc::select_parameters(options, pair.x.view(), pair.y.view(), mask.view(), candidates, folds);
  check_table(masked, select(options, of_mask, candidates, folds).table, 1e-9);
  CHECK(masked.images == 1);
}

TEST_CASE("folds without weight, and images without, are left out", "[select_parameters]") {
  Options const options;
  Candidates const candidates{{0.3, 1}, {0.001, 0.05}};
  // Two of four squares have weight, and are all that two folds can have.
  Pair<double> const pair({1, 1, 8, 8});
  std::unique_ptr<bool[]> const memory(new bool[128]());
  std::fill(memory.get(), memory.get() + 32, true);
  auto const weight_of = [&](std::int64_t images) {
    return scc::ImageBatch<bool const>::contiguous(memory.get(), images, 1, 8, 8);
  };
  Pair<double> upper({1, 1, 4, 8});
  std::copy_n(pair.x.pixels.begin(), 32, upper.x.pixels.begin());
  std::copy_n(pair.y.pixels.begin(), 32, upper.y.pixels.begin());
  auto const expected = select(options, upper, candidates, folds_of(2, 4)).table;
  check_table(scc::select_parameters(options, pair.x.view(), pair.y.view(), weight_of(1), candidates, folds_of(3, 4)),
              expected, 1e-9);

  // The second image has no weight.
  Pair<double> two({2, 1, 8, 8});
  std::copy_n(pair.x.pixels.begin(), 64, two.x.pixels.begin());
  std::copy_n(pair.y.pixels.begin(), 64, two.y.pixels.begin());
  Selection const of_two =
    scc::select_parameters(options, two.x.view(), two.y.view(), weight_of(2), candidates, folds_of(3, 4));
  check_table(of_two, expected, 1e-9);
  CHECK(of_two.images == 1);

  auto const refusal = [&] {
    return message_of(
      [&] { scc::select_parameters(options, pair.x.view(), pair.y.view(), weight_of(1), candidates, folds_of(3, 4)); });
  };
  std::fill(memory.get(), memory.get() + 32, false);
  CHECK_THAT(refusal(), contains("no image was added"));
  memory[0] = true;
  CHECK_THAT(refusal(), contains("no image has weight in two folds"));
}

TEST_CASE("the choice on a picture at default options is that of dense matrices", "[select_parameters]") {
  scc_bench::Scene const scene = scc_bench::make_scene(3, 24, 32);
  Pair<float> pair({1, 3, 24, 32});
  pair.x.pixels = scene.x;
  pair.y.pixels = scene.y;
  Options const options;
  Candidates const candidates{{0.25, 0.5, 1}, {1e-4, 0.05}};
  Folds const folds;
  check_table(select(options, pair, candidates, folds),
              dense_table(options, samples(pair, folds), candidates, static_cast<std::size_t>(folds.count)), 1e-6);
}

TEST_CASE("a fit on few pixels without structure is punished for its freedom", "[select_parameters]") {
  Pair<double> pair({1, 1, 1, 60});
  pair.y = Batch<double>(pair.y.shape, random_values(60, 77));
  Selection const selection = select(Options{}, pair, {{0.2, 1}, {1e-4, 1}}, folds_of(5, 0));
  CandidateScore const &free = selection.table[0], &stiff = selection.table[3];
  CHECK(free.rsmi > stiff.rsmi);
  CHECK(free.held_out_rsmi() < stiff.held_out_rsmi());
  CHECK(selection.options.bandwidth == 1);
}

TEST_CASE("criteria and choice are those of the package densratio where the two coincide", "[select_parameters]") {
  GoldenFile const file("densratio");
  auto const x = file.numbers("x"), y = file.numbers("y"), criteria = file.numbers("criteria"),
             is_clipped = file.numbers("has_negative_coefficients"), chosen = file.numbers("chosen");
  Shape const shape{1, 1, 1, static_cast<std::int64_t>(x.size())};
  Batch<double> const x_batch(shape, x), y_batch(shape, y);
  Options options;
  options.centers_per_axis = static_cast<int>(file.number("centers_per_axis"));
  options.beta = file.number("beta");
  Selection const selection = scc::select_parameters(options, x_batch.view(), y_batch.view(),
                                                     {file.numbers("bandwidths"), file.numbers("lambdas")},
                                                     folds_of(static_cast<int>(x.size()), 0));
  REQUIRE(selection.table.size() == criteria.size());
  // Where no coefficient was set to 0 there, criteria differ by 1 / M at most, since the product density without a pixel is
  // not the same (make_densratio.py).
  std::size_t best = criteria.size(), their_best = best;
  int compared = 0;
  for (std::size_t k = 0; k < criteria.size(); ++k) {
    if (is_clipped[k] == 0) {
      double const criterion = selection.table[k].criterion;
      CAPTURE(selection.table[k].bandwidth, selection.table[k].lambda);
      CHECK(std::abs(criterion - criteria[k]) <= 1.0 / static_cast<double>(x.size()));
      best = compared == 0 || criterion < selection.table[best].criterion ? k : best;
      their_best = compared == 0 || criteria[k] < criteria[their_best] ? k : their_best;
      ++compared;
    }
  }
  CHECK(compared >= 10);
  CHECK(best == their_best);
  // And so does the choice among all.
  CHECK(selection.options.bandwidth == chosen.at(0));
  CHECK(selection.options.lambda == chosen.at(1));
}

TEST_CASE("a candidate's score does not depend on the others, nor on their order", "[select_parameters]") {
  // All have the histogram and the compression that the most demanding of them needs: alone it has the same.
  Options options;
  options.tolerance = 1e-3;
  Pair<double> const pair({1, 1, 12, 12});
  Folds const folds = folds_of(3, 2);
  Selection const alone = select(options, pair, {{0.2}, {1e-4}}, folds);
  Selection const first = select(options, pair, {{0.2, 1}, {1e-4, 1}}, folds);
  Selection const middle = select(options, pair, {{1, 0.2, 2}, {1, 1e-4, 0.1}}, folds);
  CHECK(same_bits(first.table[0], alone.table[0]));
  CHECK(same_bits(middle.table[4], alone.table[0]));
  CHECK(same_bits(middle.table[0], first.table[3]));
}

TEST_CASE("a candidate whose ridge is lost in the errors of H is never chosen", "[select_parameters]") {
  Options const options;
  Shape const shape{1, 1, 16, 16};
  Batch<double> const x(shape, 0.3), y(shape, -0.2);
  auto const select_on_flat = [&](Candidates const& candidates) {
    return scc::select_parameters(options, x.view(), y.view(), candidates, folds_of(4, 4));
  };
  Selection const mixed = select_on_flat({{0.5, 1}, {1e-13, 0.05}});
  CHECK(std::isnan(mixed.table[0].criterion));
  CHECK(std::isnan(mixed.table[2].criterion));
  CHECK(mixed.options.lambda == 0.05);
  CHECK_THROWS_AS(select_on_flat({{0.5, 1}, {1e-13}}), std::runtime_error);

  // Few colours and a narrow kernel: rounding must not look like a fit that is better than any can be.
  Pair<double> few({1, 1, 10, 20});
  for (auto* const image : {&few.x, &few.y}) {
    for (double& value : image->pixels) {
      value = std::round(value * 1.4) / 1.4;
    }
  }
  Candidates candidates{{0.02, 0.03}, {}};
  for (double lambda = 1e-9; lambda < 1e-6; lambda *= 1.3) {
    candidates.lambdas.push_back(lambda);
  }
  candidates.lambdas.push_back(0.05);
  for (CandidateScore const& score : select(options, few, candidates, folds_of(5, 1)).table) {
    CAPTURE(score.bandwidth, score.lambda, score.criterion);
    CHECK((std::isnan(score.criterion) || score.held_out_rsmi() <= 1.01 * (1 / options.beta - 1)));
  }
}

TEST_CASE("the basis of the options is left to the loss", "[select_parameters]") {
  Options options;
  options.basis = scc::Basis::chebyshev;
  Pair<float> const pair({1, 1, 16, 16});
  Selection const selection = select(options, pair, {{0.05, 0.1}, {0.01}}, folds_of(4, 4));
  CHECK_NOTHROW(scc::cpu::Loss(selection.options));
}

TEST_CASE("a selection does not depend on how the pixels come", "[select_parameters]") {
  Options const options;
  Candidates const candidates{{0.3, 1}, {0.001, 0.05}};
  Folds const folds = folds_of(4, 2);
  Pair<float> const pair({3, 2, 7, 9});
  Selection const expected = select(options, pair, candidates, folds);

  SECTION("images one by one") {
    CrossValidation validation(options, candidates, folds);
    for (std::int64_t image = 0; image < pair.x.shape.images; ++image) {
      auto x = pair.x.view(), y = pair.y.view();
      x.data += image * x.image_stride;
      y.data += image * y.image_stride;
      x.images = y.images = 1;
      validation.add(x, y);
    }
    CHECK(same_table(validation.result(), expected));
  }
  SECTION("other layouts") {
    for (Layout const& layout : layouts(pair.x.shape)) {
      CAPTURE(layout.name);
      Arranged<float> x(pair.x.shape, layout, 0.5F), y(pair.x.shape, layout, 0.5F);
      x.fill(pair.x.pixels);
      y.fill(pair.y.pixels);
      CHECK(same_table(scc::select_parameters(options, x.view(), y.view(), candidates, folds), expected));
    }
  }
  SECTION("any number of threads") {
    for (int const count : {1, 3}) {
      Threads const threads(count);
      CHECK(same_table(select(options, pair, candidates, folds), expected));
    }
  }
  SECTION("the same numbers as doubles") {
    Pair<double> doubles(pair.x.shape);
    std::copy(pair.x.pixels.begin(), pair.x.pixels.end(), doubles.x.pixels.begin());
    std::copy(pair.y.pixels.begin(), pair.y.pixels.end(), doubles.y.pixels.begin());
    CHECK(same_table(select(options, doubles, candidates, folds), expected));
  }
  SECTION("8-bit pixels, which stand for the domain, beside floats") {
    Batch<std::uint8_t> bytes(pair.x.shape);
    Batch<float> values(pair.x.shape);
    for (std::size_t k = 0; k < bytes.pixels.size(); ++k) {
      bytes.pixels[k] = static_cast<std::uint8_t>(k * 37 % 256);
      values.pixels[k] = static_cast<float>(-1 + 2 * bytes.pixels[k] / 255.0);
    }
    Selection const of_bytes = scc::select_parameters(options, bytes.view(), pair.y.view(), candidates, folds);
    Selection const of_values = scc::select_parameters(options, values.view(), pair.y.view(), candidates, folds);
    for (std::size_t k = 0; k < of_bytes.table.size(); ++k) {
      CHECK(std::abs(of_bytes.table[k].criterion - of_values.table[k].criterion) <= 1e-6);
    }
  }
  SECTION("but on the seed") {
    CHECK_FALSE(same_table(select(options, pair, candidates, folds_of(4, 2, 2)), expected));
  }
}

TEST_CASE("pixels outside the domain are counted, and count as its end", "[select_parameters]") {
  Options const options;
  Candidates const candidates{{0.5}, {0.01}};
  Pair<float> pair({1, 1, 16, 16});
  pair.x.pixels[3] = 1;
  pair.y.pixels[9] = -1;
  Selection const expected = select(options, pair, candidates, Folds{2, 4, 1});
  CHECK(expected.diagnostics.x_outside + expected.diagnostics.y_outside == 0);
  pair.x.pixels[3] = 7;
  pair.y.pixels[9] = -std::numeric_limits<float>::infinity();
  Selection const actual = select(options, pair, candidates, Folds{2, 4, 1});
  CHECK(same_bits(actual.table, expected.table));
  CHECK(actual.diagnostics.x_outside == 1);
  CHECK(actual.diagnostics.y_outside == 1);
}

TEST_CASE("default candidates hold the options' own, and all can be used", "[select_parameters]") {
  std::vector<Options> all(4);
  all[1] = Options::released_code();
  all[2].domain_min = 0;
  all[2].domain_max = all[2].center_max = 255;
  all[2].center_min = 0;
  all[2].bandwidth = 30;
  all[3].bandwidth = 0.28 * 2;
  all[3].lambda = 0.02;
  for (Options const& options : all) {
    Candidates const candidates = scc::default_candidates(options);
    CAPTURE(options.bandwidth, options.lambda, options.domain_max);
    auto const holds = [](std::vector<double> const& values, double value) {
      return std::count(values.begin(), values.end(), value) == 1 && std::is_sorted(values.begin(), values.end());
    };
    CHECK(holds(candidates.bandwidths, options.bandwidth));
    CHECK(holds(candidates.lambdas, options.lambda));
    CHECK(candidates.lambdas.size() >= 9);
    CHECK_NOTHROW(CrossValidation(options, candidates));
  }
  Candidates const usual = scc::default_candidates();
  CHECK(usual.bandwidths.front() == 0.05 * 2);
  CHECK(usual.bandwidths.back() == 2);
  CHECK(usual.lambdas.front() == 1e-5);
  CHECK(usual.lambdas.back() == 1);
  CHECK(usual.bandwidths.size() * usual.lambdas.size() >= 100);
  // A narrow reciprocal kernel cannot have every ridge; it is kept, and they are not.
  Options narrow = Options::released_code();
  narrow.bandwidth = 0.55;
  Candidates const for_narrow = scc::default_candidates(narrow);
  CHECK(for_narrow.bandwidths.front() == 0.55);
  CHECK(for_narrow.lambdas.size() < usual.lambdas.size());
  CHECK_NOTHROW(CrossValidation(narrow, for_narrow));
  CHECK(scc::default_candidates(all[1]).bandwidths.size() < scc::default_candidates(all[0]).bandwidths.size());
  std::vector<Options> bad(2);
  bad[0].lambda = 1e-17;
  bad[1].beta = 1;
  for (Options const& options : bad) {
    CHECK_THROWS_AS(scc::default_candidates(options), std::invalid_argument);
  }
}

TEST_CASE("bad input of a selection is refused", "[select_parameters]") {
  Options const options;
  Candidates const candidates{{0.5}, {0.01}};
  auto const construct = [](Options const& given, Candidates const& some, Folds const& folds) {
    return message_of([&] { CrossValidation(given, some, folds); });
  };
  CHECK_THAT(construct(options, {{}, {1}}, {}), contains("0 bandwidths and 1 lambdas"));
  CHECK_THAT(construct(options, {{1}, {}}, {}), contains("1 bandwidths and 0 lambdas"));
  CHECK_THAT(construct(options, {{1, -1}, {0.1}}, {}), contains("bandwidth is -1"));
  CHECK_THAT(construct(options, {{1, 1e-4}, {0.1}}, {}), contains("bandwidth is 0.0001"));
  CHECK_THAT(construct(options, {{1}, {0.1, std::nan("")}}, {}), contains("lambda is nan"));
  CHECK_THAT(construct(options, {{1}, {0.1, 1e-18}}, {}), contains("lambda is 1e-18"));
  CHECK_THAT(construct(options, candidates, folds_of(1, 8)), contains("Folds::count is 1, must be in [2, 256]"));
  CHECK_THAT(construct(options, candidates, folds_of(257, 8)), contains("Folds::count is 257"));
  CHECK_THAT(construct(options, candidates, folds_of(5, -1)), contains("Folds::block is -1, must be at least 0"));
  Options bad = options;
  bad.beta = 1;
  CHECK_THAT(construct(bad, candidates, {}), contains("beta is 1"));

  Pair<float> const pair({1, 3, 8, 8});
  CrossValidation validation(options, candidates, folds_of(4, 4));
  CHECK_THAT(message_of([&] { validation.result(); }), contains("no image was added"));
  validation.add(pair.x.view(), pair.y.view());
  Selection const before = validation.result();
  auto const add = [&](auto const& x, auto const& y) { return message_of([&] { validation.add(x, y); }); };
  Pair<float> const other({1, 3, 8, 9}), small({1, 3, 4, 8});
  CHECK_THAT(add(pair.x.view(), other.y.view()), contains("x is [1, 3, 8, 8] but y is [1, 3, 8, 9]"));
  CHECK_THAT(add(small.x.view(), small.y.view()),
             contains("an image of [1, 3, 4, 8] has 2 squares of Folds::block = 4 for 4 folds"));
  auto absent = pair.x.view();
  absent.data = nullptr;
  CHECK_THAT(add(absent, pair.y.view()), contains("null"));
  auto without_pixels = pair.x.view();
  without_pixels.width = 0;
  CHECK_THAT(add(without_pixels, without_pixels), contains("nothing to select parameters by"));
  CHECK_THAT(message_of([&] {
               CrossValidation(options, candidates, folds_of(2, std::numeric_limits<int>::max()))
                 .add(pair.x.view(), pair.y.view());
             }),
             contains("has 1 squares"));
  // The second image of the batch is bad: the first is not counted either.
  Pair<float> half_bad({2, 1, 8, 8});
  half_bad.x.pixels[5] = 3;
  half_bad.y.pixels[70] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THAT(add(half_bad.x.view(), half_bad.y.view()), contains("image 1 has 0 NaN pixels in x and 1 in y"));
  CHECK(same_table(validation.result(), before));
  Batch<float> weight({1, 3, 8, 8}, 1.0F);
  weight.pixels[100] = -1;
  CHECK_THAT(message_of([&] { validation.add(pair.x.view(), pair.y.view(), weight.view()); }),
             contains("image 0 has 1 weights that are negative"));
  CHECK_THAT(message_of([&] { validation.add(small.x.view(), small.y.view(), weight.view()); }),
             contains("x is [1, 3, 4, 8] but weight is [1, 3, 8, 8]"));
  CHECK(same_table(validation.result(), before));
  // Nor has the deal moved on.
  validation.add(pair.x.view(), pair.y.view());
  CrossValidation twice(options, candidates, folds_of(4, 4));
  twice.add(pair.x.view(), pair.y.view());
  twice.add(pair.x.view(), pair.y.view());
  CHECK(same_table(validation.result(), twice.result()));
  // No images are no error, until a result is asked for.
  auto no_images = pair.x.view();
  no_images.images = 0;
  CHECK_THAT(message_of([&] { scc::select_parameters(options, no_images, no_images, candidates); }),
             contains("no image was added"));
}
