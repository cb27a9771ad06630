"""Early exit of a BasisNet: what each threshold costs and how right it is.

Everything follows from predictions of both stages on held-out images, so one
pass over them gives the whole curve.

Reference: BasisNet (Zhang et al., 2021), section 4.6, early termination.
"""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.conditional.results import run_batches
from keras_elastic.layers import kernels
from keras_elastic.selection.budget import short

if TYPE_CHECKING:
    from keras_elastic.conditional.basisnet.model import BasisNet


@dataclasses.dataclass(frozen=True)
class ExitRow:
    """What one threshold does.

    Args:
        threshold: Float. Images of a larger confidence exit.
        exits: Float in 0..1, part of the images that exit.
        top1: Float in 0..1, accuracy over all images.
        flops: Float. Mean multiply-adds of an image.
    """

    threshold: float
    exits: float
    top1: float
    flops: float


class EarlyExitCurve:
    """Accuracy and cost of every threshold that makes a difference.

    Args:
        confidences: Array of shape (images,): the largest probability of each
            image in the first stage.
        light_right: Boolean array of shape (images,): whether the first stage
            is right.
        right: Boolean array of shape (images,): whether the second is.
        light_flops: Number. Multiply-adds of an image that exits.
        flops: Number. Multiply-adds of one that does not.

    Attributes:
        rows: Tuple of `ExitRow`, from that of no exit to that of all.

    Raises:
        ValueError: There are no images, or the arrays differ in length.

    Example:

    >>> curve = EarlyExitCurve(
    ...     [0.9, 0.6], [True, False], [True, True], light_flops=1, flops=5
    ... )
    >>> for row in curve.rows:
    ...     print(row)
    ExitRow(threshold=1.0, exits=0.0, top1=1.0, flops=5.0)
    ExitRow(threshold=0.75, exits=0.5, top1=1.0, flops=3.0)
    ExitRow(threshold=0.0, exits=1.0, top1=0.5, flops=1.0)
    >>> curve.threshold_for_flops(4)
    0.75
    """

    def __init__(
        self,
        confidences: Sequence[float] | np.ndarray,
        light_right: Sequence[bool] | np.ndarray,
        right: Sequence[bool] | np.ndarray,
        light_flops: float,
        flops: float,
    ):
        confidences = np.asarray(confidences, "float64")
        light_right = np.asarray(light_right, bool)
        right = np.asarray(right, bool)
        shapes = {a.shape for a in (confidences, light_right, right)}
        if len(shapes) > 1 or not confidences.size:
            raise ValueError(
                "`confidences`, `light_right` and `right` must be as long as "
                "each other, and not empty. Received: "
                f"shapes={[confidences.shape, light_right.shape, right.shape]}."
            )
        self.light_flops = light_flops
        self.flops = flops
        self.rows = tuple(self._make_rows(confidences, light_right, right))
        self._confidences = confidences

    def at(self, threshold: float) -> ExitRow:
        """Returns what a threshold does, whether it is that of a row or not.

        Args:
            threshold: Float in 0..1, for instance of another curve.

        Returns:
            The `ExitRow` of as many exits, with this threshold.
        """
        checks.fraction(threshold=threshold)
        exits = float(np.mean(self._confidences > threshold))
        row = min(self.rows, key=lambda row: abs(row.exits - exits))
        return dataclasses.replace(row, threshold=threshold)

    def _make_rows(self, confidences, light_right, right):
        # The surest come first: they exit one after the other.
        order = np.argsort(-confidences, kind="stable")
        sorted_ = confidences[order]
        count = len(order)
        gains = light_right[order].astype(int) - right[order]
        hits = right.sum() + np.concatenate([[0], np.cumsum(gains)])
        for exits in range(count + 1):
            threshold = _between(sorted_, exits)
            if threshold is None:
                continue
            share = exits / count
            yield ExitRow(
                threshold,
                share,
                float(hits[exits] / count),
                float(share * self.light_flops + (1 - share) * self.flops),
            )

    def threshold_for_flops(self, flops: float) -> float:
        """Returns the threshold of a mean number of multiply-adds.

        Args:
            flops: Number. The most that images may cost on average.

        Returns:
            Float: the threshold of the largest mean within `flops`.

        Raises:
            ValueError: Not even an exit of all images costs as little.
        """
        rows = [row for row in self.rows if row.flops <= flops]
        if not rows:
            raise ValueError(
                f"No threshold has a mean of flops <= {short(flops)}; means "
                f"reach from {short(self.light_flops)} to {short(self.flops)}. "
                "Raise the budget, or take a smaller light network."
            )
        return max(rows, key=lambda row: row.flops).threshold

    def threshold_for_loss(self, tolerance: float) -> float:
        """Returns the cheapest threshold within a loss of accuracy.

        Args:
            tolerance: Float in 0..1. How much lower the accuracy may be than
                without an early exit: 0.005 for half a percent point.

        Returns:
            Float.

        Raises:
            ValueError: `tolerance` is negative.
        """
        checks.non_negative_number(tolerance=tolerance)
        # Accuracies are counts over images: let rounding not decide.
        least = self.rows[0].top1 - tolerance - 1e-9
        rows = [row for row in self.rows if row.top1 >= least]
        return min(rows, key=lambda row: row.flops).threshold

    def write(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Writes the rows as a CSV file, whole or not at all."""
        names = [field.name for field in dataclasses.fields(ExitRow)]
        with files.replacing(path) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(names)
                writer.writerows(map(dataclasses.astuple, self.rows))
        return files.as_path(path=path)


def _between(confidences, exits):
    """A threshold that parts sorted confidences, or `None` if they tie."""
    if exits == 0:
        return 1.0
    if exits == len(confidences):
        return 0.0
    last, following = confidences[exits - 1 : exits + 1]
    return float((last + following) / 2) if last > following else None


def measure_early_exit(
    model: "BasisNet", batches: Iterable[Any]
) -> EarlyExitCurve:
    """Measures the curve of a BasisNet on held-out images.

    Args:
        model: `BasisNet`, calibrated. Its own threshold is not looked at.
        batches: Iterable of pairs of images, pixels in 0..255 of shape (batch,
            height, width, 3), and integer labels. The images should be held
            out of the training: networks are too sure of what they learned.

    Returns:
        An `EarlyExitCurve`.

    Raises:
        ValueError: There are no images.
    """
    parts = []
    for light, _, logits, labels in run_batches(stages_of(model), batches):
        parts.append(
            (
                _softmax(light).max(axis=-1),
                light.argmax(axis=-1) == labels,
                logits.argmax(axis=-1) == labels,
            )
        )
    if not parts:
        raise ValueError(
            "`batches` must hold at least one batch. Received: none."
        )
    confidences, light_right, right = map(
        np.concatenate, zip(*parts, strict=True)
    )
    costs = model.costs
    return EarlyExitCurve(
        confidences, light_right, right, costs.light_flops, costs.flops
    )


def stages_of(model):
    """Returns a function that runs both stages of a BasisNet.

    Args:
        model: `BasisNet`.

    Returns:
        Function from images of any square size to the light network's logits,
        the coefficients and the specialist's logits.
    """
    size = model.specialist.resolution

    def run(images):
        if tuple(images.shape[1:3]) != (size, size):
            images = kernels.resize(images, size)
        light_logits, coefficients = model.preview(images)
        logits = model.specialize(images, coefficients)
        return light_logits, coefficients, logits

    return run


def _softmax(logits):
    return ops.convert_to_numpy(keras.activations.softmax(logits))
