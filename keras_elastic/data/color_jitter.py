"""Colour jitter and lighting: the colours of another hour of the day."""

import tensorflow as tf

from keras_elastic.data.image_operations import brightness
from keras_elastic.data.image_operations import color
from keras_elastic.data.image_operations import contrast

_STRENGTH = 0.4
_LIGHTING_DEVIATION = 0.1
# Principal components of the RGB values of ImageNet, of values in 0..1: each
# row holds what the three components add to one channel.
_EIGENVALUES = (0.2175, 0.0188, 0.0045)
_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


def distort(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Jitters brightness, contrast and saturation by 0.4, then the lighting.

    Reference:
        [Universally slimmable networks and improved training techniques](
        https://arxiv.org/abs/1903.05134), its released "mobile" transforms.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        seed: Integer tensor `[2]`.

    Returns:
        A float32 tensor `[height, width, 3]` with values in 0..255.
    """
    jitter_seed, lighting_seed = tf.unstack(tf.random.split(seed, 2))
    return light(jitter(image, jitter_seed), lighting_seed)


def jitter(
    image: tf.Tensor, seed: tf.Tensor, strength: float = _STRENGTH
) -> tf.Tensor:
    """Multiplies brightness, contrast and saturation, in random order.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        seed: Integer tensor `[2]`.
        strength: The three factors are uniform in 1 - `strength` to
            1 + `strength`.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    order_seed, factor_seed = tf.unstack(tf.random.split(seed, 2))
    order = tf.argsort(tf.random.stateless_uniform([3], order_seed))
    factors = tf.random.stateless_uniform(
        [3], factor_seed, 1 - strength, 1 + strength
    )
    for place in range(3):
        image = _change(image, order[place], factors[place])
    return image


def light(
    image: tf.Tensor,
    seed: tf.Tensor,
    deviation: float = _LIGHTING_DEVIATION,
) -> tf.Tensor:
    """Adds one colour to all pixels, along the main colours of ImageNet.

    Reference:
        [ImageNet classification with deep convolutional neural networks](
        https://papers.nips.cc/paper/4824), section 4.1.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        seed: Integer tensor `[2]`.
        deviation: Standard deviation of the share of each component.

    Returns:
        A float32 tensor `[height, width, 3]` with values in 0..255.
    """
    shares = tf.random.stateless_normal([3], seed, stddev=deviation)
    added = tf.linalg.matvec(
        tf.constant(_EIGENVECTORS), shares * tf.constant(_EIGENVALUES)
    )
    lit = tf.cast(image, tf.float32) + 255 * added
    return tf.clip_by_value(lit, 0.0, 255.0)


def _change(
    image: tf.Tensor, number: tf.Tensor, factor: tf.Tensor
) -> tf.Tensor:
    return tf.switch_case(
        number,
        [
            lambda: brightness(image, factor),
            lambda: contrast(image, factor),
            lambda: color(image, factor),
        ],
    )
