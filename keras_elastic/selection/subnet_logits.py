"""Logits of any subnet of a supernet, in one trace."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from keras import ops

from keras_elastic import tracing
from keras_elastic.spaces import Architecture

if TYPE_CHECKING:
    from keras_elastic.models.supernet import Supernet


class SubnetLogits:
    """Runs subnets of a supernet without extracting them.

    The first batch traces the supernet; no architecture does so again.

    Args:
        supernet: `Supernet`.
        strategy: `tf.distribute.Strategy` in whose scope the supernet was
            made, to spread each batch over its replicas, or `None`.
    """

    def __init__(self, supernet: "Supernet", strategy: Any = None):
        self._space = supernet.space
        self._run = tracing.OnReplicas(
            lambda images, arch, statistics: supernet(
                images, arch, statistics=statistics
            ),
            ((None, None, None, 3), "float32"),
            ((len(supernet.space.genes),), "int32"),
            {
                name: ((2, channels), "float32")
                for name, channels in supernet.normalizations.items()
            },
            strategy=strategy,
        )

    def subnet(self, arch: Architecture, statistics: Mapping[str, Any]) -> Any:
        """Returns a function from a batch of images to logits.

        Args:
            arch: `Architecture`.
            statistics: Dictionary of those of its normalizations, as
                `SubnetCalibrator.measure` returns it.

        Returns:
            Function from an array of images, (batch, height, width, 3) with
            pixels in 0..255, to an array of logits, (batch, classes).
        """
        argument = tracing.as_argument(self._space, arch)
        # Every normalization is an argument of the one trace; those of
        # skipped blocks are there too, and zero.
        statistics = {
            name: ops.convert_to_tensor(value, "float32")
            for name, value in statistics.items()
        }

        def run(images):
            parts = self._run(images, argument, statistics)
            return np.concatenate(
                [ops.convert_to_numpy(part) for _, part in parts]
            )

        return run
