# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Measures scc beside what others run, and writes a page. Started by run.sh; README.md says how to read the page."""

import argparse
import os
import pathlib
import re
import sys

METHODS = (
    "published",
    "published_compiled",
    "factorised",
    "factorised_compiled",
    "mutual_information",
    "copy",
    "launch",
)


def parse_shape(text):
    if not re.fullmatch(r"[1-9]\d{0,4}x3x[1-9]\d{0,4}x[1-9]\d{0,4}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a shape like 16x3x256x256 (of 3 channels)")
    return tuple(int(extent) for extent in text.split("x"))


def parse_positive(kind):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e9:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
        return value

    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Measures scc beside what others run, and writes a page."
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="small images and few rounds, to see that all works: seconds")
    add("--sizes", type=parse_shape, nargs="+", metavar="NxCxHxW", help="shapes that get a table of their own")
    add("--series", type=parse_positive(int), nargs="*", metavar="S", help="images 1x3xSxS that the plot has besides")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add(
        "--threads",
        type=parse_positive(int),
        default=len(os.sched_getaffinity(0)),
        help="of all methods (default: all cores)",
    )
    add("--kernel", choices=("gaussian", "reciprocal_gaussian"), default="gaussian")
    add("--methods", nargs="+", metavar="METHOD", help="these alone, beside scc (default: all)")
    add("--images", metavar="FOLDER", help="photographs to take instead of the made-up scene")
    add("--budget", type=parse_positive(float), help="seconds of measurement per pair of methods and shape")
    add("--repetitions", type=parse_positive(int), help="rounds of a pair, at most")
    add("--time-limit", type=parse_positive(float), default=1e6, help="seconds after which nothing more is begun")
    add(
        "--out",
        type=pathlib.Path,
        default=pathlib.Path("docs/results"),
        help="folder of the page (default: docs/results)",
    )
    add("--library", required=True, help=argparse.SUPPRESS)  # run.sh gives it
    arguments = parser.parse_args()

    def default(name, usual, quick):
        if getattr(arguments, name) is None:
            setattr(arguments, name, quick if arguments.quick else usual)

    default("sizes", [(1, 3, 256, 256), (16, 3, 256, 256), (64, 3, 32, 32), (1, 3, 1024, 1024)], [(1, 3, 32, 32)])
    default("series", [32, 64, 128, 512], [16])
    default("budget", 20.0, 0.2)
    default("repetitions", 11, 3)
    every = [key for key in METHODS if key != "launch" or arguments.device == "cuda"]
    default("methods", every, [key for key in every if not key.endswith("_compiled")])
    for key in arguments.methods:
        if key not in every:
            parser.error(f"there is no method '{key}', only {', '.join(every)}")
    return arguments


def main():
    arguments = parse_arguments()
    try:
        import torch
    except ImportError:
        sys.exit(
            "bench/compare: this Python has no PyTorch: install Debian's python3-torch and python3-matplotlib, or in"
            " a virtual environment: pip install torch monai matplotlib"
        )
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("bench/compare: --device cuda: PyTorch finds no CUDA device")
    # After the arguments are known to be right: these import PyTorch, which takes seconds.
    import comparison

    comparison.run(arguments)


if __name__ == "__main__":
    main()
