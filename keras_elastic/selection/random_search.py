"""Random search: the strategy that every other must beat."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.candidates import Candidates
from keras_elastic.selection.sampling import draw
from keras_elastic.selection.selection import Selection
from keras_elastic.spaces import Architecture


@dataclasses.dataclass(frozen=True)
class RandomSearch:
    """Selects the best of random architectures that fit.

    Args:
        candidates: Integer. Architectures that are scored for each budget.
        seed: Integer.

    Raises:
        ValueError: `candidates` is not positive.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> budget = keras_elastic.selection.Budget(flops=500e3)
    >>> strategy = RandomSearch(candidates=20)
    >>> score = lambda arch: sum(arch.width)
    >>> [selection] = strategy.search(family, 10, score, [budget])
    >>> selection.reason
    'the best of 20 candidates with flops <= 500e3'
    """

    candidates: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        checks.positive_integer(candidates=self.candidates)

    def search(
        self,
        family,
        classes: int,
        score: Callable[[Architecture], Any],
        budgets: Sequence[Budget],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Selection]:
        """Selects an architecture for each budget.

        Args and errors are those of `CoarseToFine.search`.

        Returns:
            List of `Selection`, one a budget.
        """
        candidates = Candidates(family, classes, score, budgets, progress)
        candidates.expect(self.candidates * len(budgets))
        rng = np.random.default_rng(self.seed)
        for budget in budgets:
            encoded = draw(candidates, budget, self.candidates, rng)
            candidates.add(encoded)
            candidates.skip(self.candidates - len(encoded))
        return [candidates.select(budget) for budget in budgets]
