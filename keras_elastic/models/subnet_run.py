"""Runs the blocks of a plan with the layers of a supernet."""

from keras import ops

from keras_elastic.layers import slicing
from keras_elastic.models import elastic_operations
from keras_elastic.models import statistics as statistics_checks
from keras_elastic.models.shared_blocks import SharedBlocks
from keras_elastic.spaces import plan as primitives


class SubnetRun:
    """One call of a supernet: its blocks share the arguments of the call.

    With given statistics nothing is left to measure, so that each
    normalization is folded into the convolution before it: that saves two
    passes over the activations.

    Args:
        supernet: `Supernet`, whose layers have the names of the operations.
        statistics: As `Supernet`.
        dropout_masks: As `Supernet`.
        return_statistics: As `Supernet`.
    """

    def __init__(self, supernet, statistics, dropout_masks, return_statistics):
        self.supernet = supernet
        self.statistics = statistics
        self.dropout_masks = dropout_masks or {}
        self.return_statistics = return_statistics
        self.is_inference = statistics is not None or return_statistics
        self.folds = (
            statistics is not None
            and not return_statistics
            # Masked, the mask comes after the normalization; a kernel in half
            # precision would be rounded once more.
            and supernet.mode == "sliced"
            and supernet.compute_dtype == "float32"
        )

    def __call__(self, plan, features):
        """Runs a plan.

        Args:
            plan: `Plan`, of integers or tensors.
            features: Tensor of shape (batch, height, width, 3).

        Returns:
            The features after the last block, and the batch's statistics by
            name if they are to be returned.
        """
        *_, (_, features, seen) = self.run_blocks(plan.blocks, features)
        return features, seen

    def run_blocks(self, blocks, features):
        """Runs blocks one after another, and yields after each of them.

        Args:
            blocks: The first blocks of a plan, or all of them.
            features: As `__call__`.

        Yields:
            The block, the features after it, and the statistics so far.
        """
        runner = self
        if SharedBlocks.can_run(self.supernet):
            runner = SharedBlocks(self, blocks)
        seen = {}
        for block in blocks:
            features, seen_here = runner.run_block(block, features)
            seen.update(seen_here)
            yield block, features, seen

    def run_block(self, block, inputs):
        """Runs a block of a plan; returns features and its statistics."""

        def live():
            return self._run_live_block(block, inputs)

        def skip():
            return inputs, self._no_statistics(block)

        if isinstance(block.live, bool):
            return live() if block.live else skip()
        if self.supernet.mode == "sliced":
            return ops.cond(block.live, live, skip)
        outputs, seen = live()
        return ops.where(block.live, outputs, inputs), seen

    def _no_statistics(self, block):
        if not self.return_statistics:
            return {}
        channels = self.supernet.normalizations
        return {
            operation.name: ops.zeros((2, channels[operation.name]))
            for operation in block.every_operation
            if isinstance(operation, primitives.Normalization)
        }

    def _run_live_block(self, block, inputs):
        seen = {}
        features = self._run_chain(block.operations, inputs, seen)
        if block.shortcut is not None:
            mask = self.dropout_masks.get(block.name)
            if mask is not None:
                mask = ops.cast(mask, features.dtype)
                features = features * mask[:, None, None]
            shortcut = self._run_chain(block.shortcut, inputs, seen)
            features = features + shortcut
        return self._run_chain(block.after, features, seen), seen

    def _run_chain(self, operations, features, seen):
        """Runs operations one after another; adds statistics to `seen`."""
        return elastic_operations.run_chain(
            operations,
            features,
            lambda operation, inputs: self._run_operation(
                operation, inputs, seen
            ),
            self._run_folded if self.folds else None,
        )

    def _layer(self, operation):
        return getattr(self.supernet, operation.name, None)

    def _run_folded(self, convolution, normalization, inputs):
        statistics = self.given(normalization.name)
        affine = self._layer(normalization).affine(statistics)
        return elastic_operations.run_folded(
            convolution, self._layer(convolution), inputs, affine
        )

    def given(self, name):
        """The statistics that a normalization was given, or `None`."""
        if self.statistics is None:
            return None
        statistics_checks.check(self.statistics, {name: 1})
        return self.statistics[name]

    def _run_operation(self, operation, inputs, seen):
        if isinstance(operation, primitives.Normalization):
            return self._normalize(operation, inputs, seen)
        if isinstance(operation, primitives.Dropout):
            return _drop(inputs, self.dropout_masks.get(operation.name))
        if isinstance(operation, primitives.Activation):
            return elastic_operations.activate(
                operation.function, inputs, self.is_inference
            )
        return elastic_operations.run(operation, self._layer(operation), inputs)

    def _normalize(self, operation, inputs, seen):
        outputs = self._layer(operation)(
            inputs,
            channels=operation.channels,
            statistics=self.given(operation.name),
            return_statistics=self.return_statistics,
        )
        if self.return_statistics:
            outputs, seen[operation.name] = outputs
        return outputs


def _drop(features, mask):
    if mask is None:
        return features
    mask = mask[:, : slicing.live_channels(features)]
    return features * ops.cast(mask, features.dtype)
