#!/usr/bin/env python3
# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Runs experiments with scc_translate, keeps a record of each run, and writes tables of the records.

A run whose record is there is not repeated; one that was stopped goes on. --records docs/results keeps the records there;
--write then writes the tables into the pages. Each run has one thread: several runs are the better use of several cores.
"""

import argparse
import contextlib
import csv
import dataclasses
import fcntl
import os
import pathlib
import re
import shlex
import signal
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs/results"

METHODS = ("gan", "cyclegan", "gcgan-rot", "gcgan-vf", "cycle-rot", "cycle-vf")

# Table 1 of Guo et al. (CVPR 2022): translated images as test set, as training set; without and with the constraint.
PAPER = {
    "m-mm": {
        ("gan",): ("54.6 ± 40.5", "45.7 ± 31.2", "96.3 ± 0.2", "86.2 ± 1.9"),
        ("cyclegan",): ("95.3 ± 0.4", "83.8 ± 3.0", "96.7 ± 0.1", "87.7 ± 2.1"),
        ("gcgan-rot",): ("95.0 ± 0.6", "84.6 ± 2.8", "96.4 ± 0.3", "89.5 ± 1.2"),
        ("gcgan-vf",): ("95.2 ± 0.4", "83.8 ± 3.0", "96.6 ± 0.3", "87.8 ± 2.3"),
        ("cycle-rot",): ("-", "-", "96.5 ± 0.3", "89.8 ± 0.5"),
        ("cycle-vf",): ("-", "-", "96.7 ± 0.3", "89.0 ± 0.8"),
    },
    "mm-m": {
        ("gan",): ("80.3 ± 3.5", "95.5 ± 0.4", "90.9 ± 0.5", "96.0 ± 0.1"),
        ("cyclegan",): ("84.7 ± 2.5", "95.9 ± 0.4", "91.5 ± 0.3", "96.1 ± 0.2"),
        ("gcgan-rot",): ("85.9 ± 0.8", "96.0 ± 0.1", "91.8 ± 1.0", "96.1 ± 0.1"),
        ("gcgan-vf",): ("84.5 ± 1.5", "95.9 ± 0.4", "91.8 ± 0.8", "96.0 ± 0.1"),
        ("cycle-rot",): ("-", "-", "91.8 ± 1.0", "96.1 ± 0.1"),
        ("cycle-vf",): ("-", "-", "92.0 ± 0.8", "96.1 ± 0.1"),
    },
}


@dataclasses.dataclass
class Experiment:
    # Of docs/results: its table is between <!-- begin NAME --> and <!-- end NAME -->, its records are in PAGE.csv.
    page: str
    options: str  # of all runs
    rows: list  # (cells of the table, options) of each row
    weights: tuple  # of the constraint: each row without and with it
    seeds: tuple
    headings: tuple  # of the cells of a row
    columns: list  # (heading, digits after the point, value of a record)
    more_seeds: tuple = ()  # of a row whose first column deviates by more than 5 over the seeds
    paper: dict = dataclasses.field(default_factory=dict)  # cells of a row -> as PAPER
    matrices: tuple = ()  # cells of rows: which digits were read, with the first seed


def field(name):
    return lambda record: float(record[name]) if record.get(name) else None  # --no-training-score leaves one out


def confusion_of(record):
    """Ten rows, one for each digit, of how often each digit was read."""
    counts = list(map(int, record["confusion"].split()))
    return [counts[10 * digit:10 * digit + 10] for digit in range(10)]


def read_as(true, read):
    """Of all translated test images of the digits `true`, how many percent are read as one of `read` (None: right)."""
    def share(record):
        rows = confusion_of(record)
        wanted = sum(rows[digit][k] for digit in true for k in (read or [digit]) if read is None or k != digit)
        return 100 * wanted / sum(sum(rows[digit]) for digit in true)
    return share


LOW, HIGH = range(5), range(5, 10)
DIGIT_SCORES = [("as test set", 1, field("test-score")), ("as training set", 1, field("training-score")),
                ("rSMI", 3, field("test-rsmi"))]
LARGER = "--width 16 --discriminator-width 32 --iterations 3000"
OF_GCGAN = "--networks gcgan-digits --width 16 --discriminator-width 32 --iterations 3000"
NOISE, BATCH = "--noise-channels 4", "--discriminator-sees-batch 1"
VARIETY = [((method, what), f"--method {method} {options}") for method, what, options in (
    ("gan", "larger", LARGER), ("gan", "larger, noise", f"{LARGER} {NOISE}"), ("gan", "larger, sees batch", f"{LARGER} {BATCH}"),
    ("gan", "larger, noise, sees batch", f"{LARGER} {NOISE} {BATCH}"), ("gan", "GcGAN's networks", OF_GCGAN),
    ("gan", "GcGAN's networks, noise, sees batch", f"{OF_GCGAN} {NOISE} {BATCH}"),
    ("cyclegan", "noise, sees batch", f"{NOISE} {BATCH}"))]
SHARES = [("all digits alike", "1 1 1 1 1 1 1 1 1 1"), ("a tenth of 5 to 9", "1 1 1 1 1 .1 .1 .1 .1 .1"),
          ("no 5 to 9", "1 1 1 1 1 0 0 0 0 0")]


def rows_of_methods(methods):
    return [((method,), f"--method {method}") for method in methods]


EXPERIMENTS = {
    "digits": Experiment(
        "digits.md", "--quick --direction m-mm", rows_of_methods(METHODS), (0, 50), (1, 2, 3), ("method",), DIGIT_SCORES, (4, 5),
        PAPER["m-mm"]),
    "digits-back": Experiment(
        "digits.md", "--quick --direction mm-m", rows_of_methods(METHODS), (0, 5), (1, 2, 3), ("method",), DIGIT_SCORES, (4, 5),
        PAPER["mm-m"]),
    "weights-back": Experiment(
        "digits.md", "--quick --direction mm-m", rows_of_methods(METHODS[:3]), (0, 2, 5, 10, 20, 50), (1,), ("method",),
        DIGIT_SCORES),
    "variety": Experiment(
        "variety.md", "--direction m-mm --quick", VARIETY, (0, 10, 20, 50), (1,), ("method", "other options"),
        DIGIT_SCORES),
    "variety-seeds": Experiment(
        "variety.md", "--direction m-mm --quick", VARIETY[3:4], (0, 20), (1, 2, 3),
        ("method", "other options"), DIGIT_SCORES),
    "shift": Experiment(
        "shift.md", "--quick --direction m-mm --no-training-score",
        [((what, m), f"--method {m} --target-shares {shares}") for what, shares in SHARES for m in ("gan", "cyclegan")],
        (0, 50), (1, 2, 3), ("in the target domain", "method"),
        [("all read right", 1, field("test-score")), ("0 to 4 read right", 1, read_as(LOW, None)),
         ("5 to 9 read right", 1, read_as(HIGH, None)), ("5 to 9 read as 0 to 4", 1, read_as(HIGH, LOW)),
         ("rSMI", 3, field("test-rsmi"))], matrices=(("no 5 to 9", "gan"), ("no 5 to 9", "cyclegan"))),
    "maps": Experiment(
        "maps.md", "--direction a-b --networks digits --size 32 --batch 8 --width 16 --residual-blocks 3 "
        "--discriminator-width 16 --iterations 3000 --score maps --evaluate-every 500",
        rows_of_methods(("gan", "cyclegan", "cut")), (0, 5, 20), (1,), ("method",),
        [("RMSE", 2, field("rmse")), ("acc(5)", 1, field("acc5")), ("acc(10)", 1, field("acc10")),
         ("rSMI", 3, field("test-rsmi"))]),
}


@dataclasses.dataclass(frozen=True)
class Run:
    arguments: str

    @property
    def folder(self):
        return re.sub(r"[^\w.-]+", "_", self.arguments.replace("--", ""))


@contextlib.contextmanager
def lock_of(folder, waits):
    """Of other threads and processes: whether this one has it until the end of the block."""
    file = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = True
    except BlockingIOError:
        is_ours = False
    try:
        yield is_ours
    finally:
        os.close(file)


class Records:
    """A file of CSV with a line for each run: its arguments, status, commit, options and scores."""

    def __init__(self, path):
        self._path = path
        self.read()

    def read(self):
        with lock_of(self._path.parent, waits=True):
            self._read()

    def _read(self):
        rows = []
        if self._path.exists():
            with open(self._path, newline="") as file:
                rows = list(csv.DictReader(file))
        self.of_run = {row["arguments"]: row for row in rows}  # at once: other threads look into it

    def add(self, record):
        with lock_of(self._path.parent, waits=True):
            self._read()
            self.of_run[record["arguments"]] = record
            names = list(dict.fromkeys(name for each in self.of_run.values() for name in each))
            part = self._path.with_suffix(".part")
            with open(part, "w", newline="") as file:
                writer = csv.DictWriter(file, names, lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.of_run[key] for key in sorted(self.of_run))
            part.replace(self._path)


def runs_of(experiment, row_options, weight, seeds):
    return [Run(f"{experiment.options} {row_options} --scc {weight} --seed {seed}".strip()) for seed in seeds]


def finished(records, runs):
    found = [records.of_run[run.arguments] for run in runs if run.arguments in records.of_run]
    return [record for record in found if record["status"] == "finished"], len(found)


def numbers_of(value, good):
    return [number for number in map(value, good) if number is not None]


def seeds_of(experiment, records, row_options):
    """More seeds for all weights of a row if one of them deviates: rows with and without the constraint stay comparable."""
    value = experiment.columns[0][2]
    for weight in experiment.weights:
        good, _ = finished(records, runs_of(experiment, row_options, weight, experiment.seeds))
        numbers = numbers_of(value, good)
        if len(numbers) > 1 and statistics.stdev(numbers) > 5:
            return experiment.seeds + experiment.more_seeds
    return experiment.seeds


class Runner:
    def __init__(self, arguments, records):
        self._arguments = arguments
        self._records = records
        self._processes = set()
        self._stops = False
        self._commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True,
                                      text=True, check=False).stdout.strip()

    def command(self, options, out):
        return [self._arguments.program, "--data", self._arguments.data, "--classifier", self._arguments.out / "classifiers",
                *shlex.split(options), "--out", out]

    def run(self, run):
        if self._stops or run.arguments in self._records.of_run:
            return
        folder = self._arguments.out / run.folder
        folder.mkdir(parents=True, exist_ok=True)
        with lock_of(folder, waits=False) as is_ours:
            self._records.read()  # another process may have finished it
            if is_ours and run.arguments not in self._records.of_run:
                self._run_in(folder, run)

    def _run_in(self, folder, run):
        # glibc returns large blocks to the system at each free, which takes a sixth of the time.
        keep_memory = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**34)}
        resume = ["--resume"] if (folder / "checkpoint.pt").exists() else []
        with open(folder / "log.txt", "w") as log:
            process = subprocess.Popen(self.command(run.arguments, folder) + resume, stdout=log, stderr=subprocess.STDOUT,
                                       env={**os.environ, **keep_memory, "OMP_NUM_THREADS": "1"}, start_new_session=True)
            self._processes.add(process)
            _, wait_status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(wait_status)
        self._processes.discard(process)
        spent = folder / "cpu-seconds.txt"
        seconds = usage.ru_utime + usage.ru_stime + (float(spent.read_text()) if resume and spent.exists() else 0)
        spent.write_text(f"{seconds:.0f}\n")
        if process.returncode == 3 or self._stops and process.returncode != 0:
            return  # it goes on another time
        record = {"arguments": run.arguments, "status": "finished", "commit": self._commit, "cpu-seconds": f"{seconds:.0f}"}
        if process.returncode == 0:
            record.update(line.split(" ", 1) for line in (folder / "result.txt").read_text().splitlines())
        else:
            lines = (folder / "log.txt").read_text().splitlines()
            record["status"] = "failed: " + (lines[-1] if lines else f"exit status {process.returncode}")
        self._records.add(record)
        print(record["status"], run.arguments, record.get("test-score", record.get("rmse", "")), flush=True)

    def run_all(self, runs):
        with ThreadPoolExecutor(self._arguments.jobs) as pool:
            futures = [pool.submit(self.run, run) for run in runs]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._stops = True
                for process in list(self._processes):
                    process.send_signal(signal.SIGTERM)
                raise


def run_experiment(experiment, arguments, records):
    runner = Runner(arguments, records)
    cells = [(options, weight) for _, options in experiment.rows for weight in experiment.weights]
    # Seed by seed, so that all rows have something early.
    first = [run for runs in zip(*(runs_of(experiment, *cell, experiment.seeds) for cell in cells)) for run in runs]
    missing = [run for run in first if run.arguments not in records.of_run]
    if missing:
        # The classifier is shared: it is there before several runs need it.
        done = subprocess.run(runner.command(missing[0].arguments, arguments.out) + ["--classifier-only"], check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
    runner.run_all(first)
    runner.run_all(run for cell in cells for run in runs_of(experiment, *cell, seeds_of(experiment, records, cell[0])))


def spread(values, digits):
    if not values:
        return "-"
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def table_of(experiment, records):
    """Markdown: means ± standard deviations over the seeds; without rows that have no runs."""
    headings = [*experiment.headings, "weight", "n"]
    for k, (heading, _, _) in enumerate(experiment.columns):
        headings += [heading, "paper"] if experiment.paper and k < 2 else [heading]
    lines = ["| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
    for cells, options in experiment.rows:
        seeds = seeds_of(experiment, records, options)
        for weight in experiment.weights:
            good, count = finished(records, runs_of(experiment, options, weight, seeds))
            if count == 0:
                continue
            failed = f", {count - len(good)} failed" if count > len(good) else ""
            line = [*cells, str(weight), f"{len(good)}{failed}"]
            for k, (_, digits, value) in enumerate(experiment.columns):
                line.append(spread(numbers_of(value, good), digits))
                if experiment.paper and k < 2:
                    line.append(experiment.paper[cells][2 * (weight > 0) + k])
            lines.append("| " + " | ".join(line) + " |")
    for cells, options in experiment.rows:
        for weight in experiment.weights if cells in experiment.matrices else ():
            good, _ = finished(records, runs_of(experiment, options, weight, experiment.seeds[:1]))
            lines += matrix_of(", ".join([*cells, f"weight {weight}"]), good[0]) if good else []
    return "\n".join(lines) + "\n"


def matrix_of(title, record):
    """Markdown: what was read in translations of the digits from 5 on, in percent."""
    rows = confusion_of(record)
    lines = ["", f"{title}, seed {record['seed']}:", "",
             "| digit | " + " | ".join(f"read as {k}" if k == 0 else str(k) for k in range(10)) + " |", "|---" * 11 + "|"]
    for digit in HIGH:
        shares = [f"{100 * count / sum(rows[digit]):.0f}" if count > 0 else "" for count in rows[digit]]
        shares[digit] = f"**{shares[digit] or 0}**"
        lines.append(f"| {digit} | " + " | ".join(shares) + " |")
    return lines


def page_with(name, experiment, records):
    """The experiment's page, and what it must be."""
    path = RESULTS / experiment.page
    text = path.read_text()
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    return path, text, before + begin + "\n" + table_of(experiment, records) + "\n" + end + after


