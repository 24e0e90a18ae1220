// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <array>
#include <cstdio>
#include <iostream>
#include <unistd.h>

#include "progress.hpp"

namespace translate_digits {

namespace {

std::string duration_text(double seconds) {
  std::array<char, 64> text{};
  if (seconds < 120) {
    std::snprintf(text.data(), text.size(), "%.0f s", seconds);
  } else if (seconds < 7200) {
    std::snprintf(text.data(), text.size(), "%.0f min", seconds / 60);
  } else {
    std::snprintf(text.data(), text.size(), "%.1f h", seconds / 3600);
  }
  return text.data();
}

}  // namespace

Progress::Progress(std::int64_t first, std::int64_t last)
    : is_terminal_(isatty(STDOUT_FILENO) != 0),
      first_(first),
      last_(last),
      start_(Clock::now()),
      shown_(start_) {}

bool Progress::is_due() const {
  return Clock::now() - shown_ > (is_terminal_ ? std::chrono::milliseconds(250) : std::chrono::milliseconds(10000));
}

void Progress::show(std::int64_t iteration, std::string const& numbers) {
  shown_ = Clock::now();
  auto const seconds = std::chrono::duration<double>(shown_ - start_).count();
  auto const rate = static_cast<double>(iteration - first_) / seconds;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "  %.1f/s  ", rate);
  std::string const line = "iteration " + std::to_string(iteration) + " of " + std::to_string(last_) + text.data() +
                           duration_text(static_cast<double>(last_ - iteration) / rate) + " left  " + numbers;
  if (is_terminal_) {
    std::cout << '\r' << line << "\033[K" << std::flush;
    has_open_line_ = true;
  } else {
    std::cout << line << std::endl;
  }
}

void Progress::end_line() {
  if (has_open_line_) {
    std::cout << std::endl;
    has_open_line_ = false;
  }
}

}  // namespace translate_digits
