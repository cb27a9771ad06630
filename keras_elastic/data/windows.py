"""What augmented patches show of their images, drawn by NumPy."""

import dataclasses
from collections.abc import Callable

import numpy as np

# These are the rules of `augmentation.py`, which says where they come from.
_CROP_AREA = (0.08, 1.0)
_CROP_ASPECT_RATIO = (3 / 4, 4 / 3)
_CROP_ATTEMPTS = 100
_SHIFT_SHARE = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """One window of each image of a batch, and how it becomes a patch.

    The window is resized to the patch. Then the patch is shifted: a row or
    column that is uncovered repeats the edge. Then it may be mirrored.

    Args:
        boxes: Integer array `[count, 4]`: top, left, height and width, in
            pixels of the image.
        shifts: Integer array `[count, 2]`: downwards and to the right, in
            pixels of the patch.
        mirrored: Boolean array `[count]`: whether left becomes right.
        are_central: Whether they are the largest central squares, and neither
            shifted nor mirrored.
    """

    boxes: np.ndarray
    shifts: np.ndarray
    mirrored: np.ndarray
    are_central: bool = False


def center_windows(count: int, height: int, width: int) -> Windows:
    """Makes the largest central squares: no augmentation.

    Args:
        count: Number of images.
        height: Height of the images, in pixels.
        width: Width of the images, in pixels.

    Returns:
        `Windows` that are all alike.
    """
    side = min(height, width)
    box = [(height - side) // 2, (width - side) // 2, side, side]
    return Windows(
        np.tile(np.array(box), (count, 1)),
        np.zeros((count, 2), int),
        np.zeros(count, bool),
        are_central=True,
    )


def none(
    rng: np.random.Generator, count: int, size: tuple[int, int], patch_size: int
) -> Windows:
    """Takes the central squares: no augmentation.

    Args:
        rng: Source of random numbers. Not used.
        count: Number of images.
        size: Height and width of the images, in pixels.
        patch_size: Side of the patches, in pixels. Not used.

    Returns:
        `Windows` that are all alike.
    """
    del rng, patch_size
    return center_windows(count, *size)


def shift(
    rng: np.random.Generator, count: int, size: tuple[int, int], patch_size: int
) -> Windows:
    """Shifts the central squares by up to an eighth, and at least a pixel.

    Args:
        rng: Source of the random numbers.
        count: Number of images.
        size: Height and width of the images, in pixels.
        patch_size: Side of the patches, in pixels.

    Returns:
        `Windows` that are shifted.
    """
    margin = max(1, patch_size // _SHIFT_SHARE)
    shifts = rng.integers(-margin, margin, size=(count, 2), endpoint=True)
    windows = center_windows(count, *size)
    return dataclasses.replace(windows, shifts=shifts, are_central=False)


def shift_flip(
    rng: np.random.Generator, count: int, size: tuple[int, int], patch_size: int
) -> Windows:
    """Shifts the central squares and mirrors every second one.

    Args:
        rng: Source of the random numbers.
        count: Number of images.
        size: Height and width of the images, in pixels.
        patch_size: Side of the patches, in pixels.

    Returns:
        `Windows` that are shifted and mirrored.
    """
    windows = shift(rng, count, size, patch_size)
    return dataclasses.replace(windows, mirrored=_flips(rng, count))


def crop_flip(
    rng: np.random.Generator, count: int, size: tuple[int, int], patch_size: int
) -> Windows:
    """Takes random crops and mirrors every second one.

    Args:
        rng: Source of the random numbers.
        count: Number of images.
        size: Height and width of the images, in pixels.
        patch_size: Side of the patches, in pixels. Not used.

    Returns:
        `Windows` that are cropped and mirrored.
    """
    del patch_size
    boxes = draw_crops(rng, count, *size)
    return Windows(boxes, np.zeros((count, 2), int), _flips(rng, count))


# The augmentations by name, as in `AUGMENTATIONS` of `augmentation.py`.
DRAW: dict[
    str,
    Callable[[np.random.Generator, int, tuple[int, int], int], Windows],
] = {
    "none": none,
    "shift": shift,
    "shift_flip": shift_flip,
    "crop_flip": crop_flip,
}


def _flips(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.random(count) < 0.5


def draw_crops(
    rng: np.random.Generator, count: int, height: int, width: int
) -> np.ndarray:
    """Draws crops of 8 % to 100 % of the area, with aspects of 3/4 to 4/3.

    The aspect ratio is uniform, and so is the height among those that the
    ratio and the area allow. This is the distribution of
    `tf.image.sample_distorted_bounding_box`, which never places a smaller
    crop at the very bottom or right.

    Args:
        rng: Source of the random numbers.
        count: Number of crops.
        height: Height of the images, in pixels.
        width: Width of the images, in pixels.

    Returns:
        Integer array `[count, 4]`: top, left, height and width. An image too
        narrow for any such crop is taken whole.
    """
    boxes = np.tile(np.array([0, 0, height, width]), (count, 1))
    missing = np.ones(count, bool)
    for _ in range(_CROP_ATTEMPTS):
        # All are drawn each time, so that a crop does not depend on how many
        # others failed.
        drawn, valid = _try_crops(rng, count, height, width)
        boxes[missing & valid] = drawn[missing & valid]
        missing &= ~valid
        if not missing.any():
            break
    return boxes


def _try_crops(
    rng: np.random.Generator, count: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws crops, of which some may break the rules, and says which do not."""
    ratios = rng.uniform(*_CROP_ASPECT_RATIO, size=count)
    least, most = (share * height * width for share in _CROP_AREA)
    heights = _draw_heights(rng, ratios, least, most, (height, width))
    heights += _area(heights, ratios) < least
    heights -= _area(heights, ratios) > most
    widths = _widths(heights, ratios)
    tops = _draw_places(rng, height - heights)
    lefts = _draw_places(rng, width - widths)
    areas = heights * widths
    valid = (areas >= least) & (areas <= most) & (areas > 0)
    valid &= (heights <= height) & (widths <= width)
    return np.stack([tops, lefts, heights, widths], axis=1), valid


def _draw_heights(
    rng: np.random.Generator,
    ratios: np.ndarray,
    least: float,
    most: float,
    size: tuple[int, int],
) -> np.ndarray:
    height, width = size
    lowest = np.rint(np.sqrt(least / ratios)).astype(int)
    highest = np.rint(np.sqrt(most / ratios)).astype(int)
    # The highest of which the width still fits.
    fitting = np.floor((width + 0.5) / ratios).astype(int)
    fitting -= _widths(fitting, ratios) > width
    too_wide = _widths(highest, ratios) > width
    highest = np.minimum(np.where(too_wide, fitting, highest), height)
    lowest = np.minimum(lowest, highest)
    return rng.integers(lowest, highest, endpoint=True)


def _draw_places(rng: np.random.Generator, free: np.ndarray) -> np.ndarray:
    # As many places as pixels are free: the last place is never taken.
    return rng.integers(0, np.maximum(free, 1))


def _widths(heights: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    return np.rint(heights * ratios).astype(int)


def _area(heights: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    return heights * _widths(heights, ratios)
