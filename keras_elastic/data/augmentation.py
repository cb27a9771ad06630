"""Augmentation without state: an image and a seed give an image.

Every function takes the original image, a seed and the patch size, and
returns a patch. The same seed gives the same patch, in any order and on any
thread, which is what lets an interrupted epoch be resumed exactly.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from keras_elastic import checks
from keras_elastic.data import distortions
from keras_elastic.data import policies

Augment = Callable[[tf.Tensor, tf.Tensor, int], tf.Tensor]
Distort = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

# Section 6 of "Going deeper with convolutions" (Szegedy et al., 2015): patches
# of 8 % to 100 % of the area with an aspect ratio in [3/4, 4/3].
_LEAST_CROP_AREA = 0.08
_CROP_ASPECT_RATIO = (3 / 4, 4 / 3)
_CROP_ATTEMPTS = 100
# Four pixels of 32: section 4.2 of "Deep residual learning for image
# recognition" (He et al., 2016).
_SHIFT_SHARE = 8


def central_square(images: tf.Tensor, crop: float | None = None) -> tf.Tensor:
    """Cuts the central square out of an image, or out of each of a batch.

    Args:
        images: Tensor `[..., height, width, 3]`.
        crop: Side of the square as a part of the shorter side of the image,
            above 0 and at most 1. `None` for all of it.
    """
    height, width = tf.unstack(tf.shape(images)[-3:-1])
    side = tf.minimum(height, width)
    if crop is not None:
        # In double precision, as where NumPy cuts.
        wanted = tf.floor(tf.cast(side, tf.float64) * crop + 0.5)
        side = tf.maximum(tf.cast(wanted, tf.int32), 1)
    top = (height - side) // 2
    left = (width - side) // 2
    return images[..., top : top + side, left : left + side, :]


@checks.arguments(
    patch_size=checks.POSITIVE_INTEGER, crop=checks.CROP | checks.NONE
)
def center_patch(
    image: tf.Tensor, patch_size: int, crop: float | None = None
) -> tf.Tensor:
    """Cuts the largest central square out and resizes it to the patch size.

    Resizing is bicubic with antialiasing. A square of the patch size already
    is returned as it is.

    Args:
        image: Tensor `[height, width, 3]` with values in 0..255.
        patch_size: Side of the patch, in pixels.
        crop: Side of the square as a part of the image's shorter side, above
            0 and at most 1. `None` for all of it.

    Returns:
        A float32 tensor `[patch_size, patch_size, 3]` with values in 0..255.
    """
    return _resize(central_square(image, crop), patch_size)


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
        filled with the mean color, here with the pixels of the edge.

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


def auto_augment_cifar(
    image: tf.Tensor, seed: tf.Tensor, patch_size: int
) -> tf.Tensor:
    """Shifts and mirrors, then applies AutoAugment's policy for CIFAR-10.

    Args:
        image: Tensor `[height, width, 3]` with values in 0..255.
        seed: Integer tensor `[2]`.
        patch_size: Side of the patch, in pixels.

    Returns:
        A float32 tensor `[patch_size, patch_size, 3]` with values in 0..255.
    """
    shift_seed, distort_seed = tf.unstack(tf.random.split(seed, 2))
    patch = shift_flip(image, shift_seed, patch_size)
    return _distorted(patch, distort_seed, policies.auto_augment_cifar)


@dataclasses.dataclass(frozen=True)
class CropAugmentation:
    """A random crop, resized, half the time mirrored, then perhaps distorted.

    The crop has up to the whole area of the image and an aspect ratio of 3/4
    to 4/3. An image too narrow for any such crop is taken whole.

    Called with an image, a seed and a patch size, it augments like any other
    function of `AUGMENTATIONS`. But it can also say which window of an image
    it looks at (`window`), and go on from that window (`finish`), so that of
    an encoded image the window alone needs to be decoded.

    Reference:
        [Going deeper with convolutions](https://arxiv.org/abs/1409.4842),
        section 6.

    Args:
        least_area: Smallest area of the crop, as a share of the image.
        distort: Optional function of a uint8 patch and a seed that returns a
            patch of the same size with values in 0..255.
    """

    least_area: float = _LEAST_CROP_AREA
    distort: Distort | None = None

    def __call__(
        self, image: tf.Tensor, seed: tf.Tensor, patch_size: int
    ) -> tf.Tensor:
        """Augments one image.

        Args:
            image: Tensor `[height, width, 3]` with values in 0..255.
            seed: Integer tensor `[2]`.
            patch_size: Side of the patch, in pixels.

        Returns:
            A float32 tensor `[patch_size, patch_size, 3]` with values in
            0..255.
        """
        crop = cut(image, self.window(tf.shape(image), seed))
        return self.finish(crop, seed, patch_size)

    def window(self, shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws the window of the crop.

        Args:
            shape: int32 tensor `[3]`, the shape of the image.
            seed: Integer tensor `[2]`.

        Returns:
            An int32 tensor `[4]`: top, left, height and width, in pixels.
        """
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            shape,
            bounding_boxes=tf.zeros([1, 0, 4]),
            seed=_crop_seeds(seed)[0],
            min_object_covered=0.0,
            aspect_ratio_range=_CROP_ASPECT_RATIO,
            area_range=(self.least_area, 1.0),
            max_attempts=_CROP_ATTEMPTS,
            use_image_if_no_bounding_boxes=True,
        )
        return tf.concat([begin[:2], size[:2]], axis=0)

    def finish(
        self, crop: tf.Tensor, seed: tf.Tensor, patch_size: int
    ) -> tf.Tensor:
        """Makes the patch of a crop.

        Args:
            crop: Tensor `[height, width, 3]` with values in 0..255, what the
                image shows in the window.
            seed: Integer tensor `[2]`, the one that the window was drawn with.
            patch_size: Side of the patch, in pixels.

        Returns:
            A float32 tensor `[patch_size, patch_size, 3]` with values in
            0..255.
        """
        _, flip_seed, distort_seed = _crop_seeds(seed)
        patch = tf.image.stateless_random_flip_left_right(
            _resize(crop, patch_size), flip_seed
        )
        if self.distort is None:
            return patch
        return _distorted(patch, distort_seed, self.distort)


