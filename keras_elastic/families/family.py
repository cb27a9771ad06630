"""What the package asks of a family, for type checkers.

A function that takes a family asks for a `Family`. One that returns a family
returns `Any`, because each table has fields of its own.
"""

import dataclasses
from typing import Any
from typing import ClassVar
from typing import Protocol

from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Genes
from keras_elastic.spaces import Plan
from keras_elastic.spaces import SearchSpace


class Family(Protocol):
    """A frozen dataclass, whose fields are its table."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def name(self) -> str:
        """What it is registered as."""

    @property
    def space(self) -> SearchSpace:
        """The choices."""

    def plan(self, genes: Architecture | Genes, classes: int) -> Plan:
        """Writes the plan of an architecture."""
