"""The front: the architectures worth having, as a table and a CSV file."""

import csv
import dataclasses
import math
import os
from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.budget import short
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Costs
from keras_elastic.spaces import costs

if TYPE_CHECKING:
    from keras_elastic.families.family import Family

_MEASURED = ("held_out_top1", "held_out_loss", "test_top1", "latency_ms")


def pareto_front(cost: Sequence[float], score: Sequence[Any]) -> list[int]:
    """Finds the points that no other point beats.

    A point is beaten by one that costs no more and scores at least as well,
    and is better in one of the two. Of equal points the first stays.

    Args:
        cost: Cost of each point; less is better.
        score: Accuracy of each point, or any values that compare; more is
            better.

    Returns:
        Indices of the front, by increasing cost.
    """
    by_score = sorted(range(len(cost)), key=score.__getitem__, reverse=True)
    front: list[int] = []
    for index in sorted(by_score, key=cost.__getitem__):
        if not front or score[index] > score[front[-1]]:
            front.append(index)
    return front


class Score(NamedTuple):
    """How well a subnet does. Compares by accuracy, then by lower loss.

    `accuracy`: top-1, in 0..1. `negative_loss`: minus the mean cross-entropy.
    """

    accuracy: float
    negative_loss: float


@dataclasses.dataclass(frozen=True)
class FrontRow:
    """An architecture of the front.

    What is measured is rounded to four decimals, as it is written, so that a
    front that is read again has the rows that it had.

    Args:
        arch: `Architecture`.
        flops: Integer. Multiply-adds of one image.
        params: Integer. Trainable weights.
        memory: Integer. Peak activations of one image in bytes.
        held_out_top1: Float in 0..1, on held-out training images.
        held_out_loss: Float. Mean cross-entropy there, which decides between
            equal accuracies.
        test_top1: Float in 0..1 on the test split, or `None`.
        latency_ms: Float. Median milliseconds of one image on the machine
            that the entry's card names, or `None`.
    """

    arch: Architecture
    flops: int
    params: int
    memory: int
    held_out_top1: float
    held_out_loss: float
    test_top1: float | None = None
    latency_ms: float | None = None

    def __post_init__(self) -> None:
        checks.fields(
            self,
            flops=checks.COUNT,
            params=checks.COUNT,
            memory=checks.COUNT,
            held_out_top1=checks.FRACTION,
            held_out_loss=checks.NON_NEGATIVE,
            test_top1=checks.FRACTION | checks.NONE,
            latency_ms=checks.NON_NEGATIVE | checks.NONE,
        )
        for name in _MEASURED:
            value = getattr(self, name)
            if value is not None:
                value = round(float(value), 4)
                if not math.isfinite(value):
                    raise ValueError(
                        f"`{name}` must be finite. Received: {name}={value}."
                    )
                object.__setattr__(self, name, value)

    @property
    def costs(self) -> Costs:
        """The costs, as a `Costs`."""
        return Costs(self.flops, self.params, self.memory)

    @property
    def score(self) -> Score:
        """The score on held-out images, as a `Score`."""
        return Score(self.held_out_top1, -self.held_out_loss)


COLUMNS = (
    "flops",
    "params",
    "memory",
    "resolution",
    *_MEASURED,
    "architecture",
)


