// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Reads tests/data/*.golden and tests/data/weighted/*.golden: options, pixels, and what the authors' released code, an independent evaluation in float64, or
/// another package made of them. One `key values...` per line.

#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <scc/options.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace scc_test {

/// One golden case.
struct Golden {
  std::string name;
  scc::Options options;
  std::int64_t images = 0, channels = 0, height = 0, width = 0;
  std::int64_t weight_images = 0, weight_channels = 0;  ///< 0 where there are no weights
  double loss = 0;
  std::vector<double> rsmi;    ///< [images]
  std::vector<double> x, y;    ///< [images, channels, height, width]
  std::vector<double> weight;  ///< [weight_images, weight_channels, height, width]
  std::vector<double> grad_y;  ///< [images, channels, height, width] dloss_dy
  std::vector<double> h, H;    ///< [m], [m, m]; empty in most cases
};

/// The lines `key values...` of a file in tests/data; those that start with # are comments.
class GoldenFile {
public:
  explicit GoldenFile(std::string const& name) {
    std::string const path = std::string(SCC_TEST_DATA) + "/" + name + ".golden";
    std::ifstream file(path);
    if (!file) {
      throw std::runtime_error("cannot read " + path);
    }
    for (std::string line; std::getline(file, line);) {
      auto const space = line.find(' ');
      if (!line.empty() && line[0] != '#' && space != std::string::npos) {
        lines_[line.substr(0, space)] = line.substr(space + 1);
      }
    }
  }

  std::string const& text(std::string const& key) const { return lines_.at(key); }

  /// The numbers of a line; none if there is no such line.
  std::vector<double> numbers(std::string const& key) const {
    std::vector<double> values;
    if (lines_.count(key) != 0) {
      std::istringstream line(lines_.at(key));
      for (double value = 0; line >> value;) {
        values.push_back(value);
      }
    }
    return values;
  }

  double number(std::string const& key) const { return numbers(key).at(0); }

private:
  std::map<std::string, std::string> lines_;
};

inline Golden read_golden(std::string const& name) {
  GoldenFile const file(name);
  Golden golden;
  golden.name = file.text("name");
  golden.options.kernel = file.text("kernel") == "gaussian" ? scc::Kernel::gaussian : scc::Kernel::reciprocal_gaussian;
  golden.options.bandwidth = file.number("bandwidth");
  golden.options.centers_per_axis = static_cast<int>(file.number("centers_per_axis"));
  golden.options.center_min = file.number("center_min");
  golden.options.center_max = file.number("center_max");
  golden.options.beta = file.number("beta");
  golden.options.lambda = file.number("lambda");
  golden.options.domain_min = file.number("domain_min");
  golden.options.domain_max = file.number("domain_max");
  auto const shape = file.numbers("shape");
  golden.images = static_cast<std::int64_t>(shape.at(0));
  golden.channels = static_cast<std::int64_t>(shape.at(1));
  golden.height = static_cast<std::int64_t>(shape.at(2));
  golden.width = static_cast<std::int64_t>(shape.at(3));
  golden.weight = file.numbers("weight");
  if (!golden.weight.empty()) {
    auto const weight_shape = file.numbers("weight_shape");
    golden.weight_images = static_cast<std::int64_t>(weight_shape.at(0));
    golden.weight_channels = static_cast<std::int64_t>(weight_shape.at(1));
  }
  golden.loss = file.number("loss");
  golden.rsmi = file.numbers("rsmi");
  golden.x = file.numbers("x");
  golden.y = file.numbers("y");
  golden.grad_y = file.numbers("grad_y");
  golden.h = file.numbers("h");
  golden.H = file.numbers("H");
  return golden;
}

/// The names of all cases: g*, r* from the released code with either kernel, n* from the independent evaluation.
inline std::vector<std::string> golden_names() {
  return {"g1_identity",   "g2_colour_map", "g3_unrelated", "g4_batch",    "g5_constant",
          "g6_saturated",  "n1_narrow",     "n2_beta",      "n3_asym",     "r1_identity",
          "r2_colour_map", "r3_unrelated",  "r4_batch",     "r5_constant", "r6_saturated"};
}

/// Those of weighted pixels, from an independent evaluation: masks, weights that differ between images and channels.
inline std::vector<std::string> weighted_golden_names() {
  return {"weighted/w1_mask", "weighted/w2_batch", "weighted/w3_channels", "weighted/w4_narrow"};
}

}  // namespace scc_test
