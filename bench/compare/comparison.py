# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""The run: shape after shape, method after method, then the page."""

import copy
import dataclasses
import os
import shlex
import sys
import tempfile
import time

import torch

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

    @property
    def is_square_image(self):
        return self.shape[0] == 1 and self.shape[2] == self.shape[3]

    def row(self, key):
        return next((row for row in self.rows if row.key == key), None)


def first_calls(method, stopwatch, long):
    """What a bound method computes, and the seconds of a call in each mode, roughly.

    After this it has compiled what it compiles, and takes the faster way through a batch: all at once, or image by
    image. Calls of more than `long` seconds are not made twice.
    """
    outcome, seconds = stopwatch.once(method.result)
    if method.compiles:
        _, seconds = stopwatch.once(method.value_and_gradient)
    if len(method.choices) > 1 and seconds <= long:
        by_count = {}
        for count in method.choices:
            method.take_at_once(count)
            by_count[count] = timing.after_warm_up(method, "value_and_gradient", stopwatch)
        fastest = min(by_count, key=by_count.get)
        method.take_at_once(fastest)
        outcome, seconds = stopwatch.once(method.result)
    if seconds <= 1:
        seconds = timing.after_warm_up(method, "value_and_gradient", stopwatch)
    needs_no_call = seconds > long and not method.compiles
    value_seconds = seconds / 2 if needs_no_call else timing.after_warm_up(method, "value", stopwatch)
    return outcome, {"value": value_seconds, "value_and_gradient": seconds}


def errors_of(method, outcome, x, y, judged):
    """Of what a method computed: (of rSMI, of the gradient); of the value and against itself in float64, for what
    estimates something else."""
    values, gradient = outcome
    if method.estimates_rsmi:
        rsmi, dloss_dy = judged
    else:
        doubled = copy.copy(method)
        doubled.bind(x.double(), y.double())
        rsmi, dloss_dy = doubled.result()
        # It may have taken the images in other parts, each with a number of its own.
        values, rsmi = values.mean(), rsmi.mean()
    rsmi_error = (values.cpu().double() - rsmi.cpu().double()).abs().max().item()
    return rsmi_error, exact_scc.relative_error(gradient, dloss_dy)


class Comparison:
    """The methods that this machine can run, and how they are measured."""

    def __init__(self, arguments, library):
        self._arguments = arguments
        self.library = library
        self.options = Options(kernel=arguments.kernel)
        self._methods, self.left_out = [], []
        for key in ["scc", *arguments.methods]:
            try:
                self._methods.append(methods.make(key, library, self.options, arguments.device))
            except methods.CannotRun as error:
                self.left_out.append((key, str(error)))
        if "scc" in dict(self.left_out):
            sys.exit(f"bench/compare: scc itself cannot run: {dict(self.left_out)['scc']}")
        self._stopwatch = timing.Stopwatch(arguments.device, 0.005 if arguments.quick else 0.03)
        self._start = time.monotonic()

    def is_late(self, share=1):
        """Whether that share of the time limit has passed."""
        return time.monotonic() - self._start > share * self._arguments.time_limit

    def measure(self, shape, has_table):
        """A Result; what cannot run or fails is skipped, but for scc."""
        arguments = self._arguments
        x, y = (tensor.to(arguments.device) for tensor in scenes.pairs(shape, arguments.images))
        judged = exact_scc.rsmi_and_gradient(x, y, self.options)
        result = Result(shape, has_table, [], [])
        bound, expected = [], {}
        for method in self._methods:
            is_subject = method.key == "scc"
            try:
                if self.is_late() and not is_subject:
                    raise methods.CannotRun("no time was left")
                if method.compiles and self.is_late(0.5):
                    raise methods.CannotRun("too little time was left to compile it")
                method.bind(x, y)
                row = Row(method.key, method.label, method.remark, method.estimates_rsmi)
                outcome, expected[method.key] = first_calls(method, self._stopwatch, arguments.budget)
                row.remark = method.remark
                if outcome is not None:
                    row.rsmi_error, row.gradient_error = errors_of(method, outcome, x, y, judged)
                self._measure_memory(method, row, shape)
            except Exception as error:
                if is_subject:
                    raise
                text = str(error).strip().splitlines() or [type(error).__name__]
                result.skipped.append((method.label, text[0].rstrip(".")))
                print(f"  {method.label}: left out: {text[0]}", flush=True)
                method.release()
                continue
            bound.append(method)
            result.rows.append(row)
            seconds = page.time_text(expected[method.key]["value_and_gradient"])
            print(f"  {method.label}: {seconds}, {page.memory_text(row.peak)}", flush=True)
        timings = timing.compare(
            bound[0], bound[1:], expected, self._stopwatch, arguments.budget, arguments.repetitions
        )
        for row in result.rows:
            row.timings = {mode: timings[row.key, mode] for mode in timing.MODES}
        for method in bound:
            method.release()
        return result

    def _measure_memory(self, method, row, shape):
        if method.is_floor:
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
            measured = memory.on_cpu(method, shape, settings)
        row.peak, row.held = measured["peak"], measured["held"]


