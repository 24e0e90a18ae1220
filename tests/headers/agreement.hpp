// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

/// @file
/// The loss of one fixed pair of images, as two translation units compute it.

#pragma once

double loss_of_first_unit();
double loss_of_second_unit();
