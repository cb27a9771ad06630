"""The weights of a model, as those of a supernet and its statistics."""

import functools

from keras_elastic.spaces import plan as primitives


def copy_weights(supernet, weights):
    """Gives a supernet the weights of the model that it was read from.

    Args:
        supernet: `Supernet` of a family that `make_family` made.
        weights: What `make_family` returned beside it.

    Returns:
        The model's statistics: dictionary from the names of normalizations to
        arrays of shape (2, channels).
    """
    statistics = {}
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    for block in plan.blocks:
        for operation in block.every_operation:
            read = weights.get(operation.name)
            if read:
                layer = getattr(supernet, operation.name)
                _assign(operation, layer, read)
                if "statistics" in read:
                    statistics[operation.name] = read["statistics"]
    return statistics


@functools.singledispatch
def _assign(operation, layer, read):
    """Assigns the weights of an operation."""
    layer.kernel.assign(read["kernel"])
    if "bias" in read:
        layer.bias.assign(read["bias"])


@_assign.register
def _(operation: primitives.Normalization, layer, read):
    layer.gamma.assign(read["gamma"])
    layer.beta.assign(read["beta"])


@_assign.register
def _(operation: primitives.SqueezeExcite, layer, read):
    for part in (layer.reduce, layer.expand):
        weights = read[part.name]
        kernel = weights["kernel"]
        part.kernel.assign(kernel.reshape(part.kernel.shape))
        bias = weights.get("bias")
        part.bias.assign(0 * part.bias if bias is None else bias)
