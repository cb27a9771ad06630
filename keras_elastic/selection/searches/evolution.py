"""Evolutionary selection: the best are mutated and crossed."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.selection.searches.candidates import by_score
from keras_elastic.selection.searches.random_search import draw
from keras_elastic.selection.searches.random_search import draw_again

# A child that does not fit, or is not new, is drawn again: this many draws
# for each child that is wanted, at most.
MAX_DRAWS = 100


@dataclasses.dataclass(frozen=True)
class EvolutionSearch(Search):
    """Selects architectures for budgets by an elitist evolution.

    For each budget a population is drawn at random. In every generation the
    best of all that fit the budget, those scored for other budgets included,
    are the parents of new mutants and crossovers, half of each.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), the evolution of the release. There
      a block's kernel and expansion mutate together, and a child may repeat
      one that was scored; here genes mutate one by one, and children are new.
      The release has 500 generations, for a predictor's scores.

    Args:
        population: Integer. Architectures of a generation.
        generations: Integer. Generations after the first population.
        parents: Float in [0, 1]. Share of the population that are parents.
        mutants: Float in [0, 1]. Share of the children that are mutants; the
            others are crossovers.
        probability: Float in [0, 1]. Probability that a gene mutates.
        resolution_probability: Float in [0, 1]. The same of the resolution.
        seed: Integer.

    Raises:
        ValueError: An argument is out of range.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> budget = keras_elastic.selection.Budget(flops=500e3)
    >>> evolution = EvolutionSearch(population=20, generations=4)
    >>> score = lambda arch: sum(arch.width)
    >>> [selection] = evolution.search(family, 10, score, [budget])
    >>> selection.reason
    'the best of 100 candidates with flops <= 500e3'
    """

    population: int = 100
    generations: int = 20
    parents: float = 0.25
    mutants: float = 0.5
    probability: float = 0.1
    resolution_probability: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        checks.fields(self, seed=checks.COUNT)
        checks.integer_from(2, population=self.population)
        checks.non_negative_integer(generations=self.generations)
        checks.fraction(
            parents=self.parents,
            mutants=self.mutants,
            probability=self.probability,
            resolution_probability=self.resolution_probability,
        )

    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        total = self.population * (1 + self.generations)
        candidates.expect(total * len(budgets))
        rng = np.random.default_rng(self.seed)
        for number, budget in enumerate(budgets):
            self._evolve(candidates, budget, rng)
            # Where all that fits was scored before the last generation.
            candidates.skip_to(total * (number + 1))

    def _evolve(self, candidates, budget, rng):
        count = max(2, round(self.parents * self.population))
        candidates.add(draw(candidates, budget, self.population, rng))
        elite = candidates.within(budget)[:count]
        for _ in range(self.generations):
            parents = np.array([parent.encoded for parent in elite])
            children = self._children(candidates, budget, parents, rng)
            if not len(children):
                return
            elite = elite + candidates.add(children)
            # Sorting is stable: of equal scores the elder stays.
            elite = sorted(elite, key=by_score, reverse=True)[:count]

    def _children(self, candidates, budget, parents, rng):
        genes = candidates.genes
        probability = np.full(len(genes.counts), float(self.probability))
        probability[0] = self.resolution_probability

        def propose(count):
            # Half and half in any run of proposals, as only some will fit.
            is_mutant = rng.random(count) < self.mutants
            first, second = parents[rng.integers(len(parents), size=(2, count))]
            children = genes.crossover(first, second, rng)
            mutants = genes.mutate(first[is_mutant], rng, probability)
            children[is_mutant] = mutants
            return children

        attempts = MAX_DRAWS * self.population
        return draw_again(
            candidates, budget, self.population, propose, attempts
        )
