"""Traces blocks that are alike once, and calls the trace for each of them.

Most blocks of a stage have the same operations, and differ in their weights and
in sizes that are tensors. TensorFlow would trace them one by one in Python,
derive the gradient of each, and optimize each. Here blocks of one kind are one
function, whose arguments are the weights and the sizes.
"""

import collections
import dataclasses
import functools
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import keras

from keras_elastic.spaces import plan as primitives


@dataclasses.dataclass(frozen=True)
class _Slot:
    """Stands for a tensor of a block."""

    number: int


class _Parts(NamedTuple):
    """A block, taken apart.

    Args:
        kind: What blocks have in common that are one function.
        variables: Those of its layers.
        arguments: Dictionary of what is theirs: the tensors of the plan, the
            values of the variables, the statistics and the dropout masks.
    """

    kind: tuple
    variables: list
    arguments: dict


class SharedBlocks:
    """Runs blocks of a plan as a `SubnetRun` does, with a trace of each kind.

    Args:
        run: `SubnetRun` that runs the blocks.
        blocks: All blocks that are to be run. A kind of which there is only
            one is not made a function.
    """

    def __init__(self, run, blocks):
        self._run = run
        self._traces: dict[tuple, Callable] = {}
        self._counts = collections.Counter(
            self._take_apart(block).kind for block in blocks
        )

    @staticmethod
    def can_run(supernet) -> bool:
        """Whether blocks of a supernet can be functions where it is called."""
        if keras.backend.backend() != "tensorflow":
            return False
        import tensorflow as tf

        return (
            # Eagerly nothing is traced.
            tf.inside_function()
            and supernet.mode == "sliced"
            # Weights would be rounded before the function takes them, and so
            # would their gradients.
            and supernet.compute_dtype == "float32"
        )

    def run_block(self, block, inputs):
        """Runs a block; see `SubnetRun.run_block`."""
        parts = self._take_apart(block)
        if not parts.arguments["sizes"] or self._counts[parts.kind] < 2:
            return self._run.run_block(block, inputs)
        import tensorflow as tf

        arguments = tf.nest.map_structure(
            tf.convert_to_tensor, {**parts.arguments, "inputs": inputs}
        )
        specs = tf.nest.map_structure(
            lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), arguments
        )
        key = parts.kind, tuple(tf.nest.flatten(specs))
        if key not in self._traces:
            self._traces[key] = self._trace(block, parts, specs)
        outputs, seen = self._traces[key](*tf.nest.flatten(arguments))
        return outputs, dict(zip(_normalizations(block), seen, strict=False))

    def _take_apart(self, block):
        tensors: list[Any] = []
        pattern = _map(
            block,
            functools.partial(_slot, tensors),
            lambda name: name.removeprefix(block.name),
        )
        layers = [
            layer
            for operation in block.every_operation
            if (layer := getattr(self._run.supernet, operation.name, None))
        ]
        variables = [v for layer in layers for v in layer.variables]
        masks = {
            operation.name.removeprefix(block.name): mask
            for operation in (block, *block.every_operation)
            if (mask := self._run.dropout_masks.get(operation.name)) is not None
        }
        kind = (
            pattern,
            tuple(masks),
            *(repr({**layer.get_config(), "name": None}) for layer in layers),
            *(tuple(v.shape) for v in variables),
        )
        arguments = {
            "sizes": tensors,
            "weights": [v.value for v in variables],
            "statistics": [
                self._run.given(name)
                for name in _normalizations(block)
                if self._run.statistics is not None
            ],
            "masks": masks,
        }
        return _Parts(kind, variables, arguments)

    def _trace(self, block, parts, specs):
        """The function of a kind, made of one block of it."""
        import tensorflow as tf

        names = _normalizations(block)
        pattern, *_ = parts.kind

        def run(*flat):
            given = tf.nest.pack_sequence_as(specs, flat)
            statistics = None
            if self._run.statistics is not None:
                statistics = dict(zip(names, given["statistics"], strict=True))
            one = type(self._run)(
                self._run.supernet,
                statistics,
                {block.name + n: mask for n, mask in given["masks"].items()},
                self._run.return_statistics,
            )
            own = _map(
                pattern,
                functools.partial(_tensor, given["sizes"]),
                lambda name: block.name + name,
            )
            values = zip(parts.variables, given["weights"], strict=True)
            with keras.StatelessScope(state_mapping=list(values)):
                outputs, seen = one.run_block(own, given["inputs"])
            return outputs, [seen[name] for name in names if name in seen]

        return tf.function(
            run,
            input_signature=tf.nest.flatten(specs),
            autograph=False,
            # Put back in place, its operations would be optimized again for
            # each block.
            experimental_attributes={"_noinline": True},
        ).get_concrete_function()


def _normalizations(block):
    """Names of the normalizations of a block."""
    return [
        operation.name
        for operation in block.every_operation
        if isinstance(operation, primitives.Normalization)
    ]


def _map(value, of_leaf, of_name):
    """A block, or a part of one, of other leaves and other names."""
    if isinstance(value, tuple):
        return tuple(_map(part, of_leaf, of_name) for part in value)
    if isinstance(value, _Slot) or not dataclasses.is_dataclass(value):
        return of_leaf(value)
    fields = {
        field.name: of_name(part)
        if field.name == "name"
        else _map(part, of_leaf, of_name)
        for field in dataclasses.fields(value)
        for part in [getattr(value, field.name)]
    }
    return type(value)(**fields)


def _slot(tensors, value):
    """The value, or the slot of a tensor: one slot for one object."""
    if not keras.ops.is_tensor(value):
        return value
    for number, tensor in enumerate(tensors):
        if tensor is value:
            return _Slot(number)
    tensors.append(value)
    return _Slot(len(tensors) - 1)


def _tensor(tensors, value):
    return tensors[value.number] if isinstance(value, _Slot) else value
