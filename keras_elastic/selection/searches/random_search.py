"""Random search, and the drawing of architectures that all searches share.

Architectures that fit a budget are drawn many at once, and with an end.
"""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_elastic import checks
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.spaces.genes import MAX_LISTED
from keras_elastic.spaces.rows import unique_rows

# Large enough that NumPy, and not Python, takes the time.
CHUNK = 2**14
# Samples of the whole space before the search walks from the smallest.
MAX_SAMPLES = 2**18
# Rounds of mutants of what fits.
MAX_ROUNDS = 100

Propose = Callable[[int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class RandomSearch(Search):
    """Selects the best of random architectures that fit.

    Args:
        candidates: Integer. Architectures that are scored for each budget.
        seed: Integer.

    Raises:
        ValueError: `candidates` is not positive.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> budget = keras_elastic.selection.Budget(flops=500e3)
    >>> search = RandomSearch(candidates=20)
    >>> score = lambda arch: sum(arch.width)
    >>> [selection] = search.search(family, 10, score, [budget])
    >>> selection.reason
    'the best of 20 candidates with flops <= 500e3'
    """

    candidates: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        checks.fields(self, seed=checks.COUNT)
        checks.positive_integer(candidates=self.candidates)

    def _run(self, candidates: Candidates, budgets: Sequence[Budget]) -> None:
        candidates.expect(self.candidates * len(budgets))
        rng = np.random.default_rng(self.seed)
        for budget in budgets:
            encoded = draw(candidates, budget, self.candidates, rng)
            candidates.add(encoded)
            candidates.skip(self.candidates - len(encoded))


def draw(
    candidates: Candidates,
    budget: Budget,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws distinct architectures that fit a budget and were not scored.

    Every gene is drawn uniformly, and what does not fit is drawn again. Where
    fewer than about one in a thousand fit, the rest comes from a random walk:
    mutants of what fits, from the smallest architecture on. Those are no
    uniform sample, but they fit.

    Args:
        candidates: `Candidates`.
        budget: `Budget` that is in reach.
        count: Integer. Architectures to draw.
        rng: NumPy random generator.

    Returns:
        int32 array of (count, genes); fewer rows where no more were found.
    """
    if candidates.genes.combinations <= MAX_LISTED:
        return _draw_listed(candidates, budget, count, rng)
    sample = _sampler(candidates.space, budget, rng)
    found = draw_again(candidates, budget, count, sample, MAX_SAMPLES)
    if len(found) < count:
        found = _walk(candidates, budget, count, rng, found)
    return found


def draw_again(
    candidates: Candidates,
    budget: Budget,
    count: int,
    propose: Propose,
    attempts: int,
) -> np.ndarray:
    """Proposes until enough architectures fit that are new and distinct.

    Args:
        candidates: `Candidates`; those that were scored are not new.
        budget: `Budget`.
        count: Integer. Architectures to find.
        propose: Function from a number to that many encoded architectures.
        attempts: Integer. Proposals at most.

    Returns:
        int32 array of (count, genes); fewer rows where no more were found.
    """
    found = candidates.genes.least[None][:0]
    asked, size = 0, 2 * count
    while len(found) < count and asked < attempts:
        size = min(max(size, 64), CHUNK, attempts - asked)
        found = _with_new(found, candidates, budget, propose(size))
        asked += size
        # What is missing takes about as many for each as what was found did.
        missing = 1.2 * (count - len(found)) / max(len(found), 1)
        size = min(2 * size, math.ceil(missing * asked))
    return found[:count]


def _draw_listed(candidates, budget, count, rng):
    rows = candidates.new(rng.permutation(candidates.genes.all_rows()))
    return rows[candidates.fits(rows, budget)][:count]


def _sampler(space, budget, rng) -> Propose:
    def sample(size):
        encoded = space.sample_encoded(rng, size)
        # The resolution is drawn apart from the rest: setting it is as good
        # as drawing until it is right.
        if budget.resolution is not None:
            encoded[:, 0] = budget.resolution
        return encoded

    return sample


def _walk(candidates, budget, count, rng, found):
    """Adds mutants of what fits to what was found."""
    genes = candidates.genes
    start = genes.least[None].copy()
    if budget.resolution is not None:
        start[0, 0] = budget.resolution
    # The smallest leads on also where it was scored, and so is not new.
    pool = unique_rows(np.concatenate([start, found]))
    for _ in range(MAX_ROUNDS):
        parents = pool[rng.integers(len(pool), size=max(count, 256))]
        mutants = genes.mutate(parents, rng, 1 / len(genes.counts))
        if budget.resolution is not None:
            mutants[:, 0] = budget.resolution
        mutants = np.concatenate([start, mutants])
        mutants = mutants[candidates.fits(mutants, budget)]
        pool = unique_rows(np.concatenate([pool, mutants]))
        found = candidates.new(np.concatenate([found, mutants]))
        if len(found) >= count:
            break
    return found[:count]


def _with_new(found, candidates, budget, encoded):
    """Adds the rows that are new and fit to what was found."""
    new = candidates.new(np.concatenate([found, encoded]))[len(found) :]
    return np.concatenate([found, new[candidates.fits(new, budget)]])
