// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Reads tests/data/*.golden: options, pixels, and what the authors' released code, or an independent evaluation in
/// float64, made of them. One `key values...` per line.

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
  double loss = 0;
  std::vector<double> rsmi;    ///< [images]
  std::vector<double> x, y;    ///< [images, channels, height, width]
  std::vector<double> grad_y;  ///< [images, channels, height, width] dloss_dy
  std::vector<double> h, H;    ///< [m], [m, m]; empty in most cases
};

inline Golden read_golden(std::string const& name) {
  std::string const path = std::string(SCC_TEST_DATA) + "/" + name + ".golden";
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error("cannot read " + path);
  }
  std::map<std::string, std::string> lines;
  for (std::string line; std::getline(file, line);) {
    auto const space = line.find(' ');
    if (!line.empty() && line[0] != '#' && space != std::string::npos) {
      lines[line.substr(0, space)] = line.substr(space + 1);
    }
  }
  auto const numbers = [&](std::string const& key) {
    std::istringstream text(lines[key]);
    std::vector<double> values;
    for (double value = 0; text >> value;) {
      values.push_back(value);
    }
    return values;
  };
  auto const number = [&](std::string const& key) { return numbers(key).at(0); };

  Golden golden;
  golden.name = lines.at("name");
  golden.options.kernel = lines.at("kernel") == "gaussian" ? scc::Kernel::gaussian : scc::Kernel::reciprocal_gaussian;
  golden.options.bandwidth = number("bandwidth");
  golden.options.centers_per_axis = static_cast<int>(number("centers_per_axis"));
  golden.options.center_min = number("center_min");
  golden.options.center_max = number("center_max");
  golden.options.beta = number("beta");
  golden.options.lambda = number("lambda");
  golden.options.domain_min = number("domain_min");
  golden.options.domain_max = number("domain_max");
  auto const shape = numbers("shape");
  golden.images = static_cast<std::int64_t>(shape.at(0));
  golden.channels = static_cast<std::int64_t>(shape.at(1));
  golden.height = static_cast<std::int64_t>(shape.at(2));
  golden.width = static_cast<std::int64_t>(shape.at(3));
  golden.loss = number("loss");
  golden.rsmi = numbers("rsmi");
  golden.x = numbers("x");
  golden.y = numbers("y");
  golden.grad_y = numbers("grad_y");
  golden.h = numbers("h");
  golden.H = numbers("H");
  return golden;
}

/// The names of all cases: g*, r* from the released code with either kernel, n* from the independent evaluation.
inline std::vector<std::string> golden_names() {
  return {"g1_identity",   "g2_colour_map", "g3_unrelated", "g4_batch",    "g5_constant",
          "g6_saturated",  "n1_narrow",     "n2_beta",      "n3_asym",     "r1_identity",
          "r2_colour_map", "r3_unrelated",  "r4_batch",     "r5_constant", "r6_saturated"};
}

}  // namespace scc_test
