"""Greedy slimming: the largest network loses what it misses least."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces.architecture import FIELDS


@dataclasses.dataclass(frozen=True)
class SlimmingSearch(Search):
    """Selects architectures by lowering one gene after the other.

    It starts from the largest architecture. In every step each gene in turn is
    lowered by a group, and the one whose lowering leaves the best score stays
    lowered, until all budgets are met. So one descent serves all budgets, from
    the largest down. What was tried on the way may be selected too.

    Budgets of a certain resolution have a descent of their own, and others
    start, and stay, at the largest resolution unless `fields` has it.

    Reference:
    - AutoSlim (Yu and Huang, arXiv 1903.11728), section 3, and its release's
      account of 10 groups of channels a layer.

    Args:
        fields: Names of the fields of `Architecture` to lower. Others stay at
            their largest.
        groups: Integer. Levels of a gene at most, both ends included. A gene
            with more choices is lowered by several at once.

    Raises:
        ValueError: An argument is out of range.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> budget = keras_elastic.selection.Budget(params=80e3)
    >>> slimming = SlimmingSearch(fields=("width", "expand_ratio"))
    >>> score = lambda arch: sum(arch.width)
    >>> [selection] = slimming.search(family, 10, score, [budget])
    >>> selection.costs.params <= 80e3
    True
    """

    fields: tuple[str, ...] = ("width",)
    groups: int = 10

    def __post_init__(self) -> None:
        checks.fields(self)
        checks.integer_from(2, groups=self.groups)
        known = isinstance(self.fields, (tuple, list)) and self.fields
        if not known or not set(self.fields) <= set(FIELDS):
            raise ValueError(
                f"`fields` must be some of {FIELDS}, as a tuple. "
                f"Received: fields={self.fields!r}."
            )
        object.__setattr__(self, "fields", tuple(self.fields))

    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        descents: dict[int | None, list[Budget]] = {}
        for budget in budgets:
            descents.setdefault(budget.resolution, []).append(budget)
        levels = {r: self._levels(candidates.space, r) for r in descents}
        for resolution, group in descents.items():
            self._check_reachable(candidates, levels[resolution], group)
        most = {r: _most_candidates(levels[r]) for r in descents}
        candidates.expect(sum(most.values()))
        done = 0
        for resolution, group in descents.items():
            _descend(candidates, levels[resolution], group)
            done += most[resolution]
            candidates.skip_to(done)

    def _levels(self, space: SearchSpace, resolution) -> list[np.ndarray]:
        """For each gene, the values that it may have, lowest first."""
        fields = ["resolution"]
        for field in FIELDS[1:]:
            fields += [field] * len(getattr(space, field))
        levels = []
        for field, (_, choices) in zip(fields, space.genes, strict=True):
            count = min(len(choices), self.groups)
            places = np.linspace(0, len(choices) - 1, count).round()
            if field not in self.fields:
                places = np.array([len(choices) - 1])
            levels.append(np.array(choices, "int32")[places.astype(int)])
        if resolution is not None:
            levels[0] = np.array([resolution], "int32")
        return levels

    def _check_reachable(self, candidates, levels, budgets):
        lowest = np.array([[values[0] for values in levels]], "int32")
        lowest = candidates.genes.canonical(lowest)
        for budget in budgets:
            if not candidates.fits(lowest, budget).all():
                raise ValueError(
                    f"Lowering `fields` alone does not meet {budget} in the "
                    f"space '{candidates.space.name}'. Received: "
                    f"fields={self.fields}. Add fields, or raise the budget."
                )


def _descend(candidates, levels, budgets):
    """Lowers gene after gene, from the largest until all budgets are met."""
    highest = np.array([[values[-1] for values in levels]], "int32")
    [current] = candidates.add(candidates.genes.canonical(highest))
    while not all(
        candidates.fits(current.encoded[None], budget)[0] for budget in budgets
    ):
        lowered = _lowered(candidates.genes, current.encoded, levels)
        tried = candidates.add(lowered)
        # Of equal scores, the one that leaves the fewest flops.
        current = max(tried, key=lambda c: (c.score, -c.costs.flops))


def _lowered(genes, current, levels):
    """The current architecture with each gene in turn at its next level."""
    rows = []
    for gene, values in enumerate(levels):
        below = values[values < current[gene]]
        if len(below):
            row = current.copy()
            row[gene] = below[-1]
            rows.append(row)
    # The genes of blocks that are left out are at their smallest already.
    return genes.canonical(np.stack(rows))


def _most_candidates(levels):
    """The largest, and each gene tried at every step, at most."""
    steps = [len(values) - 1 for values in levels]
    return 1 + sum(steps) * sum(step > 0 for step in steps)
