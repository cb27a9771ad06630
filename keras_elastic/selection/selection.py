"""The selection: what a search chose for a budget."""

import dataclasses
from typing import Any

from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Costs


@dataclasses.dataclass(frozen=True)
class Selection:
    """What was selected for a budget, and why.

    Args:
        arch: `Architecture`.
        costs: `Costs` of the architecture.
        score: Its score; what the search was given.
        reason: String. Why it was chosen.
    """

    arch: Architecture
    costs: Costs
    score: Any
    reason: str
