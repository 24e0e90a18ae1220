# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Draws translations of the same test images by several runs of scc_translate, a row for each. It needs Pillow and
the font DejaVu.

    python3 draw_rows.py digits.png MNIST=RUN/samples/0001000.png:0 GAN=RUN/samples/0001000.png:1
    python3 draw_rows.py maps.png photo=maps/testA map=maps/testB GAN=RUN/translations --names 05_01.png 05_02.png

A row is LABEL=FOLDER, which has images of the names that follow --names, or LABEL=FILE:ROW, a row of ten images in a grid of
samples. A | in LABEL begins a second line.
"""

import argparse
import pathlib
import sys

from PIL import Image, ImageDraw, ImageFont

CELL, LABELS, GAP, COLUMNS = 80, 190, 8, 10


def images_of(place, names):
    if names:
        return [Image.open(pathlib.Path(place) / name).convert("RGB") for name in names]
    file, row = place.rsplit(":", 1)
    grid = Image.open(file).convert("RGB")
    if grid.width % COLUMNS or grid.height % (grid.width // COLUMNS):
        sys.exit(f"{file} is not a grid of {COLUMNS} square images in a row: name a folder, and --names")
    side = grid.width // COLUMNS
    if not row.isdigit() or int(row) >= grid.height // side:
        sys.exit(f"{file} has rows from 0 to {grid.height // side - 1}, not '{row}'")
    return [grid.crop((k * side, int(row) * side, (k + 1) * side, (int(row) + 1) * side)) for k in range(COLUMNS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("rows", nargs="+", help="LABEL=FOLDER or LABEL=FILE:ROW")
    parser.add_argument("--names", nargs="+", help="of the images in the folders")
    arguments = parser.parse_args()
    rows = [row.split("=", 1) for row in arguments.rows]
    for label, *places in rows:
        if not places or bool(arguments.names) != pathlib.Path(places[0]).is_dir():
            parser.error(f"'{label}' is not followed by =FOLDER (with --names) or =FILE:ROW")
    columns = len(arguments.names or range(COLUMNS))
    picture = Image.new("RGB", (LABELS + columns * CELL, len(rows) * (CELL + GAP) - GAP), "white")
    draw = ImageDraw.Draw(picture)
    for row, (label, place) in enumerate(rows):
        top = row * (CELL + GAP)
        for line, text in enumerate(label.split("|")):
            font = ImageFont.truetype("DejaVuSans-Bold.ttf" if line == 0 else "DejaVuSans.ttf", 15 if line == 0 else 12)
            draw.text((4, top + 20 + 22 * line), text, "black" if line == 0 else "dimgrey", font)
        for column, image in enumerate(images_of(place, arguments.names)):
            picture.paste(image.resize((CELL, CELL), Image.Resampling.NEAREST), (LABELS + column * CELL, top))
    picture.save(arguments.file, optimize=True)


if __name__ == "__main__":
    main()
