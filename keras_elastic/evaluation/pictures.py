"""Pictures of an evaluation. They need Matplotlib, the extra `plots`."""

import importlib.util
import math
import warnings

import numpy as np

from keras_elastic.selection.plots import make_figure

CONFUSION, MISTAKES, MAP = "confusion.png", "mistakes.png", "cam.png"
# Of a table with more classes, names and numbers could not be read.
_MOST_NAMES = 40
_MOST_NUMBERS = 20
_DPI = 120


def can_draw() -> bool:
    """Whether Matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_confusion(path, report) -> None:
    """Draws which classes are taken for which.

    Args:
        path: Path of the picture.
        report: `EvaluationReport`.
    """
    counts = report.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    classes = len(counts)
    figure = _figure()
    size = min(max(5.0, 0.35 * classes), 14.0)
    figure.set_size_inches(size + 1.0, size)
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, label="share of the images of a class")
    axes.set_xlabel("taken for")
    axes.set_ylabel("class")
    title = f"{report.model} on {report.dataset}, {report.split}"
    # A dollar begins no formula here.
    axes.set_title(title, parse_math=False)
    if classes <= _MOST_NAMES:
        names = [_short(name) for name in report.class_names]
        axes.set_xticks(range(classes), names, rotation=90, parse_math=False)
        axes.set_yticks(range(classes), names, parse_math=False)
    if classes <= _MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            text = str(count) if count else ""
            axes.text(column, row, text, color=color, ha="center", va="center")
    _save(figure, path)


def draw_mistakes(path, mistakes, class_names) -> None:
    """Draws images that were taken for those of another class.

    Args:
        path: Path of the picture.
        mistakes: List of `Mistake`, not empty.
        class_names: Names of the classes, by number.
    """
    columns = min(5, len(mistakes))
    rows = math.ceil(len(mistakes) / columns)
    figure = _figure()
    figure.set_size_inches(2.2 * columns, 2.6 * rows)
    for place, mistake in enumerate(mistakes):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(mistake.image)
        axes.set_axis_off()
        said = _short(class_names[mistake.predicted])
        label = _short(class_names[mistake.label])
        axes.set_title(
            f"{said}, {mistake.confidence:.1%}\nbut it is {label}",
            fontsize=8,
            parse_math=False,
        )
    _save(figure, path)


def draw_map(path, image, values, title) -> None:
    """Draws an activation map over its image.

    Args:
        path: Path of the picture.
        image: uint8 array of shape (size, size, 3).
        values: Floats of shape (height, width), for the same square.
        title: String.
    """
    figure = _figure()
    side = len(image)
    for place, shown in enumerate(("image", "map")):
        axes = figure.add_subplot(1, 2, place + 1)
        axes.imshow(image, extent=(0, side, side, 0))
        axes.set_axis_off()
        if shown == "map":
            # What speaks against the class is left out, as in Grad-CAM.
            picture = axes.imshow(
                np.maximum(values, 0),
                cmap="jet",
                alpha=0.5,
                extent=(0, side, side, 0),
                interpolation="bilinear",
                vmin=0,
            )
            figure.colorbar(picture, shrink=0.6, label="share in the logit")
    figure.suptitle(title, parse_math=False)
    _save(figure, path)


def _figure():
    figure = make_figure()
    # At once: a bar of colors has another place without it.
    figure.set_layout_engine("constrained")
    return figure


def _short(name):
    return name if len(name) <= 20 else f"{name[:19]}…"


def _save(figure, path):
    with warnings.catch_warnings():
        # Of names in letters that the font lacks: boxes are drawn.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(path, dpi=_DPI)
