"""The weights of a supernet, and measured statistics, for a `DSNet`."""

import functools

import numpy as np

from keras_elastic.conditional.dsnet import routes as dsnet_routes
from keras_elastic.spaces import plan as primitives


def copy(supernet, statistics, model):
    """Copies what a model needs of a supernet and its subnets' statistics.

    Args:
        supernet: `Supernet`.
        statistics: Dictionary from `Architecture` to dictionaries from the
            names of normalizations to arrays of shape (2, channels).
        model: `DSNet` of the supernet's family.

    Raises:
        ValueError: A width has no statistics, or those of another width.
    """
    for blocks in model.widest_parts:
        for operation in (o for b in blocks for o in b.every_operation):
            _copy(operation, supernet, model)
    routes = dsnet_routes.routes_of(model.family, model.gates, model.resolution)
    plans = {
        arch: model.family.plan(arch, model.classes)
        for archs in routes
        for arch in archs
    }
    checked = {
        arch: dsnet_routes.check_statistics(
            statistics, arch, plan, plans.values()
        )
        for arch, plan in plans.items()
    }
    for part, archs in enumerate(routes):
        for route, arch in enumerate(archs):
            _set_route(supernet, checked[arch], model, part, route)


def _set_route(supernet, statistics, model, part, route):
    for block in model.parts[part][route]:
        for operation in block.every_operation:
            if isinstance(operation, primitives.Normalization):
                values = np.asarray(statistics[operation.name])
                weights = getattr(supernet, operation.name).sliced_weights(
                    operation.channels, values
                )
                getattr(model, operation.name).set_route(
                    route, *weights, operation.epsilon
                )


@functools.singledispatch
def _copy(operation, supernet, model):
    """Copies the weights of an operation, if it has any."""


@_copy.register
def _(operation: primitives.Convolution, supernet, model):
    weights = getattr(supernet, operation.name).sliced_weights(
        operation.in_channels, operation.filters, operation.kernel_size
    )
    getattr(model, operation.name).set_weights(weights)


@_copy.register
def _(operation: primitives.DepthwiseConvolution, supernet, model):
    weights = getattr(supernet, operation.name).sliced_weights(
        operation.channels, operation.kernel_size
    )
    getattr(model, operation.name).set_weights(weights)


@_copy.register
def _(operation: primitives.GroupNormalization, supernet, model):
    weights = getattr(supernet, operation.name).sliced_weights(
        operation.channels
    )
    getattr(model, operation.name).set_weights(weights)


@_copy.register
def _(operation: primitives.SqueezeExcite, supernet, model):
    source = getattr(supernet, operation.name)
    target = getattr(model, operation.name)
    sizes = (operation.channels, operation.reduced)
    # A `SlimmingGate` has the same two layers.
    target.reduce.set_weights(source.reduce.sliced_weights(*sizes))
    target.expand.set_weights(source.expand.sliced_weights(*sizes[::-1]))


@_copy.register
def _(operation: primitives.Dense, supernet, model):
    weights = getattr(supernet, operation.name).sliced_weights(
        operation.in_channels, operation.units
    )
    getattr(model, operation.name).set_weights(weights)
