"""Runs a function of subnets as fast as the backend can: traced, or eagerly.

TensorFlow traces once for all architectures, which then are tensors. Torch
runs eagerly, and architectures are values whose sizes are numbers.
"""

import functools

import keras
import numpy as np
from keras import ops


def traced(function, *signature):
    """Returns a function of tensors that keeps no gradients.

    Args:
        function: Function of positional arguments.
        *signature: For each argument a pair of a shape and a dtype, or a
            dictionary of such pairs. An architecture, which `as_argument`
            makes, has that of its encoding.

    Returns:
        A function of the same arguments.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _traced_by_tensorflow(function, signature)
    if backend == "torch":
        return _eager_in_torch(function)
    return function


def _traced_by_tensorflow(function, signature):
    import tensorflow as tf

    def spec(entry):
        if isinstance(entry, dict):
            return {name: spec(value) for name, value in entry.items()}
        return tf.TensorSpec(*entry)

    return tf.function(
        function,
        input_signature=[spec(entry) for entry in signature],
        # Nothing branches on a tensor: rewriting the code is time for nothing.
        autograph=False,
    )


def _eager_in_torch(function):
    import torch

    @functools.wraps(function)
    def run(*args):
        with torch.no_grad():
            return function(*args)

    return run


def as_argument(space, arch):
    """Returns an architecture as a traced function takes it.

    Args:
        space: `SearchSpace`.
        arch: `Architecture`.

    Returns:
        Its encoding as an int32 vector on TensorFlow, else itself.

    Raises:
        ValueError: `arch` is not in the space.
    """
    encoded = space.encode(arch)
    if keras.backend.backend() == "tensorflow":
        return np.asarray(encoded, "int32")
    return space.decode(encoded)


def as_images(batch):
    """Returns a batch of images as a float32 tensor."""
    return ops.cast(ops.convert_to_tensor(batch), "float32")


class OnReplicas:
    """A function of images, each replica of a strategy runs on its part.

    Args:
        function: Function of images and of more arguments, which are the same
            for all replicas.
        *signature: As `traced`.
        strategy: `tf.distribute.Strategy` in whose scope the variables of the
            function were made, or `None`.
    """

    def __init__(self, function, *signature, strategy=None):
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        if self.replicas == 1:
            self._run = traced(function, *signature)
        else:
            self._run = self._trace_on_replicas(function)

    def _trace_on_replicas(self, function):
        import tensorflow as tf

        @tf.function(reduce_retracing=True, autograph=False)
        def run(parts, *rest):
            results = self.strategy.run(function, args=(parts, *rest))
            self._structure = results
            return [
                self.strategy.experimental_local_results(leaf)
                for leaf in tf.nest.flatten(results)
            ]

        return run

    def __call__(self, images, *rest):
        """Runs the function.

        Returns:
            List of pairs of a number of images and the result for them, in
            the order of the images.
        """
        if self.replicas == 1:
            return [(len(images), self._run(as_images(images), *rest))]
        own = -(-len(images) // self.replicas)
        starts = range(0, len(images), own)
        parts = [as_images(images[start : start + own]) for start in starts]
        return self._run_parts(parts, rest)

    def _run_parts(self, parts, rest):
        import tensorflow as tf

        # A replica without images repeats the first part, for nothing.
        filled = parts + parts[:1] * (self.replicas - len(parts))
        values = self.strategy.experimental_distribute_values_from_function(
            lambda context: filled[context.replica_id_in_sync_group]
        )
        leaves = self._run(values, *rest)
        return [
            (
                len(part),
                tf.nest.pack_sequence_as(
                    self._structure, [leaf[replica] for leaf in leaves]
                ),
            )
            for replica, part in enumerate(parts)
        ]
