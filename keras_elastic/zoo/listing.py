"""The zoo's table: what each entry is, and whether it is trained."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.zoo.places import entry_names
from keras_elastic.zoo.places import find_entry

_NOT_TRAINED = "not trained yet"


@dataclasses.dataclass(frozen=True)
class ModelSummary:
    """A line of the zoo's table.

    Args:
        name: String. What `load` takes.
        family: String. Name of the class of a supernet's family, or the kind
            of another entry: "BasisNet", "DS-Net", "cascade".
        dataset: String. Data set that the entry is trained on.
        flops: Pair of numbers. Multiply-adds of the least and the costliest
            network: of the front, or of the space without weights. Of other
            kinds than supernets they are means over images.
        test_top1: Pair of floats in 0..1, the least and the most accurate
            network of the front on the test split; `None` without weights.
        size: Integer. Bytes of all files that `load` reads.
        trained: Boolean. Whether weights are there.
    """

    name: str
    family: str
    dataset: str
    flops: tuple[int, int]
    test_top1: tuple[float, float] | None
    size: int
    trained: bool

    @classmethod
    def of(cls, entry: Any) -> "ModelSummary":
        """Summarizes an entry."""
        flops, top1 = _front_ranges(entry) if entry.is_trained else (None, None)
        return cls(
            name=entry.name,
            family=entry.label,
            dataset=entry.dataset,
            flops=flops or _space_range(entry),
            test_top1=top1,
            size=entry.size,
            trained=entry.is_trained,
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the table's line."""
        top1 = _NOT_TRAINED
        if self.test_top1 is not None:
            top1 = " to ".join(f"{value:.2%}" for value in self.test_top1)
        return (
            self.name,
            self.family,
            self.dataset,
            " to ".join(short(value) for value in self.flops),
            top1,
            f"{self.size / 1e6:.1f} MB" if self.trained else "none",
        )


class ModelTable(tuple):
    """The `ModelSummary` of every entry; printed, a table.

    Its `names` are what `load` takes.
    """

    HEAD = ("name", "family", "data set", "flops", "test top-1", "weights")

    def __new__(cls, summaries: Iterable[ModelSummary]) -> "ModelTable":
        return super().__new__(cls, summaries)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the entries."""
        return tuple(summary.name for summary in self)

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        return [self.HEAD, *(summary.cells for summary in self)]

    def __str__(self) -> str:
        columns = zip(*self._rows, strict=True)
        widths = [max(map(len, column)) for column in columns]
        return "\n".join(
            "  ".join(map(str.ljust, row, widths)).rstrip()
            for row in self._rows
        )

    __repr__ = __str__

    def to_markdown(self) -> str:
        """Returns the table in Markdown, as README shows it."""
        head, *rows = self._rows
        rows = [(f"[`{name}`](zoo/{name})", *rest) for name, *rest in rows]
        lines = [head, ("---",) * len(head), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def list_models() -> ModelTable:
    """Lists the zoo's entries.

    Returns:
        `ModelTable`: a tuple of `ModelSummary`, which prints as a table of
        name, family, data set, multiply-adds, accuracy and size.

    Example:

    ```python
    print(keras_elastic.list_models())
    for summary in keras_elastic.list_models():
        print(summary.name, summary.trained)
    ```
    """
    return ModelTable(
        ModelSummary.of(find_entry(name)) for name in entry_names()
    )


def _front_ranges(entry):
    rows = entry.front.rows
    flops = [row.flops for row in rows]
    top1 = [row.test_top1 for row in rows if row.test_top1 is not None]
    ends = (min(top1), max(top1)) if top1 else None
    return (min(flops), max(flops)), ends


def _space_range(entry):
    space = entry.family.space
    ends = (space.smallest, space.largest)
    return tuple(
        costs(entry.family.plan(arch, entry.classes)).flops for arch in ends
    )
