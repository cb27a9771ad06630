"""What all searches share: candidates, the selection, and the search itself."""

import abc
import dataclasses
import itertools
import operator
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import Costs
from keras_elastic.spaces import GeneTable
from keras_elastic.spaces.cost_table import CostTable
from keras_elastic.spaces.rows import row_keys

by_score = operator.attrgetter("score")

if TYPE_CHECKING:
    from keras_elastic.families.family import Family


# Not frozen, which takes thrice as long to make: searches make thousands.
@dataclasses.dataclass(eq=False, slots=True)
class Candidate:
    """An architecture that was scored.

    Args:
        encoded: int32 array of (genes,).
        costs: `Costs`, integers.
        score: Its score.
    """

    encoded: np.ndarray
    costs: Costs
    score: Any


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


class Candidates:
    """The candidates of one search; every search keeps them here.

    Costs are counted for whole arrays of encoded architectures. Nothing is
    scored twice. Arguments and errors are those of `Search.search`.
    """

    def __init__(
        self,
        family,
        classes: int,
        score: Callable[[Architecture], Any],
        budgets: Sequence[Budget] = (),
        progress: Callable[[int, int], None] | None = None,
    ):
        for budget in budgets:
            budget.check_reachable(family, classes)
        self.family = family
        self.classes = classes
        self.space = family.space
        self.genes = GeneTable(family.space)
        self._cost_table = CostTable(family, classes)
        self._score = score
        self._progress = progress or (lambda done, total: None)
        self._done = 0
        self._total = 0
        self._scored: dict[bytes, Candidate] = {}
        # Added to the reason of every selection.
        self.remark = ""

    def __len__(self) -> int:
        return len(self._scored)

    def __iter__(self):
        return iter(self._scored.values())

    def costs(self, encoded: np.ndarray) -> Costs:
        """`Costs` of encoded architectures: int64 arrays of (count,)."""
        return self._cost_table(encoded)

    def fits(self, encoded: np.ndarray, *budgets: Budget) -> np.ndarray:
        """Which of encoded architectures fit one of the budgets."""
        counted, resolution = self.costs(encoded), encoded[:, 0]
        fits = np.zeros(len(encoded), bool)
        for budget in budgets:
            holds = np.array(budget.holds(counted, resolution))
            holds = np.broadcast_to(holds, len(encoded)).copy()
            rows = np.flatnonzero(holds)
            holds[rows] = budget.fits_limits(self.space, encoded[rows])
            fits |= holds
        return fits

    def new(self, encoded: np.ndarray) -> np.ndarray:
        """The distinct rows that were not scored, in their order."""
        keys = row_keys(encoded)
        places = dict(zip(keys, range(len(keys)), strict=True))
        new = itertools.filterfalse(self._scored.__contains__, places)
        return encoded[[*map(places.__getitem__, new)]]

    def expect(self, total: int) -> None:
        """Sets how many candidates there will be in all, for the progress."""
        self._total = total

    def skip(self, count: int = 1) -> None:
        """Counts candidates as done that could not be found."""
        if count:
            self._done += count
            self._progress(self._done, self._total)

    def skip_to(self, done: int | None = None) -> None:
        """Counts candidates as done, up to a number or up to all."""
        self.skip((self._total if done is None else done) - self._done)

    def add(self, encoded: np.ndarray) -> list[Candidate]:
        """Scores encoded architectures, those that were not scored before.

        Args:
            encoded: int32 array of (count, genes), canonical.

        Returns:
            List of `Candidate`, one a row, in the order of the rows.
        """
        encoded = np.ascontiguousarray(encoded, "int32")
        new = self.new(encoded)
        if len(new):
            self._add_new(new)
        return [self._scored[key] for key in row_keys(encoded)]

    def _add_new(self, encoded):
        many = getattr(self._score, "many", None)
        if many is not None:
            self._keep(encoded, self._scores(many, encoded))
            return
        # One by one, so that the progress is that of the scoring.
        for row in encoded:
            self._keep(row[None], [self._score(self.space.decode(row))])

    def _scores(self, many, encoded) -> list:
        scores = list(many(encoded))
        if len(scores) != len(encoded):
            raise ValueError(
                "`score.many` must return a score for each architecture. "
                f"Received: {len(scores)} scores of {len(encoded)}."
            )
        return scores

    def _keep(self, encoded, scores):
        counted = map(Costs, *(cost.tolist() for cost in self.costs(encoded)))
        made = map(Candidate, encoded, counted, scores)
        self._scored.update(zip(row_keys(encoded), made, strict=True))
        self.skip(len(encoded))

    def within(self, budget: Budget) -> list[Candidate]:
        """The candidates that fit a budget, the best first."""
        if not self._scored:
            return []
        encoded = np.frombuffer(b"".join(self._scored), "int32")
        fits = self.fits(encoded.reshape(len(self), -1), budget)
        fitting = itertools.compress(self, fits)
        # Sorting is stable: of equal scores the first scored stays first.
        return sorted(fitting, key=by_score, reverse=True)

    def best(self, budget: Budget) -> Candidate:
        """The best candidate that fits a budget."""
        return self.within(budget)[0]

    def select(self, budget: Budget) -> Selection:
        """Returns the best candidate that fits a budget."""
        fitting = self.within(budget)
        best = fitting[0]
        reason = f"the best of {len(fitting)} candidates with {budget}"
        arch = self.space.decode(best.encoded)
        return Selection(arch, best.costs, best.score, reason + self.remark)


class Search(abc.ABC):
    """A way to find architectures under budgets.

    A search of one's own says in `_run` which candidates are scored.
    """

    @checks.arguments(
        family=checks.FAMILY,
        classes=checks.POSITIVE_INTEGER,
        # What is asked of many at once need not be a function.
        score=checks.FUNCTION
        | checks.having("many", what="one with the method `many`"),
        budgets=checks.each(checks.instance(Budget)),
        progress=checks.FUNCTION | checks.NONE,
    )
    def search(
        self,
        family: "Family",
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
                better. It is called once for each candidate. If it has a
                method `many`, from encoded architectures to a sequence of
                scores, that is asked for all of a batch at once.
            budgets: Sequence of `Budget`.
            progress: Function of candidates done and candidates in all.

        Returns:
            List of `Selection`, one a budget.

        Raises:
            ValueError: A budget is out of reach; nothing was scored then.
        """
        candidates = Candidates(family, classes, score, budgets, progress)
        if budgets:
            self._run(candidates, budgets)
        return [candidates.select(budget) for budget in budgets]

    @abc.abstractmethod
    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        """Scores candidates, of which some fit each of the budgets."""
