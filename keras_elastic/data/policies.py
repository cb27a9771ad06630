"""AutoAugment and RandAugment: operations that are drawn for each image.

An operation has a level of 0 to 10, which stands for another argument in each:
degrees, bits, a factor. Lengths are shares of the side of the image, so that a
policy means the same at every size: 150 of 331 pixels for the largest shift in
AutoAugment, 100 of 224 in the released code of RandAugment.
"""

from collections.abc import Callable
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_elastic.data import image_operations

_MAX_LEVEL = 10
_MAX_DEGREES = 30.0
_MAX_SLOPE = 0.3
_MAX_SHIFT = 0.45
_MAX_CUTOUT = 40 / 224
_RAND_AUGMENT_LAYERS = 2
_RAND_AUGMENT_MAGNITUDE = 9

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

# Each operation with its probability and its level.
_Operation = tuple[str, float, float]
_Policy = tuple[tuple[_Operation, _Operation], ...]

_IMAGENET_POLICY: _Policy = (
    (("equalize", 0.8, 1), ("shear_y", 0.8, 4)),
    (("color", 0.4, 9), ("equalize", 0.6, 3)),
    (("color", 0.4, 1), ("rotate", 0.6, 8)),
    (("solarize", 0.8, 3), ("equalize", 0.4, 7)),
    (("solarize", 0.4, 2), ("solarize", 0.6, 2)),
    (("color", 0.2, 0), ("equalize", 0.8, 8)),
    (("equalize", 0.4, 8), ("solarize_add", 0.8, 3)),
    (("shear_x", 0.2, 9), ("rotate", 0.6, 8)),
    (("color", 0.6, 1), ("equalize", 1.0, 2)),
    (("invert", 0.4, 9), ("rotate", 0.6, 0)),
    (("equalize", 1.0, 9), ("shear_y", 0.6, 3)),
    (("color", 0.4, 7), ("equalize", 0.6, 0)),
    (("posterize", 0.4, 6), ("autocontrast", 0.4, 7)),
    (("solarize", 0.6, 8), ("color", 0.6, 9)),
    (("solarize", 0.2, 4), ("rotate", 0.8, 9)),
    (("rotate", 1.0, 7), ("translate_y", 0.8, 9)),
    (("shear_x", 0.0, 0), ("solarize", 0.8, 4)),
    (("shear_y", 0.8, 0), ("color", 0.6, 4)),
    (("color", 1.0, 0), ("rotate", 0.6, 2)),
    (("equalize", 0.8, 4), ("equalize", 0.0, 8)),
    (("equalize", 1.0, 4), ("autocontrast", 0.6, 2)),
    (("shear_y", 0.4, 7), ("solarize_add", 0.6, 7)),
    (("posterize", 0.8, 2), ("solarize", 0.6, 10)),
    (("solarize", 0.6, 8), ("equalize", 0.6, 1)),
    (("color", 0.8, 6), ("rotate", 0.4, 5)),
)

