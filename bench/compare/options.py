# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Parameters of the estimator, as scc::Options has them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Options:
    kernel: str = "gaussian"  # or reciprocal_gaussian
    bandwidth: float = 1.0
    centers_per_axis: int = 9
    center_min: float = -1.0
    center_max: float = 1.0
    beta: float = 0.5
    ridge: float = 0.05
    tolerance: float = 1e-6

    @property
    def exponent(self):
        """s in k(d) = exp(s d^2)."""
        sign = -1.0 if self.kernel == "gaussian" else 1.0
        return sign / (2 * self.bandwidth**2)
