// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "agreement.hpp"

double loss_of_second_unit() { return loss_of_this_unit(); }
