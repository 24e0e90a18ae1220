# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Measures scc beside what others run, and writes a page. Started by run.sh; README.md says how to read the page."""

import argparse
import dataclasses
import os
import pathlib
import re
import shlex
import sys
import tempfile
import time

try:
    import torch
except ImportError:
    sys.exit(
        "bench/compare: this Python has no PyTorch: install Debian's python3-torch and python3-matplotlib, or in a virtual"
        " environment: pip install torch monai matplotlib"
    )

import exact_scc
import machine
import memory
import methods
import page
import plot
import scc_library
import scenes
import self_tests
import targets
import timing
from options import Options


@dataclasses.dataclass
class Row:
    key: str
    label: str
    remark: str
    estimates_rsmi: bool
    rsmi_error: float = None  # absolute, of the worst image; of the value, for what estimates something else
    gradient_error: float = None  # relative, Euclidean norm
    timings: dict = None
    peak: int = None  # bytes
    held: int = None


@dataclasses.dataclass
class Result:
    shape: tuple
    has_table: bool
    rows: list
    skipped: list

    def row(self, key):
        return next((row for row in self.rows if row.key == key), None)


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
    parser = argparse.ArgumentParser(prog="run.sh", description="Measures scc beside what others run, and writes a page.")
    add = parser.add_argument
    add("--quick", action="store_true", help="small images and few rounds, to see that all works: seconds")
    add("--sizes", type=parse_shape, nargs="*", metavar="NxCxHxW", help="shapes that get a table of their own")
    add("--series", type=parse_positive(int), nargs="*", metavar="S", help="images 1x3xSxS that the plot has besides")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--threads", type=parse_positive(int), default=machine.cores(), help="of all methods (default: all cores)")
    add("--kernel", choices=("gaussian", "reciprocal_gaussian"), default="gaussian")
    add("--methods", nargs="*", metavar="METHOD", help="these alone, beside scc (default: all)")
    add("--images", metavar="FOLDER", help="photographs to take instead of the made-up scene")
    add("--budget", type=parse_positive(float), help="seconds of measurement per pair of methods and shape")
    add("--repetitions", type=parse_positive(int), help="rounds of a pair, at most")
    add("--time-limit", type=parse_positive(float), default=1e6, help="seconds after which nothing more is begun")
    add("--out", type=pathlib.Path, default=pathlib.Path("docs/results"), help="folder of the page (default: docs/results)")
    add("--library", required=True, help=argparse.SUPPRESS)  # run.sh gives it
    arguments = parser.parse_args()

    def default(name, usual, quick):
        if getattr(arguments, name) is None:
            setattr(arguments, name, quick if arguments.quick else usual)

    default("sizes", [(1, 3, 256, 256), (16, 3, 256, 256), (64, 3, 32, 32), (1, 3, 1024, 1024)], [(1, 3, 32, 32), (3, 3, 16, 24)])
    default("series", [32, 64, 128, 512], [16])
    default("budget", 20.0, 0.2)
    default("repetitions", 11, 3)
    every = methods.keys(arguments.device)
    default("methods", every[1:], [key for key in every[1:] if not key.endswith("_compiled")])
    for key in arguments.methods:
        if key not in every[1:]:
            parser.error(f"there is no method '{key}', only {', '.join(every[1:])}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: PyTorch finds no CUDA device")
    return arguments


def measure_errors(method, x, y, judged, stopwatch):
    """(error of rSMI, error of the gradient, seconds) of a bound method."""
    outcome = []
    seconds = stopwatch.once(lambda: outcome.append(method.result()))
    values, gradient = outcome[0]
    if method.estimates_rsmi:
        rsmi, dloss_dy = judged
    elif isinstance(method, methods.Autograd):
        method.bind(x.double(), y.double())
        rsmi, dloss_dy = method.result()
        method.bind(x, y)
    else:
        return None, None, seconds
    return (values.cpu().double() - rsmi.cpu().double()).abs().max().item(), exact_scc.relative_error(gradient, dloss_dy), seconds


