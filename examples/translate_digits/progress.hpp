// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What the user sees while a run is under way.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace translate_digits {

/// A line on the standard output with the rate and the time left: rewritten in place on a terminal, and a new one every ten
/// seconds elsewhere.
class Progress {
public:
  /// @param first, last  Iterations done before and at the end.
  Progress(std::int64_t first, std::int64_t last);

  /// Whether a line is to be written now, so that its numbers are worth fetching.
  bool is_due() const;

  /// @param numbers  What to say beside the rate.
  void show(std::int64_t iteration, std::string const& numbers);

  /// Ends a line that is rewritten in place, before others are written.
  void end_line();

private:
  using Clock = std::chrono::steady_clock;

  bool is_terminal_;
  std::int64_t first_, last_;
  Clock::time_point start_, shown_;
  bool has_open_line_ = false;
};

}  // namespace translate_digits
