"""The image operations of a policy, each with a level of 0 to 10.

A level stands for another argument in each operation: degrees, bits, a factor.
Lengths are shares of the side of the image, so that a policy means the same
at every size: 150 of 331 pixels for the largest shift in AutoAugment, 100 of
224 in the released code of RandAugment.
"""

from collections.abc import Callable

import tensorflow as tf

from keras_elastic.data import image_operations

_MAX_LEVEL = 10
_MAX_DEGREES = 30.0
_MAX_SLOPE = 0.3
_MAX_SHIFT = 0.45
_MAX_CUTOUT = 40 / 224

Argument = Callable[[float], float]


def _nothing(level: float) -> float:
    del level
    return 0.0


def _up_to(largest: float) -> Argument:
    return lambda level: level / _MAX_LEVEL * largest


def _whole_up_to(largest: int) -> Argument:
    return lambda level: float(int(level / _MAX_LEVEL * largest))


def _factor(level: float) -> float:
    return level / _MAX_LEVEL * 1.8 + 0.1


def _bits(level: float) -> float:
    # The released code asks for no bits below level 2.5, but its shift by 8
    # places works out as one by 7: a bit stays.
    return float(max(1, int(level / _MAX_LEVEL * 4)))


# What a level is turned into. The operations are numbered in this order.
ARGUMENTS: dict[str, Argument] = {
    "autocontrast": _nothing,
    "equalize": _nothing,
    "invert": _nothing,
    "rotate": _up_to(_MAX_DEGREES),
    "posterize": _bits,
    "solarize": _whole_up_to(256),
    "color": _factor,
    "contrast": _factor,
    "brightness": _factor,
    "sharpness": _factor,
    "shear_x": _up_to(_MAX_SLOPE),
    "shear_y": _up_to(_MAX_SLOPE),
    "translate_x": _up_to(_MAX_SHIFT),
    "translate_y": _up_to(_MAX_SHIFT),
    "cutout": _up_to(_MAX_CUTOUT),
    "solarize_add": _whole_up_to(110),
}
NAMES = tuple(ARGUMENTS)


def apply(
    image: tf.Tensor, number: tf.Tensor, argument: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Applies one operation, which the graph chooses when it runs.

    Rotation, shift and shear go either way, with equal chances; a cut-out lies
    anywhere.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        number: Integer tensor, the index of the operation in `NAMES`. Any
            other leaves the image as it is.
        argument: Float tensor, as a function of `ARGUMENTS` returns it.
        seed: Integer tensor `[2]`.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    sides = tf.shape(image)[:2]
    place = tf.random.stateless_uniform([2], seed)
    row, column = tf.unstack(
        tf.cast(place * tf.cast(sides, "float32"), "int32")
    )
    signed = tf.where(place[0] < 0.5, argument, -argument)
    height, width = tf.unstack(tf.cast(sides, tf.float32))
    operations = image_operations
    results = {
        "autocontrast": lambda: operations.autocontrast(image),
        "equalize": lambda: operations.equalize(image),
        "invert": lambda: operations.invert(image),
        "rotate": lambda: operations.rotate(image, signed),
        "posterize": lambda: operations.posterize(image, argument),
        "solarize": lambda: operations.solarize(image, argument),
        "color": lambda: operations.color(image, argument),
        "contrast": lambda: operations.contrast(image, argument),
        "brightness": lambda: operations.brightness(image, argument),
        "sharpness": lambda: operations.sharpness(image, argument),
        "shear_x": lambda: operations.shear_x(image, signed),
        "shear_y": lambda: operations.shear_y(image, signed),
        "translate_x": lambda: operations.translate_x(image, signed * width),
        "translate_y": lambda: operations.translate_y(image, signed * height),
        "cutout": lambda: operations.cutout(
            image, row, column, tf.cast(argument * width, tf.int32)
        ),
        "solarize_add": lambda: operations.solarize_add(image, argument),
    }
    branches = [results[name] for name in NAMES]
    return tf.switch_case(number, branches, default=lambda: image)
