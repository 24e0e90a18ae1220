# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Writes tiny data sets of every kind that scc_translate reads: make_data.py FOLDER. The same in every run."""

import pathlib
import random
import struct
import sys
import zlib


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def digit(rows, columns, label):
    """A bar whose place says the label, with noise."""
    return bytes(
        255 if row * 10 // rows == label and 4 < column < columns - 4 else random.randrange(30)
        for row in range(rows)
        for column in range(columns)
    )


def write_mnist(folder, part, count):
    labels = [k % 10 for k in range(count)]
    write(folder / f"{part}-images-idx3-ubyte",
          struct.pack(">4I", 2051, count, 28, 28) + b"".join(digit(28, 28, label) for label in labels))
    write(folder / f"{part}-labels-idx1-ubyte", struct.pack(">2I", 2049, count) + bytes(labels))


def element(kind, content):
    """A data element of a MATLAB 5 file."""
    return struct.pack("<2I", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name, shape, content):
    return element(14, element(6, struct.pack("<2I", 9, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape)) +
                   element(1, name.encode()) + element(2, content))


def write_svhn(path, count, is_packed):
    """X in column-major order, as MATLAB has it, and y from 1 to 10."""
    labels = [1 + k % 10 for k in range(count)]
    pixels = bytearray()
    for label in labels:
        rows = digit(32, 32, label % 10)
        plane = bytes(rows[32 * row + column] for column in range(32) for row in range(32))
        pixels += plane + bytes(255 - value for value in plane) + plane
    matrices = [matrix("X", (32, 32, 3, count), bytes(pixels)), matrix("y", (count, 1), bytes(labels))]
    if is_packed:
        packed = [zlib.compress(content) for content in matrices]
        matrices = [struct.pack("<2I", 15, len(content)) + content for content in packed]
    write(path, b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + b"".join(matrices))


def picture(height, width, channels):
    """A plane through random values, with noise."""
    colors = [[random.randrange(200) for _ in range(3)] for _ in range(channels)]
    return bytes(
        min(255, (down * row // height + right * column // width + base) // 3 + random.randrange(50))
        for row in range(height)
        for column in range(width)
        for base, down, right in colors
    )


def write_picture(path, height, width, channels=3):
    kind = "P6" if channels == 3 else "P5"
    write(path, f"{kind}\n{width} {height}\n255\n".encode() + picture(height, width, channels))


def main():
    random.seed(1)
    data = pathlib.Path(sys.argv[1])
    for folder in ("mnist", "fashion-mnist"):
        write_mnist(data / folder, "train", 200)
        write_mnist(data / folder, "t10k", 60)
    for k in range(10):
        write_picture(data / f"bsds500/{k}.ppm", 40, 48)
    write_svhn(data / "svhn/train_32x32.mat", 200, True)
    write_svhn(data / "svhn/test_32x32.mat", 60, False)
    for part, count in (("trainA", 5), ("trainB", 4), ("testA", 3), ("testB", 3)):
        for k in range(count):
            write_picture(data / part / f"{k}.ppm", 60, 50)
            write_picture(data / "aligned" / part / f"{k}.pgm", 60, 50, 1)


main()
