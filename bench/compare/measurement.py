# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Times, in pairs, so that a machine that drifts changes both alike; and the peak memory of one call.

Run as a program, with a JSON object as its argument, it prints the peak memory of one method on the CPU.
"""

import collections
import ctypes
import dataclasses
import gc
import json
import pathlib
import subprocess
import sys
import time

import numpy
import torch

import methods
import scenes
from dense_scc import Options

MODES = ("value", "value_and_gradient")
PAUSE = 0.02  # seconds


@dataclasses.dataclass
class Timing:
    seconds: numpy.ndarray  # of a call: quartiles
    busy_cores: float  # processor time of the process over wall time
    rounds: int
    ratio: numpy.ndarray = None  # to the subject's seconds: quartiles


def timed(call, device):
    """What a call returns, and its seconds until its work is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    outcome = call()
    if device == "cuda":
        torch.cuda.synchronize()
    return outcome, time.perf_counter() - start


def warmed_up(call, device, compiles=False):
    """The same of the shorter of two later calls, if it is short or has to be compiled: the first one takes longer."""
    outcome, seconds = timed(call, device)
    if seconds < 1 or compiles:
        seconds = min(timed(call, device)[1] for _ in range(2))
    return outcome, seconds


def _burst(call, expected, device, length):
    """Seconds of a call, as the mean of a burst, and busy cores. On the CPU a pause lets threads that still spin go to
    sleep, then a call that does not count wakes those that are needed. On a GPU the time is between two events."""
    count = max(1, round(length / max(expected, 1e-7)))
    if device == "cpu":
        time.sleep(PAUSE)
    if expected < 10 * length:
        call()
    if device == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
    processor, start = time.process_time(), time.perf_counter()
    for _ in range(count):
        call()
    seconds, busy = time.perf_counter() - start, time.process_time() - processor
    if device == "cuda":
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000 / count, 0
    return seconds / count, busy / seconds


def in_pairs(subject, others, expected, device, budget, most_rounds, length):
    """Times bound methods beside the subject: subject, other, then other, subject, and so on.

    `expected` has the seconds of a call, roughly, per key and mode. A pair has as many rounds as the budget of seconds
    allows, at least 3, or 1 where a single one exceeds it. Returns a Timing per key and mode.
    """
    samples, ratios = collections.defaultdict(list), collections.defaultdict(list)

    def take(method, mode):
        sample = _burst(getattr(method, mode), expected[method.key, mode], device, length)
        samples[method.key, mode].append(sample)
        return sample[0]

    for other in others:
        calls = [expected[key, mode] for key in (subject.key, other.key) for mode in MODES]
        seconds = sum(PAUSE + (call if call > 10 * length else 2 * length) for call in calls)
        rounds = 1 if seconds > budget else max(min(3, most_rounds), min(most_rounds, int(budget / seconds)))
        for k in range(rounds):
            pair = [subject, other] if k % 2 == 0 else [other, subject]
            for mode in MODES:
                taken = {method.key: take(method, mode) for method in pair}
                ratios[other.key, mode].append(taken[other.key] / taken[subject.key])
    if not others:
        for mode in MODES * 3:
            take(subject, mode)

    def quartiles(values):
        return numpy.quantile(values, (0.25, 0.5, 0.75)) if values else None

    return {
        at: Timing(
            quartiles([s for s, _ in taken]), numpy.median([b for _, b in taken]), len(taken), quartiles(ratios[at])
        )
        for at, taken in samples.items()
    }


def peak_memory(method, shape, arguments):
    """Bytes of one call with gradient of a bound method, above what it holds before: of PyTorch's allocator on a GPU,
    and of a fresh process on the CPU."""
    if arguments.device == "cuda":
        if method.key in ("scc", "scc_masked"):
            method.release()
        gc.collect()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        method.value_and_gradient()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    job = {name: getattr(arguments, name) for name in ("library", "kernel", "images")}
    job.update(key=method.key, at_once=method.at_once, shape=shape)
    child = subprocess.run([sys.executable, __file__, json.dumps(job)], capture_output=True, text=True, check=False)
    if child.returncode != 0:
        reason = child.stderr.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
        raise methods.CannotRun(f"the process that measures its memory failed: {reason[0]}")
    return int(child.stdout)


def _highest_resident_bytes():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _print_peak(job):
    libc = ctypes.CDLL(None)
    # No transparent huge pages (PR_SET_THP_DISABLE): else a few bytes more may make 2 MiB resident.
    libc.prctl(41, 1, 0, 0, 0)
    method = methods.make(job["key"], job["library"], Options(kernel=job["kernel"]), "cpu")
    method.bind(*scenes.pairs((1, 3, 16, 16)))
    method.value_and_gradient()
    method.bind(*scenes.pairs(job["shape"], job["images"]))
    if job["at_once"]:
        method.take_at_once(job["at_once"])
    if method.compiles:
        method.value_and_gradient()
    gc.collect()
    libc.malloc_trim(0)
    try:
        # The highest resident size starts again from what is resident now, where the system lets us.
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass
    before = _highest_resident_bytes()
    method.value_and_gradient()
    print(_highest_resident_bytes() - before)


if __name__ == "__main__":
    _print_peak(json.loads(sys.argv[1]))
