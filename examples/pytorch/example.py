# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Trains a translator that keeps the structure of its input, with nothing but the loss."""

import torch

import scc  # noqa: F401, makes torch.ops.scc.rsmi

torch.manual_seed(1)
input = torch.nn.functional.interpolate(torch.rand(8, 3, 8, 8) * 2 - 1, size=(64, 64), mode="bilinear")
layers = (torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(16, 3, 3, padding=1), torch.nn.Tanh())
generator = torch.nn.Sequential(*layers)
optimizer = torch.optim.Adam(generator.parameters(), lr=0.01)
for step in range(101):
    rsmi = torch.ops.scc.rsmi(input, generator(input)).mean()
    loss = -20 * rsmi  # a trainer adds its adversarial loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step}: rSMI {rsmi.item():.4f}")
