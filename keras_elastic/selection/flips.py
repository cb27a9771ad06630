"""Flips: images that one model gets right and another wrong."""

import csv
import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_elastic import files


def negative_flip_rate(reference_correct: Any, target_correct: Any) -> float:
    """Share of images that the reference gets right and the target wrong.

    What users see as a regression when the target replaces the reference.

    Reference:
    - REG-NAS (Duggal et al., ECCV 2022), section 3.1; Positive-Congruent
      Training (Yan et al., CVPR 2021), section 3.

    Args:
        reference_correct: Booleans of (images,): what the reference got right.
        target_correct: The same of the target, for the same images.

    Returns:
        Float in 0..1.

    Raises:
        ValueError: The arrays are empty, not boolean, or of different lengths.

    Example:

    >>> negative_flip_rate([True, True, False], [True, False, True]) == 1 / 3
    True
    """
    reference, target = _check_pair(reference_correct, target_correct)
    return float(np.mean(reference & ~target))


def positive_flip_rate(reference_correct: Any, target_correct: Any) -> float:
    """Share of images that the reference gets wrong and the target right.

    The accuracy of the target is that of the reference, plus the positive
    flip rate, less the negative one. Args and errors are those of
    `negative_flip_rate`.
    """
    reference, target = _check_pair(reference_correct, target_correct)
    return float(np.mean(~reference & target))


def check_correct(name: str, correct: Any) -> np.ndarray:
    """Returns an array of booleans, one an image, or raises a `ValueError`."""
    array = np.asarray(correct)
    if array.dtype != bool or array.ndim != 1 or not array.size:
        raise ValueError(
            f"`{name}` must be booleans of shape (images,), whether each image "
            f"is right. Received: an array of shape {array.shape} and type "
            f"{array.dtype}."
        )
    return array


def _check_pair(reference_correct, target_correct):
    reference = check_correct("reference_correct", reference_correct)
    target = check_correct("target_correct", target_correct)
    if len(reference) != len(target):
        raise ValueError(
            "`reference_correct` and `target_correct` must be of the same "
            f"images. Received: {len(reference)} and {len(target)} images."
        )
    return reference, target


COLUMNS = (
    "reference",
    "target",
    "reference_top1",
    "target_top1",
    "negative_flips",
    "positive_flips",
)


@dataclasses.dataclass(frozen=True)
class FlipReport:
    """Accuracies of models and the flips between each two of them.

    Reference:
    - REG-NAS (Duggal et al., ECCV 2022), tables 2 to 4.

    Args:
        names: Tuple of strings, the models.
        top1: Tuple of floats in 0..1, the accuracy of each.
        negative: Tuple of tuples: row i, column j is the negative flip rate
            from model i to model j. The positive flip rate is at row j,
            column i.

    Example:

    >>> small = np.array([True, True, False, False])
    >>> large = np.array([True, False, True, True])
    >>> print(FlipReport.measure({"small": small, "large": large}))
    model    top-1  negative flips from (rows) to (columns), in %
                      small   large
    small    50.00     0.00   25.00
    large    75.00    50.00    0.00
    """

    names: tuple[str, ...]
    top1: tuple[float, ...]
    negative: tuple[tuple[float, ...], ...]

    @classmethod
    def measure(cls, correct: Mapping[str, Any]) -> "FlipReport":
        """Counts the flips between each two of some models.

        Args:
            correct: From the names of models to booleans of (images,), whether
                each of the same images is right.

        Returns:
            `FlipReport`.

        Raises:
            ValueError: There is no model, or the arrays do not fit.
        """
        if not correct:
            raise ValueError(
                "`correct` must hold at least one model. Received: none."
            )
        negative = tuple(
            tuple(negative_flip_rate(one, other) for other in correct.values())
            for one in correct.values()
        )
        top1 = tuple(float(np.mean(values)) for values in correct.values())
        return cls(tuple(correct), top1, negative)

    def __str__(self) -> str:
        width = max(len("model"), *map(len, self.names)) + 2
        cells = max(6, *map(len, self.names))
        title = "negative flips from (rows) to (columns), in %"
        head = "".join(f"  {name:>{cells}}" for name in self.names)
        lines = [f"{'model':<{width}}{'top-1':>7}  {title}"]
        lines.append(f"{'':<{width}}{'':>7} {head}")
        for name, top1, row in zip(
            self.names, self.top1, self.negative, strict=True
        ):
            rates = "".join(f"  {100 * rate:>{cells}.2f}" for rate in row)
            lines.append(f"{name:<{width}}{100 * top1:>7.2f} {rates}")
        return "\n".join(line.rstrip() for line in lines)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes a line of CSV for each pair, whole or not at all."""
        pairs = [
            (one, other)
            for one in range(len(self.names))
            for other in range(len(self.names))
            if one != other
        ]
        with files.replacing(path) as temporary:
            with open(temporary, "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                writer.writerows(self._cells(*pair) for pair in pairs)

    def _cells(self, one, other):
        rates = (
            self.top1[one],
            self.top1[other],
            self.negative[one][other],
            self.negative[other][one],
        )
        rounded = [f"{rate:.4f}" for rate in rates]
        return [self.names[one], self.names[other], *rounded]