def build_program(device):
    script = ("source .ci/packages.sh; source examples/build_program.sh; "
              'packages=("${libtorch_packages[@]}"); '
              '[[ -z ${CMAKE_PREFIX_PATH:-} ]] || packages=("${packages[@]:1}"); '
              'require_packages "${build_packages[@]}" "${example_packages[@]}" "${packages[@]}"; '
              'build_program translate scc_translate "$@"')
    cuda = "ON" if device == "cuda" else "OFF"
    subprocess.run(["bash", "-euo", "pipefail", "-c", script, "-", f"-DSCC_BUILD_CUDA={cuda}"], cwd=ROOT, check=True)
    return ROOT / "build/translate/examples/translate/scc_translate"


def weight_of(text):
    number = float(text)
    return int(number) if number.is_integer() else number


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Further options for every run follow --, for example: experiments.py digits -- --iterations 500")
    parser.add_argument("experiment", nargs="?", choices=EXPERIMENTS, help="which one (digits)", default="digits")
    parser.add_argument("--methods", nargs="+", help="only these")
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--weights", nargs="+", type=weight_of, help="of the constraint; 0 is without")
    parser.add_argument("--full", action="store_true", help="sizes for a GPU in place of --quick, and 5 seeds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time (the number of cores)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data",
                        help="folder of the data (shared/data beside the checkout)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/translate/runs", help="folder of the runs")
    parser.add_argument("--records", type=pathlib.Path, help="folder of the records, PAGE.csv (that of the runs)")
    parser.add_argument("--program", type=pathlib.Path, help="an scc_translate that is built already")
    parser.add_argument("--table", action="store_true", help="run nothing: print the table of the records")
    parser.add_argument("--write", action="store_true", help="run nothing: write the tables of all pages in docs/results")
    parser.add_argument("--check", action="store_true", help="run nothing: fail if a page differs from its records")
    given, more = sys.argv[1:], []
    if "--" in given:
        given, more = given[:given.index("--")], given[given.index("--") + 1:]
    arguments = parser.parse_args(given)
    experiment = dataclasses.replace(EXPERIMENTS[arguments.experiment])  # --write and --check need the whole one
    if arguments.full:
        experiment.options = experiment.options.replace("--quick", "").strip()
        experiment.seeds, experiment.more_seeds = (1, 2, 3, 4, 5), ()
    if arguments.methods:
        place = experiment.headings.index("method")
        experiment.rows = [row for row in experiment.rows if row[0][place] in arguments.methods]
        if {row[0][place] for row in experiment.rows} != set(arguments.methods):
            parser.error(f"'{arguments.experiment}' has not all of: {' '.join(arguments.methods)}")
    if arguments.seeds:
        experiment.seeds, experiment.more_seeds = tuple(dict.fromkeys(arguments.seeds)), ()
    if arguments.weights:
        experiment.weights = tuple(dict.fromkeys(arguments.weights))
    if arguments.device != "cpu":
        more = ["--device", arguments.device, *more]
    experiment.options = f"{experiment.options} {shlex.join(more)}".strip()
    arguments.records = arguments.records or arguments.out
    return experiment, arguments


def stop(*_):
    raise KeyboardInterrupt


def main():
    experiment, arguments = parse()
    if arguments.write or arguments.check:
        stale = []
        for name, each in EXPERIMENTS.items():
            records = (RESULTS / each.page).with_suffix(".csv")
            path, text, wanted = page_with(name, each, Records(records))
            if arguments.write:
                path.write_text(wanted)
            elif text != wanted:
                stale.append(f"{path.relative_to(ROOT)} differs from {records.name}: experiments.py --write mends it")
        sys.exit("\n".join(stale) or None)
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.records.mkdir(parents=True, exist_ok=True)
    records = Records((arguments.records / experiment.page).with_suffix(".csv"))
    if not arguments.table:
        arguments.program = (arguments.program or build_program(arguments.device)).resolve()
        signal.signal(signal.SIGTERM, stop)
        try:
            run_experiment(experiment, arguments, records)
        except KeyboardInterrupt:
            sys.exit("experiments.py: stopped; the same command goes on")
    print(table_of(experiment, records), end="")


if __name__ == "__main__":
    main()
