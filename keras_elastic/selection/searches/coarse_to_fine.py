"""Coarse-to-fine selection: a grid of skeletons, then small mutations."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.selection.searches.random_search import draw_again
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import skeletons
from keras_elastic.spaces.rows import unique_rows

# A mutant that does not fit the budget is drawn again, this often at most.
MAX_DRAWS = 100


@dataclasses.dataclass(frozen=True)
class CoarseToFineSearch(Search):
    """Selects architectures for budgets by a coarse grid and mutations.

    First every skeleton that fits one of the budgets is scored. Then, for
    each budget, the best so far is mutated slightly, and whatever is better
    takes its place.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3.2. The number of mutants and
      their rate are not printed; AttentiveNAS mutates a gene with 0.1.

    Args:
        mutants: Integer. Mutants that are scored for each budget.
        probability: Float in [0, 1]. Probability that a gene mutates.
        seed: Integer.
        band: Float in [0, 1]. A skeleton is scored only if it spends all of a
            budget of multiply-adds but this part, or is the costliest within
            the budget: cheap ones seldom win, and on a large grid most are
            cheap. `None` scores all, as the paper does.
        also: Tuple of `Architecture`. Scored beside the skeletons where they
            fit a budget: those that a last phase has trained, for instance.

    Raises:
        ValueError: An argument is out of range, or when searching, one of
            `also` is not in the family's space.
    """

    mutants: int = 32
    probability: float = 0.1
    seed: int = 0
    band: float | None = None
    also: tuple[Architecture, ...] = ()

    def __post_init__(self) -> None:
        checks.fields(self, seed=checks.COUNT)
        checks.non_negative_integer(mutants=self.mutants)
        checks.fraction(probability=self.probability)
        if self.band is not None:
            checks.fraction(band=self.band)

    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        space = candidates.space
        coarse = np.stack([space.encode(arch) for arch in skeletons(space)])
        # Skeletons that differ in blocks that are left out are one network.
        coarse = unique_rows(coarse)
        coarse = self._worth_scoring(candidates, coarse, budgets)
        coarse = self._with_others(candidates, coarse, budgets)
        # A space of one architecture has no mutants.
        mutants = self.mutants if space.size > 1 else 0
        candidates.expect(len(coarse) + mutants * len(budgets))
        candidates.add(coarse)
        rng = np.random.default_rng(self.seed)
        for budget in budgets:
            for _ in range(mutants):
                mutant = self._mutate_best(candidates, budget, rng)
                candidates.add(mutant)
                candidates.skip(1 - len(mutant))

    def _worth_scoring(self, candidates, coarse, budgets) -> np.ndarray:
        """The skeletons that fit a budget, and come near it if they must."""
        flops = candidates.costs(coarse).flops
        kept = np.zeros(len(coarse), bool)
        for budget in budgets:
            fits = candidates.fits(coarse, budget)
            if self.band is not None and budget.flops and fits.any():
                least = (1 - self.band) * budget.flops
                fits &= flops >= min(least, flops[fits].max())
            kept |= fits
        return coarse[kept]

    def _with_others(self, candidates, coarse, budgets) -> np.ndarray:
        """The skeletons and those of `also` that fit a budget, each once."""
        if not self.also:
            return coarse
        space = candidates.space
        also = np.stack([space.encode(arch) for arch in self.also])
        also = candidates.genes.canonical(also)
        also = also[candidates.fits(also, *budgets)]
        return unique_rows(np.concatenate([coarse, also]))

    def _mutate_best(self, candidates, budget, rng) -> np.ndarray:
        """A new mutant of the best, as a matrix of one row or of none."""
        parent = candidates.best(budget).encoded

        def mutate(count):
            parents = np.tile(parent, (count, 1))
            return candidates.genes.mutate(parents, rng, self.probability)

        return draw_again(candidates, budget, 1, mutate, MAX_DRAWS)
