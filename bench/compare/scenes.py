# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Pairs of images: a made-up scene, the same on every machine, or photographs."""

import math
import pathlib

import numpy
import torch


def _wave(size, frequency, phase):
    return numpy.cos(2 * math.pi * frequency * numpy.arange(size) / size + phase)


def _image(height, width, seed):
    """Waves of all directions, of amplitudes like 1 / frequency, in similar colours: as in bench/scene.hpp."""
    random = numpy.random.RandomState(seed)  # its numbers are the same in every version of NumPy
    image = numpy.zeros((3, height, width))
    for _ in range(32):
        frequency = 0.5 * 2 ** (5 * random.uniform())
        direction = 2 * math.pi * random.uniform()
        across = _wave(width, frequency * math.cos(direction), 7 * random.uniform())
        down = _wave(height, frequency * math.sin(direction), 7 * random.uniform())
        for channel in range(3):
            amplitude = (0.6 + 0.5 * random.uniform()) / math.sqrt(1 + frequency**2)
            image[channel] += amplitude * numpy.outer(down, across)
    return numpy.tanh(0.8 * image)


def _translation(image, seed):
    """Another tone curve per channel, another light across the picture, and a little noise."""
    random = numpy.random.RandomState(seed)
    _, height, width = image.shape
    contrast = 0.9 - 0.25 * numpy.arange(3).reshape(3, 1, 1)
    light = numpy.arange(width) / width - 0.5
    noise = random.uniform(size=(3, height, width)) - 0.5
    return numpy.tanh(contrast * image + 0.4 * image**2 - 0.3 + 0.3 * light + 0.2 * noise)


def _photographs(folder, count, height, width):
    """The first images of a folder, repeated and cut to the size."""
    from matplotlib import image as image_files

    suffixes = {".png", ".jpg", ".jpeg"}
    paths = sorted(path for path in pathlib.Path(folder).iterdir() if path.suffix.lower() in suffixes)
    if not paths:
        raise ValueError(f"there is no *.png, *.jpg or *.jpeg in {folder}")
    for k in range(count):
        pixels = numpy.asarray(image_files.imread(paths[k % len(paths)]))
        if pixels.dtype == numpy.uint8:
            pixels = pixels / 255.0
        if pixels.ndim != 3 or pixels.shape[2] < 3:
            raise ValueError(f"{paths[k % len(paths)]} is not a colour image")
        pixels = 2 * pixels[:, :, :3].transpose(2, 0, 1) - 1
        repeats = (1, math.ceil(height / pixels.shape[1]), math.ceil(width / pixels.shape[2]))
        yield numpy.tile(pixels, repeats)[:, :height, :width]


def pairs(shape, photographs=None):
    """x and y = its translation, [images, 3, height, width], float32, inside [-1, 1]."""
    images, channels, height, width = shape
    if channels != 3:
        raise ValueError("images have 3 channels")
    if photographs is None:
        sources = (_image(height, width, 20220619 + k) for k in range(images))
    else:
        sources = _photographs(photographs, images, height, width)
    x, y = [], []
    for k, image in enumerate(sources):
        x.append(image.astype(numpy.float32))
        y.append(_translation(image, k).astype(numpy.float32))
    # Photographs come in another order of axes, which stack() keeps.
    return tuple(torch.from_numpy(numpy.ascontiguousarray(numpy.stack(images))) for images in (x, y))


def mask(height, width):
    """[height, width] of bool: an ellipse in the middle, 59 % of the pixels where there are many."""
    down, across = ((torch.arange(size) + 0.5) / size - 0.5 for size in (height, width))
    return down.square().view(-1, 1) + across.square() < 0.1875
