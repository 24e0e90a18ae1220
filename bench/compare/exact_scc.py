# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""The reference: rSMI and its gradient from the definition, in float64, with memory that does not grow with the image.

Independent of the library and of dense_scc.py. rSMI depends on the pixels only through sums over them, so it takes two
passes over blocks of pixels. The first adds up the sums, without a graph. They become the leaves of rSMI, which
autograd differentiates. The second builds each block's share of the sums again, with a graph, and passes the derivatives
on to the pixels.
"""

import torch

_block = 16384


def _kernels(values, options):
    """[n, pixels]: k(u - mu_p)."""
    step = (options.center_max - options.center_min) / (options.centers_per_axis - 1)
    mu = options.center_min + step * torch.arange(options.centers_per_axis, dtype=torch.float64, device=values.device)
    return torch.exp(options.exponent * (values - mu.view(-1, 1)).square())


def _sums(x, y, options):
    """Over the pixels: of the kernels of x, of those of y, of their products, and of products of the joint kernels."""
    kernels_x, kernels_y = _kernels(x, options), _kernels(y, options)
    joint = (kernels_y.unsqueeze(1) * kernels_x.unsqueeze(0)).reshape(-1, x.numel())
    return (
        kernels_x.sum(1),
        kernels_y.sum(1),
        kernels_x @ kernels_x.T,
        kernels_y @ kernels_y.T,
        joint @ joint.T,
    )


def _rsmi(sums, pixels, options):
    """Equations 4 to 7 from the sums."""
    mean_x, mean_y, second_x, second_y, joint = (part / pixels for part in sums)
    h = torch.kron(mean_y, mean_x)
    matrix = options.beta * torch.kron(second_y, second_x) + (1 - options.beta) * joint
    ridge = options.ridge * torch.eye(len(h), dtype=h.dtype, device=h.device)
    alpha = torch.linalg.solve(matrix + ridge, h)
    return 2 * alpha @ h - alpha @ matrix @ alpha - 1


def rsmi_and_gradient(x, y, options):
    """rSMI of each image, [images], and dloss/dy of loss = -mean rSMI, in float64, of the pixels as they are."""
    all_rsmi = []
    gradient = torch.empty(y.shape, dtype=torch.float64, device=y.device)
    for image in range(x.shape[0]):
        blocks = list(
            zip(
                x[image].double().flatten().split(_block),
                y[image].double().flatten().split(_block),
                gradient[image].view(-1).split(_block),
            )
        )
        pixels = x[image].numel()
        with torch.no_grad():
            shares = [_sums(x_block, y_block, options) for x_block, y_block, _ in blocks]
            sums = [sum(parts) for parts in zip(*shares)]
        for part in sums:
            part.requires_grad_()
        rsmi = _rsmi(sums, pixels, options)
        drsmi_dsums = torch.autograd.grad(rsmi, sums)
        for x_block, y_block, dloss_dy in blocks:
            leaf = y_block.clone().requires_grad_()
            parts = [(part, d) for part, d in zip(_sums(x_block, leaf, options), drsmi_dsums) if part.requires_grad]
            (drsmi_dy,) = torch.autograd.grad([part for part, _ in parts], leaf, [d for _, d in parts])
            dloss_dy.copy_(drsmi_dy / -x.shape[0])
        all_rsmi.append(rsmi.item())
    return torch.tensor(all_rsmi, dtype=torch.float64), gradient


def masked_rsmi_and_gradient(x, y, mask, options):
    """The same of the pixels in `mask`, [height, width], alone; the gradient of the others is 0."""
    rsmi, of_mask = rsmi_and_gradient(x[:, :, mask].unsqueeze(2), y[:, :, mask].unsqueeze(2), options)
    gradient = torch.zeros(y.shape, dtype=torch.float64, device=y.device)
    gradient[:, :, mask] = of_mask.squeeze(2)
    return rsmi, gradient


def relative_error(actual, expected):
    """|actual - expected| / |expected| in the Euclidean norm."""
    difference = actual.to(expected) - expected
    return (difference.norm() / expected.norm()).item()
