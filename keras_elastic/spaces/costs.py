"""The cost of a plan, by arithmetic: no network is built."""

import functools
from typing import Any
from typing import NamedTuple

from keras_elastic import checks
from keras_elastic.spaces import plan as primitives
from keras_elastic.spaces.arithmetic import where


class Costs(NamedTuple):
    """What an architecture costs. Each is an integer or a NumPy array.

    `flops`: multiply-adds of one image, over convolutions, dense layers and
        squeeze-excite; normalization, activation, pooling and bias count 0.
    `params`: trainable weights, so without the statistics of normalization.
    `memory`: peak of the activations of one image in bytes, at float32: the
        largest sum of what one operation reads, what it writes and what is
        held for the shortcut. Normalization, activation and the gate of
        squeeze-excite work in place.
    """

    flops: Any
    params: Any
    memory: Any


@checks.arguments(plan=checks.PLAN)
def costs(plan: primitives.Plan) -> Costs:
    """Counts the multiply-adds, parameters and peak memory of a plan.

    Args:
        plan: A plan over integers, or over NumPy arrays for the costs of many
            architectures at once.

    Returns:
        `Costs`, integers or arrays of the same length.
    """
    flops, params, elements = 0, 0, 0
    for block in plan.blocks:
        for operation in block.every_operation:
            flops += block.live * _flops(operation)
            params += block.live * _params(operation)
        peak = block.live * _peak_elements(block)
        elements = where(peak > elements, peak, elements)
    return Costs(flops, params, 4 * elements)


def _peak_elements(block):
    """Most numbers that are alive at once while a block runs."""
    first, *rest = (_elements(operation) for operation in block.operations)
    if block.shortcut is None:
        return functools.reduce(_larger, rest, first)
    # The first operation reads what the shortcut holds: counted once. While
    # the shortcut runs, the block's output is held, which is as large as its.
    held = block.in_channels * block.size**2
    inside = [held + other for other in rest]
    output = block.out_channels * block.out_size**2
    added = [output + _elements(operation) for operation in block.shortcut]
    if not block.shortcut:
        added = [held + output]
    return functools.reduce(_larger, [*inside, *added], first)


def _larger(a, b):
    return where(a > b, a, b)


@functools.singledispatch
def _flops(operation):
    return 0


@functools.singledispatch
def _params(operation):
    return 0


@functools.singledispatch
def _elements(operation):
    """Numbers that the operation reads and writes."""
    return 0


@_flops.register
def _(operation: primitives.Convolution):
    out_size = primitives.out_size(operation)
    return _kernel(operation) * out_size**2


@_params.register
def _(operation: primitives.Convolution):
    return _kernel(operation) + operation.use_bias * operation.filters


@_elements.register
def _(operation: primitives.Convolution):
    out_size = primitives.out_size(operation)
    read = operation.in_channels * operation.size**2
    return read + operation.filters * out_size**2


def _kernel(operation):
    return operation.in_channels * operation.filters * operation.kernel_size**2


@_flops.register
def _(operation: primitives.DepthwiseConvolution):
    out_size = primitives.out_size(operation)
    return operation.channels * operation.kernel_size**2 * out_size**2


@_params.register
def _(operation: primitives.DepthwiseConvolution):
    return operation.channels * operation.kernel_size**2


@_elements.register
def _(operation: primitives.DepthwiseConvolution):
    out_size = primitives.out_size(operation)
    return operation.channels * (operation.size**2 + out_size**2)


@_elements.register(primitives.MaxPooling)
@_elements.register(primitives.AveragePooling)
def _(operation):
    out_size = primitives.out_size(operation)
    return operation.channels * (operation.size**2 + out_size**2)


@_params.register(primitives.Normalization)
@_params.register(primitives.GroupNormalization)
def _(operation):
    return 2 * operation.channels


@_flops.register
def _(operation: primitives.SqueezeExcite):
    return 2 * operation.channels * operation.reduced


@_params.register
def _(operation: primitives.SqueezeExcite):
    weights = 2 * operation.channels * operation.reduced
    return weights + operation.channels + operation.reduced


@_elements.register
def _(operation: primitives.SqueezeExcite):
    return operation.channels * operation.size**2


@_flops.register
def _(operation: primitives.Dense):
    return operation.in_channels * operation.units


@_params.register
def _(operation: primitives.Dense):
    inputs = operation.in_channels + operation.use_bias
    return inputs * operation.units


@_elements.register
def _(operation: primitives.Dense):
    return operation.in_channels + operation.units


@_flops.register
def _(operation: primitives.Shortcut):
    out_size = primitives.out_size(operation)
    kernel = operation.in_channels * operation.filters
    return operation.project * kernel * out_size**2


@_elements.register
def _(operation: primitives.Shortcut):
    out_size = primitives.out_size(operation)
    read = operation.in_channels * operation.size**2
    return read + operation.filters * out_size**2


@_params.register
def _(operation: primitives.Shortcut):
    return operation.project * operation.in_channels * operation.filters
