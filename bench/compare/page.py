# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""The page of results, in Markdown, and its plot."""

import dataclasses
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys
import textwrap

import torch

import measurement
import targets

_root = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Row:
    key: str
    label: str
    remark: str
    estimates_rsmi: bool
    rsmi_error: float = None  # absolute, of the worst image; of the value, for what estimates something else
    gradient_error: float = None  # relative, Euclidean norm
    peak: int = None  # bytes
    timings: dict = dataclasses.field(default_factory=dict)  # a measurement.Timing per mode


@dataclasses.dataclass
class Result:
    shape: tuple
    has_table: bool
    rows: dict = dataclasses.field(default_factory=dict)  # a Row per key
    skipped: list = dataclasses.field(default_factory=list)  # label and reason


def number(value):
    """Three digits or so, never in exponents."""
    if value >= 100:
        return f"{value:.0f}"
    if value < 1:
        return f"{value:.3f}" if value >= 0.0005 else "< 0.001"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def time_text(seconds):
    unit, factor = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{number(seconds * factor)} {unit}"


def memory_text(count):
    return "-" if count is None else f"{number(count / 2**20)} MiB"


def error_text(error):
    return "-" if error is None else f"{error:.1e}"


def shape_text(shape):
    return " x ".join(str(extent) for extent in shape)


def _spread_text(quartiles, rounds, text):
    lower, median, upper = (text(value) for value in quartiles)
    return median if rounds == 1 else f"{median} [{lower}, {upper}]"


