# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""The published estimator (Guo et al., CVPR 2022, equations 4 to 7) in PyTorch, differentiated by autograd.

Both functions take x, y of shape [images, channels, height, width], of float32 or float64, and return rSMI per image.
"""

import dataclasses

import torch


@dataclasses.dataclass(frozen=True)
class Options:
    """Parameters of the estimator, as scc::Options has them."""

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


def _centers(options, like):
    return torch.linspace(
        options.center_min, options.center_max, options.centers_per_axis, dtype=like.dtype, device=like.device
    )


def published(x, y, options):
    """As a PyTorch user runs it: every kernel at every pixel, [images, 81, M] matrices, and an explicit inverse."""
    images, pixels = x.shape[0], x[0].numel()
    mu = _centers(options, x)
    n = len(mu)
    mu_x = mu.repeat(n).view(1, n * n, 1)
    mu_y = mu.repeat_interleave(n).view(1, n * n, 1)
    kernels_x = torch.exp(options.exponent * (x.reshape(images, 1, pixels) - mu_x) ** 2)
    kernels_y = torch.exp(options.exponent * (y.reshape(images, 1, pixels) - mu_y) ** 2)
    both = kernels_x * kernels_y
    h = kernels_x.mean(2, keepdim=True) * kernels_y.mean(2, keepdim=True)
    product = (kernels_x @ kernels_x.transpose(1, 2)) * (kernels_y @ kernels_y.transpose(1, 2)) / pixels**2
    joint = both @ both.transpose(1, 2) / pixels
    matrix = options.beta * product + (1 - options.beta) * joint
    ridge = options.ridge * torch.eye(n * n, dtype=x.dtype, device=x.device)
    alpha = torch.inverse(matrix + ridge) @ h
    alpha_row = alpha.transpose(1, 2)
    return (2 * alpha_row @ h - alpha_row @ matrix @ alpha - 1).reshape(images)


def factorised(x, y, options):
    """The same numbers with as little per pixel as a few lines of PyTorch allow.

    The kernels are products, so 9 functions of each image give h. With equally spaced centres, m = (mu_p + mu_p') / 2,

        k(u - mu_p) k(u - mu_p') = k(u - m)^2 k((mu_p - mu_p') / 2)^2,

    so their second moments, the joint ones too, need 17 functions of each image: one at each of the different m. The
    system is solved by Cholesky's method.
    """
    images, pixels = x.shape[0], x[0].numel()
    mu = _centers(options, x)
    n = len(mu)
    midpoints = torch.linspace(options.center_min, options.center_max, 2 * n - 1, dtype=x.dtype, device=x.device)

    def squares(image):
        """[images, 17, M]: k(u - m)^2; every other m is a centre."""
        return torch.exp(2 * options.exponent * (image.reshape(images, 1, pixels) - midpoints.view(1, -1, 1)) ** 2)

    squares_x, squares_y = squares(x), squares(y)
    mean_x = squares_x[:, ::2].sqrt().mean(2)
    mean_y = squares_y[:, ::2].sqrt().mean(2)
    p = torch.arange(n, device=x.device)
    # Each in [p, p']: which midpoint, and the factor in front of its function.
    at = p.view(-1, 1) + p
    factor = torch.exp(2 * options.exponent * ((mu.view(-1, 1) - mu) / 2) ** 2)
    second_x = factor * squares_x.mean(2)[:, at]
    second_y = factor * squares_y.mean(2)[:, at]
    moments = squares_x @ squares_y.transpose(1, 2) / pixels
    # [images, q, p, q', p'], to be the matrix of l = q n + p.
    joint = moments[:, at.view(1, n, 1, n), at.view(n, 1, n, 1)] * factor.view(1, n, 1, n) * factor.view(n, 1, n, 1)
    product = second_x.view(images, 1, n, 1, n) * second_y.view(images, n, 1, n, 1)
    matrix = (options.beta * product + (1 - options.beta) * joint).reshape(images, n * n, n * n)
    h = (mean_y.unsqueeze(2) * mean_x.unsqueeze(1)).reshape(images, n * n, 1)
    ridge = options.ridge * torch.eye(n * n, dtype=x.dtype, device=x.device)
    alpha = torch.cholesky_solve(h, torch.linalg.cholesky(matrix + ridge))
    alpha_row = alpha.transpose(1, 2)
    return (2 * alpha_row @ h - alpha_row @ matrix @ alpha - 1).reshape(images)
