"""Sorting of hidden channels by their importance."""

import collections
import functools
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_elastic.models.stage_sorting import find_groups
from keras_elastic.spaces import plan as primitives


class _Segment(NamedTuple):
    """Channels that are hidden in a block, and all that holds them.

    `producer` and `consumer` are the convolutions before and after, `members`
    what lies between them, which is indifferent to the order of channels.
    """

    producer: primitives.Convolution
    members: tuple
    consumer: primitives.Convolution


def sort_channels(supernet, keep=(), statistics=None, stages=False):
    """Sorts the hidden channels of a supernet, the important ones first.

    A narrow subnet has the first channels of each layer. To be sorted before
    training makes layers narrower lets the narrow subnets begin with the
    channels that matter. The importance of a channel is the L1 norm of the
    weights that read it: of the inputs of the next convolution.

    Only channels between two convolutions of one block move, because a
    shortcut ties all others to those of other blocks; normalisation, depthwise
    convolution and squeeze-excite between the two move along. So the largest
    subnet computes what it did. Narrower ones change, except those of `keep`.

    Whatever else holds numbers of these channels, such as the moments of an
    optimizer, is not sorted: begin with a new optimizer. Statistics of subnets
    that change must be measured anew.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.3, and the release,
      `re_organize_middle_weights`.

    Args:
        supernet: `Supernet`. Its weights change in place.
        keep: Widths that are trained already: channels move within the groups
            that these part, and not between them, so that the subnets of these
            widths compute what they did. Either `Architecture`s, or a
            dictionary from the names of convolutions to numbers of filters.
        statistics: Dictionary from the names of normalisations to arrays of
            shape (2, channels), of the largest subnet or one of `keep`, or
            `None`.
        stages: Boolean. Whether the channels of stages are sorted too: all
            that additions tie to each other move together, and the importance
            of a channel is the sum over all that reads it. Then `keep` must
            be empty.

    Returns:
        `statistics` in the new order, or `None`.

    Raises:
        ValueError: `keep` is not empty with `stages`, or it holds a name that
            no sorted convolution has, a number that is no width of it, or an
            architecture of another space.

    Example:

    >>> supernet = keras_elastic.Supernet("bignas_digits", classes=10)
    >>> keras_elastic.sort_channels(supernet, keep=[supernet.space.smallest])
    """
    if stages:
        if keep:
            raise ValueError(
                "`keep` must be empty with `stages=True`: channels of stages "
                f"are sorted as one group. Received: keep={keep!r}."
            )
        return _sort_groups(supernet, statistics)
    segments = list(_segments(supernet, supernet.space.largest))
    kept = _kept_widths(supernet, segments, keep)
    if statistics is not None:
        statistics = dict(statistics)
    for segment in segments:
        order = _order(supernet, segment, kept[segment.producer.name])
        _reorder_segment(supernet, segment, order)
        if statistics is not None:
            _reorder_statistics(statistics, segment, order)
    return statistics


def _sort_groups(supernet, statistics):
    """Sorts every group of channels of a supernet."""
    statistics = None if statistics is None else dict(statistics)
    for group in find_groups(supernet.family, supernet.classes):
        if not group.consumers:
            continue
        norms = sum(_norms(supernet, consumer) for consumer in group.consumers)
        order = np.argsort(-norms, kind="stable")
        for producer in group.producers:
            layer = getattr(supernet, producer.name)
            _take(layer.kernel, order, axis=-1)
            if layer.bias is not None:
                _take(layer.bias, order)
        for member in group.members:
            _reorder(member, getattr(supernet, member.name, None), order)
        for consumer in group.consumers:
            layer = getattr(supernet, consumer.name)
            _take(layer.kernel, order, axis=-2)
        if statistics is not None:
            _reorder_statistics(statistics, group, order)
    return statistics


def _norms(supernet, consumer):
    """L1 norms of the weights that read each channel."""
    kernel = np.abs(_numpy(getattr(supernet, consumer.name).kernel))
    axes = tuple(axis for axis in range(kernel.ndim) if axis != kernel.ndim - 2)
    return kernel.sum(axis=axes, dtype="float64")


