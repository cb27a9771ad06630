"""Augments batches in memory, with NumPy and Pillow.

For machines without TensorFlow. What the augmentations are is said in
`augmentation.py`, where TensorFlow makes them.
"""

import math
from collections.abc import Callable

import numpy as np

_SHIFT_SHARE = 8
_CROP_AREA = (0.08, 1.0)
_CROP_ASPECT_RATIO = (3 / 4, 4 / 3)
_CROP_ATTEMPTS = 10

Augment = Callable[[np.ndarray, np.random.Generator, int], np.ndarray]


def none(
    images: np.ndarray,
    rng: np.random.Generator | None,
    patch_size: int,
    crop: float | None = None,
) -> np.ndarray:
    """Takes the central squares: no augmentation.

    Args:
        images: uint8 array `[batch, height, width, 3]`.
        rng: Source of random numbers. Not used.
        patch_size: Side of the patches, in pixels.
        crop: Side of the squares as a part of the shorter side, or `None` for
            all of it.

    Returns:
        float32 array `[batch, patch_size, patch_size, 3]` with values in
        0..255. Squares of another size are resized, bicubically with
        antialiasing.
    """
    del rng
    height, width = images.shape[1:3]
    side = min(height, width)
    if crop is not None:
        side = max(1, math.floor(side * crop + 0.5))
    top, left = (height - side) // 2, (width - side) // 2
    squares = images[:, top : top + side, left : left + side]
    if side == patch_size:
        return squares.astype("float32")
    return np.stack([_resize(square, patch_size) for square in squares])


def shift(
    images: np.ndarray, rng: np.random.Generator, patch_size: int
) -> np.ndarray:
    """Shifts the central squares by up to an eighth, and at least a pixel.

    Args:
        images: uint8 array `[batch, height, width, 3]`.
        rng: Source of the random numbers.
        patch_size: Side of the patches, in pixels.

    Returns:
        As `none`. What is uncovered repeats the edge.
    """
    patches = none(images, rng, patch_size)
    margin = max(1, patch_size // _SHIFT_SHARE)
    shifts = rng.integers(-margin, margin, (len(images), 2), endpoint=True)
    places = np.arange(patch_size) - shifts[..., np.newaxis]
    rows, columns = np.clip(places, 0, patch_size - 1).swapaxes(0, 1)
    numbers = np.arange(len(images))[:, np.newaxis, np.newaxis]
    return patches[numbers, rows[:, :, np.newaxis], columns[:, np.newaxis]]


def shift_flip(
    images: np.ndarray, rng: np.random.Generator, patch_size: int
) -> np.ndarray:
    """Shifts the central squares and mirrors every second one: for CIFAR.

    Args:
        images: uint8 array `[batch, height, width, 3]`.
        rng: Source of the random numbers.
        patch_size: Side of the patches, in pixels.

    Returns:
        As `shift`.
    """
    return _flip(shift(images, rng, patch_size), rng)


def crop_flip(
    images: np.ndarray, rng: np.random.Generator, patch_size: int
) -> np.ndarray:
    """Takes random crops and mirrors every second one: for photographs.

    The area and the aspect ratio of a crop are uniform. Of ten crops the first
    that fits into the image is taken, and the whole image where none fits.
    TensorFlow draws the height uniformly instead: a little more often a small
    crop.

    Args:
        images: uint8 array `[batch, height, width, 3]`.
        rng: Source of the random numbers.
        patch_size: Side of the patches, in pixels.

    Returns:
        As `none`.
    """
    boxes = draw_crops(rng, len(images), *images.shape[1:3])
    crops = [
        image[top : top + height, left : left + width]
        for image, (top, left, height, width) in zip(images, boxes, strict=True)
    ]
    return _flip(np.stack([_resize(crop, patch_size) for crop in crops]), rng)


AUGMENTATIONS: dict[str, Augment] = {
    "none": none,
    "shift": shift,
    "shift_flip": shift_flip,
    "crop_flip": crop_flip,
}


def draw_crops(
    rng: np.random.Generator, count: int, height: int, width: int
) -> np.ndarray:
    """Draws crops of 8 % to 100 % of the area, with aspects of 3/4 to 4/3.

    Args:
        rng: Source of the random numbers.
        count: Number of crops.
        height: Height of the images, in pixels.
        width: Width of the images, in pixels.

    Returns:
        Integer array `[count, 4]`: top, left, height and width.
    """
    shape = (_CROP_ATTEMPTS, count)
    areas = rng.uniform(*_CROP_AREA, shape) * height * width
    ratios = rng.uniform(*_CROP_ASPECT_RATIO, shape)
    sides = np.stack([np.sqrt(areas / ratios), np.sqrt(areas * ratios)])
    sides = np.rint(sides).astype(int)
    sizes = np.array([height, width])
    fits = (sides >= 1) & (sides <= sizes[:, np.newaxis, np.newaxis])
    fits = fits.all(axis=0)
    first = sides[:, fits.argmax(axis=0), np.arange(count)].T
    first = np.where(fits.any(axis=0)[:, np.newaxis], first, sizes)
    begins = rng.integers(0, sizes - first, endpoint=True)
    return np.concatenate([begins, first], axis=1)


def _flip(patches: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mirrored = rng.random(len(patches)) < 0.5
    patches[mirrored] = patches[mirrored, :, ::-1]
    return patches


def _resize(image: np.ndarray, patch_size: int) -> np.ndarray:
    if image.shape[:2] == (patch_size, patch_size):
        return image.astype("float32")
    from PIL import Image

    # Channel by channel, because Pillow would round RGB to whole numbers.
    channels = [
        np.asarray(
            Image.fromarray(image[..., channel].astype("float32")).resize(
                (patch_size, patch_size), Image.Resampling.BICUBIC
            )
        )
        for channel in range(3)
    ]
    # Bicubic interpolation overshoots beside sharp edges.
    return np.clip(np.stack(channels, axis=-1), 0, 255)
