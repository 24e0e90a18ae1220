// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <netinet/in.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "launch.hpp"

namespace translate {

namespace {

int number_in(char const* variable, int least, int most) {
  std::string_view const text = std::getenv(variable);
  int number = 0;
  auto const end = text.data() + text.size();
  auto const result = std::from_chars(text.data(), end, number);
  if (result.ptr != end || result.ec != std::errc() || number < least || number > most) {
    throw std::invalid_argument(std::string(variable) + " is '" + std::string(text) + "', not a number from " +
                                std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

// Whether all of them are set.
template <std::size_t count>
bool are_set(std::array<char const*, count> const& variables) {
  std::string missing;
  std::size_t missing_count = 0;
  for (auto const* const name : variables) {
    if (std::getenv(name) == nullptr) {
      missing += std::string(missing.empty() ? "" : ", ") + name;
      ++missing_count;
    }
  }
  if (missing_count != 0 && missing_count != count) {
    throw std::invalid_argument("of the variables of several processes, some are set, but not " + missing);
  }
  return missing_count == 0;
}

std::runtime_error system_error(char const* what) {
  return std::runtime_error(std::string("--processes: ") + what + ": " + std::strerror(errno));
}

// Handlers see nothing but globals.
constexpr int most_processes = 1024;
std::array<volatile pid_t, most_processes> children{};

extern "C" void pass_on(int signal) {
  for (auto const child : children) {
    if (child > 0) {
      kill(child, signal);
    }
  }
}

}  // namespace

Place find_place() {
  constexpr std::array<std::array<char const*, 3>, 3> launchers{{
    {"RANK", "WORLD_SIZE", "LOCAL_RANK"},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
    {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"},
  }};
  Place place;
  for (auto const& launcher : launchers) {
    if (!are_set(launcher)) {
      continue;
    }
    place.size = number_in(launcher[1], 1, most_processes);
    place.rank = number_in(launcher[0], 0, place.size - 1);
    place.local_rank = number_in(launcher[2], 0, place.size - 1);
    if (are_set(std::array<char const*, 2>{"MASTER_ADDR", "MASTER_PORT"})) {
      place.address = std::getenv("MASTER_ADDR");
      place.port = static_cast<std::uint16_t>(number_in("MASTER_PORT", 1, 65534));
    }
    if (std::getenv("TORCHELASTIC_RUN_ID") != nullptr) {
      ++place.port;  // torchrun itself listens on the other
    }
    break;
  }
  return place;
}

std::uint16_t free_port() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  int const file = socket(AF_INET, SOCK_STREAM, 0);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (file < 0 || bind(file, any, size) != 0 || getsockname(file, any, &size) != 0) {
    throw system_error("no free port");
  }
  close(file);
  return ntohs(address.sin_port);
}

int run_processes(int count, char** arguments) {
  if (count > most_processes) {
    throw std::invalid_argument("--processes is at most " + std::to_string(most_processes));
  }
  auto const port = free_port();
  for (int rank = 0; rank < count; ++rank) {
    pid_t const child = fork();
    if (child < 0) {
      pass_on(SIGKILL);
      throw system_error("cannot start a process");
    }
    if (child == 0) {
      setenv("RANK", std::to_string(rank).c_str(), 1);
      setenv("LOCAL_RANK", std::to_string(rank).c_str(), 1);
      setenv("WORLD_SIZE", std::to_string(count).c_str(), 1);
      setenv("MASTER_ADDR", "127.0.0.1", 1);
      setenv("MASTER_PORT", std::to_string(port).c_str(), 1);
      execv("/proc/self/exe", arguments);
      std::_Exit(1);
    }
    children[static_cast<std::size_t>(rank)] = child;
  }
  std::signal(SIGINT, pass_on);
  std::signal(SIGTERM, pass_on);

  using Clock = std::chrono::steady_clock;
  std::vector<int> statuses;
  Clock::time_point first_failure = Clock::time_point::max() - std::chrono::minutes(1);
  while (statuses.size() < static_cast<std::size_t>(count)) {
    if (Clock::now() > first_failure + std::chrono::seconds(20)) {
      pass_on(SIGKILL);
    }
    int status = 0;
    pid_t const ended = waitpid(-1, &status, WNOHANG);
    if (ended <= 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    int rank = 0;
    while (children[static_cast<std::size_t>(rank)] != ended) {
      ++rank;
    }
    children[static_cast<std::size_t>(rank)] = 0;
    if (WIFSIGNALED(status)) {
      std::cerr << "scc_translate: process " << rank << " was ended by signal " << WTERMSIG(status) << " ("
                << strsignal(WTERMSIG(status)) << ")\n";
    }
    statuses.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    if (statuses.back() != 0 && statuses.back() != 3 && first_failure > Clock::now()) {
      first_failure = Clock::now();
    }
  }
  bool const are_equal = std::equal(statuses.begin() + 1, statuses.end(), statuses.begin());
  return are_equal ? statuses.front() : 1;
}

}  // namespace translate
