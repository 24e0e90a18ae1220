// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cmath>
#include <utility>

#include "../../examples/inspect/numbers.hpp"
#include "studies.hpp"

namespace parameters {

namespace {

// Options for pixel values and centres on the whole of [low, high].
scc::Options with_range(double low, double high, double bandwidth) {
  scc::Options options;
  options.domain_min = options.center_min = low;
  options.domain_max = options.center_max = high;
  options.bandwidth = bandwidth;
  return options;
}

// One panel for each of `numbers`, all else by default.
template <class Number>
std::vector<Setting> varied(std::string const& heading, std::vector<Number> const& numbers,
                            Number scc::Options::*field) {
  std::vector<Setting> settings;
  for (Number const number : numbers) {
    Setting setting;
    setting.heading = heading + ' ' + inspect::significant(static_cast<double>(number), 6);
    setting.remark = setting.options.*field == number ? "the default" : "";
    setting.options.*field = number;
    settings.push_back(std::move(setting));
  }
  return settings;
}

std::vector<Setting> ranges() {
  scc::Options narrow;
  narrow.domain_min = -0.4;
  narrow.domain_max = 0.4;
  return {{"values in [-1, 1]", "all by default", {}, {-1, 1}},
          {"values in [0, 1]", "all by default", {}, {0, 1}},
          {"values in [0, 1]", "domain, centres [0, 1], sigma 0.5", with_range(0, 1, 0.5), {0, 1}},
          {"values in [-1, 1]", "domain [-0.4, 0.4]", narrow, {-1, 1}},
          {"values in [0, 255]", "all by default", {}, {0, 255}}};
}

// Equal steps on a logarithmic axis.
std::vector<double> logarithmic(double low, double high, int steps) {
  std::vector<double> numbers;
  for (int k = 0; k <= steps; ++k) {
    numbers.push_back(low * std::pow(high / low, static_cast<double>(k) / steps));
  }
  return numbers;
}

scc::Options with(double bandwidth, double lambda) {
  scc::Options options;
  options.bandwidth = bandwidth;
  options.lambda = lambda;
  return options;
}

}  // namespace

std::vector<Study> studies() {
  using scc::Options;
  return {{"sigma", "sigma: how far a pair of values speaks for its neighbours", false,
           varied<double>("sigma", {0.1, 0.3, 0.5, 1, 2}, &Options::bandwidth)},
          {"lambda", "lambda: how strongly the fit is held at 0", false,
           varied<double>("lambda", {1, 0.05, 0.01, 0.001, 1e-6}, &Options::lambda)},
          {"beta", "beta: what the ratio is relative to, beta S + (1 - beta) Q", false,
           varied<double>("beta", {0, 0.1, 0.5, 0.7, 0.9}, &Options::beta)},
          {"centres", "centres: where the kernels stand", true,
           varied<int>("centres per axis", {2, 3, 5, 9, 32}, &Options::centers_per_axis)},
          {"domain", "domain: the range of the pixel values", false, ranges()}};
}

std::vector<Sweep> sweeps() {
  auto const bandwidths = logarithmic(0.05, 4, 24);
  std::vector<double> const bandwidth_ticks{0.05, 0.1, 0.2, 0.5, 1, 2, 4};
  scc::Options const standard;
  return {
    {"lambda 0.05, the default", "sigma", bandwidths, bandwidth_ticks, standard.bandwidth,
     [](double bandwidth) { return with(bandwidth, 0.05); }},
    {"lambda 0.001", "sigma", bandwidths, bandwidth_ticks, standard.bandwidth,
     [](double bandwidth) { return with(bandwidth, 0.001); }},
    {"sigma 1, the default",
     "lambda",
     logarithmic(1e-6, 1, 24),
     {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1},
     standard.lambda,
     [](double lambda) { return with(1, lambda); }},
  };
}

Triple triple(inspect::Inspection const& inspection) {
  return {inspection.score.rsmi, inspection.rsmi_with_itself, inspection.rsmi_shuffled};
}

}  // namespace parameters
