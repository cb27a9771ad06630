"""How the supernet makes and runs each primitive of a plan."""

import functools
import itertools

import keras
import numpy as np
from keras import ops

from keras_elastic import layers
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing
from keras_elastic.spaces import plan as primitives


def largest(value):
    """Largest value that a quantity takes within a space."""
    return int(np.max(value))


@functools.singledispatch
def make_layer(operation, **common):
    """Returns the layer of an operation at its largest size and its inputs.

    Args:
        operation: A primitive of a plan over the extremes of a space.
        **common: Arguments of every layer: `mode`, `dtype` and `name`.

    Returns:
        A pair of the layer and its largest number of input channels, or
        `None` for an operation without weights.
    """
    return None


@make_layer.register
def _(operation: primitives.Convolution, **common):
    layer = layers.ElasticConv2D(
        largest(operation.filters),
        largest(operation.kernel_size),
        operation.strides,
        padding=operation.padding,
        use_bias=operation.use_bias,
        **common,
    )
    return layer, largest(operation.in_channels)


@make_layer.register
def _(operation: primitives.DepthwiseConvolution, **common):
    layer = layers.ElasticDepthwiseConv2D(
        largest(operation.kernel_size),
        operation.strides,
        kernel_transform=operation.kernel_transform,
        padding=operation.padding,
        **common,
    )
    return layer, largest(operation.channels)


@make_layer.register
def _(operation: primitives.Normalization, **common):
    layer = layers.ElasticBatchNormalization(
        operation.epsilon,
        "zeros" if operation.zero_gamma else "ones",
        **common,
    )
    return layer, largest(operation.channels)


@make_layer.register
def _(operation: primitives.SqueezeExcite, **common):
    layer = layers.ElasticSqueezeExcite(
        largest(operation.reduced),
        operation.activation,
        operation.gate,
        **common,
    )
    return layer, largest(operation.channels)


@make_layer.register
def _(operation: primitives.Dense, **common):
    layer = layers.ElasticDense(
        largest(operation.units),
        use_bias=operation.use_bias,
        **common,
    )
    return layer, largest(operation.in_channels)


@make_layer.register
def _(operation: primitives.Shortcut, **common):
    layer = layers.ElasticShortcut(
        largest(operation.filters),
        operation.strides,
        # Where the widths never differ a projection would be dead weight.
        use_projection=bool(np.any(operation.project)),
        **common,
    )
    return layer, largest(operation.in_channels)


@functools.singledispatch
def run(operation, layer, inputs):
    """Runs an operation at the sizes that the plan gives it."""
    raise NotImplementedError(type(operation).__name__)


@run.register
def _(operation: primitives.Convolution, layer, inputs):
    return layer(
        inputs, filters=operation.filters, kernel_size=operation.kernel_size
    )


@run.register
def _(operation: primitives.DepthwiseConvolution, layer, inputs):
    return layer(inputs, kernel_size=operation.kernel_size)


def run_folded(operation, layer, inputs, affine):
    """Runs a convolution with the normalisation after it folded in.

    Args:
        operation: `Convolution` or `DepthwiseConvolution`.
        layer: Its layer, of mode "sliced".
        inputs: Tensor.
        affine: What `ElasticBatchNormalization.affine` returned.
    """
    sizes = {"kernel_size": operation.kernel_size}
    if isinstance(operation, primitives.Convolution):
        sizes["filters"] = operation.filters
    return layer(inputs, affine=affine, **sizes)


def is_foldable(operation, follower):
    """Whether two operations are a convolution and its normalisation."""
    convolutions = (primitives.Convolution, primitives.DepthwiseConvolution)
    return isinstance(operation, convolutions) and isinstance(
        follower, primitives.Normalization
    )


def run_chain(operations, features, run_one, run_pair=None):
    """Runs operations one after another.

    Args:
        operations: Tuple of primitives.
        features: Tensor.
        run_one: Function of an operation and its inputs.
        run_pair: Function of a convolution, the normalisation after it and
            their inputs, which runs both at once, or `None`.

    Returns:
        Tensor.
    """
    folded = None
    for operation, follower in itertools.pairwise((*operations, None)):
        if operation is folded:
            continue
        if run_pair is not None and is_foldable(operation, follower):
            folded = follower
            features = run_pair(operation, follower, features)
        else:
            features = run_one(operation, features)
    return features


def activate(function, inputs, inference):
    """Applies an activation, in fewer passes where nothing is learnt."""
    if inference and function in ("swish", "silu"):
        return kernels.silu(inputs)
    return keras.activations.get(function)(inputs)


@run.register
def _(operation: primitives.SqueezeExcite, layer, inputs):
    return layer(inputs, reduced=operation.reduced)


@run.register
def _(operation: primitives.Shortcut, layer, inputs):
    return layer(inputs, filters=operation.filters, project=operation.project)


@run.register
def _(operation: primitives.MaxPooling, layer, inputs):
    size = operation.pool_size
    inputs, padding = slicing.pad(inputs, operation.padding, size, size)
    return ops.max_pool(
        inputs, size, strides=operation.strides, padding=padding
    )


@run.register
def _(operation: primitives.AveragePooling, layer, inputs):
    return ops.average_pool(
        inputs,
        operation.strides,
        strides=operation.strides,
        padding=operation.padding,
    )


@run.register
def _(operation: primitives.GlobalPooling, layer, inputs):
    return ops.mean(inputs, axis=slicing.image_axes())


@run.register
def _(operation: primitives.Dense, layer, inputs):
    return layer(inputs, units=operation.units)
