"""Images that choose widths, all at the full shapes: what can be trained."""

import functools
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_elastic.conditional.dsnet import segments as dsnet_segments
from keras_elastic.models import elastic_operations
from keras_elastic.spaces import plan as primitives


class Masked(NamedTuple):
    """What came of images.

    `logits`: (batch, classes). `choices`: for each gate a one-hot tensor
    (batch, choices). `gate_logits`: for each gate their logits. `flops`:
    multiply-adds of each image's path, (batch,); a gradient flows from them,
    as from the logits, to the choices.
    """

    logits: object
    choices: list
    gate_logits: list
    flops: object


def run(model, features, noise=None, drawn=None):
    """Runs images at full shapes; what they did not choose is zero.

    Args:
        model: `DSNet`.
        features: Tensor, what `DSNet.stem` made of the images.
        noise: Tensor of Gumbel noise of shape (batch, gates, choices), for as
            many choices as any gate has, or `None` for the likeliest choices.
        drawn: List of one-hot tensors of shape (batch, choices), the choices
            that are made instead of the gates'; or `None`.

    Returns:
        `Masked`.
    """
    choices, gate_logits = [], []
    flops = model.flops[0][0]
    for part, gate in enumerate(model.gates, start=1):
        own = None
        if noise is not None:
            own = noise[:, part - 1, : len(gate.choices)]
        factors, choice, logits = model.gate_layers[part - 1].decide(
            features, own
        )
        if drawn is not None:
            choice = drawn[part - 1]
        ways = choice if part == 1 else _pairs(choices[-1], choice)
        choices.append(choice)
        gate_logits.append(logits)
        flops = flops + _look_up(ways, model.flops[part])
        features = _run_part(model, part, features, factors, ways)
    logits = ops.cast(features, "float32")
    return Masked(logits, choices, gate_logits, flops)


def _pairs(before, chosen):
    """One-hot rows of the pairs of a width before and a chosen one."""
    pairs = before[:, :, None] * chosen[:, None, :]
    return ops.reshape(pairs, (-1, before.shape[-1] * chosen.shape[-1]))


def _look_up(ways, values):
    """The value of each image's way, of shape (batch, ...)."""
    return ops.matmul(ways, ops.convert_to_tensor(values, dtype="float32"))


def _run_part(model, part, features, factors, ways):
    attention = model.widest_parts[part][0].operations[0]

    def run_operation(inputs, operation):
        layer = getattr(model, operation.name, None)
        if operation.name == attention.name:
            return inputs * factors[:, None, None, :]
        if isinstance(operation, primitives.Normalization):
            # It zeroes the channels that a way does not have.
            return layer(inputs, route=ways)
        if isinstance(operation, primitives.GroupNormalization):
            mask = _mask(model, part, operation, "channels", ways)
            return _masked(layer(inputs), mask)
        if isinstance(operation, primitives.Dropout):
            return inputs
        if isinstance(operation, primitives.Activation):
            return elastic_operations.activate(
                operation.function, inputs, inference=False
            )
        if isinstance(operation, primitives.SqueezeExcite):
            mask = _mask(model, part, operation, "reduced", ways)
            return _attend(layer, inputs, mask)
        return elastic_operations.run(operation, layer, inputs)

    def run_chain(operations, inputs):
        return functools.reduce(run_operation, operations, inputs)

    return dsnet_segments.run(model.widest_parts[part], features, run_chain)


def _mask(model, part, operation, size, ways):
    """Which of an operation's channels each image's way has.

    Args:
        model: `DSNet`.
        part: Integer.
        operation: A primitive at the widest choices.
        size: Name of the field that counts the channels.
        ways: One-hot tensor of shape (batch, ways).

    Returns:
        float32 tensor of shape (batch, channels), or `None` for all of them.
    """
    widest = getattr(operation, size)
    narrowed = [
        getattr(other, size)
        for blocks in model.parts[part]
        for block in blocks
        for other in block.every_operation
        if other.name == operation.name
    ]
    if min(narrowed) == widest:
        return None
    live = np.arange(widest) < np.array(narrowed)[:, None]
    return _look_up(ways, live.astype("float32"))


def _masked(features, mask):
    if mask is None:
        return features
    return features * ops.cast(mask, features.dtype)[:, None, None, :]


def _attend(layer, inputs, mask):
    """Channel attention whose inner channels are masked image by image."""
    if mask is None:
        return layer(inputs)
    narrow = layer.activation(layer.reduce(ops.mean(inputs, axis=(1, 2))))
    narrow = narrow * ops.cast(mask, narrow.dtype)
    return inputs * layer.gate(layer.expand(narrow))[:, None, None, :]
