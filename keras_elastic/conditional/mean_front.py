"""The front of a conditional model: accuracy by mean multiply-adds."""

import csv
import dataclasses

import numpy as np

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.selection.budget import short
from keras_elastic.selection.front import pareto_front

# Rows of one model: many enough for any budget, few enough to read.
_MOST_ROWS = 100


@dataclasses.dataclass(frozen=True)
class MeanRow:
    """A model that looks at an image before it decides, and what it spends.

    Args:
        flops: Float. Mean multiply-adds of a held-out image.
        held_out_top1: Float in 0..1, on held-out training images.
        test_top1: Float in 0..1 on the test split, or `None`.
        threshold: Float in 0..1. Images whose largest probability exceeds it
            exit; `None` for a model without exits.
        file: String. Name of the file that holds the model.
    """

    flops: float
    held_out_top1: float
    test_top1: float | None
    threshold: float | None
    file: str

    def __post_init__(self):
        checks.fields(
            self,
            flops=checks.RATE,
            held_out_top1=checks.FRACTION,
            test_top1=checks.FRACTION | checks.NONE,
            threshold=checks.FRACTION | checks.NONE,
            file=checks.STRING,
        )


COLUMNS = tuple(field.name for field in dataclasses.fields(MeanRow))


class MeanFront:
    """Rows that no other row beats in mean cost and held-out accuracy.

    Args:
        rows: Sequence of `MeanRow`, one at least. Those that are beaten are
            left out, and of very many some.
    """

    def __init__(self, rows):
        chosen = pareto_front(
            [row.flops for row in rows], [row.held_out_top1 for row in rows]
        )
        count = min(len(chosen), _MOST_ROWS)
        # Evenly over the front, its ends included.
        places = np.linspace(0, len(chosen) - 1, count).round().astype(int)
        self.rows = tuple(rows[chosen[place]] for place in places)

    def best(self, flops, most, name) -> MeanRow:
        """Returns the most accurate row within a mean budget.

        Args:
            flops: Number, or `None` for any.
            most: Number. Multiply-adds of an image that goes all the way.
            name: String. Whose front it is, for the message.

        Raises:
            ValueError: Not even the cheapest row is within the budget, or the
                budget is above what any image costs.
        """
        if flops is None:
            return self.rows[-1]
        least = self.rows[0].flops
        if not least <= flops <= most:
            raise ValueError(
                f"`flops` of '{name}' is a mean over images, and must be from "
                f"{short(least)}, the least that it can spend, to "
                f"{short(most)}, what an image costs that goes all the way. "
                f"Received: flops={short(flops)}. Pass a number between, or "
                "leave `flops` out for the most accurate."
            )
        return [row for row in self.rows if row.flops <= flops][-1]

    def write(self, path) -> None:
        """Writes the rows as a CSV file, whole or not at all."""
        with files.replacing(path, digest=True) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                writer.writerows(
                    ["" if cell is None else cell for cell in row]
                    for row in map(dataclasses.astuple, self.rows)
                )

    @classmethod
    def read(cls, path) -> "MeanFront":
        """Reads what `write` wrote.

        Raises:
            ValueError: The file is not such a front.
        """
        path = files.verified(path)
        try:
            with open(path, newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                if tuple(reader.fieldnames or ()) != COLUMNS:
                    raise ValueError(f"the columns are {reader.fieldnames}")
                rows = [_from_cells(cells) for cells in reader]
            if not rows:
                raise ValueError("there are no rows")
        except (csv.Error, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"A front must have the columns {COLUMNS} and a row at least. "
                f"Received: {str(path)!r} ({error})."
            ) from error
        return cls(rows)


def _from_cells(cells):
    numbers = {
        name: float(cells[name]) if cells[name] else None
        for name in COLUMNS[:-1]
    }
    return MeanRow(**numbers, file=cells["file"])


def rows_of(held_out, test, file):
    """Rows of a model with exits, of what two curves say of its thresholds.

    Args:
        held_out: Curve of held-out images, with `rows` of `threshold`,
            `flops` and `top1`.
        test: Curve of the test split, with a method `at`, or `None`.
        file: String. Name of the model's file.

    Returns:
        List of `MeanRow`.
    """
    front = MeanFront(
        [
            MeanRow(row.flops, row.top1, None, row.threshold, file)
            for row in held_out.rows
        ]
    )
    if test is None:
        return list(front.rows)
    return [
        dataclasses.replace(row, test_top1=test.at(row.threshold).top1)
        for row in front.rows
    ]