def _segments(supernet, arch):
    """Yields the segments of the blocks that an architecture has."""
    for block in supernet.family.plan(arch, supernet.classes).blocks:
        if block.live:
            yield from _segments_of_block(block)


def _segments_of_block(block):
    producer, members = None, []
    for operation in block.operations:
        if not isinstance(operation, primitives.Convolution):
            members.append(operation)
            continue
        if producer is not None:
            yield _Segment(producer, tuple(members), operation)
        producer, members = operation, []


def _kept_widths(supernet, segments, keep):
    """Returns sets of numbers of filters, by the names of producers."""
    if not isinstance(keep, dict):
        return _widths_of_subnets(supernet, keep)
    largest = {s.producer.name: s.producer.filters for s in segments}
    for name, widths in keep.items():
        if name not in largest:
            raise ValueError(
                "`keep` must name convolutions whose output is sorted: "
                f"{list(largest)}. Received: {name!r}."
            )
        if not all(0 < width <= largest[name] for width in widths):
            raise ValueError(
                f"`keep['{name}']` must hold numbers of filters in "
                f"1..{largest[name]}. Received: {list(widths)}."
            )
    return collections.defaultdict(set, keep)


def _widths_of_subnets(supernet, archs):
    widths = collections.defaultdict(set)
    for arch in archs:
        supernet.space.validate(arch)
        for segment in _segments(supernet, arch):
            widths[segment.producer.name].add(segment.producer.filters)
    return widths


def _order(supernet, segment, kept):
    """Returns where each channel comes from, the most important first."""
    kernel = _numpy(getattr(supernet, segment.consumer.name).kernel)
    # In double precision, so that the order does not depend on the summing.
    norms = np.abs(kernel).sum(axis=(0, 1, 3), dtype="float64")
    ends = sorted({*kept, segment.producer.filters, len(norms)})
    groups = zip([0, *ends], ends, strict=False)
    # Equal channels stay in their order: sorting twice changes nothing.
    return np.concatenate(
        [
            start + np.argsort(-norms[start:end], kind="stable")
            for start, end in groups
        ]
    )


def _reorder_segment(supernet, segment, order):
    producer = getattr(supernet, segment.producer.name)
    _take(producer.kernel, order, axis=3)
    if producer.bias is not None:
        _take(producer.bias, order)
    for member in segment.members:
        _reorder(member, getattr(supernet, member.name, None), order)
    consumer = getattr(supernet, segment.consumer.name)
    _take(consumer.kernel, order, axis=2)


@functools.singledispatch
def _reorder(member, layer, order):
    """Reorders the weights of an operation between two convolutions."""
    # Nothing must be left behind unnoticed.
    raise NotImplementedError(type(member).__name__)


@_reorder.register(primitives.Activation)
@_reorder.register(primitives.MaxPooling)
@_reorder.register(primitives.AveragePooling)
@_reorder.register(primitives.Dropout)
@_reorder.register(primitives.GlobalPooling)
def _(member, layer, order):
    """Has no weights."""


@_reorder.register
def _(member: primitives.Normalization, layer, order):
    _take(layer.gamma, order)
    _take(layer.beta, order)


@_reorder.register
def _(member: primitives.DepthwiseConvolution, layer, order):
    # The matrices of a kernel transform are shared by all channels.
    _take(layer.kernel, order, axis=2)


@_reorder.register
def _(member: primitives.SqueezeExcite, layer, order):
    _take(layer.reduce.kernel, order, axis=0)
    _take(layer.expand.kernel, order, axis=1)
    _take(layer.expand.bias, order)


def _reorder_statistics(statistics, segment, order):
    for member in segment.members:
        if isinstance(member, primitives.Normalization):
            statistics[member.name] = _numpy(statistics[member.name])[:, order]


def _take(variable, order, axis=0):
    variable.assign(np.take(_numpy(variable), order, axis))


def _numpy(array):
    return ops.convert_to_numpy(array)
