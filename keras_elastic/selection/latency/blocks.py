"""The distinct blocks of a space, and what follows from their latencies.

Blocks that were not timed, and whole networks, are estimated by regression.
"""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from scipy import optimize

from keras_elastic.models import child
from keras_elastic.spaces import GeneTable
from keras_elastic.spaces import Plan
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives
from keras_elastic.spaces.genes import MAX_LISTED

# Where a space has more architectures than can be listed, its blocks are
# those of so many random ones. A block depends on few genes, so that even
# rare combinations of them are met.
SAMPLES = 2**17
# What an operation has and what does not change how long it takes.
TIMELESS = ("name", "epsilon", "zero_gamma", "kernel_transform", "rate")


@dataclasses.dataclass(frozen=True)
class DistinctBlock:
    """A block of a space, whatever its name and place in the network.

    Args:
        key: String, everything that its latency depends on.
        block: `Block` over integers.
        index: Integer, the first place in the plan where it occurs. The
            block at place 0 reads pixels, and scales them.
    """

    key: str
    block: primitives.Block
    index: int


@dataclasses.dataclass(frozen=True)
class Occurrences:
    """Which blocks encoded architectures have at one place of the plan.

    Args:
        index: Integer, the place in the plan.
        rows: Integer array of (live,): the architectures that have it.
        keys: List of strings, the distinct blocks there.
        first: Integer array of (keys,): an architecture that has each.
        which: Integer array of (live,): the key's place for each of `rows`.
    """

    index: int
    rows: np.ndarray
    keys: list[str]
    first: np.ndarray
    which: np.ndarray


def describe(block: primitives.Block) -> tuple[str, list]:
    """Describes a block as a text with places for its numbers.

    Args:
        block: `Block` over integers or arrays.

    Returns:
        Text with a `{}` for each number, and the numbers.
    """
    parts, numbers = [], [block.in_channels, block.size]
    segments = {"": block.operations, "add": block.shortcut}
    segments["then"] = block.after
    for label, operations in segments.items():
        if label and operations is not None:
            parts.append(f"{label}:")
        for operation in operations or ():
            # Keras leaves dropout out of a network that is not trained.
            if not isinstance(operation, primitives.Dropout):
                parts.append(_describe_operation(operation, numbers))
    return "{}x{}: " + " ".join(parts), numbers


def _describe_operation(operation: Any, numbers: list) -> str:
    words = []
    for field in dataclasses.fields(operation):
        value = getattr(operation, field.name)
        if field.name in TIMELESS:
            continue
        if isinstance(value, str):
            # What was added to a primitive is left out at its default, so
            # that tables from before still know their blocks.
            if value == field.default:
                continue
            words.append(f"{field.name}={value}")
        else:
            words.append(f"{field.name}={{}}")
            numbers.append(value)
    return f"{type(operation).__name__}({', '.join(words)})"


def _prefix(index: int) -> str:
    return "pixels " if index == 0 else ""


def occurrences(
    family, classes: int, encoded: np.ndarray
) -> Iterator[Occurrences]:
    """Yields the blocks of encoded architectures, place by place.

    Args:
        family: The family.
        classes: Integer. Number of classes.
        encoded: int32 array of (count, genes), canonical.

    Yields:
        `Occurrences`, one for each block of the plan.
    """
    plan = family.plan(family.space.unstack(encoded), classes)
    for index, block in enumerate(plan.blocks):
        live = np.broadcast_to(block.live, len(encoded))
        rows = np.flatnonzero(live)
        text, numbers = describe(block)
        columns = [np.broadcast_to(n, len(encoded))[rows] for n in numbers]
        distinct, first, which = _unique(np.stack(columns, axis=1))
        keys = [_prefix(index) + text.format(*row) for row in distinct.tolist()]
        yield Occurrences(index, rows, keys, rows[first], which)


def _unique(matrix):
    """Distinct rows, where each is first, and which one every row is."""
    rows = np.ascontiguousarray(matrix, "int64")
    # As one value of bytes a row: ten times as fast as `unique` by an axis.
    values = rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel()
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    return rows[first], first, which.ravel()


def distinct_blocks(
    family, classes: int, seed: int = 0
) -> dict[str, DistinctBlock]:
    """Collects the distinct blocks of a space.

    Args:
        family: The family.
        classes: Integer. Number of classes.
        seed: Integer, of the architectures that are drawn where the space is
            too large to be listed.

    Returns:
        Dictionary from keys to `DistinctBlock`, in the order of the plan.
    """
    space = family.space
    found = {}
    encoded = _architectures(space, seed)
    for place in occurrences(family, classes, encoded):
        for key, row in zip(place.keys, place.first, strict=True):
            if key not in found:
                plan = family.plan(space.decode(encoded[row]), classes)
                block = plan.blocks[place.index]
                found[key] = DistinctBlock(key, block, place.index)
    return found


