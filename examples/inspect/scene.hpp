// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// A built-in pair for those who have no images at hand.

#pragma once

#include "inspection.hpp"

namespace inspect {

/// A drawn landscape by day, and a translation to night that keeps its structure except for the house, which is gone.
ImagePair synthetic_pair();

}  // namespace inspect
