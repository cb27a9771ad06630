"""The figures of an evaluation."""

import csv
import dataclasses
import json
import math
from typing import Any

import numpy as np

from keras_elastic.selection.flips import FlipReport

REPORT, CLASSES, CONFUSION = "report.json", "classes.csv", "confusion.csv"
FLIPS = "flips.csv"
# As Guo et al. (2017) in their tables.
BINS = 15
# Of a class that has no image, or that no image was taken for.
_NOTHING = None
_SHOWN = 10


def calibration_error(confidence, correct, bins=BINS) -> float:
    """The expected calibration error (ECE): how far confidence is from truth.

    Answers are sorted into bins of equal width by their confidence, the
    probability of the class that was answered. The error is the distance
    between the mean confidence of a bin and the share of right answers in it,
    averaged over the bins, each weighted by its answers.

    Reference:
    - [On Calibration of Modern Neural Networks](
      https://arxiv.org/abs/1706.04599) (Guo et al., ICML 2017), equation 3,
      with 15 bins as in its tables.

    Args:
        confidence: Floats of shape (images,), in 0..1.
        correct: Booleans of shape (images,).
        bins: Positive integer.

    Returns:
        Float in 0..1.

    Example:

    >>> calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
    0.25
    """
    # The bin m holds those above (m - 1) / bins and up to m / bins.
    places = np.ceil(np.asarray(confidence, "float64") * bins).astype(int)
    places = np.clip(places, 1, bins)
    gaps = np.asarray(correct, "float64") - confidence
    # The count of a bin cancels: its weight is its count over all.
    sums = np.bincount(places, weights=gaps)
    return float(np.abs(sums).sum() / len(gaps))


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationReport:
    """How good a classifier is on labeled images, and on those of each class.

    Args:
        model: String, its name.
        dataset: String, the name of the data set.
        split: String: which of its images.
        class_names: Tuple of strings, the model's.
        top1: Float in 0..1, the share of right answers.
        top5: The share of images whose class is among the five most probable,
            or `None` where there are no more classes than that.
        calibration_error: Float in 0..1, what the function of this name says.
        confusion: Integers of shape (classes, classes): images of the class
            of the row that were taken for that of the column.
        precision: Floats, or `None`, by class: the share of the images that
            were taken for it that are of it.
        recall: Floats, or `None`, by class: the share of its images that were
            taken for it, its accuracy.
        flips: `FlipReport` against another model, or `None`.
    """

    model: str
    dataset: str
    split: str
    class_names: tuple[str, ...]
    top1: float
    top5: float | None
    calibration_error: float
    confusion: np.ndarray
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    flips: FlipReport | None = None

    @classmethod
    def measure(cls, answers, class_names, other=None, **about):
        """Makes a report of answers.

        Args:
            answers: `Answers`.
            class_names: Tuple of strings, the model's.
            other: Pair of the name of another model and its `Answers` to the
                same images, or `None`.
            **about: The fields that say what was evaluated on what.
        """
        from sklearn import metrics

        numbers = range(len(class_names))
        precision, recall, _, _ = metrics.precision_recall_fscore_support(
            answers.labels,
            answers.predicted,
            labels=numbers,
            zero_division=math.nan,
        )
        is_among = np.any(answers.best == answers.labels[:, None], axis=1)
        has_others = len(class_names) > answers.best.shape[1]
        return cls(
            class_names=class_names,
            top1=float(np.mean(answers.correct)),
            top5=float(np.mean(is_among)) if has_others else None,
            calibration_error=calibration_error(
                answers.confidence, answers.correct
            ),
            confusion=metrics.confusion_matrix(
                answers.labels, answers.predicted, labels=numbers
            ),
            precision=tuple(map(_number, precision)),
            recall=tuple(map(_number, recall)),
            flips=_flips(about["model"], answers, other),
            **about,
        )

    @property
    def counts(self) -> list[int]:
        """Images of each class."""
        return self.confusion.sum(axis=1).tolist()

    @property
    def standard_error(self) -> float:
        """That of `top1`, as the mean of so many independent images."""
        return math.sqrt(self.top1 * (1 - self.top1) / sum(self.counts))

    def to_dict(self) -> dict[str, Any]:
        """Returns what the file of the report holds."""
        return {
            "model": self.model,
            "dataset": self.dataset,
            "split": self.split,
            "images": sum(self.counts),
            "top1": self.top1,
            "top1_standard_error": self.standard_error,
            "top5": self.top5,
            "calibration_error": self.calibration_error,
            "calibration_bins": BINS,
            "accuracy_by_class": dict(
                zip(self.class_names, self.recall, strict=True)
            ),
            "flips": self.flips and dataclasses.asdict(self.flips),
        }

    def write(self, folder) -> None:
        """Writes the figures into a folder that is there.

        Args:
            folder: `pathlib.Path`.
        """
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        (folder / REPORT).write_text(text + "\n", "utf-8")
        _write_csv(
            folder / CLASSES,
            ("class", "images", "precision", "recall"),
            zip(*self._columns(), strict=True),
        )
        _write_csv(
            folder / CONFUSION,
            ("class \\ taken for", *self.class_names),
            (
                (name, *row)
                for name, row in zip(
                    self.class_names, self.confusion.tolist(), strict=True
                )
            ),
        )
        if self.flips is not None:
            self.flips.write(folder / FLIPS)

    def _columns(self):
        return self.class_names, self.counts, self.precision, self.recall

    def __str__(self) -> str:
        error = f"standard error {_percent(self.standard_error)}"
        lines = [
            f"{self.model} on {self.dataset}, {self.split}: "
            f"{sum(self.counts)} images of {len(self.class_names)} classes",
            f"top-1              {_percent(self.top1)}, {error}",
        ]
        if self.top5 is not None:
            lines.append(f"top-5              {_percent(self.top5)}")
        lines.append(
            f"calibration error  {_percent(self.calibration_error)} (ECE)"
        )
        lines.extend(["", *self._worst_classes()])
        if self.flips is not None:
            lines.extend(["", str(self.flips)])
        return "\n".join(lines)

    def _worst_classes(self):
        rows = [row for row in zip(*self._columns(), strict=True) if row[1]]
        rows.sort(key=lambda row: row[-1])
        width = max(len(name) for name, *_ in rows[:_SHOWN])
        width = max(width, len("class"))
        yield f"{'class':<{width}}{'images':>8}{'precision':>12}{'recall':>12}"
        for name, count, precision, recall in rows[:_SHOWN]:
            cells = f"{_percent(precision):>12}{_percent(recall):>12}"
            yield f"{name:<{width}}{count:>8}{cells}"
        if len(rows) > _SHOWN:
            yield f"... and {len(rows) - _SHOWN} classes of higher recall"


def _flips(name, answers, other):
    if other is None:
        return None
    other_name, others = other
    if other_name == name:
        other_name = f"{name} (against)"
    return FlipReport.measure(
        {other_name: others.correct, name: answers.correct}
    )


def _number(value):
    return _NOTHING if math.isnan(value) else float(value)


def _percent(share):
    return "" if share is None else f"{100 * share:.2f} %"


def _write_csv(path, head, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
