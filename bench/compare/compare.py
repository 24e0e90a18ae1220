# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Measures scc beside what others run, and writes a page. Started by run.sh; README.md says how to read the page."""

import argparse
import copy
import os
import pathlib
import re
import sys
import tempfile
import time

import torch

import exact_scc
import measurement
import methods
import page
import scenes
import self_tests
from dense_scc import Options


def parse_shape(text):
    if not re.fullmatch(r"[1-9]\d{0,4}x3x[1-9]\d{0,4}x[1-9]\d{0,4}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a shape like 16x3x256x256 (of 3 channels)")
    return tuple(int(extent) for extent in text.split("x"))


def parse_positive(text, kind=float):
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return value


def parse_count(text):
    return parse_positive(text, int)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Measures scc beside what others run, and writes a page."
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="small images and few rounds, to see that all works: seconds")
    add("--sizes", type=parse_shape, nargs="+", metavar="NxCxHxW", help="shapes that get a table of their own")
    add("--series", type=parse_count, nargs="*", metavar="S", help="images 1x3xSxS that the plot has besides")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    cores = len(os.sched_getaffinity(0))
    add("--threads", type=parse_count, default=cores, help="of all methods (default: all cores)")
    add("--kernel", choices=("gaussian", "reciprocal_gaussian"), default="gaussian")
    add("--methods", nargs="+", metavar="METHOD", help="these alone, beside scc (default: all)")
    add("--images", metavar="FOLDER", help="photographs to take instead of the made-up scene")
    add("--budget", type=parse_positive, help="seconds of measurement per pair of methods and shape")
    add("--repetitions", type=parse_count, help="rounds of a pair, at most")
    add("--time-limit", type=parse_positive, default=1e6, help="seconds after which nothing more is begun")
    out = pathlib.Path("docs/results")
    add("--out", type=pathlib.Path, default=out, help="folder of the page (default: docs/results)")
    add("--library", required=True, help=argparse.SUPPRESS)  # run.sh gives it
    arguments = parser.parse_args()

    every = [key for key in methods.KEYS if key != "launch" or arguments.device == "cuda"]
    large = [(1, 3, 256, 256), (16, 3, 256, 256), (64, 3, 32, 32), (1, 3, 1024, 1024)]
    for name, usual, quick in (
        ("sizes", large, [(1, 3, 32, 32)]),
        ("series", [32, 64, 128, 512], [16]),
        ("budget", 20.0, 0.2),
        ("repetitions", 11, 3),
        ("methods", every, [key for key in every if not key.endswith("_compiled")]),
    ):
        if getattr(arguments, name) is None:
            setattr(arguments, name, quick if arguments.quick else usual)
    for key in arguments.methods:
        if key not in every:
            parser.error(f"there is no method '{key}', only {', '.join(every)}")
    return arguments


