// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Two processes with batches of b are one process with batches of 2 b: the same gradients, and the same weights after 20
/// steps.
/// The processes are threads here, which Gloo connects over loopback all the same.

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include "methods/translator.hpp"

namespace {

using torch::Tensor;

constexpr std::int64_t batch = 4, steps = 20;

// |a - b| / |b| over all tensors.
double distance(std::vector<Tensor> const& a, std::vector<Tensor> const& b) {
  double difference = 0, size = 0;
  for (std::size_t k = 0; k < b.size(); ++k) {
    difference += (a[k] - b[k]).square().sum().item<double>();
    size += b[k].square().sum().item<double>();
  }
  return std::sqrt(difference / size);
}

struct Result {
  std::vector<Tensor> first_gradients, weights;
};

Result train(translate::Translator& translator, Tensor const& source, Tensor const& target) {
  Result result;
  for (std::int64_t step = 0; step < steps; ++step) {
    translator.step({{source[step], {}, {}}, {target[step], {}, {}}}, 1, false);
    if (step == 0) {
      for (auto const& parameter : translator.parameters()) {
        result.first_gradients.push_back(parameter.grad().clone());
      }
    }
  }
  for (auto const& parameter : translator.parameters()) {
    result.weights.push_back(parameter.detach());
  }
  return result;
}

// Whether all is as near as it must be.
bool test(translate::Method method, char const* name, bool is_double) {
  torch::set_default_dtype(is_double ? caffe2::TypeMeta::Make<double>() : caffe2::TypeMeta::Make<float>());
  translate::Settings settings;
  settings.method = method;
  settings.scc_weight = 5;
  settings.width = settings.discriminator_width = 8;
  settings.residual_blocks = 1;
  auto const source = torch::rand({steps, 2 * batch, 1, 32, 32}) * 2 - 1;
  auto const target = torch::rand({steps, 2 * batch, 3, 32, 32}) * 2 - 1;
  auto const make = [&](translate::Processes& processes) {
    torch::manual_seed(1);
    return translate::make_translator({settings, 1, 3, torch::kCPU, processes});
  };
  translate::Processes alone({});
  auto const whole = train(*make(alone), source, target);

  std::array<Result, 2> halves;
  std::array<std::unique_ptr<translate::Processes>, 2> processes;
  std::array<std::unique_ptr<translate::Translator>, 2> translators;
  auto const in_both = [](auto const& work) {
    std::thread other([&] { work(1); });
    work(0);
    other.join();
  };
  auto const port = translate::free_port();
  in_both([&](int rank) {
    processes.at(rank) = std::make_unique<translate::Processes>(translate::Place{rank, 2, rank, "127.0.0.1", port});
  });
  for (std::size_t rank = 0; rank < 2; ++rank) {
    translators.at(rank) = make(*processes.at(rank));
  }
  in_both([&](int rank) {
    auto const share = [&](Tensor const& images) { return images.narrow(1, rank * batch, batch); };
    halves.at(rank) = train(*translators.at(rank), share(source), share(target));
  });
  bool passes = true;
  for (auto const& half : halves) {
    auto const gradients = distance(half.first_gradients, whole.first_gradients);
    auto const weights = distance(half.weights, whole.weights);
    std::printf("%s in %s: gradients of the first step differ by %.1e, weights after %lld steps by %.1e\n", name,
                is_double ? "double" : "float", gradients, static_cast<long long>(steps), weights);
    // The L1 of the cycle has a gradient that jumps where rounding changes the sign of a difference.
    double const bound = is_double ? 1e-9 : method == translate::Method::cyclegan ? 1e-2 : 1e-3;
    passes = passes && gradients < 1e-5 && weights < bound;
  }
  return passes;
}

}  // namespace

int main() try {
  torch::set_num_threads(1);
  torch::manual_seed(2);
  bool passes = true;
  for (bool const is_double : {false, true}) {
    passes = test(translate::Method::gan, "gan", is_double) && passes;
    passes = test(translate::Method::cyclegan, "cyclegan", is_double) && passes;
  }
  return passes ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (std::exception const& error) {
  std::cerr << "scc_translate_processes_test: " << error.what() << '\n';
  return EXIT_FAILURE;
}
