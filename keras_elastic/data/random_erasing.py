"""Random erasing: noise in place of a rectangle."""

import math

import tensorflow as tf

_PROBABILITY = 0.2
_AREA = (0.02, 1 / 3)
_LARGEST_ASPECT_RATIO = 10 / 3
_ATTEMPTS = 10


def erase(
    image: tf.Tensor, seed: tf.Tensor, probability: float = _PROBABILITY
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


def _draw_size(
    height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the first of ten sizes that fits, and whether there is one."""
    draws = tf.random.stateless_uniform([2, _ATTEMPTS], seed)
    smallest, largest = _AREA
    share = smallest + draws[0] * (largest - smallest)
    area = share * tf.cast(height * width, tf.float32)
    # Uniform in its logarithm, so that tall and wide are equally likely.
    ratio = tf.exp((2 * draws[1] - 1) * math.log(_LARGEST_ASPECT_RATIO))
    sides = tf.stack([tf.sqrt(area * ratio), tf.sqrt(area / ratio)], axis=1)
    sides = tf.cast(tf.round(sides), tf.int32)
    fit = (sides[:, 0] < height) & (sides[:, 1] < width)
    first = tf.argmax(tf.cast(fit, tf.int32))
    return sides[first], tf.reduce_any(fit)