def _table(result):
    yield (
        "| method | value | times scc's | value + gradient | times scc's | n | busy cores | peak memory |"
        " error of rSMI | error of gradient |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in result.rows.values():
        cells = [row.label + (f", {row.remark}" if row.remark else "")]
        for mode in measurement.MODES:
            timing = row.timings[mode]
            cells.append(_spread_text(timing.seconds, timing.rounds, time_text))
            cells.append("1" if timing.ratio is None else _spread_text(timing.ratio, timing.rounds, number))
        own = "" if row.estimates_rsmi or row.rsmi_error is None else " (of itself)"
        cells += [str(timing.rounds), number(timing.busy_cores) if timing.busy_cores else "-", memory_text(row.peak)]
        cells += [error_text(row.rsmi_error) + own, error_text(row.gradient_error) + own]
        yield f"| {' | '.join(cells)} |"
    if result.skipped:
        yield "\nNot measured:\n"
        yield from (f"- {label}: {reason}." for label, reason in result.skipped)


def _series_table(series):
    labels = {key: row.label for result in series for key, row in result.rows.items()}
    yield f"| image | {' | '.join(labels.values())} |"
    yield "|---|" + "---|" * len(labels)
    for result in series:
        cells = [shape_text(result.shape)]
        for row in (result.rows.get(key) for key in labels):
            text = "-" if row is None else time_text(row.timings["value_and_gradient"].seconds[1])
            cells.append(text if row is None or row.peak is None else f"{text}, {memory_text(row.peak)}")
        yield f"| {' | '.join(cells)} |"


# Okabe and Ito's colours, told apart by colour-blind readers too; each line has its own marker besides.
_styles = {
    "scc": dict(color="#000000", marker="o", linewidth=2),
    "published": dict(color="#D55E00", marker="s"),
    "published_compiled": dict(color="#E69F00", marker="D"),
    "factorised": dict(color="#0072B2", marker="^"),
    "factorised_compiled": dict(color="#56B4E9", marker="v"),
    "scc_masked": dict(color="#000000", marker="o", linestyle=":"),
    "monai": dict(color="#009E73", marker="P"),
    "kornia": dict(color="#F0E442", marker="X"),
    "kornia_masked": dict(color="#F0E442", marker="x"),
    "copy": dict(color="#999999", linestyle="--"),
    "launch": dict(color="#CC79A7", linestyle="--"),
}


def _plot(path, series, title):
    """Time and memory of one square image over its size. Raises ImportError where there is no matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5))
    for key in {key: None for result in series for key in result.rows}:
        rows = [(3 * result.shape[2] ** 2, result.rows[key]) for result in series if key in result.rows]
        times = [(pixels, row.timings["value_and_gradient"].seconds[1] * 1000) for pixels, row in rows]
        # What is below a page of memory cannot be told from nothing, and has no place on a logarithmic axis.
        peaks = [(pixels, row.peak / 2**20) for pixels, row in rows if row.peak is not None and row.peak >= 4096]
        for axes, points in ((left, times), (right, peaks)):
            axes.plot(*zip(*points) if points else ((), ()), label=rows[0][1].label.strip("*"), **_styles[key])
    for axes, what in ((left, "time of value + gradient, ms"), (right, "peak memory of value + gradient, MiB")):
        axes.set(xscale="log", yscale="log", xlabel="image of 3 x S x S, S²")
        axes.set_title(what, loc="left", fontsize=11)
        sides = [result.shape[2] for result in series]
        axes.set_xticks([3 * side**2 for side in sides], [f"{side}²" for side in sides])
        axes.minorticks_off()
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.legend(*left.get_legend_handles_labels(), loc="lower center", ncol=4, fontsize=9, frameon=False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _device_name(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit():
    """Of this checkout, or what SCC_COMMIT holds where there is no git."""
    command = ["git", "-C", str(_root), "describe", "--always", "--exclude=*", "--dirty= with changes"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("SCC_COMMIT", "unknown")


def _versions():
    found = [f"Python {platform.python_version()}", f"PyTorch {torch.__version__}"]
    for key, name in (("monai", "MONAI"), ("kornia", "kornia")):
        if hasattr(sys.modules.get(key), "__version__"):
            found.append(f"{name} {sys.modules[key].__version__}")
    if torch.version.cuda and torch.cuda.is_available():
        found.append(f"CUDA {torch.version.cuda}")
    return ", ".join(found)


class Page:
    """What the run has found so far."""

    def __init__(self, comparison, self_test):
        arguments, options = comparison.arguments, comparison.options
        self.results = []
        self._arguments, self._device = arguments, _device_name(arguments.device)
        self._notes = [
            self_test,
            *(f"Left out: {key}: {reason}." for key, reason in comparison.left_out),
        ]
        if arguments.device == "cuda":
            precision = torch.get_float32_matmul_precision()
            self._notes.append(f"float32 matrices are multiplied at PyTorch's precision '{precision}'.")
        scenes = "[bench/compare/scenes.py](../../bench/compare/scenes.py)"
        own = [word for word in sys.argv[1:] if word not in ("--library", arguments.library)]
        self._head = [
            f"# scc beside what others run, on {self._device}",
            "",
            f"- Machine: {len(os.sched_getaffinity(0))} cores, {arguments.threads} threads used, load average"
            f" {os.getloadavg()[0]:.1f} at the start; commit {_commit()}.",
            f"- Versions: {_versions()}.",
            f"- Options: {options.kernel}, sigma {options.bandwidth:g},"
            f" {options.centers_per_axis} x {options.centers_per_axis} kernels, beta {options.beta:g},"
            f" lambda {options.ridge:g}, tolerance {options.tolerance:g}.",
            "- Images: " + ("photographs." if arguments.images else f"the made-up scene of {scenes}."),
            "- **Published formulation**: the paper's equations, computed as the released PyTorch code computes them",
            "  (81 x M matrices, explicit inverse, autograd). That code's own kernel is the reciprocal of the Gaussian.",
            "- **Times scc's**: the median of ratios that were measured in pairs, not the quotient of the median times.",
            "- How time, memory and errors are measured, and what the methods are:",
            "  [bench/compare](../../bench/compare/README.md).",
            "- Command:",
            "",
            "<!-- snippet: skip: takes minutes, and PyTorch -->",
            "```sh",
            shlex.join(["bash", "bench/compare/run.sh", *own]),
            "```",
            "",
        ]

    def write(self, missing):
        """Writes the page without the shapes that are not measured yet, and returns its path."""
        out, name = self._arguments.out, "compare-" + re.sub(r"[^a-z0-9]+", "_", self._device.lower()).strip("_")
        out.mkdir(parents=True, exist_ok=True)
        lines = list(self._head)
        if missing:
            shapes = ", ".join(shape_text(shape) for shape in missing)
            lines += [f"**Not finished: the run ended, or its time limit was reached, before {shapes}.**", ""]
        verdicts = list(targets.judge(self.results, self._arguments.device))
        if verdicts:
            lines += ["## Targets", "", "| target | measured | |", "|---|---|---|"]
            lines += [
                f"| {target} | {measured} | {'reached' if is_reached else '**missed**'} |"
                for target, measured, is_reached in verdicts
            ]
            lines.append("")
        for result in self.results:
            if result.has_table:
                lines += [f"## {shape_text(result.shape)}", "", *_table(result), ""]
        series = [result for result in self.results if result.shape[0] == 1 and result.shape[2] == result.shape[3]]
        series.sort(key=lambda result: result.shape[2])
        if len(series) > 1:
            lines += ["## Over the size of the image", ""]
            try:
                _plot(out / f"{name}.png", series, f"scc on {self._device}, threads: {self._arguments.threads}")
                lines += [f"![Time and memory of value and gradient over the size of the image]({name}.png)", ""]
            except ImportError as error:
                print(f"bench/compare: no plot, as matplotlib cannot be imported ({error}); install python3-matplotlib")
            lines += ["Value and gradient: median time, peak memory.", "", *_series_table(series), ""]
        notes = (textwrap.fill(f"- {note}", 120, subsequent_indent="  ") for note in self._notes)
        lines += ["## How it was measured", "", *notes]
        path = out / f"{name}.md"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path
