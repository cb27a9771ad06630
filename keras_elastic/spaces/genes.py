"""The genes of a space as arrays: what is done to thousands at once."""

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from keras_elastic import checks

if TYPE_CHECKING:
    from keras_elastic.spaces.search_space import SearchSpace

# A space with no more combinations than this is listed, and not drawn from.
MAX_LISTED = 2**16


class GeneTable:
    """Mutates, crosses and lists encoded architectures of a space.

    Methods take and return int32 arrays of shape (count, genes), in the
    encoding of the space; `dead` and `canonical` also take one row. What they
    return is canonical: genes of blocks that are left out are at their
    smallest choice, so that equal networks are equal rows.

    Args:
        space: `SearchSpace`.

    Example:

    >>> space = keras_elastic.families.get("bignas_digits").space
    >>> table = GeneTable(space)
    >>> rows = space.sample_encoded(np.random.default_rng(0), 100)
    >>> table.mutate(rows, np.random.default_rng(1), 0.1).shape
    (100, 15)
    """

    @checks.arguments(space=checks.SPACE)
    def __init__(self, space: "SearchSpace"):
        self.choices = [np.array(c, "int32") for _, c in space.genes]
        self.counts = np.array([len(c) for c in self.choices])
        self.least = np.array([c[0] for c in self.choices], "int32")
        first_depth = 1 + len(space.width)
        # Genes of blocks: their place, that of the stage's depth, the block.
        self.owned = [
            (gene, first_depth + owner[0], owner[1])
            for gene, owner in enumerate(space.owners, start=1)
            if owner is not None
        ]
        columns = np.array(self.owned, "int64").reshape(-1, 3).T
        self._owned, self._depths, self._blocks = columns
        # The choices of all genes in a row, and where those of each begin.
        self._values = np.concatenate(self.choices)
        self._first = np.cumsum(self.counts) - self.counts
        # The place of a gene's value is at its start, plus the value.
        spans = [c[-1] - c[0] + 1 for c in self.choices]
        self._starts = np.cumsum([0, *spans[:-1]]) - self.least
        self._places = np.zeros(sum(spans), "int64")
        for start, values in zip(self._starts, self.choices, strict=True):
            self._places[start + values] = np.arange(len(values))

    @property
    def combinations(self) -> int:
        """Number of rows of `all_rows` before equal networks are merged."""
        return math.prod(self.counts.tolist())

    def all_rows(self) -> np.ndarray:
        """Every combination of choices; equal networks are equal rows."""
        product = itertools.product(*[c.tolist() for c in self.choices])
        return self.canonical(np.array(list(product), "int32"))

    @checks.arguments(encoded=checks.ENCODED)
    def dead(self, encoded: np.ndarray) -> np.ndarray:
        """Which genes are of blocks that are left out; array of booleans."""
        return self._dead(encoded)

    def _dead(self, encoded):
        # Gene by gene, as the rows of large arrays lie here.
        dead = np.zeros(encoded.T.shape, bool)
        depths = encoded.T[self._depths]
        dead[self._owned] = (depths.T <= self._blocks).T
        return dead.T

    @checks.arguments(encoded=checks.ENCODED)
    def canonical(self, encoded: np.ndarray) -> np.ndarray:
        """Sets the genes of blocks that are left out to the smallest choice."""
        return self._canonical(encoded)

    def _canonical(self, encoded):
        canonical = np.where(self._dead(encoded), self.least, encoded)
        return canonical.astype("int32", copy=False)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draws every gene uniformly; an array of (count, genes).

        Its memory is ordered gene by gene, which is faster to work on.
        """
        genes = np.empty((len(self.choices), count), "int32")
        for gene, choices in zip(genes, self.choices, strict=True):
            # As `rng.choice` draws them, in a third less time.
            gene[:] = choices.take(rng.integers(0, len(choices), count))
        return self._canonical(genes.T)

    @checks.arguments(encoded=checks.ENCODED)
    def indices(self, encoded: np.ndarray) -> np.ndarray:
        """The place of every value among the choices of its gene, from 0."""
        return self._indices(encoded)

    def _indices(self, encoded):
        return self._places.take((encoded + self._starts).T).T

    def from_indices(self, indices: np.ndarray) -> np.ndarray:
        """The canonical rows whose genes have the choices at these places."""
        return self._canonical(self._values.take((indices + self._first).T).T)

    @checks.arguments(
        encoded=checks.ENCODED,
        rng=checks.GENERATOR,
        probability=checks.FRACTION | checks.ARRAY,
    )
    def mutate(
        self,
        encoded: np.ndarray,
        rng: np.random.Generator,
        probability: float | np.ndarray,
    ) -> np.ndarray:
        """Replaces each gene by another of its choices with a probability.

        At least one gene changes, where there is one that can, so that no
        candidate is spent on a copy. The genes of added blocks are drawn.

        Args:
            encoded: Array of (count, genes).
            rng: NumPy random generator.
            probability: Float in [0, 1], or an array of one for each gene.

        Returns:
            Array of (count, genes).
        """
        dead = self._dead(encoded)
        can_change = (self.counts > 1) & ~dead
        chosen = can_change & (rng.random(encoded.shape) < probability)
        [none] = np.nonzero(~chosen.any(axis=1))
        lots = can_change[none] * rng.random((len(none), encoded.shape[1]))
        forced = lots.argmax(axis=1)
        chosen[none, forced] = can_change[none, forced]
        # Steps to any of the other choices, or to any choice.
        steps = rng.random(encoded.shape) * (self.counts - ~dead) + ~dead
        indices = self._indices(encoded)
        moved = indices + steps.astype("int64")
        moved -= self.counts * (moved >= self.counts)
        return self.from_indices(np.where(chosen | dead, moved, indices))

    @checks.arguments(
        first=checks.ENCODED, second=checks.ENCODED, rng=checks.GENERATOR
    )
    def crossover(
        self,
        first: np.ndarray,
        second: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Takes every gene from one of two parents, each as likely.

        A gene that means nothing in one parent is taken from the other: the
        depth may come from either, and every gene of a child is one that a
        parent's network had.

        Args:
            first: Array of (count, genes).
            second: Array of (count, genes), the other parents.
            rng: NumPy random generator.

        Returns:
            Array of (count, genes).
        """
        from_first = rng.random(first.shape) < 0.5
        from_first = from_first & ~self._dead(first) | self._dead(second)
        return self._canonical(np.where(from_first, first, second))

    @checks.arguments(encoded=checks.ENCODED)
    def one_hot(self, encoded: np.ndarray) -> np.ndarray:
        """One-hot features; zeros for the genes of blocks that are left out.

        Reference:
        - Once-for-All (Cai et al., ICLR 2020), the accuracy predictor of the
          release.

        Returns:
            float32 array of (count, choices of all genes).
        """
        live = ~self._dead(encoded)
        genes = np.repeat(np.arange(len(self.counts)), self.counts)
        equal = encoded[:, genes] == self._values
        return (equal & live[:, genes]).astype("float32")
