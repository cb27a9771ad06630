"""Pictures of a selection: accuracy against a cost."""

import os
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.selection.budget import UPPER_BOUNDS
from keras_elastic.selection.front import Front
from keras_elastic.selection.front import FrontRow

_LABELS = {
    "flops": "multiply-adds of one image, in millions",
    "params": "parameters, in millions",
    "memory": "peak activations of one image, in MB",
}
MEAN_FLOPS = "mean multiply-adds of an image, in millions"


@checks.arguments(
    path=checks.PATH,
    front=checks.having("rows", what="a `Front`"),
    cost=checks.STRING,
    title=checks.TEXT,
)
def plot_front(
    path: str | os.PathLike[str],
    front: Front,
    *,
    scored: Iterable[FrontRow] = (),
    chosen: Sequence[FrontRow] = (),
    baselines: Mapping[str, tuple[float, float]] | None = None,
    cost: str = "flops",
    title: str = "",
) -> None:
    """Draws accuracy against a cost, whole or not at all.

    Args:
        path: Path of the picture; its suffix says which format: `.png`,
            `.svg`, `.pdf`.
        front: `Front`, drawn as a line.
        scored: Rows that were scored too, drawn as dots.
        chosen: Rows that were selected, marked.
        baselines: From the names of other networks to pairs of their cost and
            top-1 accuracy in 0..1.
        cost: `"flops"`, `"params"` or `"memory"`.
        title: String above the picture.

    Raises:
        ValueError: The cost is unknown.
        ImportError: Matplotlib is not installed.
    """
    checks.one_of(UPPER_BOUNDS, cost=cost)
    figure = make_figure()
    axes = figure.add_subplot()
    _scatter(axes, scored, cost, s=8, color="0.75", label="scored")
    rows = sorted(front.rows, key=lambda row: getattr(row, cost))
    axes.plot(*_points(rows, cost), marker="o", ms=4, label="front")
    _scatter(axes, chosen, cost, s=90, marker="*", color="C3", label="selected")
    for name, (value, top1) in (baselines or {}).items():
        axes.scatter([value / 1e6], [100 * top1], marker="s", label=name)
    finish(path, axes, title, _LABELS[cost])


def make_figure():
    """Returns an empty Matplotlib figure.

    Raises:
        ImportError: Matplotlib is not installed; says how to install it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"Pictures need Matplotlib. {checks.install('plots')}"
        ) from error
    # Without pyplot: nothing global, and no window.
    return Figure(figsize=(7, 4.5))


def finish(path, axes, title: str, cost: str) -> None:
    """Labels a picture of accuracy against a cost, and writes it."""
    axes.set_xlabel(cost)
    axes.set_ylabel("top-1 on held-out images, in %")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    axes.figure.tight_layout()
    save(path, axes.figure)


def save(path, figure) -> None:
    """Writes a figure, whole or not at all."""
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _points(rows, cost) -> tuple[list[float], list[float]]:
    values = [getattr(row, cost) / 1e6 for row in rows]
    return values, [100 * row.held_out_top1 for row in rows]


def _scatter(axes, rows, cost, **style: Any) -> None:
    rows = list(rows)
    if rows:
        axes.scatter(*_points(rows, cost), zorder=3, **style)
