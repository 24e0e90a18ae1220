// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <cstddef>

#include "interruption.hpp"

namespace translate_digits {

namespace {

constexpr std::array<int, 2> signals{SIGINT, SIGTERM};

// A handler is given nothing but the signal, so that it can leave its word only here.
volatile std::sig_atomic_t is_interrupted = 0;

extern "C" void note_interruption(int /*signal*/) { is_interrupted = 1; }

}  // namespace

InterruptionGuard::InterruptionGuard() {
  is_interrupted = 0;
  struct sigaction action {};
  action.sa_handler = note_interruption;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  for (std::size_t k = 0; k < signals.size(); ++k) {
    sigaction(signals[k], &action, &before_[k]);
  }
}

InterruptionGuard::~InterruptionGuard() {
  for (std::size_t k = 0; k < signals.size(); ++k) {
    sigaction(signals[k], &before_[k], nullptr);
  }
}

bool InterruptionGuard::was_interrupted() const { return is_interrupted != 0; }

}  // namespace translate_digits
