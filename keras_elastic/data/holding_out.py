"""Which images of a published training split are held out, on any backend."""

import numpy as np

# A tenth of the training images is enough to rank subnets, and 10,000 are
# enough however large the training split is.
_HELD_OUT_PERIOD = 10
_MOST_HELD_OUT = 10_000


def check_limit(limit: int | None) -> None:
    """Refuses a `limit` that keeps no image.

    Raises:
        ValueError: If `limit` is neither `None` nor positive.
    """
    if limit is not None and limit < 1:
        raise ValueError(
            "`limit` must be a positive number of images, or `None` for all "
            f"of them. Received: limit={limit}. Pass a larger limit."
        )


def held_out_mask(size: int, limit: int | None = None) -> np.ndarray:
    """Says which images of a published training split are held out.

    Every tenth image is, beginning with the first. Where a tenth would exceed
    10,000 images, they are 10,000 at equal distances.

    Args:
        size: Number of images in the training split.
        limit: If given, only the first `limit` images are divided.

    Returns:
        Boolean array, as long as images are divided.

    Raises:
        ValueError: If `limit` is not positive or fewer than two images are
            left to divide.

    Example:

    >>> held_out_mask(100, limit=12).nonzero()[0].tolist()
    [0, 10]
    """
    kept = _checked_count(size, limit)
    period = max(_HELD_OUT_PERIOD, kept // _MOST_HELD_OUT)
    mask = np.zeros(kept, bool)
    mask[np.arange(0, kept, period)[:_MOST_HELD_OUT]] = True
    return mask


def _checked_count(size: int, limit: int | None) -> int:
    check_limit(limit)
    kept = size if limit is None else min(size, limit)
    if kept < 2:
        raise ValueError(
            "The training split must keep at least 2 images, one to train on "
            f"and one to hold out. Received: {size} images, limit={limit}, "
            f"which keeps {kept}. Add images, or pass a larger `limit`."
        )
    return kept