class Comparison:
    def __init__(self, arguments, library):
        self._arguments = arguments
        self.library = library
        self.options = Options(kernel=arguments.kernel)
        self._stopwatch = timing.Stopwatch(arguments.device, 0.005 if arguments.quick else 0.03)
        self._deadline = time.monotonic() + arguments.time_limit

    def is_late(self):
        return time.monotonic() > self._deadline

    def measure(self, shape, has_table):
        """A Result; what cannot run or fails is skipped, but for scc."""
        arguments = self._arguments
        x, y = (tensor.to(arguments.device) for tensor in scenes.pairs(shape, arguments.images))
        judged = exact_scc.rsmi_and_gradient(x, y, self.options)
        result = Result(shape, has_table, [], [])
        bound, expected = [], {}
        for key in ["scc", *arguments.methods]:
            label = key
            try:
                if self.is_late():
                    raise methods.CannotRun("no time was left")
                method = methods.make(key, self.library, self.options, arguments.device)
                label = method.label
                method.bind(x, y)
                row = Row(key, label, method.remark, method.estimates_rsmi)
                if hasattr(method, "result"):
                    row.rsmi_error, row.gradient_error, seconds = measure_errors(method, x, y, judged, self._stopwatch)
                else:
                    seconds = self._stopwatch.once(method.value_and_gradient)
                expected[key] = timing.expected_seconds(method, self._stopwatch, seconds)
                self._measure_memory(method, row, shape)
            except Exception as error:
                if key == "scc":
                    raise
                text = str(error).strip().splitlines() or [type(error).__name__]
                result.skipped.append((label, text[0].rstrip(".")))
                continue
            bound.append(method)
            result.rows.append(row)
            print(f"  {label}: {page.time_text(expected[key]['value_and_gradient'])}, {page.memory_text(row.peak)}", flush=True)
        timings = timing.compare(bound[0], bound[1:], expected, self._stopwatch, arguments.budget, arguments.repetitions)
        for row in result.rows:
            row.timings = {mode: timings[row.key, mode] for mode in timing.MODES if (row.key, mode) in timings}
        result.rows = [row for row in result.rows if len(row.timings) == len(timing.MODES)]
        return result

    def _measure_memory(self, method, row, shape):
        if method.key in ("copy", "launch"):
            return
        if self._arguments.device == "cuda":
            measured = memory.on_gpu(method)
        else:
            settings = {
                "library": self._arguments.library,
                "options": dataclasses.asdict(self.options),
                "threads": self._arguments.threads,
                "photographs": self._arguments.images,
            }
            measured = memory.on_cpu(method.key, shape, settings)
        row.peak, row.held = measured["peak"], measured["held"]