_CIFAR_POLICY: _Policy = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate_x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear_y", 0.5, 8), ("translate_y", 0.7, 9)),
    (("autocontrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear_y", 0.2, 7), ("posterize", 0.3, 7)),
    (("color", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("color", 0.7, 7), ("translate_x", 0.5, 8)),
    (("equalize", 0.3, 7), ("autocontrast", 0.4, 8)),
    (("translate_y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("color", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("autocontrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.6, 4)),
    (("color", 0.9, 9), ("equalize", 0.6, 6)),
    (("autocontrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("color", 0.7, 0)),
    (("solarize", 0.4, 5), ("autocontrast", 0.9, 3)),
    (("translate_y", 0.9, 9), ("translate_y", 0.7, 9)),
    (("autocontrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate_y", 0.7, 9), ("autocontrast", 0.9, 1)),
)

# The code for CIFAR counts these two the other way round (a higher level does
# more), and shifts by a pixel a level, of 32 pixels.
_CIFAR_ARGUMENTS: dict[str, Argument] = {
    **ARGUMENTS,
    "posterize": lambda level: float(4 - int(level * 4 / 10)),
    "solarize": lambda level: float(256 - int(level * 256 / 10)),
    "translate_x": lambda level: level / 32,
    "translate_y": lambda level: level / 32,
}


def auto_augment(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Applies AutoAugment's policy for ImageNet: "v0" of the EfficientNet code.

    One of 25 sub-policies is drawn, and each of its two operations applied
    with the probability that belongs to it.

    Reference:
        [AutoAugment: learning augmentation policies from data](
        https://arxiv.org/abs/1805.09501), section 3; the sub-policies are
        those of the [EfficientNet code](https://github.com/tensorflow/tpu),
        `policy_v0`. There the largest shift is 250 pixels at every size, which
        moves a patch of 224 out of sight; here it is 0.45 of the side, as in
        the paper.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        seed: Integer tensor `[2]`.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    return _distort(image, seed, _IMAGENET_POLICY, ARGUMENTS)


def auto_augment_cifar(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Applies AutoAugment's policy for CIFAR-10, 25 sub-policies.

    Reference:
        [AutoAugment: learning augmentation policies from data](
        https://arxiv.org/abs/1805.09501), table 7. Levels mean what they mean
        in the released code, `research/autoaugment` of
        [TensorFlow models](https://github.com/tensorflow/models). The cut-out
        that the paper adds afterwards is left out.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        seed: Integer tensor `[2]`.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    return _distort(image, seed, _CIFAR_POLICY, _CIFAR_ARGUMENTS)


def rand_augment(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Applies two operations of sixteen, at magnitude 9.

    Reference:
        [RandAugment: practical automated data augmentation with a reduced
        search space](https://arxiv.org/abs/1909.13719), figure 2 with N = 2
        and M = 9. The operations are the sixteen of the authors' released
        code, which has `invert`, `cutout` and `solarize_add` where the paper
        has the identity.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        seed: Integer tensor `[2]`.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    arguments = tf.constant(
        [ARGUMENTS[name](_RAND_AUGMENT_MAGNITUDE) for name in NAMES],
        tf.float32,
    )
    draw_seed, *seeds = tf.unstack(
        tf.random.split(seed, _RAND_AUGMENT_LAYERS + 1)
    )
    numbers = tf.random.stateless_uniform(
        [_RAND_AUGMENT_LAYERS], draw_seed, maxval=len(NAMES), dtype=tf.int32
    )
    for layer, layer_seed in enumerate(seeds):
        number = numbers[layer]
        image = apply_operation(image, number, arguments[number], layer_seed)
    return image


def apply_operation(
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
    result = _apply_operation(
        image, tf.cast(number, "int32"), argument, tf.cast(seed, "int64")
    )
    return tf.ensure_shape(result, image.shape)


# Sixteen operations are traced once, not anew by each use, epoch and set.
@tf.function(
    input_signature=[
        tf.TensorSpec([None, None, 3], "uint8"),
        tf.TensorSpec([], "int32"),
        tf.TensorSpec([], "float32"),
        tf.TensorSpec([2], "int64"),
    ],
    autograph=False,
)
def _apply_operation(image, number, argument, seed):
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


def _distort(
    image: tf.Tensor,
    seed: tf.Tensor,
    policy: _Policy,
    arguments: Mapping[str, Argument],
) -> tf.Tensor:
    numbers, probabilities, values = _tables(policy, arguments)
    draw_seed, *operation_seeds = tf.unstack(tf.random.split(seed, 3))
    chosen, *chances = tf.unstack(tf.random.stateless_uniform([3], draw_seed))
    row = tf.cast(chosen * len(policy), tf.int32)
    for place, operation_seed in enumerate(operation_seeds):
        # The number -1 stands for no operation.
        applied = chances[place] < tf.constant(probabilities)[row, place]
        number = tf.constant(numbers)[row, place]
        image = apply_operation(
            image,
            tf.where(applied, number, -1),
            tf.constant(values)[row, place],
            operation_seed,
        )
    return image


def _tables(
    policy: _Policy, arguments: Mapping[str, Argument]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns operation numbers, probabilities and arguments, `[rows, 2]`."""
    numbers = [[NAMES.index(name) for name, _, _ in row] for row in policy]
    chances = [[probability for _, probability, _ in row] for row in policy]
    values = [
        [arguments[name](level) for name, _, level in row] for row in policy
    ]
    return (
        np.array(numbers, "int32"),
        np.array(chances, "float32"),
        np.array(values, "float32"),
    )
