"""Arithmetic that works alike on integers, NumPy arrays and tensors."""

from typing import Any

import numpy as np

from keras_elastic import checks


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Selects by `condition`, whatever its type.

    Args:
        condition: A `bool`, a NumPy array of booleans or a scalar tensor.
        if_true: Value where `condition` holds.
        if_false: Value elsewhere.

    Returns:
        One of the two values for a `bool`; otherwise an array or a tensor.
    """
    # The same object on both sides needs no choice. It keeps the widths of a
    # stage static, and it is how readers see that a width cannot change.
    if if_true is if_false:
        return if_true
    if isinstance(condition, (bool, np.bool_)):
        return if_true if condition else if_false
    if isinstance(condition, np.ndarray):
        return np.where(condition, if_true, if_false)
    # Only tensors are left. Keras is imported here and not above, because
    # spaces and families must work where no deep-learning library is.
    import keras

    return keras.ops.where(condition, if_true, if_false)


@checks.arguments(
    channels=checks.SIZE,
    divisor=checks.POSITIVE_INTEGER,
    minimum=checks.POSITIVE_INTEGER,
    scale=checks.POSITIVE_INTEGER,
)
def round_channels(
    channels: Any, divisor: int = 8, minimum: int = 1, scale: int = 1
) -> Any:
    """Rounds a number of channels to a multiple of `divisor`.

    Rounds to the nearest multiple, half up, and adds one more multiple where
    that would lose over a tenth of the channels.

    Reference: `make_divisible` of MobileNetV2's release; methods of OFA,
    AttentiveNAS and US-Net call it with `minimum=1`.

    Args:
        channels: Integer, array or tensor of positive integers: `scale` times
            the number to round, so that fractions need no floats.
        divisor: Integer. The result is a multiple of it where `channels` is at
            least half of it, or `minimum` is a multiple of it.
        minimum: Integer. The result is at least this.
        scale: Integer. Defaults to 1.

    Returns:
        The rounded number of channels, of the type of `channels`.

    Example:

    >>> round_channels(90), round_channels(32 * 35, scale=100)
    (88, 16)
    """
    step = divisor * scale
    rounded = (2 * channels + step) // (2 * step) * divisor
    rounded = where(rounded < minimum, minimum, rounded)
    lost_a_tenth = 10 * scale * rounded < 9 * channels
    return where(lost_a_tenth, rounded + divisor, rounded)


@checks.arguments(
    value=checks.SIZE | checks.COUNT, divisor=checks.POSITIVE_INTEGER
)
def ceil_divide(value: Any, divisor: int) -> Any:
    """Divides positive integers, arrays or tensors, rounding up."""
    return (value + divisor - 1) // divisor
