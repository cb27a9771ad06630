"""The genes of a space as arrays: what is done to thousands at once."""

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from keras_elastic import checks

if TYPE_CHECKING:
    from keras_elastic.spaces.search_space import SearchSpace


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
        dead = np.zeros(encoded.shape, bool)
        depths = encoded[..., self._depths]
        dead[..., self._owned] = depths <= self._blocks
        return dead

    @checks.arguments(encoded=checks.ENCODED)
    def canonical(self, encoded: np.ndarray) -> np.ndarray:
        """Sets the genes of blocks that are left out to the smallest choice."""
        return np.where(self.dead(encoded), self.least, encoded).astype("int32")

    @checks.arguments(encoded=checks.ENCODED)
    def indices(self, encoded: np.ndarray) -> np.ndarray:
        """The place of every value among the choices of its gene, from 0."""
        # Gene by gene, as the rows of large arrays lie here.
        return self._places.take((encoded + self._starts).T).T

    def from_indices(self, indices: np.ndarray) -> np.ndarray:
        """The canonical rows whose genes have the choices at these places."""
        columns = [
            choices[column]
            for choices, column in zip(self.choices, indices.T, strict=True)
        ]
        return self.canonical(np.stack(columns, axis=1))

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
        dead = self.dead(encoded)
        can_change = (self.counts > 1) & ~dead
        chosen = can_change & (rng.random(encoded.shape) < probability)
        lots = np.where(can_change, rng.random(encoded.shape), -1)
        forced = np.arange(encoded.shape[1]) == lots.argmax(axis=1)[:, None]
        chosen |= forced & can_change & ~chosen.any(axis=1, keepdims=True)
        steps = rng.integers(1, np.maximum(self.counts, 2), encoded.shape)
        drawn = rng.integers(0, self.counts, encoded.shape)
        indices = self.indices(encoded)
        indices = np.where(chosen, (indices + steps) % self.counts, indices)
        return self.from_indices(np.where(dead, drawn, indices))

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
        from_first = from_first & ~self.dead(first) | self.dead(second)
        return self.canonical(np.where(from_first, first, second))

    @checks.arguments(encoded=checks.ENCODED)
    def one_hot(self, encoded: np.ndarray) -> np.ndarray:
        """One-hot features; zeros for the genes of blocks that are left out.

        Reference:
        - Once-for-All (Cai et al., ICLR 2020), the accuracy predictor of the
          release.

        Returns:
            float32 array of (count, choices of all genes).
        """
        live = ~self.dead(encoded)
        columns = [
            (encoded[:, gene, None] == choices) & live[:, gene, None]
            for gene, choices in enumerate(self.choices)
        ]
        return np.concatenate(columns, axis=1).astype("float32")
