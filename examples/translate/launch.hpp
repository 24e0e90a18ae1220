// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// Several processes that train together: who started them, and --processes, which starts them itself.

#pragma once

#include <cstdint>
#include <string>

namespace translate {

/// Which of several processes this one is.
struct Place {
  int rank = 0;
  int size = 1;
  int local_rank = 0;                 ///< Among those of the same machine: the number of its device.
  std::string address = "127.0.0.1";  ///< Of rank 0.
  std::uint16_t port = 29500;
};

/// Reads the variables of torchrun (RANK, WORLD_SIZE, LOCAL_RANK), mpirun (OMPI_COMM_WORLD_RANK, ..._SIZE, ..._LOCAL_RANK) or
/// Slurm's srun (SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID), and MASTER_ADDR and MASTER_PORT.
///
/// @return the first of these that is there; a single process if there is none.
/// @throws std::invalid_argument if a set is not complete, or a number is out of range.
Place find_place();

/// A port of this machine that nobody listens on.
///
/// @throws std::runtime_error if there is none.
std::uint16_t free_port();

/// Starts this program `count` times with the same arguments and the variables of torchrun, and waits for all. If one fails,
/// the others have 20 seconds to find out by themselves. SIGINT and SIGTERM are passed on.
///
/// @return the exit status: that of all, or 1 if they differ.
/// @throws std::invalid_argument if they are more than 1024; std::runtime_error if they cannot be started.
int run_processes(int count, char** arguments);

}  // namespace translate
