"""What an image suffers besides a policy: color jitter, lighting, erasing.

Keras has layers for jitter, erasing and RandAugment. They are not used here,
because what they draw follows from a counter in the layer and not from a seed,
so that an epoch that is resumed gets other images. RandAugment and
RandomColorJitter ignore a seed that is passed; RandomErasing heeds one, but
then runs on the backend of Keras, which `tf.data` cannot call if it is torch.
Of 256 images after the middle of an epoch, made again from there, RandAugment
and RandomColorJitter gave none again, and RandomErasing 64 %, those that were
not erased; the functions here and in `policies.py` gave all
(`benchmarks/keras_augmentation.py`, Keras 3.15).
"""

import math

import tensorflow as tf

from keras_elastic.data.image_operations import brightness
from keras_elastic.data.image_operations import color
from keras_elastic.data.image_operations import contrast

_JITTER_STRENGTH = 0.4
_LIGHTING_DEVIATION = 0.1
# Principal components of the RGB values of ImageNet, of values in 0..1: each
# row holds what the three components add to one channel.
_EIGENVALUES = (0.2175, 0.0188, 0.0045)
_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
_ERASED_SHARE = 0.2
_ERASED_AREA = (0.02, 1 / 3)
_LARGEST_ASPECT_RATIO = 10 / 3
_ERASING_ATTEMPTS = 10


def jitter_and_light(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
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
    image: tf.Tensor, seed: tf.Tensor, strength: float = _JITTER_STRENGTH
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
    """Adds one color to all pixels, along the main colors of ImageNet.

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


def erase(
    image: tf.Tensor, seed: tf.Tensor, probability: float = _ERASED_SHARE
) -> tf.Tensor:
    """Replaces a rectangle of some images by noise.

    It has 2 % to 33 % of the area and an aspect ratio of 3/10 to 10/3. Ten
    rectangles are tried; where none fits, the image stays as it is.

    Reference:
        [Random erasing data augmentation](https://arxiv.org/abs/1708.04896),
        algorithm 1, with random values for each pixel.

    Args:
        image: uint8 tensor `[height, width, 3]`.
        seed: Integer tensor `[2]`.
        probability: Share of the images that are erased.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    size_seed, place_seed, noise_seed = tf.unstack(tf.random.split(seed, 3))
    height, width = tf.unstack(tf.shape(image)[:2])
    side, fits = _draw_size(height, width, size_seed)
    chance, down, right = tf.unstack(
        tf.random.stateless_uniform([3], place_seed)
    )
    top = tf.cast(down * tf.cast(height - side[0] + 1, tf.float32), tf.int32)
    left = tf.cast(right * tf.cast(width - side[1] + 1, tf.float32), tf.int32)

    def erased():
        noise = tf.random.stateless_uniform(
            tf.shape(image), noise_seed, maxval=256, dtype=tf.int32
        )
        rows, columns = tf.range(height), tf.range(width)
        is_row = (rows >= top) & (rows < top + side[0])
        is_column = (columns >= left) & (columns < left + side[1])
        inside = is_row[:, tf.newaxis] & is_column[tf.newaxis]
        noise = tf.cast(noise, tf.uint8)
        return tf.where(inside[..., tf.newaxis], noise, image)

    return tf.cond(fits & (chance < probability), erased, lambda: image)


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


def _draw_size(
    height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the first of ten sizes that fits, and whether there is one."""
    draws = tf.random.stateless_uniform([2, _ERASING_ATTEMPTS], seed)
    smallest, largest = _ERASED_AREA
    share = smallest + draws[0] * (largest - smallest)
    area = share * tf.cast(height * width, tf.float32)
    # Uniform in its logarithm, so that tall and wide are equally likely.
    ratio = tf.exp((2 * draws[1] - 1) * math.log(_LARGEST_ASPECT_RATIO))
    sides = tf.stack([tf.sqrt(area * ratio), tf.sqrt(area / ratio)], axis=1)
    sides = tf.cast(tf.round(sides), tf.int32)
    fit = (sides[:, 0] < height) & (sides[:, 1] < width)
    first = tf.argmax(tf.cast(fit, tf.int32))
    return sides[first], tf.reduce_any(fit)
