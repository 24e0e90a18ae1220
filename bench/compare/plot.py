# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

"""Time and memory over the size of the image."""

import math

# Okabe and Ito's colours, told apart by colour-blind readers too; each line has its own marker besides.
_styles = {
    "scc": ("#000000", "o", "scc"),
    "published": ("#D55E00", "s", "published, eager"),
    "published_compiled": ("#E69F00", "D", "published, compiled"),
    "factorised": ("#0072B2", "^", "factorised, eager"),
    "factorised_compiled": ("#56B4E9", "v", "factorised, compiled"),
    "mutual_information": ("#009E73", "P", "MONAI mutual information"),
    "copy": ("#999999", "", "copy of as many bytes"),
    "launch": ("#CC79A7", "", "empty launch"),
}


def _apart(positions, distance):
    """Moved up where they are closer than `distance`, in their order."""
    order = sorted(range(len(positions)), key=lambda k: positions[k])
    moved = list(positions)
    for below, above in zip(order, order[1:]):
        moved[above] = max(moved[above], moved[below] + distance)
    overshoot = (moved[order[-1]] - positions[order[-1]]) / 2 if order else 0
    return [position - overshoot for position in moved]


def _draw(axes, lines, title, sides):
    for key, (pixels, values) in lines.items():
        colour, marker, _ = _styles[key]
        dashes = "--" if not marker else "-"
        axes.plot(
            pixels,
            values,
            dashes,
            color=colour,
            marker=marker or None,
            markersize=5,
            linewidth=2 if key == "scc" else 1.3,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xticks([3 * side**2 for side in sides])
    axes.set_xticklabels([f"{side}²" for side in sides])
    axes.minorticks_off()
    axes.set_xlabel("image of 3 x S x S, S²")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if not lines:
        return
    bottom, top = (math.log(limit) for limit in axes.get_ylim())
    places = _apart([math.log(values[-1]) for _, values in lines.values()], 0.055 * (top - bottom))
    for (key, (pixels, values)), place in zip(lines.items(), places):
        colour, _, label = _styles[key]
        # All labels stand at the right; a line that ends before them gets a thin one to its label.
        axes.annotate(
            label,
            xy=(pixels[-1], values[-1]),
            xytext=(1.04, math.exp(place)),
            textcoords=axes.get_yaxis_transform(),
            color=colour,
            fontsize=9,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5},
        )


def write(path, results, title):
    """Of results for 1 x 3 x S x S, in the order of S. Raises ImportError where there is no matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sides = [result.shape[2] for result in results]
    times, memory = {}, {}
    for result in results:
        for row in result.rows:
            pixels = 3 * result.shape[2] ** 2
            for lines, value in (
                (times, row.timings["value_and_gradient"]["seconds"].median * 1000),
                (memory, row.peak),
            ):
                # What is below a page of memory cannot be told from nothing, and has no place on a logarithmic axis.
                if value is None or (lines is memory and value < 4096):
                    continue
                line = lines.setdefault(row.key, ([], []))
                line[0].append(pixels)
                line[1].append(value if lines is times else value / 2**20)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5))
    _draw(left, times, "time of value + gradient, ms", sides)
    _draw(right, memory, "peak memory of value + gradient, MiB", sides)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.subplots_adjust(left=0.05, right=0.86, top=0.86, bottom=0.11, wspace=0.6)
    figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.15)
    pyplot.close(figure)
