// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The two domains of a run, unpaired.

#pragma once

#include <string>

#include "data/images.hpp"
#include "settings.hpp"

namespace translate {

struct Domain {
  std::string name;  ///< such as mnist or mnist_m
  Images train;      ///< What a translator is trained on.
  Images labelled;   ///< What the classifier that scores translations of digits is trained on.
  Images test;
};

struct Domains {
  Domain source;
  Domain target;
  std::string digest;  ///< CRC-32 of all pixels.
};

/// Reads the data of settings.direction. Where MNIST-M is made, the first half of the training digits is MNIST's, the other is
/// MNIST-M's, so that no digit occurs in both; test images of both come from the test digits. The last fifth of the
/// photographs is behind test digits only.
///
/// @throws std::runtime_error as the functions that read data sets do, or if there are fewer digits than asked for.
Domains read_domains(Settings const& settings);

}  // namespace translate
