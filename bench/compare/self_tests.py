# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""What must hold before anything is measured: that the formulations, the reference and the library mean the same."""

import pathlib

import torch

import dense_scc
import exact_scc
import methods
import scenes
from dense_scc import Options

_data = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"
_golden_cases = ("g2_colour_map", "g4_batch", "r2_colour_map")


def read_golden(name):
    """Options, x, y, rSMI per image and dloss/dy, from the released code in float64 (tests/data)."""
    rows = {}
    for line in (_data / f"{name}.golden").read_text().splitlines():
        if not line.startswith("#"):
            key, *values = line.split()
            rows[key] = values
    shape = [int(extent) for extent in rows["shape"]]

    def tensor(key):
        return torch.tensor([float(value) for value in rows[key]], dtype=torch.float64)

    options = Options(
        kernel="gaussian" if rows["kernel"] == ["gaussian"] else "reciprocal_gaussian",
        centers_per_axis=int(rows["centers_per_axis"][0]),
        ridge=float(rows["lambda"][0]),
        **{key: float(rows[key][0]) for key in ("bandwidth", "center_min", "center_max", "beta")},
    )
    return (
        options,
        tensor("x").reshape(shape),
        tensor("y").reshape(shape),
        tensor("rsmi"),
        tensor("grad_y").reshape(shape),
    )


def by_autograd(formulation, x, y, options):
    leaf = y.detach().clone().requires_grad_()
    rsmi = formulation(x, leaf, options)
    (dloss_dy,) = torch.autograd.grad(-rsmi.mean(), leaf)
    return rsmi.detach(), dloss_dy


def _require(name, rsmi, gradient, expected_rsmi, expected_gradient, most_rsmi_error, most_gradient_error):
    rsmi_error = (rsmi.to(expected_rsmi) - expected_rsmi).abs().max().item()
    gradient_error = exact_scc.relative_error(gradient, expected_gradient)
    # Not "greater than": a NaN must fail.
    if not (rsmi_error <= most_rsmi_error and gradient_error <= most_gradient_error):
        raise RuntimeError(
            f"self test of {name}: rSMI is off by {rsmi_error:.1e} (at most {most_rsmi_error:.0e}),"
            f" its gradient by {gradient_error:.1e} (at most {most_gradient_error:.0e})"
        )


def run(library):
    """Raises RuntimeError where something is off; returns what was compared, in words."""
    for name in _golden_cases:
        options, x, y, rsmi, gradient = read_golden(name)
        results = {
            "the published formulation": by_autograd(dense_scc.published, x, y, options),
            "the factorised formulation": by_autograd(dense_scc.factorised, x, y, options),
            "the reference": exact_scc.rsmi_and_gradient(x, y, options),
        }
        for what, result in results.items():
            _require(f"{what} on {name}", *result, rsmi, gradient, 1e-9, 1e-9)
    x, y = scenes.pairs((2, 3, 40, 24))
    for kernel in ("gaussian", "reciprocal_gaussian"):
        options = Options(kernel=kernel)
        mask = scenes.mask(*x.shape[2:])
        for key, exact in (
            ("scc", exact_scc.rsmi_and_gradient(x, y, options)),
            ("scc_masked", exact_scc.masked_rsmi_and_gradient(x, y, mask, options)),
        ):
            scc = methods.make(key, library, options, "cpu")
            scc.bind(x, y)
            _require(f"the library, {key}, {kernel}", *scc.result(), *exact, 1e-6, 1e-4)
    return (
        f"On the golden cases {', '.join(_golden_cases)} the two PyTorch formulations and the reference, in float64,"
        " agree with the released code within 1e-9, in rSMI and in the gradient; the library agrees with the reference"
        " on a small scene."
    )
