"""RandAugment: a few operations drawn alike for all images."""

import tensorflow as tf

from keras_elastic.data import policy_operations
from keras_elastic.data.policy_operations import ARGUMENTS
from keras_elastic.data.policy_operations import NAMES

_NUM_LAYERS = 2
_MAGNITUDE = 9


def distort(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
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
        [ARGUMENTS[name](_MAGNITUDE) for name in NAMES], tf.float32
    )
    draw_seed, *seeds = tf.unstack(tf.random.split(seed, _NUM_LAYERS + 1))
    numbers = tf.random.stateless_uniform(
        [_NUM_LAYERS], draw_seed, maxval=len(NAMES), dtype=tf.int32
    )
    for layer, layer_seed in enumerate(seeds):
        number = numbers[layer]
        image = policy_operations.apply(
            image, number, arguments[number], layer_seed
        )
    return image
