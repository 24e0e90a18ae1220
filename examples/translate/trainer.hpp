// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A whole run: data, classifier, training with its checkpoints, scores.

#pragma once

#include "launch.hpp"
#include "settings.hpp"

namespace translate {

enum class Outcome {
  finished,
  stopped,  ///< Before the last iteration; the checkpoint has all that a resumed run needs.
};

/// Does what the settings ask for, and says on the standard output how far it is. Of several processes the first alone
/// evaluates, writes files and says how far it is.
///
/// @throws std::runtime_error if a file is missing, damaged or cannot be written, if the device is not there, or if
///         settings.out holds another run.
Outcome run(Settings const& settings, Place const& place);

}  // namespace translate
