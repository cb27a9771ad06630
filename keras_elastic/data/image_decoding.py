"""Decodes many image files into one array, without TensorFlow."""

import concurrent.futures
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

# Images that a thread decodes at a time.
_CHUNK = 256


def decode_images(
    encoded: Sequence[bytes],
    *,
    channels: int = 3,
    resize_to: int | None = None,
) -> np.ndarray:
    """Decodes images of one size, on all cores.

    Args:
        encoded: The contents of image files of any format that Pillow reads.
        channels: 3, or 1 to read greyscale, which is then repeated.
        resize_to: If given, the central square of each image is resized to
            this many pixels, bicubically with antialiasing.

    Returns:
        uint8 array `[count, height, width, 3]`.

    Raises:
        ValueError: If there is no image, one cannot be read, or they differ
            in size and `resize_to` is not given.
    """
    if not encoded:
        raise ValueError(
            "`encoded` must hold an image. Received: none. "
            "Pass a split that is not empty."
        )
    mode = "L" if channels == 1 else "RGB"
    first = _decode(encoded[0], mode, resize_to)
    images = np.empty((len(encoded), *first.shape), "uint8")

    def fill(start: int) -> None:
        for number in range(start, min(start + _CHUNK, len(encoded))):
            image = _decode(encoded[number], mode, resize_to)
            _check_size(image, first)
            images[number] = image

    # Pillow lets other threads run while it decodes.
    with concurrent.futures.ThreadPoolExecutor() as threads:
        list(threads.map(fill, range(0, len(encoded), _CHUNK)))
    return images


def _decode(encoded: bytes, mode: str, resize_to: int | None) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(encoded)) as file:
            image = file.convert(mode)
    except OSError as error:
        raise ValueError(
            "Every image must be a whole image file. "
            f"Received: {len(encoded)} bytes that are not: {error}. "
            "Prepare the data set again."
        ) from error
    if resize_to is not None:
        image = _resize_center(image, resize_to)
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def _resize_center(image: Image.Image, size: int) -> Image.Image:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    square = image.crop((left, top, left + side, top + side))
    if side == size:
        return square
    return square.resize((size, size), Image.Resampling.BICUBIC)


def _check_size(image: np.ndarray, first: np.ndarray) -> None:
    if image.shape != first.shape:
        sizes = [f"{a.shape[0]} x {a.shape[1]}" for a in (first, image)]
        raise ValueError(
            "The images must all have one size (height x width). "
            f"Received: {sizes[0]} and {sizes[1]}. Pass `resize_to`, the side "
            "of the squares that they are to be resized to, or train with "
            "the TensorFlow backend, whose `load_dataset` takes any sizes."
        )