def _architectures(space, seed):
    genes = GeneTable(space)
    if genes.combinations <= MAX_LISTED:
        return genes.all_rows()
    sample = space.sample_encoded(np.random.default_rng(seed), SAMPLES)
    extremes = genes.canonical(space.one_gene_changes)
    return np.concatenate([extremes, sample])


def choose(
    blocks: dict[str, DistinctBlock], count: int | None, seed: int = 0
) -> list[DistinctBlock]:
    """Chooses the blocks to measure, evenly from all places of the plan.

    Args:
        blocks: What `distinct_blocks` returned.
        count: Integer, or `None` for all.
        seed: Integer.

    Returns:
        List of at most `count` `DistinctBlock`, in random order, so that a
        slow minute of the machine is not that of one kind of block.
    """
    rng = np.random.default_rng(seed)
    places: dict[int, list] = {}
    for block in blocks.values():
        places.setdefault(block.index, []).append(block)
    ranked = [
        (rank, place, block)
        for place, found in places.items()
        for rank, block in zip(
            rng.permutation(len(found)).tolist(), found, strict=True
        )
    ]
    ranked.sort(key=lambda entry: entry[:2])
    chosen = [block for _, _, block in ranked[:count]]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def build_block(distinct: DistinctBlock):
    """Builds a block alone, as a model of stock Keras layers.

    Args:
        distinct: `DistinctBlock`.

    Returns:
        `keras.Model` from what the block reads to what it makes.
    """
    block = distinct.block
    if distinct.index == 0:
        # Its input is the image: the child of a plan of one block.
        return child.build_child(primitives.Plan(block.size, (block,)))
    shape = (block.size, block.size, block.in_channels)
    inputs = keras.Input(shape)
    return keras.Model(inputs, child.build_block(block, inputs, keras.layers))


def features_of(block: primitives.Block) -> list[float]:
    """What makes the latency of a block, as counts.

    Args:
        block: `Block` over integers.

    Returns:
        One, for what every call takes; multiply-adds, those of depthwise
        convolutions apart, which run far slower; bytes of weights; bytes of
        activations at the peak; operations.
    """
    counted = costs(Plan(block.size, (block,)))
    depthwise = sum(
        operation.channels
        * operation.kernel_size**2
        * primitives.out_size(operation) ** 2
        for operation in block.every_operation
        if isinstance(operation, primitives.DepthwiseConvolution)
    )
    return [
        1.0,
        float(counted.flops - depthwise),
        float(depthwise),
        4.0 * counted.params,
        float(counted.memory),
        float(len(block.every_operation)),
    ]


class BlockRegression:
    """Latencies of blocks from their costs, by non-negative least squares.

    Errors are relative, so that small blocks count as much as large ones. No
    cost can have a negative price, so that no latency is negative and none
    shrinks with a gene.

    Args:
        blocks: Sequence of `Block` over integers that were measured.
        milliseconds: Sequence of their latencies, all positive.
    """

    def __init__(
        self, blocks: Sequence[primitives.Block], milliseconds: Sequence[float]
    ):
        features = np.array([features_of(block) for block in blocks])
        measured = np.asarray(milliseconds, "float64")
        # Columns of like size, for the conditioning.
        self._scale = np.maximum(features.max(axis=0), 1.0)
        rows = features / self._scale / measured[:, np.newaxis]
        self._prices, _ = optimize.nnls(rows, np.ones(len(rows)))

    def __call__(self, block: primitives.Block) -> float:
        """Milliseconds of a block over integers."""
        features = np.array(features_of(block)) / self._scale
        return float(features @ self._prices)


class Calibration(NamedTuple):
    """From the latencies of blocks to that of a network.

    latency = overhead + per_block * blocks + scale * sum of the blocks

    Every measured block holds one call of the runtime, and a network needs
    one call, not one for each block: `per_block` takes them out. `overhead`
    is what one call of a network takes. `scale` is what is left: caches, and
    threads that are warm.

    `overhead`, `per_block` in milliseconds, the latter mostly negative.
    """

    overhead: float
    per_block: float
    scale: float

    @classmethod
    def fit(cls, counts, sums, measured) -> "Calibration":
        """Fits networks that were measured, by least squares.

        Errors are relative. `overhead` and `scale` are not negative.

        Args:
            counts: Array of (networks,): blocks of each.
            sums: Array of (networks,): sum of their latencies.
            measured: Array of (networks,): latencies of the networks.
        """
        counts, sums, measured = (
            np.asarray(values, "float64") for values in (counts, sums, measured)
        )
        columns = np.stack([np.ones(len(sums)), counts, sums], axis=1)
        found = optimize.lsq_linear(
            columns / measured[:, np.newaxis],
            np.ones(len(sums)),
            bounds=([0, -np.inf, 0], np.inf),
        )
        return cls(*(float(value) for value in found.x))

    def __call__(self, counts, sums):
        """Milliseconds of networks."""
        return self.overhead + self.per_block * counts + self.scale * sums
