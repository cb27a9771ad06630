"""Pictures of a BasisNet: its early exit, and what it mixes."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_elastic.selection import plots

if TYPE_CHECKING:
    from keras_elastic.conditional.basisnet.coefficients import CoefficientTable
    from keras_elastic.conditional.basisnet.early_exit import EarlyExitCurve


def plot_early_exit(
    path: str | os.PathLike[str],
    curve: "EarlyExitCurve",
    *,
    chosen: float | None = None,
    title: str = "",
) -> None:
    """Draws accuracy against the mean cost of an early exit.

    Args:
        path: Path of the picture; its suffix says which format: `.png`,
            `.svg`, `.pdf`.
        curve: `EarlyExitCurve`.
        chosen: Float, a threshold to mark, or `None`.
        title: String above the picture.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    figure = plots.make_figure()
    axes = figure.add_subplot()
    axes.plot(*_points(curve.rows), label="all thresholds")
    ends = [curve.rows[0], curve.rows[-1]]
    for row, name in zip(ends, ("no exit", "all exit"), strict=True):
        axes.scatter(*_points([row]), zorder=3, label=name)
    if chosen is not None:
        # What a threshold does is what the next lower one of the rows does.
        row = next(row for row in curve.rows if row.threshold <= chosen)
        label = f"threshold {chosen:.3g}: {row.exits:.0%} exit"
        axes.scatter(*_points([row]), s=90, marker="*", color="C3", label=label)
    plots.finish(path, axes, title, plots.MEAN_FLOPS)


def _points(rows):
    flops = [row.flops / 1e6 for row in rows]
    return flops, [100 * row.top1 for row in rows]


def plot_coefficients(
    path: str | os.PathLike[str],
    table: "CoefficientTable",
    *,
    blocks: Sequence[str] | None = None,
    title: str = "",
) -> None:
    """Draws the mean coefficients of classes, a panel for each block.

    Args:
        path: Path of the picture, as in `plot_early_exit`.
        table: `CoefficientTable`.
        blocks: Names of the blocks to draw. Defaults to all.
        title: String above the picture.

    Raises:
        ValueError: The table has no such block.
        ImportError: Matplotlib is not installed.
    """
    blocks = tuple(table.blocks if blocks is None else blocks)
    unknown = sorted(set(blocks) - set(table.blocks))
    if unknown or not blocks:
        raise ValueError(
            f"`blocks` must be some of {table.blocks}. "
            f"Received: blocks={blocks}."
        )
    figure = plots.make_figure()
    figure.set_size_inches(2.5 + 2 * len(blocks), 5)
    panels = figure.subplots(1, len(blocks), sharey=True, squeeze=False)[0]
    top = np.nanmax(table.means)
    for axes, block in zip(panels, blocks, strict=True):
        means = table.means[:, table.blocks.index(block)]
        classes, bases = means.shape
        image = axes.imshow(
            means,
            aspect="auto",
            vmin=0,
            vmax=top,
            # Bases are counted from 1, as in the table.
            extent=(0.5, bases + 0.5, classes - 0.5, -0.5),
        )
        axes.set_title(block)
        axes.set_xlabel("basis")
    panels[0].set_ylabel("class")
    _name_classes(panels[0], table.class_names)
    figure.suptitle(title)
    figure.colorbar(image, ax=list(panels), label="mean coefficient")
    # No tight layout: it does not know of a bar that several panels share.
    plots.save(path, figure)


def _name_classes(axes, names):
    # The names of a thousand classes would lie on each other.
    if len(names) <= 30:
        axes.set_yticks(range(len(names)), names)