def describe(arguments, comparison, self_test):
    """What the page says of the run."""
    runtimes = machine.openmp_runtimes()
    on_cpu = arguments.device == "cpu"
    notes = [
        self_test,
        "**published**: the equations of the paper as its released code structures them: flattened images, 81 x M matrices of kernels,"
        " an explicit inverse, autograd ([bench/compare/dense_scc.py](../../bench/compare/dense_scc.py)). **factorised**: the best that"
        " we could write in PyTorch with the same equations: no 81 x M matrix, Cholesky's method. A batch is one call, unless a row says"
        " otherwise.",
        "**MONAI**: GlobalMutualInformationLoss with its default arguments (Gaussian Parzen windows, 23 bins), images mapped onto [0, 1]."
        " It estimates another quantity; its errors are against itself in float64.",
        "**copy**: reads and writes, together, the 8 bytes per pixel that the value must move, the 20 with the gradient.",
        "Pairs: scc, other, then other, scc, and so on, in rounds; `times scc's` is formed in each round. Medians, in brackets the"
        " quartiles, of n rounds; scc's own row is of all its rounds. Images stay in the caches where they fit.",
        "Errors: float32 against the definition in float64 ([bench/compare/exact_scc.py](../../bench/compare/exact_scc.py)); of rSMI"
        " absolute, the worst image; of the gradient relative, in the Euclidean norm.",
    ]
    if on_cpu:
        shared = "one OpenMP runtime serves both" if len(runtimes) == 1 else f"{len(runtimes)} OpenMP runtimes are loaded"
        notes += [
            f"A sample is the mean of a burst of calls, {timing.Stopwatch.pause * 1000:.0f} ms after the previous one, so that idle"
            " threads of other methods have gone to sleep, and after one call that wakes its own. PyTorch was told to use"
            f" {arguments.threads} threads and has {torch.get_num_threads()}, scc gets {comparison.library.threads()}; {shared}. Busy cores:"
            " processor time over wall time.",
            "Peak memory: of one call with gradient in a fresh process, above what is resident before it, without the images and the"
            " gradient; the kernel counts resident memory in steps of about 0.1 MiB per processor.",
        ]
    else:
        notes += [
            "A sample is the time between two events around a burst of calls on one stream. float32 matrices are multiplied at"
            f" PyTorch's precision '{torch.get_float32_matmul_precision()}'.",
            "Peak memory: of PyTorch's allocator, which also gives scc its workspace, above what is allocated before the call.",
        ]
    for key in arguments.methods:
        try:
            methods.make(key, comparison.library, comparison.options, arguments.device)
        except methods.CannotRun as error:
            notes.append(f"Left out: {key}: {error}.")
    options = comparison.options
    return {
        "device_name": machine.device_name(arguments.device),
        "cores": machine.cores(),
        "threads": arguments.threads,
        "versions": machine.versions(),
        "commit": machine.commit(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "options": f"{options.kernel}, sigma {options.bandwidth:g}, {options.centers_per_axis} x {options.centers_per_axis} kernels,"
        f" beta {options.beta:g}, lambda {options.ridge:g}, tolerance {options.tolerance:g}",
        "images": "photographs" if arguments.images else "the made-up scene of bench/compare/scenes.py",
        "command": shlex.join(["bash", "bench/compare/run.sh", *[a for a in sys.argv[1:] if a not in ("--library", arguments.library)]]),
        "notes": notes,
        "unfinished": "",
    }


def write_page(arguments, setup, results):
    name = "compare-" + machine.file_name(setup["device_name"])
    arguments.out.mkdir(parents=True, exist_ok=True)
    series = [result for result in results if result.shape[0] == 1 and result.shape[2] == result.shape[3]]
    picture = None
    if len(series) > 1:
        try:
            plot.write(arguments.out / f"{name}.png", series, f"scc on {setup['device_name']}, {setup['threads']} threads")
            picture = f"{name}.png"
        except ImportError as error:
            print(f"bench/compare: no plot, as matplotlib cannot be imported ({error}); install python3-matplotlib")
    path = arguments.out / f"{name}.md"
    page.write(path, setup, results, targets.judge(results, arguments.device), picture)
    return path


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    library = scc_library.Library(arguments.library)
    library.use_threads(arguments.threads)
    self_test = self_tests.run(library)
    print(self_test, flush=True)
    comparison = Comparison(arguments, library)
    setup = describe(arguments, comparison, self_test)
    shapes = [(shape, True) for shape in arguments.sizes]
    shapes += [(shape, False) for side in arguments.series if (shape := (1, 3, side, side)) not in arguments.sizes]
    # Small ones first; whatever ends the run early leaves a page of what was done until then.
    shapes.sort(key=lambda entry: entry[0][0] * entry[0][2] * entry[0][3])
    results = []
    with tempfile.TemporaryDirectory() as folder:
        # Compiled code is shared with the processes that measure memory, and with no other run.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        for k, (shape, has_table) in enumerate(shapes):
            if comparison.is_late():
                setup["unfinished"] = "the time limit was reached before " + ", ".join(page.shape_text(left) for left, _ in shapes[k:])
                break
            print(page.shape_text(shape), flush=True)
            results.append(comparison.measure(shape, has_table))
            setup["unfinished"] = "it was ended before all shapes were measured"
            path = write_page(arguments, setup, results)
        else:
            setup["unfinished"] = ""
    if not results:
        sys.exit("bench/compare: nothing was measured")
    path = write_page(arguments, setup, results)
    print(f"results: {path}")


if __name__ == "__main__":
    main()
