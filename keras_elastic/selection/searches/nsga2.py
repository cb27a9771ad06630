"""NSGA-II: one search over several costs at once, through pymoo."""

import dataclasses
import types
from collections.abc import Sequence

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import UPPER_BOUNDS
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.selection.searches.random_search import draw
from keras_elastic.spaces.rows import unique_rows


@dataclasses.dataclass(frozen=True)
class NSGA2Search(Search):
    """Selects from the front of the score and several costs, by NSGA-II.

    One run finds networks of all sizes, where other searches run once for each
    budget; the first population has architectures that fit each. It needs
    pymoo, the extra `search`.

    A score that is a tuple takes part with its first entry; the selections
    compare all of it.

    Reference:
    - A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II (Deb et al.,
      IEEE Transactions on Evolutionary Computation 2002), sections III.A to
      III.C.

    Args:
        population: Integer. Architectures of a generation.
        generations: Integer. Generations, the first population included.
        objectives: Names of the costs to minimize, out of "flops", "params"
            and "memory". The score is maximized.
        seed: Integer.

    Raises:
        ValueError: An argument is out of range.
        ImportError: In `search`: pymoo is not installed.
    """

    population: int = 100
    generations: int = 20
    objectives: tuple[str, ...] = ("flops",)
    seed: int = 0

    def __post_init__(self) -> None:
        checks.fields(self, seed=checks.COUNT)
        checks.integer_from(4, population=self.population)
        checks.positive_integer(generations=self.generations)
        object.__setattr__(self, "objectives", tuple(self.objectives))
        known = [name for name in self.objectives if name in UPPER_BOUNDS]
        if not known or len(set(known)) != len(self.objectives):
            raise ValueError(
                "`objectives` must be different names of costs out of "
                f"{UPPER_BOUNDS}. Received: objectives={self.objectives}."
            )

    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        candidates.expect(self.population * self.generations)
        rng = np.random.default_rng(self.seed)
        first = self._first_population(candidates, budgets, rng)
        genes = candidates.genes
        # Genes with one choice are no variables.
        variables = np.flatnonzero(genes.counts > 1)
        if len(variables):
            # Genes of blocks that are left out are drawn: were they all at
            # their smallest, every block that a crossover adds would be.
            drawn = rng.integers(0, genes.counts, first.shape)
            places = np.where(genes.dead(first), drawn, genes.indices(first))
            self._evolve(candidates, budgets, places, variables)
        else:
            candidates.add(first)
        candidates.skip_to()

    def _evolve(self, candidates, budgets, first, variables):
        pymoo = import_pymoo()
        genes = candidates.genes
        problem = pymoo.Problem(
            n_var=len(variables),
            n_obj=1 + len(self.objectives),
            n_ieq_constr=1,
            xl=0,
            xu=genes.counts[variables] - 1,
            vtype=int,
        )
        algorithm = pymoo.NSGA2(
            pop_size=self.population,
            sampling=first[:, variables],
            crossover=pymoo.UniformCrossover(),
            # Genes have few choices: with the usual 20 most mutants would be
            # rounded back to what they were.
            mutation=pymoo.PM(
                prob=1.0, eta=3, vtype=float, repair=pymoo.RoundingRepair()
            ),
        )
        algorithm.setup(
            problem,
            termination=("n_gen", self.generations),
            seed=self.seed,
        )
        while algorithm.has_next():
            asked = algorithm.ask()
            # A small space has no more children that are new.
            if asked is None:
                break
            places = np.zeros((len(asked), len(genes.counts)), int)
            places[:, variables] = asked.get("X")
            encoded = genes.from_indices(places)
            values = self._evaluate(candidates, budgets, encoded)
            static = pymoo.StaticProblem(problem, **values)
            pymoo.Evaluator().eval(static, asked)
            algorithm.tell(infills=asked)

    def _first_population(self, candidates, budgets, rng):
        """The ends of the space and samples for each of the budgets."""
        space = candidates.space
        ends = np.stack(
            [space.encode(arch) for arch in (space.smallest, space.largest)]
        )
        ends = ends[candidates.fits(ends, *budgets)]
        share = -(-self.population // len(budgets))
        drawn = [draw(candidates, budget, share, rng) for budget in budgets]
        # By turns, so that every budget keeps some when the rest is cut off.
        turns = [
            rows[turn : turn + 1] for turn in range(share) for rows in drawn
        ]
        first = unique_rows(
            np.concatenate([*turns[: len(budgets)], ends, *turns])
        )
        return first[: max(self.population, len(budgets))]

    def _evaluate(self, candidates, budgets, encoded):
        """Objectives and constraint; what fits no budget is not scored."""
        fits = candidates.fits(encoded, *budgets)
        scored = candidates.add(encoded[fits])
        objectives = np.zeros((len(encoded), 1 + len(self.objectives)))
        for row, found in zip(np.flatnonzero(fits), scored, strict=True):
            objectives[row] = [*self._costs(found), -_number(found.score)]
        return {"F": objectives, "G": np.where(fits, 0.0, 1.0)[:, None]}

    def _costs(self, candidate):
        return [getattr(candidate.costs, name) for name in self.objectives]


def _number(score) -> float:
    return float(score[0] if isinstance(score, tuple) else score)


def import_pymoo() -> types.SimpleNamespace:
    """Returns the parts of pymoo that the search needs.

    Raises:
        ImportError: pymoo is not installed; the message says how to.
    """
    try:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.evaluator import Evaluator
        from pymoo.core.problem import Problem
        from pymoo.operators.crossover.ux import UniformCrossover
        from pymoo.operators.mutation.pm import PM
        from pymoo.operators.repair.rounding import RoundingRepair
        from pymoo.problems.static import StaticProblem
    except ImportError as error:
        raise ImportError(
            "`NSGA2Search` needs pymoo, which is not installed. "
            + checks.install("search")
        ) from error
    return types.SimpleNamespace(
        NSGA2=NSGA2,
        Evaluator=Evaluator,
        Problem=Problem,
        UniformCrossover=UniformCrossover,
        PM=PM,
        RoundingRepair=RoundingRepair,
        StaticProblem=StaticProblem,
    )
