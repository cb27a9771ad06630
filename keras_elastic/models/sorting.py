"""Sorting of channels by their importance."""

import collections
from collections.abc import Collection
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_elastic import checks
from keras_elastic.models import statistics as statistics_checks
from keras_elastic.models.channel_groups import check_sortable
from keras_elastic.models.channel_groups import permute_member
from keras_elastic.models.channel_groups import reorder_statistics
from keras_elastic.models.channel_groups import sort_groups
from keras_elastic.models.channel_groups import take
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import plan as primitives

if TYPE_CHECKING:
    from keras_elastic.models.supernet import Supernet


class _Segment(NamedTuple):
    """Channels that are hidden in a block, and all that holds them.

    `producer` and `consumer` are the convolutions before and after, `members`
    what lies between them, which is indifferent to the order of channels.
    """

    producer: primitives.Convolution
    members: tuple
    consumer: primitives.Convolution


@checks.arguments(
    supernet=checks.SUPERNET,
    keep=checks.MAPPING | checks.each(checks.ARCHITECTURE),
    statistics=checks.MAPPING | checks.NONE,
    trunk=checks.BOOLEAN,
)
def sort_channels(
    supernet: "Supernet",
    keep: Collection[Architecture] | Mapping[str, Any] = (),
    statistics: Mapping[str, Any] | None = None,
    trunk: bool = False,
) -> dict[str, Any] | None:
    """Sorts the hidden channels of a supernet, the important ones first.

    A narrow subnet has the first channels of each layer. To be sorted before
    training makes layers narrower lets the narrow subnets begin with the
    channels that matter. The importance of a channel is the L1 norm of the
    weights that read it: of the inputs of the next convolution.

    Channels between two convolutions of one block move, and normalization,
    depthwise convolution and squeeze-excite between the two along with them.
    The channels between blocks move with `trunk=True`: all that an addition
    ties together. So the largest subnet computes what it did. Narrower ones
    change, except those of `keep`.

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
        statistics: Dictionary from the names of normalizations to arrays of
            shape (2, channels), of the largest subnet or one of `keep`, or
            `None`.
        trunk: Boolean. Whether to sort the channels between blocks, too. Then
            no widths can be kept.

    Returns:
        `statistics` in the new order, or `None`.

    Raises:
        ValueError: `keep` is given with `trunk`, or holds a name that no sorted
            convolution has, a number that is no width of it, or an
            architecture of another space; or channels are normalized in
            groups.

    Example:

    >>> supernet = keras_elastic.Supernet("bignas_digits", classes=10)
    >>> keras_elastic.sort_channels(supernet, keep=[supernet.space.smallest])
    """
    if trunk and len(keep):
        raise ValueError(
            "`keep` must be empty with `trunk=True`, which changes all narrow "
            f"subnets. Received: keep={keep}. Leave one out."
        )
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    check_sortable(plan)
    if statistics is not None:
        statistics_checks.check(statistics, supernet.normalizations)
        statistics = dict(statistics)
    if trunk:
        sort_groups(supernet, statistics)
        return statistics
    segments = list(_segments(supernet, supernet.space.largest))
    kept = _kept_widths(supernet, segments, keep)
    for segment in segments:
        order = _order(supernet, segment, kept[segment.producer.name])
        _reorder_segment(supernet, segment, order)
        if statistics is not None:
            for member in segment.members:
                reorder_statistics(statistics, member, order)
    return statistics


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
    take(producer.kernel, order, axis=3)
    if producer.bias is not None:
        take(producer.bias, order)
    for member in segment.members:
        permute_member(member, getattr(supernet, member.name, None), order)
    consumer = getattr(supernet, segment.consumer.name)
    take(consumer.kernel, order, axis=2)


def _numpy(array):
    return ops.convert_to_numpy(array)
