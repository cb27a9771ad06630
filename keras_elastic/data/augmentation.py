"""Augmentation without state: an image and a seed give an image.

Every function takes the original image, a seed and the patch size, and
returns a patch. The same seed gives the same patch, in any order and on any
thread, which is what lets an interrupted epoch be resumed exactly.
"""

from collections.abc import Callable

import tensorflow as tf

# Section 6 of "Going deeper with convolutions" (Szegedy et al., 2015): patches
# of 8 % to 100 % of the area with an aspect ratio in [3/4, 4/3].
_CROP_AREA = (0.08, 1.0)
_CROP_ASPECT_RATIO = (3 / 4, 4 / 3)
_CROP_ATTEMPTS = 100
# Four pixels of 32: section 4.2 of "Deep residual learning for image
# recognition" (He et al., 2016).
_SHIFT_SHARE = 8


def center_patch(image: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Cuts the largest central square out and resizes it to the patch size.

    Resizing is bicubic with antialiasing. A square of the patch size already
    is returned as it is.

    Args:
        image: Tensor `[height, width, 3]` with values in 0..255.
        patch_size: Side of the patch, in pixels.

    Returns:
        A float32 tensor `[patch_size, patch_size, 3]` with values in 0..255.
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    side = tf.minimum(height, width)
    top = (height - side) // 2
    left = (width - side) // 2
    square = image[top : top + side, left : left + side]
    return _resize(square, patch_size)


def none(image: tf.Tensor, seed: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Returns the central patch: no augmentation.

    Args:
        image: Tensor `[height, width, 3]` with values in 0..255.
        seed: Integer tensor `[2]`. Not used.
        patch_size: Side of the patch, in pixels.

    Returns:
        A float32 tensor `[patch_size, patch_size, 3]` with values in 0..255.
    """
    del seed
    return center_patch(image, patch_size)


def shift(image: tf.Tensor, seed: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Shifts the central patch by up to an eighth of its side.

    What is uncovered is filled with the pixels of the edge. For images that
    must not be mirrored, such as digits.

    Args:
        image: Tensor `[height, width, 3]` with values in 0..255.
        seed: Integer tensor `[2]`.
        patch_size: Side of the patch, in pixels.

    Returns:
        A float32 tensor `[patch_size, patch_size, 3]` with values in 0..255.
    """
    patch = center_patch(image, patch_size)
    margin = max(1, patch_size // _SHIFT_SHARE)
    # TensorFlow pads with zeros or reflections only: repeat the edge by index.
    index = tf.range(-margin, patch_size + margin)
    index = tf.clip_by_value(index, 0, patch_size - 1)
    padded = tf.gather(tf.gather(patch, index, axis=0), index, axis=1)
    return tf.image.stateless_random_crop(
        padded, [patch_size, patch_size, 3], seed
    )


def shift_flip(image: tf.Tensor, seed: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Shifts the central patch and mirrors every second one: for CIFAR.

    Reference:
        [Deep residual learning for image recognition](
        https://arxiv.org/abs/1512.03385), section 4.2. There the margin is
        filled with the mean colour, here with the pixels of the edge.

    Args:
        image: Tensor `[height, width, 3]` with values in 0..255.
        seed: Integer tensor `[2]`.
        patch_size: Side of the patch, in pixels.

    Returns:
        A float32 tensor `[patch_size, patch_size, 3]` with values in 0..255.
    """
    shift_seed, flip_seed = tf.unstack(tf.random.split(seed, 2))
    patch = shift(image, shift_seed, patch_size)
    return tf.image.stateless_random_flip_left_right(patch, flip_seed)


def crop_flip(image: tf.Tensor, seed: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Resizes a random crop and mirrors every second one: for ImageNet.

    The crop has 8 % to 100 % of the area of the image and an aspect ratio of
    3/4 to 4/3. An image too narrow for any such crop is taken whole.

    Reference:
        [Going deeper with convolutions](https://arxiv.org/abs/1409.4842),
        section 6.

    Args:
        image: Tensor `[height, width, 3]` with values in 0..255.
        seed: Integer tensor `[2]`.
        patch_size: Side of the patch, in pixels.

    Returns:
        A float32 tensor `[patch_size, patch_size, 3]` with values in 0..255.
    """
    crop_seed, flip_seed = tf.unstack(tf.random.split(seed, 2))
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        bounding_boxes=tf.zeros([1, 0, 4]),
        seed=crop_seed,
        min_object_covered=0.0,
        aspect_ratio_range=_CROP_ASPECT_RATIO,
        area_range=_CROP_AREA,
        max_attempts=_CROP_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    patch = _resize(tf.slice(image, begin, size), patch_size)
    return tf.image.stateless_random_flip_left_right(patch, flip_seed)


AUGMENTATIONS: dict[str, Callable[[tf.Tensor, tf.Tensor, int], tf.Tensor]] = {
    "none": none,
    "shift": shift,
    "shift_flip": shift_flip,
    "crop_flip": crop_flip,
}


def _resize(image: tf.Tensor, patch_size: int) -> tf.Tensor:
    image = tf.cast(image, tf.float32)
    fits = tf.reduce_all(tf.equal(tf.shape(image)[:2], patch_size))
    patch = tf.cond(
        fits, lambda: image, lambda: _resize_bicubic(image, patch_size)
    )
    return tf.ensure_shape(patch, [patch_size, patch_size, 3])


def _resize_bicubic(image: tf.Tensor, patch_size: int) -> tf.Tensor:
    patch = tf.image.resize(
        image, [patch_size, patch_size], method="bicubic", antialias=True
    )
    # Bicubic interpolation overshoots beside sharp edges.
    return tf.clip_by_value(patch, 0.0, 255.0)
