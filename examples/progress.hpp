// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// How far a program is.

#pragma once

#include <chrono>
#include <cstdint>
#include <iomanip>
#include <ios>
#include <iostream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <utility>

/// A line with what is done, the rate and the time left: rewritten in place on a terminal, and a new one every ten
/// seconds elsewhere.
class Progress {
public:
  /// @param out          std::cout or std::cerr.
  /// @param what         First word of the line.
  /// @param first, last  How much is done before and at the end.
  Progress(std::ostream& out, std::string what, std::int64_t first, std::int64_t last)
      : out_(out),
        what_(std::move(what)),
        first_(first),
        last_(last),
        is_terminal_(isatty(&out == &std::cout ? STDOUT_FILENO : STDERR_FILENO) != 0),
        start_(Clock::now()),
        shown_(start_) {}

  /// Whether a line is to be written now, so that its numbers are worth fetching.
  bool is_due(std::int64_t done) const {
    return done == last_ ||
           Clock::now() - shown_ > (is_terminal_ ? std::chrono::milliseconds(250) : std::chrono::milliseconds(10000));
  }

  /// @param numbers  What to say beside the rate.
  void show(std::int64_t done, std::string const& numbers = {}) {
    shown_ = Clock::now();
    auto const seconds = std::chrono::duration<double>(shown_ - start_).count();
    double const rate = static_cast<double>(done - first_) / seconds;
    std::ostringstream line;
    line << what_ << ' ' << done << " of " << last_ << std::fixed << std::setprecision(1) << "  " << rate << "/s";
    if (done < last_) {
      double const left = static_cast<double>(last_ - done) / rate;
      line << std::setprecision(0) << "  " << (left < 120 ? left : left / 60) << (left < 120 ? " s left" : " min left");
    }
    line << (numbers.empty() ? "" : "  ") << numbers;
    out_ << (is_terminal_ ? "\r" : "") << line.str() << (is_terminal_ ? "\033[K" : "\n") << std::flush;
    has_open_line_ = is_terminal_;
  }

  /// Ends a line that is rewritten in place, before others are written.
  void end_line() {
    if (has_open_line_) {
      out_ << std::endl;
      has_open_line_ = false;
    }
  }

private:
  using Clock = std::chrono::steady_clock;

  std::ostream& out_;
  std::string what_;
  std::int64_t first_, last_;
  bool is_terminal_;
  Clock::time_point start_, shown_;
  bool has_open_line_ = false;
};
