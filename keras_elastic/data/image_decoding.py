"""Decodes images with Pillow, for machines without TensorFlow.

What comes out is what TensorFlow decodes; JPEG images may differ by a few
levels of 255.
"""

import concurrent.futures
import io
from collections.abc import Iterable

import numpy as np

_KINDS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
_ORIENTATION = 0x0112


def decode_images(contents: Iterable[bytes]) -> list[np.ndarray]:
    """Decodes images as a person sees them, in threads.

    Of BMP, GIF (the first image), JPEG, PNG and WebP. Gray becomes RGB,
    palettes become their colors, 16 bits become 8, alpha is dropped. What a
    camera noted about how it was held (EXIF) is applied.

    Args:
        contents: The encoded images.

    Returns:
        List of uint8 arrays `[height, width, 3]`.

    Raises:
        ValueError: An image cannot be decoded. It names its number.
    """
    # Pillow lets other threads run while it decodes.
    with concurrent.futures.ThreadPoolExecutor() as threads:
        return list(threads.map(_decode_numbered, *_numbered(contents)))


def _numbered(contents):
    contents = list(contents)
    return range(len(contents)), contents


def _decode_numbered(number: int, contents: bytes) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(contents), formats=_KINDS) as image:
            return _decode(image)
    # What Pillow raises for files that are broken, each in its way.
    except (
        *(OSError, ValueError, SyntaxError, EOFError, IndexError),
        *(TypeError, Image.DecompressionBombError, MemoryError),
    ) as error:
        raise ValueError(
            f"`contents` must be whole images: {', '.join(_KINDS)}. Received: "
            f"number {number}, of which Pillow says: {error}. Replace it."
        ) from error


def _decode(image) -> np.ndarray:
    # Notes after the image itself are not looked for.
    orientation = _orientation(image.info.get("exif"))
    if image.mode.startswith("I"):
        # 16 bits, of which Pillow would clip all that is above 255.
        gray = (np.asarray(image).astype("int64") >> 8).astype("uint8")
        pixels = np.repeat(gray[..., np.newaxis], 3, axis=-1)
    else:
        pixels = np.asarray(image.convert("RGB"))
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _orientation(exif: bytes | None) -> int:
    from PIL import Image

    if not exif:
        return 1
    notes = Image.Exif()
    try:
        notes.load(exif)
        value = notes.get(_ORIENTATION, 1)
    # A note that is broken says nothing.
    except Exception:
        return 1
    return value if value in range(1, 9) else 1
