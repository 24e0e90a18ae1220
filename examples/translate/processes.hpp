// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// All communication between processes that train together.

#pragma once

#include <memory>
#include <torch/torch.h>
#include <vector>

#include "launch.hpp"

namespace translate {

/// The processes of a training, each with its share of every batch. A single one communicates with nobody.
///
/// All functions must be called by all processes in the same order. They throw std::runtime_error that names the processes that
/// have ended, if there are any.
class Processes {
public:
  /// Waits for the others, for up to two minutes.
  ///
  /// @throws std::runtime_error if not all come, or if this program was built without Gloo and there are others.
  explicit Processes(Place const& place);
  ~Processes();
  Processes(Processes const&) = delete;
  Processes& operator=(Processes const&) = delete;

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }

  /// Whether this one writes files and tells how far it is.
  bool is_first() const { return place_.rank == 0; }

  /// Gives all processes the values of the first.
  void broadcast(std::vector<torch::Tensor> const& tensors);

  /// Replaces tensors by their means over the processes.
  void average(std::vector<torch::Tensor> const& tensors);

  /// Whether it is so for any process.
  bool any(bool value);

private:
  class Group;

  Place place_;
  std::unique_ptr<Group> group_;  // null for a single process
};

}  // namespace translate
