"""Accuracy and mean cost of a cascade, for every threshold."""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.conditional.cascades.certainty import confidences
from keras_elastic.conditional.cascades.certainty import p_value
from keras_elastic.selection.budget import short

# Thresholds that are looked at: quantiles of the confidences.
_LEVELS = 100


@dataclasses.dataclass(frozen=True)
class CascadeRow:
    """What a threshold does.

    Args:
        threshold: Float in 0..1. A network whose largest probability exceeds
            it answers.
        flops: Float. Mean multiply-adds of an image.
        top1: Float in 0..1. Accuracy.
        shares: Tuple of floats: the part of the images that each network
            answers.
    """

    threshold: float
    flops: float
    top1: float
    shares: tuple[float, ...]


class CascadeCurve:
    """Accuracy against mean cost of networks that are asked in turn.

    Args:
        logits: Array of shape (networks, images, classes), divided by each
            network's temperature. The cheapest network comes first.
        labels: Integer array of shape (images,).
        flops: Sequence of numbers: multiply-adds of each network.

    Attributes:
        rows: Tuple of `CascadeRow`, by falling threshold: from the one where
            all images reach the last network to the one where none does.

    Example:

    >>> logits = np.array([[[2.0, 0], [0.1, 0]], [[3.0, 0], [0, 3.0]]])
    >>> curve = CascadeCurve(logits, np.array([0, 1]), [1, 4])
    >>> curve.rows[0].flops, curve.rows[-1].flops
    (5.0, 1.0)
    >>> curve.best_within(3).top1
    1.0
    """

    def __init__(
        self, logits: np.ndarray, labels: np.ndarray, flops: Sequence[float]
    ):
        self.flops = np.cumsum(np.asarray(flops, "float64"))
        self._confidences = np.stack([confidences(each) for each in logits])
        self._right = np.stack(
            [each.argmax(axis=-1) == labels for each in logits]
        )
        self.rows = tuple(self._rows(self._levels()))

    def _levels(self):
        early = self._confidences[:-1]
        inner = np.quantile(early, np.linspace(0, 1, _LEVELS))
        return np.unique([0.0, 1.0, *inner])[::-1]

    def _answering(self, thresholds):
        """Which network answers, of shape (thresholds, images)."""
        thresholds = np.asarray(thresholds)[:, None]
        early = self._confidences[:-1]
        # The last one is asked for its answer whether it is sure or not.
        shape = (len(thresholds), early.shape[1])
        answering = np.full(shape, len(early), "int8")
        for number in reversed(range(len(early))):
            is_sure = early[number] > thresholds
            answering = np.where(is_sure, np.int8(number), answering)
        return answering

    def _right_at(self, answering):
        return self._right[answering, np.arange(self._right.shape[1])]

    def _rows(self, thresholds):
        answering = self._answering(thresholds)
        flops = self.flops[answering].mean(axis=1)
        top1 = self._right_at(answering).mean(axis=1)
        shares = [
            (answering == number).mean(axis=1)
            for number in range(len(self.flops))
        ]
        columns = (thresholds, flops, top1, np.stack(shares, axis=1))
        for threshold, cost, accuracy, parts in zip(*columns, strict=True):
            yield CascadeRow(
                float(threshold),
                float(cost),
                float(accuracy),
                tuple(map(float, parts)),
            )

    def right(self, threshold: float) -> np.ndarray:
        """Returns which images are classified right, (images,)."""
        return self._right_at(self._answering([threshold]))[0]

    def at(self, threshold: float) -> CascadeRow:
        """Returns what a threshold does."""
        checks.fraction(threshold=threshold)
        [row] = self._rows(np.array([threshold]))
        return row

    def oracle(self) -> CascadeRow:
        """Returns what a judge would reach who knows which network is right.

        Each image is answered by the first network that is right, and by the
        first of all where none is.
        """
        answering = self._right.argmax(axis=0)
        counts = np.bincount(answering, minlength=len(self.flops))
        return CascadeRow(
            float("nan"),
            float(self.flops[answering].mean()),
            float(self._right.any(axis=0).mean()),
            tuple(float(share) for share in counts / len(answering)),
        )

    def best_within(self, flops: float) -> CascadeRow:
        """Returns the most accurate row within a mean number of multiply-adds.

        Raises:
            ValueError: Not even the first network alone is within it.
        """
        rows = [row for row in self.rows if row.flops <= flops]
        if not rows:
            raise ValueError(
                "`flops` must be at least the multiply-adds of the first "
                f"network, {short(self.flops[0])}. Received: "
                f"flops={short(flops)}. Raise the budget."
            )
        return max(rows, key=lambda row: (row.top1, -row.flops))

    def promised(
        self, right: np.ndarray, tolerance: float, probability: float
    ) -> CascadeRow | None:
        """Returns the lowest threshold whose loss is surely small enough.

        Thresholds are tested from the highest on, and the first that fails
        ends it: so the promise holds for all of them together.

        Reference:
        - Learn then Test (Angelopoulos et al., Annals of Applied Statistics
          2025), section 2.3: fixed sequence testing.

        Args:
            right: Boolean array of shape (images,): which images the network
                that is compared with classifies right.
            tolerance: Float in 0..1. The allowed loss of accuracy.
            probability: Float in 0..1, that the loss on other images of the
                same kind is within the tolerance.

        Returns:
            `CascadeRow`, or `None` if nothing can be promised.
        """
        found = None
        for row in self.rows:
            losses = right.astype(int) - self.right(row.threshold)
            if p_value(losses, tolerance) > 1 - probability:
                return found
            found = row
        return found

    def write(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Writes the rows as a CSV file, whole or not at all."""
        with files.replacing(path) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["threshold", "flops", "top1", "shares"])
                for row in self.rows:
                    shares = " ".join(f"{share:.4f}" for share in row.shares)
                    writer.writerow(
                        [row.threshold, row.flops, row.top1, shares]
                    )
        return pathlib.Path(path)