def cut(image: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Cuts a window (top, left, height, width) out of an image."""
    top, left, height, width = tf.unstack(window)
    crop = tf.slice(image, [top, left, 0], [height, width, -1])
    return tf.ensure_shape(crop, [None, None, image.shape[-1]])


def _rand_augment_erase(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    augment_seed, erase_seed = tf.unstack(tf.random.split(seed, 2))
    image = policies.rand_augment(image, augment_seed)
    return distortions.erase(image, erase_seed)


# For ImageNet: the ordinary crop, and what the papers add to it. BigNAS and
# BasisNet use AutoAugment, US-Net the milder crop with jitter, DS-Net
# RandAugment with erasing.
crop_flip = CropAugmentation()
auto_augment = CropAugmentation(distort=policies.auto_augment)
rand_augment = CropAugmentation(distort=policies.rand_augment)
rand_augment_erase = CropAugmentation(distort=_rand_augment_erase)
jitter_flip = CropAugmentation(0.25, distortions.jitter_and_light)

AUGMENTATIONS: dict[str, Augment] = {
    "none": none,
    "shift": shift,
    "shift_flip": shift_flip,
    "auto_augment_cifar": auto_augment_cifar,
    "crop_flip": crop_flip,
    "jitter_flip": jitter_flip,
    "auto_augment": auto_augment,
    "rand_augment": rand_augment,
    "rand_augment_erase": rand_augment_erase,
}


def _crop_seeds(seed: tf.Tensor) -> list[tf.Tensor]:
    """Seeds of the window, of the mirroring and of the distortion."""
    return tf.unstack(tf.random.split(seed, 3))


def _distorted(
    patch: tf.Tensor, seed: tf.Tensor, distort: Distort
) -> tf.Tensor:
    # Policies are defined on bytes: they count values and shift bits.
    image = tf.cast(tf.round(patch), tf.uint8)
    distorted = tf.cast(distort(image, seed), tf.float32)
    return tf.ensure_shape(distorted, patch.shape)


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
