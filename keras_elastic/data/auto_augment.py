"""AutoAugment: a sub-policy of two operations is drawn for each image."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_elastic.data import policy_operations
from keras_elastic.data.policy_operations import ARGUMENTS
from keras_elastic.data.policy_operations import NAMES
from keras_elastic.data.policy_operations import Argument

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


def distort_imagenet(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Applies the policy for ImageNet: "v0" of the EfficientNet code.

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


def distort_cifar(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Applies the policy for CIFAR-10: the 25 sub-policies of the paper.

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
        image = policy_operations.apply(
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
