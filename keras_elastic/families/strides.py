"""Strides for small images."""

import math
from collections.abc import Sequence


def limit_strides(strides: Sequence[int], total: int | None) -> list[int]:
    """Takes out the first strides of a network that are too many.

    Networks for 224 pixels divide the image by 32. On an image of 32 or 64
    pixels nothing would be left, so the first strides become 1 until those
    that stay divide by `total`: 8 suits 32 pixels, 16 suits 64.

    Args:
        strides: Strides of the network's strided layers, from the image on.
        total: Integer, the product of the strides to keep, or `None` for all.

    Returns:
        List of strides, as long as `strides`.

    Raises:
        ValueError: No strides are left that multiply to `total`.

    Example:

    >>> limit_strides([2, 1, 2, 2, 2, 1, 2, 1], total=8)
    [1, 1, 1, 2, 2, 1, 2, 1]
    """
    if total is None:
        return list(strides)
    for first in range(len(strides) + 1):
        if math.prod(strides[first:]) == total:
            return [1] * first + list(strides[first:])
    raise ValueError(
        "`total_strides` must be a product of the last strides of "
        f"{list(strides)}. Received: total_strides={total}."
    )
