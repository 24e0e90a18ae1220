# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Times, in pairs: the subject and another method in turn, so that a machine that drifts changes both alike."""

import collections
import dataclasses
import statistics
import time

import torch

MODES = ("value", "value_and_gradient")


@dataclasses.dataclass
class Sample:
    seconds: float  # of one call
    busy_cores: float  # processor time of the process over wall time


class Stopwatch:
    """Times bursts of calls. On the CPU a pause lets threads that still spin go to sleep, then a call that does not
    count wakes those that are needed. On a GPU the time between two events is taken."""

    pause = 0.02

    def __init__(self, device, burst_seconds):
        self._is_cuda = device == "cuda"
        self._burst_seconds = burst_seconds

    def once(self, call):
        """What a call returns, and its seconds until its work is done."""
        self._synchronise()
        start = time.perf_counter()
        outcome = call()
        self._synchronise()
        return outcome, time.perf_counter() - start

    def duration(self, expected_seconds):
        """Of a burst, roughly."""
        return self.pause + (expected_seconds if self._is_long(expected_seconds) else 2 * self._burst_seconds)

    def burst(self, call, expected_seconds):
        count = max(1, round(self._burst_seconds / max(expected_seconds, 1e-7)))
        if not self._is_cuda:
            time.sleep(self.pause)
        if not self._is_long(expected_seconds):
            call()
        if self._is_cuda:
            seconds, busy = self._between_events(call, count), 0.0
        else:
            processor, start = time.process_time(), time.perf_counter()
            for _ in range(count):
                call()
            seconds = time.perf_counter() - start
            busy = (time.process_time() - processor) / seconds
        return Sample(seconds / count, busy)

    def _between_events(self, call, count):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        begin.record()
        for _ in range(count):
            call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000

    def _is_long(self, expected_seconds):
        """So long that a call before it changes nothing."""
        return expected_seconds > 10 * self._burst_seconds

    def _synchronise(self):
        if self._is_cuda:
            torch.cuda.synchronize()


@dataclasses.dataclass
class Spread:
    median: float
    lower: float  # quartiles
    upper: float
    count: int

    @staticmethod
    def of(values):
        values = sorted(values)
        if len(values) == 1:
            return Spread(values[0], values[0], values[0], 1)
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return Spread(median, lower, upper, len(values))


def round_count(seconds, budget, most):
    """Rounds of a pair that takes so long: what the budget allows, at least 3, or 1 where a single one exceeds it."""
    if seconds > budget:
        return 1
    return max(min(3, most), min(most, int(budget / seconds)))


def after_warm_up(method, mode, stopwatch):
    """Seconds of a call of a bound method, roughly. The first calls of short ones are longer, of those that compile
    much longer."""
    call = getattr(method, mode)
    _, seconds = stopwatch.once(call)
    if seconds < 1 or method.compiles:
        seconds = min(stopwatch.once(call)[1] for _ in range(2))
    return seconds


def compare(subject, others, expected, stopwatch, budget, most_rounds):
    """Times bound methods beside the subject; `expected` has the seconds of a call, roughly, per key and mode.

    Returns, per key and mode, the Spread of the seconds of a call and of the ratio to the subject's, and busy cores.
    """
    rounds = {
        other.key: round_count(
            sum(stopwatch.duration(expected[key][mode]) for key in (subject.key, other.key) for mode in MODES),
            budget,
            most_rounds,
        )
        for other in others
    }
    samples = collections.defaultdict(list)
    ratios = collections.defaultdict(list)

    def take(method, mode):
        sample = stopwatch.burst(getattr(method, mode), expected[method.key][mode])
        samples[method.key, mode].append(sample)
        return sample.seconds

    if not others:
        for mode in MODES * 3:
            take(subject, mode)
    for k in range(max(rounds.values(), default=0)):
        for other in others if k % 2 == 0 else reversed(others):
            if k >= rounds[other.key]:
                continue
            for mode in MODES if k % 2 == 0 else reversed(MODES):
                seconds = {
                    method.key: take(method, mode) for method in ([subject, other] if k % 2 == 0 else [other, subject])
                }
                ratios[other.key, mode].append(seconds[other.key] / seconds[subject.key])
    return {
        key: {
            "seconds": Spread.of([sample.seconds for sample in taken]),
            "busy_cores": statistics.median(sample.busy_cores for sample in taken),
            "ratio": Spread.of(ratios[key]) if key in ratios else None,
        }
        for key, taken in samples.items()
    }
