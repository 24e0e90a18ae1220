// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What many tests begin with: options of each kind, the message of an expected error, and equality to the bit.

#pragma once

#include <cstdint>
#include <cstring>
#include <scc/options.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace scc_test {

/// Options with a name for the report of a failure.
struct Setup {
  std::string name;
  scc::Options options;
};

/// Both kernels in both bases.
inline std::vector<Setup> kernels_and_bases() {
  std::vector<Setup> setups;
  for (auto const kernel : {scc::Kernel::gaussian, scc::Kernel::reciprocal_gaussian}) {
    for (auto const basis : {scc::Basis::chebyshev, scc::Basis::histogram}) {
      scc::Options options;
      options.kernel = kernel;
      options.basis = basis;
      options.centers_per_axis = 5;
      setups.push_back({std::string(kernel == scc::Kernel::gaussian ? "gaussian" : "reciprocal_gaussian") + ", " +
                          (basis == scc::Basis::chebyshev ? "chebyshev" : "histogram"),
                        options});
    }
  }
  return setups;
}

/// The default kernel in both bases.
inline std::vector<Setup> both_bases() {
  std::vector<Setup> setups = kernels_and_bases();
  setups.resize(2);
  return setups;
}

/// What the std::invalid_argument that `call` throws says; another text if it throws nothing or something else.
template <class Call>
std::string message_of(Call const& call) {
  try {
    call();
  } catch (std::invalid_argument const& error) {
    return error.what();
  } catch (std::exception const& error) {
    return std::string("(not std::invalid_argument but) ") + error.what();
  }
  return "(nothing was thrown)";
}

/// Whether two numbers are the same bits, which holds for equal NaNs and not for 0 and -0.
template <class T>
bool same_bits(T const& a, T const& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// The values that the estimator sees in pixels: uint8 ones are spread over the domain.
template <class T>
std::vector<double> pixel_values(scc::Options const& options, std::vector<T> const& pixels) {
  std::vector<double> values;
  for (T const pixel : pixels) {
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      values.push_back(options.domain_min + (options.domain_max - options.domain_min) * (pixel / 255.0));
    } else {
      values.push_back(static_cast<double>(pixel));
    }
  }
  return values;
}

}  // namespace scc_test
