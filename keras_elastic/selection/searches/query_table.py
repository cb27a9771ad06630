"""The query table: the best width and resolution under each budget."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.front import Front
from keras_elastic.selection.front import FrontRow
from keras_elastic.selection.front import Score
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces.rows import unique_rows


def configurations(
    space: SearchSpace, levels: int | None = None
) -> list[Architecture]:
    """Lists every resolution with every network-wide level.

    A level is a place between the least and the most that all genes but the
    resolution share; there are as many as the gene with the most choices has.
    In a space of one width for all layers these are its widths, and the
    configurations are the whole space. A space of finer widths, of which a
    training may draw any, has a table of fewer levels.

    Reference:
    - MutualNet (Yang et al., ECCV 2020), section 3.2 of the first version: 16
      widths and 4 resolutions.

    Args:
        space: `SearchSpace`.
        levels: Integer. Number of levels, evenly apart, or `None` for all.

    Returns:
        List of `Architecture`, by resolution, then by level.
    """
    counts = [len(choices) for _, choices in space.genes[1:]]
    most = max(counts, default=1)
    count = most if levels is None else min(levels, most)
    rows = [
        [resolution, *_level(space, level)]
        for resolution in space.resolution
        for level in np.linspace(0, 1, count)
    ]
    encoded = [space.encode(space.decode(row)) for row in rows]
    return [space.decode(row) for row in unique_rows(np.stack(encoded))]


def _level(space, level):
    places = [
        (choices, math.floor(level * (len(choices) - 1) + 0.5))
        for _, choices in space.genes[1:]
    ]
    return [choices[place] for choices, place in places]


class QueryTable(Front):
    """The front of every resolution with every network-wide level.

    It is made once, and is asked while the network runs, whenever the budget
    changes: a `Front` whose rows are configurations.

    Reference:
    - MutualNet (Yang et al., ECCV 2020), section 3.2 of the first version.

    Args:
        rows: Iterable of `FrontRow`. Those that are beaten are left out.

    Example:

    >>> from keras_elastic.selection import Budget
    >>> family = keras_elastic.families.get("mobilenet_v1")
    >>> score = lambda arch: Score(arch.width[0] * arch.resolution / 3e4, 0.0)
    >>> table = QueryTable.measure(family, 1000, score)
    >>> table.best(Budget(flops=300e6), "mobilenet_v1").flops <= 300e6
    True
    """

    @classmethod
    def measure(
        cls,
        family,
        classes: int,
        score: Callable[[Architecture], Score],
        progress: Callable[[int, int], None] | None = None,
    ) -> "QueryTable":
        """Scores every configuration of a family.

        Args:
            family: The family.
            classes: Integer. Number of classes.
            score: Function from an architecture to its `Score`.
            progress: Function of configurations done and in all.

        Returns:
            `QueryTable`.

        Raises:
            ValueError: `score` returns anything but a `Score`.
        """
        candidates = Candidates(family, classes, score, (), progress)
        scored = _score_all(candidates)
        return cls(_to_row(candidates.space, found) for found in scored)


@dataclasses.dataclass(frozen=True)
class QueryTableSearch(Search):
    """Selects from every resolution and network-wide level of a family.

    Each configuration that fits one of the budgets is scored, or each of all.
    There is no seed: nothing is random.

    Reference:
    - MutualNet (Yang et al., ECCV 2020), section 3.2 of the first version.

    Args:
        levels: Integer. As `configurations`.
        whole: Boolean. Whether those beyond the budgets are scored, too, so
            that the table is there for every budget.

    Raises:
        ValueError: `levels` is not a positive integer, or `None`.
    """

    levels: int | None = None
    whole: bool = False

    def __post_init__(self):
        checks.fields(self, levels=checks.POSITIVE_INTEGER | checks.NONE)

    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        within = () if self.whole else budgets
        _score_all(candidates, *within, levels=self.levels)


def _score_all(candidates, *budgets, levels=None):
    """Scores the configurations that fit one of the budgets, or all."""
    space = candidates.space
    archs = configurations(space, levels)
    rows = np.stack([space.encode(arch) for arch in archs])
    rows = rows[candidates.fits(rows, *budgets or [Budget()])]
    candidates.expect(len(rows))
    return candidates.add(rows)


def _to_row(space, candidate):
    if not isinstance(candidate.score, Score):
        raise ValueError(
            "`score` must return a `Score` of accuracy and negative loss. "
            f"Received: {candidate.score!r}."
        )
    accuracy, negative_loss = candidate.score
    arch = space.decode(candidate.encoded)
    return FrontRow(arch, *candidate.costs, accuracy, -negative_loss)
