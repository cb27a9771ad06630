"""A picture of what a cascade gains."""

import os
from typing import TYPE_CHECKING

from keras_elastic.selection import plots

if TYPE_CHECKING:
    from keras_elastic.conditional.cascades.choosing import CascadeReport
    from keras_elastic.selection.front import Front


def plot_cascade(
    path: str | os.PathLike[str],
    report: "CascadeReport",
    front: "Front",
    *,
    title: str = "",
) -> None:
    """Draws accuracy against the mean cost of a cascade, beside the front.

    Args:
        path: Path of the picture; its suffix says which format: `.png`,
            `.svg`, `.pdf`.
        report: `CascadeReport`.
        front: `Front` of the entry, whose held-out accuracies are drawn.
        title: String above the picture.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    figure = plots.make_figure()
    axes = figure.add_subplot()
    single = sorted((row.flops, row.held_out_top1) for row in front.rows)
    axes.step(*_points(single), where="post", label="single networks")
    rows = [(row.flops, row.top1) for row in report.curve.rows]
    axes.plot(*_points(rows), label="cascade, all thresholds")
    chosen, oracle = report.chosen, report.curve.oracle()
    label = f"threshold {chosen.threshold:.3g}"
    star = _points([(chosen.flops, chosen.top1)])
    axes.scatter(*star, s=90, marker="*", color="C3", label=label)
    best = _points([(oracle.flops, oracle.top1)])
    axes.scatter(*best, marker="^", color="C2", label="an oracle's choice")
    plots.finish(path, axes, title, plots.MEAN_FLOPS)


def _points(pairs):
    return [x / 1e6 for x, _ in pairs], [100 * y for _, y in pairs]
