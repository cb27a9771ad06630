"""The architecture: one choice in a search space, as a value."""

import dataclasses
import json
import operator
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

from keras_elastic import checks

FIELDS = ("resolution", "width", "depth", "kernel_size", "expand_ratio")


class Genes(NamedTuple):
    """The fields of an architecture with arrays or tensors for integers.

    A family's plan reads `Genes` and `Architecture` alike: both have the same
    five fields. Every leaf is an integer, a NumPy array that holds the gene of
    many architectures, or a scalar tensor.
    """

    resolution: Any
    width: tuple
    depth: tuple
    kernel_size: tuple
    expand_ratio: tuple


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One choice in a search space: frozen, hashable, JSON-serializable.

    Args:
        resolution: Integer. Height and width of the input image in pixels.
        width: Tuple of integers. Channels, from the stem to the head.
        depth: Tuple of integers. Blocks of each stage.
        kernel_size: Tuple of integers. Kernel of each stage in pixels.
        expand_ratio: Tuple of integers. Expansion of each stage.

    Raises:
        ValueError: A field holds anything but integers.
    """

    resolution: int
    width: tuple[int, ...]
    depth: tuple[int, ...]
    kernel_size: tuple[int, ...]
    expand_ratio: tuple[int, ...]

    def __post_init__(self) -> None:
        for field in FIELDS:
            value = getattr(self, field)
            if field == "resolution":
                value = _integer(field, value)
            else:
                value = check_integers(field, value)
            # Lists become tuples and NumPy integers become Python integers,
            # so that equal choices are equal values with equal hashes.
            object.__setattr__(self, field, value)

    def to_dict(self) -> dict:
        """Returns plain Python values that `json.dumps` accepts."""
        return {
            field: list(value) if isinstance(value, tuple) else value
            for field, value in dataclasses.asdict(self).items()
        }

    def to_json(self) -> str:
        """Returns one line of JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: dict) -> "Architecture":
        """Makes an architecture from what `to_dict` returned."""
        if not isinstance(values, dict) or set(values) != set(FIELDS):
            raise ValueError(
                "`values` must be those of an architecture: exactly the "
                f"fields {list(FIELDS)}. "
                f"Received: {values!r}. Add the missing fields and remove "
                "the others."
            )
        return cls(**values)

    @classmethod
    @checks.arguments(text=checks.TEXT)
    def from_json(cls, text: str) -> "Architecture":
        """Makes an architecture from what `to_json` returned."""
        try:
            values = json.loads(text)
        except (RecursionError, TypeError, ValueError) as error:
            shown = repr(text)
            shown = shown if len(shown) < 500 else f"{shown[:500]}..."
            raise ValueError(
                "`text` must be the JSON of an architecture. "
                f"Received: {shown} ({error})."
            ) from error
        return cls.from_dict(values)


def check_integers(field: str, values: Any) -> tuple[int, ...]:
    """Returns a tuple of Python integers, or raises a `ValueError`."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(
            f"`{field}` must be a sequence of integers. "
            f"Received: {values!r} (of type {type(values).__name__})."
        )
    return tuple(_integer(field, value) for value in values)


def _integer(field: str, value: Any) -> int:
    try:
        # Booleans are integers to Python, and never meant as sizes.
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise ValueError(
        f"`{field}` must hold integers. Received: {value!r} "
        f"(of type {type(value).__name__})."
    )
