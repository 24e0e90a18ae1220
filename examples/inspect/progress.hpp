// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// How far the work on many pairs is, on stderr.

#pragma once

#include <chrono>
#include <cstddef>
#include <iostream>
#include <unistd.h>

namespace inspect {

/// Says how many pairs are done: in place on a terminal, else a line at every tenth.
class Progress {
public:
  explicit Progress(std::size_t total) : total_(total), is_terminal_(isatty(STDERR_FILENO) != 0) {}

  void advance() {
    ++done_;
    auto const now = std::chrono::steady_clock::now();
    bool const is_last = done_ == total_;
    if (is_terminal_) {
      if (is_last || now - shown_ > std::chrono::milliseconds(100)) {
        shown_ = now;
        std::cerr << "\rmeasured " << done_ << " of " << total_ << (is_last ? "\n" : "") << std::flush;
      }
    } else if (done_ * 10 / total_ != (done_ - 1) * 10 / total_) {
      std::cerr << "measured " << done_ << " of " << total_ << '\n';
    }
  }

private:
  std::size_t total_, done_ = 0;
  bool is_terminal_;
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace inspect
