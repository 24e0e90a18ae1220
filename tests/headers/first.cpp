// SPDX-FileCopyrightText: The scc authors
// SPDX-License-Identifier: MIT

#include "agreement.hpp"

double loss_of_first_unit() { return loss_of_this_unit(); }

int main() {
  double const loss = loss_of_first_unit();
  return loss < 0 && loss == loss_of_second_unit() ? 0 : 1;
}
