# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""What the page judges: limits that the library set itself before it was measured."""

import page


def judge(results, device):
    """(target, measured, is reached) of each target whose shape and methods were measured."""
    rows = {result.shape: result.rows for result in results}
    one, batch = (1, 3, 256, 256), (16, 3, 256, 256)
    at = {shape: page.shape_text(shape) + ": " for shape in (one, batch)}

    def at_least(shape, key, times):
        if key in rows.get(shape, {}):
            other = rows[shape][key]
            ratio = other.timings["value_and_gradient"].ratio[1]
            target = f"{at[shape]}value + gradient at least {times} times faster than {other.label}"
            yield target, f"{page.number(ratio)} times", ratio >= times

    scc, published = (rows.get(one, {}).get(key) for key in ("scc", "published"))
    if device == "cuda":
        yield from at_least(batch, "published", 300)
        if "copy" in rows.get(batch, {}):
            over_copy = 1 / rows[batch]["copy"].timings["value_and_gradient"].ratio[1]
            target = at[batch] + "value + gradient within 2 times a copy of the same bytes"
            yield target, f"{page.number(over_copy)} times", over_copy <= 2
        if scc:
            seconds = scc.timings["value_and_gradient"].seconds[1]
            yield at[one] + "value + gradient within 20 µs", page.time_text(seconds), seconds <= 20e-6
    else:
        yield from at_least(one, "published", 1000)
        yield from at_least(one, "monai", 100)
        if scc:
            yield at[one] + "extra memory under 1 MB", page.memory_text(scc.peak), scc.peak < 1e6
        if published:
            target = at[one] + "the published formulation takes at least 100 MB"
            yield target, page.memory_text(published.peak), published.peak >= 1e8
    if scc and published:
        for what, own, other in (
            ("rSMI", scc.rsmi_error, published.rsmi_error),
            ("the gradient", scc.gradient_error, published.gradient_error),
        ):
            target = f"{at[one]}error of {what} at least 100 times smaller than the published formulation's"
            times = f": {page.number(other / own)} times" if own else ""
            yield target, f"{page.error_text(own)} and {page.error_text(other)}{times}", other >= 100 * own
