"""Coarse-to-fine selection: a grid of skeletons, then small mutations."""

import dataclasses
import itertools
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_elastic.selection.budget import Budget
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Costs
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import costs

# A mutant that does not fit the budget is drawn again, this often at most.
MAX_DRAWS = 100


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


def skeletons(space: SearchSpace) -> Iterator[Architecture]:
    """Yields the coarse grid of a space.

    All resolutions, four depths, two widths, four kernels and, where the
    expansion is elastic, two expansions, each for the network as a whole. The
    paper does not print its depths and kernels: here depths are spread evenly
    between the least and the most, and of the stages with a choice of kernels
    the last none, third, two thirds or all have the largest.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3.3.

    Args:
        space: `SearchSpace`.
    """
    thirds = (0, 1, 2, 3)
    grid = itertools.product(
        space.resolution,
        _distinct(_level(space.depth, third / 3) for third in thirds),
        _distinct(_level(space.width, end) for end in (0, 1)),
        _distinct(_tail(space.kernel_size, third / 3) for third in thirds),
        _distinct(_level(space.expand_ratio, end) for end in (0, 1)),
    )
    for resolution, depth, width, kernel_size, expand_ratio in grid:
        yield Architecture(resolution, width, depth, kernel_size, expand_ratio)


def _distinct(values):
    return list(dict.fromkeys(values))


def _level(genes, fraction):
    """The choice at a fraction of the way from least to most, of each gene."""
    return tuple(c[math.floor(fraction * (len(c) - 1) + 0.5)] for c in genes)


def _tail(genes, fraction):
    """The largest choice for the last fraction of the genes with a choice."""
    elastic = [i for i, choices in enumerate(genes) if len(choices) > 1]
    tail = elastic[len(elastic) - round(fraction * len(elastic)) :]
    return tuple(c[-1 if i in tail else 0] for i, c in enumerate(genes))


@dataclasses.dataclass(frozen=True)
class CoarseToFine:
    """Selects architectures for budgets by a coarse grid and mutations.

    First every skeleton that fits one of the budgets is scored. Then, for
    each budget, the best so far is mutated slightly, and whatever is better
    takes its place.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3.3. The number of mutants and
      their rate are not printed; AttentiveNAS mutates a gene with 0.1.

    Args:
        mutants: Integer. Mutants that are scored for each budget.
        probability: Float. Probability that a gene mutates.
        seed: Integer.
    """

    mutants: int = 32
    probability: float = 0.1
    seed: int = 0

    def search(
        self,
        family,
        classes: int,
        score: Callable[[Architecture], Any],
        budgets: Sequence[Budget],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Selection]:
        """Selects an architecture for each budget.

        Args:
            family: The family to select from.
            classes: Integer. Number of classes.
            score: Function from an architecture to its score: larger is
                better. It is called once for each candidate.
            budgets: Sequence of `Budget`.
            progress: Function of candidates done and candidates in all.

        Returns:
            List of `Selection`, one a budget.

        Raises:
            ValueError: A budget is out of reach; nothing was scored then.
        """
        for budget in budgets:
            budget.check_reachable(family, classes)
        candidates = _Candidates(family, classes, score)
        coarse = [
            arch
            for arch in skeletons(family.space)
            if any(candidates.fits(arch, budget) for budget in budgets)
        ]
        # A space of one architecture has no mutants.
        mutants = self.mutants if family.space.size > 1 else 0
        total = len(coarse) + mutants * len(budgets)
        report = progress or (lambda done, total: None)
        for number, arch in enumerate(coarse):
            candidates.add(arch)
            report(number + 1, total)
        rng = np.random.default_rng(self.seed)
        for number, budget in enumerate(budgets):
            for mutant in range(mutants):
                self._mutate_best(candidates, budget, rng)
                done = len(coarse) + number * mutants + mutant + 1
                report(done, total)
        return [candidates.select(budget) for budget in budgets]

    def _mutate_best(self, candidates, budget, rng):
        parent = candidates.best(budget)
        for _ in range(MAX_DRAWS):
            arch = candidates.family.space.mutate(parent, rng, self.probability)
            if arch not in candidates.scores and candidates.fits(arch, budget):
                candidates.add(arch)
                return


class _Candidates:
    """The candidates of a search: their costs and scores."""

    def __init__(self, family, classes, score):
        self.family = family
        self.classes = classes
        self.scores = {}
        self._score = score
        self._costs = {}

    def costs(self, arch):
        if arch not in self._costs:
            self._costs[arch] = costs(self.family.plan(arch, self.classes))
        return self._costs[arch]

    def fits(self, arch, budget):
        return budget.holds(self.costs(arch), arch.resolution)

    def add(self, arch):
        self.scores[arch] = self._score(arch)

    def best(self, budget):
        fitting = [a for a in self.scores if self.fits(a, budget)]
        return max(fitting, key=self.scores.__getitem__)

    def select(self, budget):
        arch = self.best(budget)
        count = sum(self.fits(a, budget) for a in self.scores)
        return Selection(
            arch,
            self.costs(arch),
            self.scores[arch],
            f"the best of {count} candidates with {budget}",
        )
