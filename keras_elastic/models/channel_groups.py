"""Channels that keep one order: which weights hold them.

The channels of a trunk run through the additions of all blocks of a stage.
To give them another order, every weight that writes or reads them must take
it, and then the network computes what it did.
"""

import dataclasses
import functools

import numpy as np
from keras import ops

from keras_elastic.spaces import plan as primitives

_PRODUCERS = (primitives.Convolution, primitives.Dense)


@dataclasses.dataclass
class ChannelGroup:
    """Channels that must keep one order, and the operations that hold them.

    Args:
        producers: Operations whose outputs they are.
        members: Operations in between, which hold numbers of each channel.
        consumers: Operations whose inputs they are.
        is_fixed: Whether something outside of the network sets their order:
            the image's colors.
    """

    producers: list = dataclasses.field(default_factory=list)
    members: list = dataclasses.field(default_factory=list)
    consumers: list = dataclasses.field(default_factory=list)
    is_fixed: bool = False

    def take_over(self, other):
        """Adds what another group holds."""
        for name in ("producers", "members", "consumers"):
            mine = getattr(self, name)
            mine += [o for o in getattr(other, name) if o not in mine]
        self.is_fixed = self.is_fixed or other.is_fixed


def channel_groups(plan):
    """Returns the groups of channels that can be sorted.

    Args:
        plan: `Plan` over integers.

    Returns:
        List of `ChannelGroup`, without the image's and the logits'.
    """
    groups = []
    trunk = ChannelGroup(is_fixed=True)
    for block in plan.blocks:
        if not block.live:
            continue
        outputs = _follow(block.operations, trunk, groups)
        if block.shortcut is not None:
            # The addition ties both ends.
            end = _follow(block.shortcut, trunk, groups)
            if end is not outputs:
                end.take_over(outputs)
                groups = [group for group in groups if group is not outputs]
        else:
            end = outputs
        trunk = _follow(block.after, end, groups)
    return [g for g in groups if not g.is_fixed and g is not trunk]


def _follow(operations, group, groups):
    """Adds operations to groups; returns the group of their output."""
    for operation in operations:
        if isinstance(operation, _PRODUCERS) or _projects(operation):
            group.consumers.append(operation)
            group = ChannelGroup(producers=[operation])
            groups.append(group)
        else:
            group.members.append(operation)
    return group


def _projects(operation):
    return isinstance(operation, primitives.Shortcut) and operation.project


def check_sortable(plan):
    """Raises a `ValueError` where the place of a channel means something.

    Args:
        plan: `Plan`.
    """
    for block in plan.blocks:
        for operation in block.every_operation:
            if isinstance(operation, primitives.GroupNormalization):
                raise ValueError(
                    "`supernet` must not normalize channels in groups: sorted "
                    "ones would get into other groups, and its subnets "
                    f"compute something else. Received: '{operation.name}'. "
                    "Use a family with batch normalization."
                )


def sort_groups(supernet, statistics):
    """Sorts all channels of a supernet that can be sorted.

    Args:
        supernet: `Supernet`. Its weights change in place.
        statistics: Dictionary of statistics to reorder in place, or `None`.
    """
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    for group in channel_groups(plan):
        order = np.argsort(-_importance(supernet, group), kind="stable")
        for operation in group.producers:
            _permute_outputs(operation, _layer(supernet, operation), order)
        for operation in group.consumers:
            _permute_inputs(operation, _layer(supernet, operation), order)
        for operation in group.members:
            permute_member(operation, _layer(supernet, operation), order)
            reorder_statistics(statistics, operation, order)


def _layer(supernet, operation):
    return getattr(supernet, operation.name, None)


def _importance(supernet, group):
    """The L1 norm of the weights that read each channel, in all readers."""
    return sum(
        np.abs(_reading(operation, _layer(supernet, operation))).sum(axis=1)
        for operation in group.consumers
    )


def _reading(operation, layer):
    """Weights of shape (input channels, all the rest), in double precision."""
    kernel = _numpy(_kernel(operation, layer)).astype("float64")
    inputs = 0 if isinstance(operation, primitives.Dense) else 2
    return np.moveaxis(kernel, inputs, 0).reshape(kernel.shape[inputs], -1)


def _kernel(operation, layer):
    if isinstance(operation, primitives.Shortcut):
        return layer.projection.kernel
    return layer.kernel


def _permute_outputs(operation, layer, order):
    kernel = _kernel(operation, layer)
    take(kernel, order, axis=len(kernel.shape) - 1)
    if getattr(layer, "bias", None) is not None:
        take(layer.bias, order)


def _permute_inputs(operation, layer, order):
    kernel = _kernel(operation, layer)
    take(kernel, order, axis=len(kernel.shape) - 2)


@functools.singledispatch
def permute_member(member, layer, order):
    """Reorders the weights of an operation that keeps its channels apart."""
    # Nothing must be left behind unnoticed.
    raise NotImplementedError(type(member).__name__)


@permute_member.register(primitives.Activation)
@permute_member.register(primitives.MaxPooling)
@permute_member.register(primitives.AveragePooling)
@permute_member.register(primitives.GlobalPooling)
@permute_member.register(primitives.Dropout)
def _(member, layer, order):
    """Has no weights."""


@permute_member.register
def _(member: primitives.Normalization, layer, order):
    take(layer.gamma, order)
    take(layer.beta, order)


@permute_member.register
def _(member: primitives.DepthwiseConvolution, layer, order):
    # The matrices of a kernel transform are shared by all channels.
    take(layer.kernel, order, axis=2)


@permute_member.register
def _(member: primitives.SqueezeExcite, layer, order):
    take(layer.reduce.kernel, order, axis=0)
    take(layer.expand.kernel, order, axis=1)
    take(layer.expand.bias, order)


@permute_member.register
def _(member: primitives.Shortcut, layer, order):
    # Narrower subnets project here, between two orders that are the same.
    if layer is not None and layer.use_projection:
        take(layer.projection.kernel, order, axis=2)
        take(layer.projection.kernel, order, axis=3)


def reorder_statistics(statistics, member, order):
    """Reorders the statistics of a normalization, if there are any."""
    if statistics is not None and isinstance(member, primitives.Normalization):
        statistics[member.name] = _numpy(statistics[member.name])[:, order]


def take(variable, order, axis=0):
    """Reorders a variable along an axis."""
    variable.assign(np.take(_numpy(variable), order, axis))


def _numpy(array):
    return ops.convert_to_numpy(array)
