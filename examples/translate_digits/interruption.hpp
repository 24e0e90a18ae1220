// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// SIGINT and SIGTERM as a question that a loop can ask.

#pragma once

#include <array>
#include <csignal>

namespace translate_digits {

/// While one lives, the first of these signals does not end the process. The second does.
class InterruptionGuard {
public:
  InterruptionGuard();
  ~InterruptionGuard();
  InterruptionGuard(InterruptionGuard const&) = delete;
  InterruptionGuard& operator=(InterruptionGuard const&) = delete;

  bool was_interrupted() const;

private:
  std::array<struct sigaction, 2> before_{};
};

}  // namespace translate_digits
