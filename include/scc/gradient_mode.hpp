// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// What a backward pass does with the values that its output holds.

#pragma once

namespace scc {

/// What happens to the values that are there.
/// @ingroup loss
enum class GradientMode {
  overwrite,   ///< Replace them.
  accumulate,  ///< Add to them, such as to the gradient of another loss.
};

}  // namespace scc
