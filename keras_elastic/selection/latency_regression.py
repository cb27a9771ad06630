"""Latencies by regression: blocks that were not measured, and networks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize

from keras_elastic.spaces import Plan
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives


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
