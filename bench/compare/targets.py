# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""What the page judges: limits that the library set itself before it was measured."""

import page


def _row(results, shape, key):
    result = next((result for result in results if result.shape == shape), None)
    return result.row(key) if result else None


def _times(results, shape, key, at_least):
    other = _row(results, shape, key)
    if other is None:
        return []
    ratio = other.timings["value_and_gradient"]["ratio"]
    target = f"{page.shape_text(shape)}: value + gradient at least {at_least} times faster than {other.label}"
    return [(target, f"{page.number(ratio.median)} times", ratio.median >= at_least)]


def _on_cpu(results):
    shape = (1, 3, 256, 256)
    scc, published = _row(results, shape, "scc"), _row(results, shape, "published")
    yield from _times(results, shape, "published", 1000)
    yield from _times(results, shape, "mutual_information", 100)
    if scc is not None and scc.peak is not None:
        measured = page.memory_text(scc.peak) + (
            f" (the workspace holds {page.memory_text(scc.held)})" if scc.held else ""
        )
        yield f"{page.shape_text(shape)}: extra memory under 1 MB", measured, scc.peak < 1e6
    if published is not None and published.peak is not None:
        yield f"{page.shape_text(shape)}: the published formulation takes hundreds", page.memory_text(
            published.peak
        ), published.peak >= 1e8
    yield from _errors(scc, published, shape)


def _errors(scc, published, shape):
    if scc is None or published is None:
        return
    for what, ours, theirs in (
        ("rSMI", scc.rsmi_error, published.rsmi_error),
        ("the gradient", scc.gradient_error, published.gradient_error),
    ):
        target = (
            f"{page.shape_text(shape)}: error of {what} at least 100 times smaller than the published formulation's"
        )
        measured = (
            f"{page.error_text(ours)} and {page.error_text(theirs)}: {page.number(theirs / ours)} times"
            if ours
            else "0"
        )
        yield target, measured, theirs >= 100 * ours


def _on_gpu(results):
    one, batch = (1, 3, 256, 256), (16, 3, 256, 256)
    yield from _times(results, batch, "published", 300)
    copy = _row(results, batch, "copy")
    if copy is not None:
        over_copy = 1 / copy.timings["value_and_gradient"]["ratio"].median
        target = f"{page.shape_text(batch)}: value + gradient within 2 times a copy of the same bytes"
        yield target, f"{page.number(over_copy)} times", over_copy <= 2
    scc = _row(results, one, "scc")
    if scc is not None:
        seconds = scc.timings["value_and_gradient"]["seconds"].median
        yield f"{page.shape_text(one)}: value + gradient within 20 µs", page.time_text(seconds), seconds <= 20e-6
    yield from _errors(scc, _row(results, one, "published"), one)


def judge(results, device):
    """(target, measured, is reached) of each target whose shape and methods were measured."""
    return list(_on_gpu(results) if device == "cuda" else _on_cpu(results))
