# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""The page of results, in Markdown."""

LABELS_OF_MODES = {"value": "value", "value_and_gradient": "value + gradient"}


def time_text(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{number(seconds * factor)} {unit}"
    raise AssertionError


def number(value):
    """Three digits or so, never in exponents."""
    if value >= 100:
        return f"{value:.0f}"
    if value < 1:
        return f"{value:.3f}" if value >= 0.0005 else "< 0.001"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def memory_text(count):
    return "-" if count is None else f"{number(count / 2**20)} MiB"


def error_text(error):
    return "-" if error is None else f"{error:.1e}"


def shape_text(shape):
    return " x ".join(str(extent) for extent in shape)


def _spread_text(spread, text):
    if spread.count == 1:
        return text(spread.median)
    return f"{text(spread.median)} [{text(spread.lower)}, {text(spread.upper)}]"


def _ratio_text(row, mode):
    ratio = row.timings[mode]["ratio"]
    return "1" if ratio is None else _spread_text(ratio, number)


def _table_of(result):
    yield (
        "| method | value | times scc's | value + gradient | times scc's | n | busy cores | peak memory |"
        " error of rSMI | error of gradient |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in result.rows:
        value, gradient = (row.timings[mode]["seconds"] for mode in LABELS_OF_MODES)
        own = "" if row.estimates_rsmi or row.rsmi_error is None else " (of itself)"
        cells = [
            row.label + (f", {row.remark}" if row.remark else ""),
            _spread_text(value, time_text),
            _ratio_text(row, "value"),
            _spread_text(gradient, time_text),
            _ratio_text(row, "value_and_gradient"),
            str(gradient.count),
            (
                number(row.timings["value_and_gradient"]["busy_cores"])
                if row.timings["value_and_gradient"]["busy_cores"]
                else "-"
            ),
            memory_text(row.peak),
            error_text(row.rsmi_error) + own,
            error_text(row.gradient_error) + own,
        ]
        yield "| " + " | ".join(cells) + " |"
    if result.skipped:
        yield "\nNot measured: " + "; ".join(f"{label}: {reason}" for label, reason in result.skipped) + "."


def series_of(results):
    """Those of one square image, the smallest first."""
    return sorted((result for result in results if result.is_square_image), key=lambda result: result.shape[2])


def _series_table(results):
    keys = {row.key: row.label for result in results for row in result.rows}
    yield "| image | " + " | ".join(keys.values()) + " |"
    yield "|---|" + "---|" * len(keys)
    for result in results:
        cells = []
        for key in keys:
            row = result.row(key)
            if row is None:
                cells.append("-")
                continue
            text = time_text(row.timings["value_and_gradient"]["seconds"].median)
            cells.append(text if row.peak is None else f"{text}, {memory_text(row.peak)}")
        yield f"| {shape_text(result.shape)} | " + " | ".join(cells) + " |"


def write(path, setup, results, verdicts, plot_name):
    """`setup` has what the run depends on, `verdicts` are (target, measured, reached) in words and a truth value."""
    lines = [
        f"# scc beside what others run, on {setup['device_name']}",
        "",
        f"{setup['cores']} cores, threads used: {setup['threads']}; {setup['versions']}; commit {setup['commit']};"
        f" load average {setup['load']} at the start. Options: {setup['options']}. Images: {setup['images']}."
        " Written by",
        "",
        "<!-- snippet: skip: takes minutes, and PyTorch -->",
        "```sh",
        setup["command"],
        "```",
        "",
    ]
    if setup["unfinished"]:
        lines += [f"**Not finished: {setup['unfinished']}.**", ""]
    if verdicts:
        lines += ["## Targets", "", "| target | measured | |", "|---|---|---|"]
        lines += [
            f"| {target} | {measured} | {'reached' if is_reached else '**missed**'} |"
            for target, measured, is_reached in verdicts
        ]
        lines.append("")
    for result in results:
        if result.has_table:
            lines += [f"## {shape_text(result.shape)}", "", *_table_of(result), ""]
    series = series_of(results)
    if len(series) > 1:
        lines += ["## Over the size of the image", ""]
        if plot_name:
            lines += [f"![Time and memory of value and gradient over the size of the image]({plot_name})", ""]
        lines += ["Value and gradient: median time, peak memory.", "", *_series_table(series), ""]
    lines += ["## How it was measured", ""]
    lines += [f"- {note}" for note in setup["notes"]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