def describe(arguments, comparison, self_test):
    """What the page says of the run."""
    runtimes = machine.openmp_runtimes()
    on_cpu = arguments.device == "cpu"
    notes = [
        self_test,
        "**published**: the equations of the paper as its released code structures them: flattened images, 81 x M"
        " matrices of kernels, an explicit inverse, autograd"
        " ([bench/compare/dense_scc.py](../../bench/compare/dense_scc.py)). **factorised**: the best that we could"
        " write in PyTorch with the same equations: no 81 x M matrix, Cholesky's method. A batch is one call, or one"
        " image after the other where that is faster or all do not fit into memory; the row says so.",
        "**MONAI**: GlobalMutualInformationLoss with its default arguments (Gaussian Parzen windows, 23 bins),"
        " images mapped onto [0, 1]. It estimates another quantity; its errors are against itself in float64.",
        "**copy**: reads and writes, together, the 8 bytes per pixel that the value must move, the 20 with the"
        " gradient.",
        "Pairs: scc, other, then other, scc, and so on, in rounds; `times scc's` is formed in each round. Medians,"
        " in brackets the quartiles, of n rounds; scc's own row is of all its rounds. Images stay in the caches"
        " where they fit.",
        "Errors: float32 against the definition in float64"
        " ([bench/compare/exact_scc.py](../../bench/compare/exact_scc.py)); of rSMI absolute, the worst image; of"
        " the gradient relative, in the Euclidean norm.",
    ]
    if on_cpu:
        shared = (
            "one OpenMP runtime serves both" if len(runtimes) == 1 else f"{len(runtimes)} OpenMP runtimes are loaded"
        )
        notes += [
            f"A sample is the mean of a burst of calls, {timing.Stopwatch.pause * 1000:.0f} ms after the previous"
            " one, so that idle threads of other methods have gone to sleep, and after one call that wakes its own."
            f" PyTorch was told to use {arguments.threads} threads and has {torch.get_num_threads()}, scc gets"
            f" {comparison.library.threads()}; {shared}. Busy cores: processor time over wall time.",
            "Peak memory: of one call with gradient in a fresh process, without huge pages, above what is resident"
            " before it. The system's count may lag by 0.1 MiB per processor.",
        ]
    else:
        notes += [
            "A sample is the time between two events around a burst of calls on one stream. float32 matrices are"
            f" multiplied at PyTorch's precision '{torch.get_float32_matmul_precision()}'.",
            "Peak memory: of PyTorch's allocator, which also gives scc its workspace, above what is allocated before"
            " the call.",
        ]
    notes.append(
        "The images are not in the peak. Nor is scc's gradient, for which the caller has memory; PyTorch makes its own,"
        " 4 bytes per pixel, which are in it."
    )
    notes += [f"Left out: {key}: {reason}." for key, reason in comparison.left_out]
    options = comparison.options
    return {
        "device_name": machine.device_name(arguments.device),
        "cores": machine.cores(),
        "threads": arguments.threads,
        "versions": machine.versions(),
        "commit": machine.commit(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "options": f"{options.kernel}, sigma {options.bandwidth:g}, {options.centers_per_axis} x"
        f" {options.centers_per_axis} kernels, beta {options.beta:g}, lambda {options.ridge:g},"
        f" tolerance {options.tolerance:g}",
        "images": "photographs" if arguments.images else "the made-up scene of bench/compare/scenes.py",
        "command": shlex.join(
            ["bash", "bench/compare/run.sh", *[a for a in sys.argv[1:] if a not in ("--library", arguments.library)]]
        ),
        "notes": notes,
        "unfinished": "",
    }


def write_page(arguments, setup, results):
    name = "compare-" + machine.file_name(setup["device_name"])
    arguments.out.mkdir(parents=True, exist_ok=True)
    series = page.series_of(results)
    picture = None
    if len(series) > 1:
        try:
            plot.write(
                arguments.out / f"{name}.png", series, f"scc on {setup['device_name']}, threads: {setup['threads']}"
            )
            picture = f"{name}.png"
        except ImportError as error:
            print(f"bench/compare: no plot, as matplotlib cannot be imported ({error}); install python3-matplotlib")
    path = arguments.out / f"{name}.md"
    page.write(path, setup, results, targets.judge(results, arguments.device), picture)
    return path


def run(arguments):
    """All that the command does once its arguments are known."""
    torch.set_num_threads(arguments.threads)
    library = scc_library.Library(arguments.library)
    library.use_threads(arguments.threads)
    self_test = self_tests.run(library)
    print(self_test, flush=True)
    comparison = Comparison(arguments, library)
    setup = describe(arguments, comparison, self_test)
    shapes = [(shape, True) for shape in arguments.sizes]
    shapes += [(shape, False) for side in arguments.series if (shape := (1, 3, side, side)) not in arguments.sizes]
    # Tables before the series, small images before large; what ends the run early leaves a page of what was done.
    shapes.sort(key=lambda entry: (not entry[1], entry[0][0] * entry[0][2] * entry[0][3]))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        # Compiled code is shared with the processes that measure memory, and with no other run.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        for k, (shape, has_table) in enumerate(shapes):
            if k > 0 and comparison.is_late():
                setup["unfinished"] = "the time limit was reached before " + ", ".join(
                    page.shape_text(left) for left, _ in shapes[k:]
                )
                break
            print(page.shape_text(shape), flush=True)
            results.append(comparison.measure(shape, has_table))
            setup["unfinished"] = "it was ended before all shapes were measured"
            path = write_page(arguments, setup, results)
        else:
            setup["unfinished"] = ""
    path = write_page(arguments, setup, results)
    print(f"results: {path}")
