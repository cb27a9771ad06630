"""Makes patches of windows by products of matrices, on any backend."""

from typing import Any

import numpy as np
from keras import ops

from keras_elastic.data.windows import Windows


def make_patches(images: Any, windows: Windows, patch_size: int) -> Any:
    """Resizes, shifts and mirrors one window of each image.

    Resizing is bicubic with antialiasing, and sees nothing outside the window:
    `tf.image.resize(..., "bicubic", antialias=True)` of the crop.

    Args:
        images: uint8 tensor `[batch, height, width, 3]`.
        windows: The windows of the images.
        patch_size: Side of the patches, in pixels.

    Returns:
        float32 tensor `[batch, patch_size, patch_size, 3]` with values in
        0..255.
    """
    _, height, width, _ = images.shape
    images = ops.cast(images, "float32")
    if height == width == patch_size and windows.are_central:
        return images
    top, left, rows, columns = windows.boxes.T
    down, right = windows.shifts.T
    vertical = _matrices(
        _pixels(patch_size, down), top, rows, height, patch_size
    )
    horizontal = _matrices(
        _mirrored(_pixels(patch_size, right), windows.mirrored),
        left,
        columns,
        width,
        patch_size,
    )
    patches = ops.einsum("bph,bhwc->bpwc", vertical, images)
    patches = ops.einsum("bqw,bpwc->bpqc", horizontal, patches)
    # Bicubic interpolation overshoots beside sharp edges.
    return ops.clip(patches, 0.0, 255.0)


def _pixels(patch_size: int, shift: np.ndarray) -> np.ndarray:
    """Which pixel of the resized window stands at each place of the patch.

    Args:
        patch_size: Number of places in a line.
        shift: Integer array `[batch]`.

    Returns:
        Integer array `[batch, patch_size]`.
    """
    places = np.arange(patch_size) - shift[:, np.newaxis]
    return np.clip(places, 0, patch_size - 1)


def _mirrored(pixels: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    return np.where(mirrored[:, np.newaxis], pixels[:, ::-1], pixels)


def _matrices(
    pixels: np.ndarray,
    begin: np.ndarray,
    length: np.ndarray,
    size: int,
    patch_size: int,
) -> Any:
    """Makes the matrices that resize a line of every image.

    Where a window shrinks, the kernel is as much wider. At the ends of the
    window the weights of the pixels that are there are scaled to sum to 1.

    Args:
        pixels: Integer array `[batch, patch_size]`, from `_pixels`.
        begin: Integer array `[batch]`, where the windows begin.
        length: Integer array `[batch]`, how long they are.
        size: Length of a line of the image, in pixels.
        patch_size: Length of a line of the patch, in pixels.

    Returns:
        float32 tensor `[batch, patch_size, size]`.
    """
    scale = length[:, np.newaxis] / patch_size
    # The place of each pixel in its line, counted from the middle of the
    # first one. Whole places are subtracted apart, which is exact in float32.
    centers = begin[:, np.newaxis] + (pixels + 0.5) * scale - 0.5
    whole = np.floor(centers)
    places = np.arange(size)
    distances = _tensor(places) - _tensor(whole)[..., None]
    distances = distances - _tensor(centers - whole)[..., None]
    distances = distances / _tensor(np.maximum(scale, 1.0))[..., None]
    inside = places >= begin[:, np.newaxis]
    inside &= places < (begin + length)[:, np.newaxis]
    weights = _cubic(ops.absolute(distances)) * _tensor(inside)[:, None]
    return weights / ops.sum(weights, axis=-1, keepdims=True)


def _tensor(array: np.ndarray) -> Any:
    return ops.convert_to_tensor(array.astype("float32"))


def _cubic(x: Any) -> Any:
    """The kernel of bicubic interpolation with a = -1/2.

    Reference:
    - Cubic Convolution Interpolation for Digital Image Processing (Keys,
      1981), equation 15.

    Args:
        x: float32 tensor of distances, not negative.

    Returns:
        Tensor of weights, of the same shape.
    """
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return ops.where(x < 1.0, near, ops.where(x < 2.0, far, 0.0))
