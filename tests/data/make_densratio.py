# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Writes densratio.golden: what the package densratio (PyPI, 0.4.0) makes of a case in which its criterion is ours.

    python3 make_densratio.py > densratio.golden

The package leaves out one sample of each density at a time, judges the fit by r(y)^2 / 2 - r(x) with y from the
denominator alone, and sets negative coefficients to 0. For beta = 0, folds of one pixel, and candidates whose
coefficients are not negative that is our J, but for one thing: leaving out pixel j takes all pairs (x_i, y_j) and
(x_j, y_i) out of the product density here, and the pair (x_j, y_j) alone there, which is a difference of the order 1 / M.
The numerator's samples are therefore all M^2 pairs, those of equal index first.
"""

import importlib
import io
import contextlib
import re

import numpy as np

ruLSIF = importlib.import_module("densratio.RuLSIF")

pixels = 200
centers_per_axis = 5
bandwidths = [0.15, 0.2, 0.3, 0.4]
lambdas = [0.003, 0.01, 0.03, 0.1, 0.3]

random = np.random.RandomState(7)
x = random.uniform(-1, 1, pixels)
y = np.clip(np.tanh(1.3 * x * x - 0.6) + 0.25 * random.uniform(-1, 1, pixels), -1, 1)

axis = np.linspace(-1, 1, centers_per_axis)
centers = np.array([[p, q] for q in axis for p in axis])
joint = np.stack([x, y], axis=1)
i, j = np.meshgrid(range(pixels), range(pixels), indexing="ij")
product = np.concatenate([joint, np.stack([x[i[i != j]], y[j[i != j]]], axis=1)])

printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    chosen = ruLSIF.search_sigma_and_lambda(product, joint, 0.0, centers, bandwidths, lambdas, True)
criteria = [float(score) for score in re.findall(r"score = (\S+)", printed.getvalue())]
assert len(criteria) == len(bandwidths) * len(lambdas)


def has_negative_coefficients(bandwidth, ridge):
    kx = np.exp(-((x[:, None] - axis) ** 2) / (2 * bandwidth**2))
    ky = np.exp(-((y[:, None] - axis) ** 2) / (2 * bandwidth**2))
    phi = (ky[:, :, None] * kx[:, None, :]).reshape(pixels, -1)
    h = np.kron(ky.mean(axis=0), kx.mean(axis=0))
    smallest = 0.0
    for left_out in range(pixels):
        rest = np.delete(phi, left_out, axis=0)
        alpha = np.linalg.solve(rest.T @ rest / (pixels - 1) + ridge * np.eye(len(h)), h)
        smallest = min(smallest, alpha.min())
    return smallest < 0


negative = [int(has_negative_coefficients(s, r)) for s in bandwidths for r in lambdas]


def line(key, values):
    print(key, *(repr(float(value)) for value in values))


print("# Made by make_densratio.py: densratio 0.4.0, leave-one-out, criteria of the bandwidths x lambdas.")
print("name densratio")
line("centers_per_axis", [centers_per_axis])
line("beta", [0])
line("bandwidths", bandwidths)
line("lambdas", lambdas)
line("x", x)
line("y", y)
line("criteria", criteria)
line("has_negative_coefficients", negative)
line("chosen", [chosen["sigma"], chosen["lambda"]])
