"""How the supernet makes and runs each primitive of a plan."""

import functools
import itertools
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_elastic import layers
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing
from keras_elastic.layers.elastic_group_normalization import (
    ElasticGroupNormalization,
)
from keras_elastic.spaces import plan as primitives


def largest(value):
    """Largest value that a quantity takes within a space."""
    return int(np.max(value))


def plan_of_extremes(family, classes):
    """One plan over all sizes that a family's layers ever take.

    Args:
        family: The family.
        classes: Integer. Number of classes.

    Returns:
        `Plan` over arrays.
    """
    space = family.space
    return family.plan(space.unstack(space.one_gene_changes), classes)


class LayerSizes(NamedTuple):
    """The class of an operation's layer, and the largest sizes that it takes.

    `sizes` are arguments of the class.
    """

    layer: type
    in_channels: int
    sizes: dict


def make_layer(operation, **common):
    """Returns the layer of an operation at its largest size and its inputs.

    Args:
        operation: A primitive of a plan over the extremes of a space.
        **common: Arguments of every layer: `mode`, `dtype` and `name`.

    Returns:
        A pair of the layer and its largest number of input channels, or
        `None` for an operation without weights.
    """
    found = layer_sizes(operation)
    if found is None:
        return None
    return found.layer(**found.sizes, **common), found.in_channels


@functools.singledispatch
def layer_sizes(operation) -> LayerSizes | None:
    """The layer that a supernet has for an operation, not made yet.

    Args:
        operation: A primitive of a plan over the extremes of a space.

    Returns:
        `LayerSizes`, or `None` for an operation without weights.
    """
    return None


@layer_sizes.register
def _(operation: primitives.Convolution):
    sizes = {
        "filters": largest(operation.filters),
        "kernel_size": largest(operation.kernel_size),
        "strides": operation.strides,
        "padding": operation.padding,
        "use_bias": operation.use_bias,
    }
    in_channels = largest(operation.in_channels)
    return LayerSizes(layers.ElasticConv2D, in_channels, sizes)


@layer_sizes.register
def _(operation: primitives.DepthwiseConvolution):
    sizes = {
        "kernel_size": largest(operation.kernel_size),
        "strides": operation.strides,
        "kernel_transform": operation.kernel_transform,
        "padding": operation.padding,
    }
    channels = largest(operation.channels)
    return LayerSizes(layers.ElasticDepthwiseConv2D, channels, sizes)


@layer_sizes.register
def _(operation: primitives.Normalization):
    sizes = {
        "epsilon": operation.epsilon,
        "gamma_initializer": "zeros" if operation.zero_gamma else "ones",
    }
    channels = largest(operation.channels)
    return LayerSizes(layers.ElasticBatchNormalization, channels, sizes)


@layer_sizes.register
def _(operation: primitives.GroupNormalization):
    sizes = {
        "group_size": operation.group_size,
        "epsilon": operation.epsilon,
        "gamma_initializer": "zeros" if operation.zero_gamma else "ones",
    }
    channels = largest(operation.channels)
    return LayerSizes(ElasticGroupNormalization, channels, sizes)


@layer_sizes.register
def _(operation: primitives.SqueezeExcite):
    sizes = {
        "reduced": largest(operation.reduced),
        "activation": operation.activation,
        "gate": operation.gate,
    }
    channels = largest(operation.channels)
    return LayerSizes(layers.ElasticSqueezeExcite, channels, sizes)


@layer_sizes.register
def _(operation: primitives.Dense):
    sizes = {
        "units": largest(operation.units),
        "use_bias": operation.use_bias,
    }
    return LayerSizes(
        layers.ElasticDense, largest(operation.in_channels), sizes
    )


@layer_sizes.register
def _(operation: primitives.Shortcut):
    sizes = {
        "filters": largest(operation.filters),
        "strides": operation.strides,
        # Where the widths never differ a projection would be dead weight.
        "use_projection": bool(np.any(operation.project)),
    }
    in_channels = largest(operation.in_channels)
    return LayerSizes(layers.ElasticShortcut, in_channels, sizes)


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
    """Runs a convolution with the normalization after it folded in.

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
    """Whether two operations are a convolution and its normalization."""
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
        run_pair: Function of a convolution, the normalization after it and
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
    """Applies an activation, in fewer passes where nothing is learned."""
    if function in ("swish", "silu"):
        silu = kernels.silu if inference else kernels.trained_silu
        return silu(inputs)
    return keras.activations.get(function)(inputs)


@run.register
def _(operation: primitives.GroupNormalization, layer, inputs):
    return layer(inputs, channels=operation.channels)


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