class Comparison:
    """The methods that this machine can run, and how they are measured."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.options = Options(kernel=arguments.kernel)
        try:
            self.scc = methods.make("scc", arguments.library, self.options, arguments.device)
        except RuntimeError as error:
            sys.exit(f"bench/compare: scc itself cannot run: {error}")
        self.others, self.left_out = [], []
        for key in arguments.methods:
            try:
                self.others.append(methods.make(key, arguments.library, self.options, arguments.device))
            except methods.CannotRun as error:
                self.left_out.append((key, str(error)))
        self._start = time.monotonic()

    def is_late(self, share=1):
        """Whether that share of the time limit has passed."""
        return time.monotonic() - self._start > share * self.arguments.time_limit

    def measure(self, shape, has_table):
        """A page.Result; of the methods, those that fail are left out, but for scc."""
        arguments = self.arguments
        x, y = (tensor.to(arguments.device) for tensor in scenes.pairs(shape, arguments.images))
        exact = exact_scc.rsmi_and_gradient(x, y, self.options)
        result = page.Result(shape, has_table)
        measured, expected = [], {}
        for method in [self.scc, *self.others]:
            try:
                if method is not self.scc and self.is_late(0.5 if method.compiles else 1):
                    raise methods.CannotRun("too little time was left")
                method.bind(x, y)
                outcome, seconds = self._first_calls(method)
                row = page.Row(method.key, method.label, method.remark, method.estimates_rsmi)
                if outcome is not None:
                    expected_outcome = exact
                    if method.estimates_rsmi and method.is_masked:
                        mask = scenes.mask(*shape[2:]).to(x.device)
                        expected_outcome = exact_scc.masked_rsmi_and_gradient(x, y, mask, self.options)
                    row.rsmi_error, row.gradient_error = errors_of(method, outcome, x, y, expected_outcome)
                if not method.is_floor:
                    row.peak = measurement.peak_memory(method, shape, arguments)
            except Exception as error:
                if method is self.scc:
                    raise
                text = (str(error).strip() or type(error).__name__).splitlines()[0]
                result.skipped.append((method.label, text.rstrip(".")))
                print(f"  {method.label}: left out: {text}", flush=True)
                method.release()
                continue
            expected.update({(method.key, mode): seconds[mode] for mode in measurement.MODES})
            measured.append(method)
            result.rows[method.key] = row
            time_text = page.time_text(seconds["value_and_gradient"])
            print(f"  {method.label}: {time_text}, {page.memory_text(row.peak)}", flush=True)
        length = 0.005 if arguments.quick else 0.03
        timings = measurement.in_pairs(
            self.scc, measured[1:], expected, arguments.device, arguments.budget, arguments.repetitions, length
        )
        for (key, mode), timing in timings.items():
            result.rows[key].timings[mode] = timing
        for method in measured:
            method.release()
        return result

    def _first_calls(self, method):
        """What a bound method computes, and the seconds of a call in each mode, roughly. After this it has compiled
        what it compiles, and takes the faster way through a batch: all at once, or image by image."""
        found = {}
        for count in method.choices:
            if count is not None:
                method.take_at_once(count)
            outcome, seconds = measurement.warmed_up(method.result, self.arguments.device, method.compiles)
            found[count] = (seconds, outcome)
            if seconds > self.arguments.budget:
                break
        fastest = min(found, key=lambda count: found[count][0])
        if fastest is not None:
            method.take_at_once(fastest)
        seconds, outcome = found[fastest]
        _, value_seconds = measurement.warmed_up(method.value, self.arguments.device, method.compiles)
        return outcome, {"value": value_seconds, "value_and_gradient": seconds}


def errors_of(method, outcome, x, y, exact):
    """Of rSMI and of the gradient; of the value and against itself in float64, for what estimates something else."""
    values, gradient = outcome
    rsmi, dloss_dy = exact
    if not method.estimates_rsmi:
        doubled = copy.copy(method)
        doubled.bind(x.double(), y.double())
        rsmi, dloss_dy = doubled.result()
        # It may have taken the images in other parts, each with a number of its own.
        values, rsmi = values.mean(), rsmi.mean()
    rsmi_error = (values.cpu().double() - rsmi.cpu().double()).abs().max().item()
    return rsmi_error, exact_scc.relative_error(gradient, dloss_dy)


def main():
    arguments = parse_arguments()
    # The environment is for the processes that measure memory, and for an OpenMP runtime of scc's own.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    torch.set_num_threads(arguments.threads)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("bench/compare: --device cuda: PyTorch finds no CUDA device")
    self_test = self_tests.run(arguments.library)
    print(self_test, flush=True)
    comparison = Comparison(arguments)
    # Tables before the series, small images before large; what ends the run early leaves a page of what was done.
    shapes = [(shape, True) for shape in arguments.sizes]
    shapes += [(shape, False) for side in arguments.series if (shape := (1, 3, side, side)) not in arguments.sizes]
    shapes.sort(key=lambda entry: (not entry[1], entry[0][0] * entry[0][2] * entry[0][3]))
    results_page = page.Page(comparison, self_test)
    with tempfile.TemporaryDirectory() as folder:
        # Compiled code is shared with the processes that measure memory, and with no other run.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        for k, (shape, has_table) in enumerate(shapes):
            if k > 0 and comparison.is_late():
                break
            print(page.shape_text(shape), flush=True)
            results_page.results.append(comparison.measure(shape, has_table))
            path = results_page.write([left for left, _ in shapes[k + 1 :]])
    print(f"results: {path}")


if __name__ == "__main__":
    main()
