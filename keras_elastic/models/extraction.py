"""A child with the weights that it has in a supernet."""

import functools

from keras_elastic import layers
from keras_elastic.layers.elastic_group_normalization import (
    ElasticGroupNormalization,
)
from keras_elastic.models import preparation as preparations
from keras_elastic.models import statistics as statistics_checks
from keras_elastic.models.child import build_child
from keras_elastic.models.preparation import Preparation
from keras_elastic.spaces import plan as primitives


def extract_child(
    family, arch, weights, classes, statistics=None, new_classes=None, name=None
):
    """Extracts an architecture of a supernet as a model of stock layers.

    Args:
        family: The supernet's family.
        arch: `Architecture` of its space.
        weights: Function from the name of an operation to the arrays of its
            layer in the supernet, as `get_weights` returns them.
        classes: Integer. Number of classes of the supernet.
        statistics: Dictionary from the names of normalizations to arrays of
            shape (2, channels), or `None` for a new layer's statistics.
        new_classes: Integer. Number of classes of a new, untrained classifier,
            or `None` for the supernet's.
        name: String. Name of the model. Defaults to the family's name.

    Returns:
        What `build_child` returns, with weights.

    Raises:
        ValueError: `arch` is not in the space, or statistics are missing or
            are none.
    """
    family.space.validate(arch)
    plan = family.plan(arch, new_classes or classes)
    if statistics is not None:
        statistics_checks.check(statistics, _normalizations(plan))
    child = build_child(plan, name=name or family.name)
    new = () if new_classes is None else (plan.classifier,)
    for block in plan.blocks:
        for operation in block.every_operation if block.live else ():
            if operation.name not in new:
                _copy(operation, weights, child, statistics)
    preparations.remember(child, Preparation(interpolation=plan.resize))
    return child


def _normalizations(plan):
    return {
        operation.name: operation.channels
        for block in plan.blocks
        for operation in (block.every_operation if block.live else ())
        if isinstance(operation, primitives.Normalization)
    }


@functools.singledispatch
def _copy(operation, weights, child, statistics):
    """Copies the live part of an operation's weights, if it has any."""


@_copy.register
def _(operation: primitives.Convolution, weights, child, statistics):
    sliced = layers.ElasticConv2D.slice_weights(
        weights(operation.name),
        operation.in_channels,
        operation.filters,
        operation.kernel_size,
    )
    child.get_layer(operation.name).set_weights(sliced)


@_copy.register
def _(operation: primitives.DepthwiseConvolution, weights, child, statistics):
    sliced = layers.ElasticDepthwiseConv2D.slice_weights(
        weights(operation.name), operation.channels, operation.kernel_size
    )
    child.get_layer(operation.name).set_weights(sliced)


@_copy.register
def _(operation: primitives.Normalization, weights, child, statistics):
    given = None if statistics is None else statistics[operation.name]
    sliced = layers.ElasticBatchNormalization.slice_weights(
        weights(operation.name), operation.channels, given
    )
    child.get_layer(operation.name).set_weights(sliced)


@_copy.register
def _(operation: primitives.GroupNormalization, weights, child, statistics):
    sliced = ElasticGroupNormalization.slice_weights(
        weights(operation.name), operation.channels
    )
    child.get_layer(operation.name).set_weights(sliced)


@_copy.register
def _(operation: primitives.SqueezeExcite, weights, child, statistics):
    reduce, expand = layers.ElasticSqueezeExcite.slice_weights(
        weights(operation.name), operation.channels, operation.reduced
    )
    child.get_layer(f"{operation.name}_reduce").set_weights(reduce)
    child.get_layer(f"{operation.name}_expand").set_weights(expand)


@_copy.register
def _(operation: primitives.Dense, weights, child, statistics):
    sliced = layers.ElasticDense.slice_weights(
        weights(operation.name), operation.in_channels, operation.units
    )
    child.get_layer(operation.name).set_weights(sliced)


@_copy.register
def _(operation: primitives.Shortcut, weights, child, statistics):
    if operation.project:
        sliced = layers.ElasticShortcut.slice_weights(
            weights(operation.name), operation.in_channels, operation.filters
        )
        child.get_layer(operation.name).set_weights(sliced)
