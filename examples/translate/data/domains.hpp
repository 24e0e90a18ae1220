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
  char const* name;  ///< mnist or mnist_m
  Images train;      ///< What a translator is trained on.
  Images
    labelled;  ///< What the classifier that scores translations is trained on: train, and the other domain's digits.
  Images test;
};

struct Domains {
  Domain source;
  Domain target;
  std::string digest;  ///< CRC-32 of all pixels.
};

/// Reads MNIST and makes MNIST-M. The first half of the training digits is MNIST's, the other is MNIST-M's, so that no digit
/// occurs in both; test images of both come from the test digits. The last fifth of the photographs is behind test digits
/// only.
///
/// @throws std::runtime_error as read_mnist() and read_photographs() do, or if there are fewer digits than asked for.
Domains read_domains(Settings const& settings);

}  // namespace translate