class Front:
    """Rows that no other row beats in flops and held-out score.

    Args:
        rows: Iterable of `FrontRow`. Those that are beaten are left out.
    """

    def __init__(self, rows: Iterable[FrontRow]):
        checks.ITERABLE.check("rows", rows)
        rows = list(rows)
        checks.each(checks.instance(FrontRow)).check("rows", rows)
        chosen = pareto_front(
            [row.flops for row in rows], [row.score for row in rows]
        )
        self.rows = tuple(rows[i] for i in chosen)

    def with_test_top1(self, values: Iterable[float]) -> "Front":
        """Returns the front with a test accuracy for each row."""
        return Front(
            dataclasses.replace(row, test_top1=value)
            for row, value in zip(self.rows, values, strict=True)
        )

    def with_latency(self, values: Iterable[float]) -> "Front":
        """Returns the front with a latency in milliseconds for each row."""
        return Front(
            dataclasses.replace(row, latency_ms=value)
            for row, value in zip(self.rows, values, strict=True)
        )

    @checks.arguments(budget=checks.instance(Budget))
    def best(self, budget: Budget, name: str) -> FrontRow:
        """Returns the most accurate row within a budget.

        Args:
            budget: `Budget`.
            name: String. Whose front it is, for the message.

        Raises:
            ValueError: No row is within the budget; the range is stated.
        """
        fitting = [
            row
            for row in self.rows
            if budget.holds(row.costs, row.arch.resolution)
            and all(
                limit.cost(row.arch) <= limit.bound for limit in budget.limits
            )
        ]
        if fitting:
            return max(fitting, key=lambda row: row.score)
        raise ValueError(
            f"No architecture on the front of '{name}' meets {budget}. "
            f"Its {len(self.rows)} architectures have {self._ranges(budget)}. "
            "Raise the budget, or search for other architectures."
        )

    def _ranges(self, budget) -> str:
        found = {
            name: [getattr(row, name) for row in self.rows]
            for name in ("flops", "params", "memory")
        }
        for limit in budget.limits:
            found[limit.name] = [limit.cost(row.arch) for row in self.rows]
        bounds = [
            f"{name} {short(min(values))} to {short(max(values))}"
            for name, values in found.items()
        ]
        resolutions = sorted({row.arch.resolution for row in self.rows})
        return ", ".join(bounds) + f" and resolutions {resolutions}"

    @checks.arguments(path=checks.PATH)
    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes `front.csv`, whole or not at all."""
        write_rows(path, self.rows)

    @classmethod
    @checks.arguments(
        path=checks.PATH,
        family=checks.FAMILY,
        classes=checks.POSITIVE_INTEGER,
    )
    def read(
        cls, path: str | os.PathLike[str], family: "Family", classes: int
    ) -> "Front":
        """Reads what `write` wrote, and checks every row against a family.

        Raises:
            ValueError: The file is not a front of this family.
        """
        path = files.verified(path)
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError(
                    f"A front needs the columns {COLUMNS}. Received: "
                    f"{reader.fieldnames} in {str(path)!r}."
                )
            try:
                rows = [_from_cells(cells, family, classes) for cells in reader]
            except csv.Error as error:
                raise ValueError(
                    f"A front must be a .csv file. Received: {str(path)!r} "
                    f"({error})."
                ) from error
        if not rows:
            raise ValueError(
                f"A front must have a row at least. Received: {str(path)!r}, "
                "which has none. The file is cut off."
            )
        return cls(rows)


def write_rows(path, rows: Iterable[FrontRow]) -> None:
    """Writes rows as `Front.write` does, also those that others beat."""
    with files.replacing(path, digest=True) as temporary:
        with open(temporary, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(map(_to_cells, rows))


def read_architectures(path, family) -> list[Architecture]:
    """Reads the architectures of a front alone.

    Their costs may be those of a head for other classes.

    Args:
        path: Path of what `Front.write` wrote.
        family: The family.

    Returns:
        List of `Architecture`.

    Raises:
        ValueError: There is no such file, or it is no front of this family.
    """
    path = files.as_path(path=path)
    try:
        files.verified(path)
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if "architecture" not in (reader.fieldnames or ()):
                raise ValueError(f"the columns are {reader.fieldnames}")
            cells = [row["architecture"] for row in reader]
        archs = [Architecture.from_json(cell or "") for cell in cells]
        for arch in archs:
            family.space.validate(arch)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ValueError(
            "A front must be a .csv file with a column `architecture`, of the "
            f"family '{family.name}'. Received: {str(path)!r} ({error})."
        ) from error
    return archs


def _to_cells(row: FrontRow) -> list:
    measured = [getattr(row, name) for name in _MEASURED]
    return [
        row.flops,
        row.params,
        row.memory,
        row.arch.resolution,
        *("" if value is None else f"{value:.4f}" for value in measured),
        row.arch.to_json(),
    ]


def _from_cells(cells: dict, family, classes: int) -> FrontRow:
    if None in cells or None in cells.values():
        raise ValueError(
            f"A row of a front needs {len(COLUMNS)} cells. Received: {cells}. "
            "The file was changed or is cut off."
        )
    arch = Architecture.from_json(cells["architecture"])
    family.space.validate(arch)
    counted = costs(family.plan(arch, classes))
    for name in ("flops", "params", "memory"):
        if int(cells[name]) != getattr(counted, name):
            raise ValueError(
                f"The front says {name}={cells[name]} of an architecture "
                f"that needs {getattr(counted, name)}: {arch.to_json()}. "
                "The file was changed, or is of another family."
            )
    # What is missing is refused as any other value that is no number.
    measured: list[Any] = [
        float(cells[n]) if cells[n] else None for n in _MEASURED
    ]
    return FrontRow(arch, *counted, *measured)
