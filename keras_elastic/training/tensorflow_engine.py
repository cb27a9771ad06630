"""Runs training steps in TensorFlow, under any `tf.distribute` strategy."""

import contextlib

import tensorflow as tf

from keras_elastic.training.strategies import is_chief


class TensorFlowEngine:
    """Distributes batches and runs a traced step on every replica.

    Made inside the scope of the strategy that it runs under.

    Args:
        step: `TensorFlowStep`.
        settings: `StepSettings`.
    """

    def __init__(self, step, settings):
        self.strategy = tf.distribute.get_strategy()
        self.is_chief = is_chief(self.strategy)
        self.settings = settings
        # Nothing branches on a tensor: rewriting the code is time for nothing.
        self._train, self._losses = (
            tf.function(self._on_replicas(function), autograph=False)
            for function in (self._compile(step), step.losses)
        )

    def _compile(self, step):
        """Compiles the step with XLA if asked; a TPU does it by itself."""
        is_tpu = isinstance(self.strategy, tf.distribute.TPUStrategy)
        if not self.settings.jit_compile or is_tpu:
            return step
        if self.strategy.num_replicas_in_sync == 1:
            return tf.function(step, jit_compile=True, autograph=False)
        # Replicas exchange gradients outside of what is compiled.
        step.gradients = tf.function(
            step.gradients, jit_compile=True, autograph=False
        )
        return step

    def _on_replicas(self, function):
        def run(*args):
            results = self.strategy.run(function, args=args)
            return tf.nest.map_structure(
                lambda value: self.strategy.reduce("SUM", value, axis=None),
                results,
            )

        return run

    def scope(self):
        """The context in which variables are read and set."""
        if tf.distribute.has_strategy():
            return contextlib.nullcontext()
        return self.strategy.scope()

    def iterate(self, batches, epoch, start):
        """Yields the batches of an epoch, divided among the replicas."""

        def make_part(context):
            pipelines = context.num_input_pipelines
            shard = {}
            if pipelines > 1:
                shard = {
                    "shard_index": context.input_pipeline_id,
                    "num_shards": pipelines,
                }
            dataset = batches(epoch, start, **shard)
            own = self._check(dataset.element_spec, pipelines)
            return dataset.rebatch(own, drop_remainder=True)

        return iter(self.strategy.distribute_datasets_from_function(make_part))

    def _check(self, spec, pipelines):
        """Returns the images of a replica's batch, if all is well."""
        pair = isinstance(spec, tuple) and len(spec) == 2
        if not pair or [part.shape.rank for part in spec] != [4, 1]:
            raise ValueError(
                "`batches` must yield pairs (images, labels): of shape "
                "(batch, height, width, 3) and, integers, (batch,). "
                f"Received: {spec}. A data set without labels cannot be "
                "trained on."
            )
        replicas = self.strategy.num_replicas_in_sync
        part = spec[0].shape[0]
        if part is None or (part * pipelines) % replicas:
            raise ValueError(
                f"The global batch must be a multiple of the {replicas} "
                f"replicas, and all batches of one size. "
                f"Received: images.shape={spec[0].shape}. Change the batch "
                "size, and drop the remainder of the data."
            )
        self.batch_size = part * pipelines
        own = self.batch_size // replicas
        check_parts(own, self.settings)
        return own

    def train(self, batch, *arguments):
        """Runs a step.

        Args:
            batch: What `iterate` yielded.
            *arguments: What the step takes besides: NumPy arrays, integers,
                or dictionaries of them. The same on every replica.

        Returns:
            What the step returns, summed over the replicas, as NumPy arrays.
        """
        tensors = tf.nest.map_structure(_as_tensor, arguments)
        results = self._train(*batch, *tensors)
        return tf.nest.map_structure(lambda value: value.numpy(), results)

    def losses(self, batch, choices):
        """Returns the mean loss of each choice on the global batch."""
        return self._losses(*batch, tf.constant(choices)).numpy()


def _as_tensor(value):
    # As a tensor, or each number would be a trace of its own.
    return tf.constant(value, "int32" if isinstance(value, int) else None)


def check_parts(batch_size, settings):
    """Raises a `ValueError` if a replica's batch cannot be divided."""
    parts = settings.accumulation_steps
    if batch_size % parts:
        raise ValueError(
            "`accumulation_steps` must divide each replica's batch. Received: "
            f"accumulation_steps={parts} and {batch_size} images."
        )
    if settings.mixup and batch_size % 2:
        raise ValueError(
            "With `mixup` each replica's batch must be even. "
            f"Received: {batch_size} images."
        )
