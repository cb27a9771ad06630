"""Costs of thousands of architectures at once, looked up in tables.

What a block costs depends on a few genes only. It is counted once for every
combination of their choices; the costs of an architecture are then sums of
entries.
"""

import dataclasses
import math

import numpy as np

from keras_elastic import checks
from keras_elastic.spaces.costs import Costs
from keras_elastic.spaces.costs import costs
from keras_elastic.spaces.genes import GeneTable

# Blocks share a table while it has no more entries than this: small enough
# to stay in a processor's cache.
SHARED = 2**13
# A family that needs more entries than this has no tables. Up to 2**24, float32
# has all integers, so that places can be computed as a product of matrices.
MAX_ENTRIES = 2**20
# Architectures at a time: what is made of them stays in the cache, too.
ROWS = 2**11


class CostTable:
    """Counts the costs of encoded architectures of a family.

    The numbers are those of `costs(family.plan(...))`, for every architecture
    of the space. Nothing about the family must be known: its plan is read with
    all choices of each gene at once, and what a quantity depends on is what
    arithmetic made it of. Where that is too much, as in a network that
    concatenates the outputs of all its blocks, the plan of the architectures
    themselves is read, which takes longer.

    Args:
        family: The family.
        classes: Integer. Number of classes.

    Call arguments:
        encoded: Integer array of (count, genes), encoded architectures of the
            space. What it returns is `Costs`, int64 arrays of (count,).

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> table = CostTable(family, classes=10)
    >>> int(table(family.space.one_gene_changes).flops.min())
    139048
    """

    @checks.arguments(family=checks.FAMILY, classes=checks.POSITIVE_INTEGER)
    def __init__(self, family, classes: int):
        self._family = family
        self._classes = classes
        self._genes = GeneTable(family.space)
        self._entries: np.ndarray | None = None
        try:
            tables = self._tabulate()
        except _TooLargeError:
            return
        sizes = [table.shape[1] for _, table in tables]
        self._entries = np.concatenate([table for _, table in tables], axis=1)
        # Where a table begins, and how far its places are apart for a gene.
        self._starts = np.cumsum([0, *sizes[:-1]])[:, None]
        self._strides = np.zeros((len(tables), len(self._genes.counts)), "f4")
        for strides, (genes, _) in zip(self._strides, tables, strict=True):
            counts = self._genes.counts[list(genes)]
            strides[list(genes)] = np.cumprod([1, *counts[:0:-1]])[::-1]

    def _tabulate(self):
        """Pairs of genes and the costs of all combinations of their choices."""
        choices = [
            _Grid.of(values, (gene,))
            if len(values) > 1
            else _Grid.of(values[0])
            for gene, values in enumerate(self._genes.choices)
        ]
        genes = self._family.space.unstack(choices)
        plan = self._family.plan(genes, self._classes)
        tables, shared = [], Costs(*[_Grid.of(0)] * 3)
        for block in plan.blocks:
            counted = costs(dataclasses.replace(plan, blocks=(block,)))
            if math.prod(_axes([*shared, *counted]).values()) > SHARED:
                tables.append(_flat(shared))
                shared = counted
            else:
                shared = Costs(
                    shared.flops + counted.flops,
                    shared.params + counted.params,
                    np.maximum(shared.memory, counted.memory),
                )
        tables.append(_flat(shared))
        _check_size(sum(table.shape[1] for _, table in tables))
        return tables

    @property
    def is_tabulated(self) -> bool:
        """Whether there are tables, or plans are read."""
        return self._entries is not None

    @checks.arguments(encoded=checks.ENCODED)
    def __call__(self, encoded: np.ndarray) -> Costs:
        entries = self._entries
        if entries is None:
            genes = self._family.space.unstack(encoded)
            counted = costs(self._family.plan(genes, self._classes))
            # Where no gene matters, the plan's arithmetic leaves one integer.
            return Costs(*(np.broadcast_to(c, len(encoded)) for c in counted))
        looked_up = np.empty((3, len(encoded)), "int64")
        for start in range(0, len(encoded), ROWS):
            rows = slice(start, start + ROWS)
            places = self._genes.indices(encoded[rows]).T
            found = self._strides @ places.astype("float32")
            found = entries.take(found.astype("int64") + self._starts, 1)
            # What blocks compute and hold adds up; their peaks do not.
            found[:2].sum(axis=1, out=looked_up[:2, rows])
            found[2].max(axis=0, out=looked_up[2, rows])
        return Costs(*looked_up)


class _TooLargeError(Exception):
    """Something depends on too many genes, or on them in another way."""


class _Grid(np.ndarray):
    """A quantity for all combinations of the choices of some genes.

    It has a dimension for each of the genes `axes`, which are in increasing
    order. Arithmetic between grids lines these up.
    """

    axes: tuple[int, ...] = ()

    @classmethod
    def of(cls, values, axes: tuple[int, ...] = ()) -> "_Grid":
        grid = np.asarray(values, "int64").view(cls)
        grid.axes = axes
        return grid

    def __array_finalize__(self, other):
        self.axes = getattr(other, "axes", ())

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        # In place of `out`, which may be too small, stands what is returned.
        if method != "__call__" or options:
            raise _TooLargeError
        return _combine(ufunc, inputs)

    def __array_function__(self, function, types, inputs, options):
        if function is not np.where or options:
            raise _TooLargeError
        return _combine(function, inputs)


def _combine(function, inputs) -> _Grid:
    axes = _axes(inputs)
    _check_size(math.prod(axes.values()))
    made = np.asarray(function(*(_aligned(value, axes) for value in inputs)))
    grid = made.view(_Grid)
    grid.axes = tuple(axes)
    return grid


def _check_size(entries) -> None:
    if entries > MAX_ENTRIES:
        raise _TooLargeError


def _axes(values) -> dict[int, int]:
    """The genes that any of some values depends on, and their choices."""
    sizes: dict[int, int] = {}
    for value in values:
        if isinstance(value, _Grid):
            sizes.update(zip(value.axes, value.shape, strict=True))
    return dict(sorted(sizes.items()))


def _aligned(value, axes):
    """A grid as an array with a dimension for each of some genes."""
    if not isinstance(value, _Grid):
        return value
    shape = [size if axis in value.axes else 1 for axis, size in axes.items()]
    return value.view(np.ndarray).reshape(shape)


def _flat(counted: Costs):
    """The genes of costs, and their entries as an array of (3, entries)."""
    axes = _axes(counted)
    shape = tuple(axes.values())
    _check_size(math.prod(shape))
    columns = [
        np.broadcast_to(_aligned(cost, axes), shape).ravel() for cost in counted
    ]
    return tuple(axes), np.stack(columns)
