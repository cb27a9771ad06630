"""BMP images: those with a palette, which TensorFlow reads as gray.

Its decoder takes an index for a shade, and what is packed or coded for colors
that are not there.
"""

import numpy as np
import tensorflow as tf

from keras_elastic.data.image_headers import Header

# Blue, green and red in this order, as TensorFlow reads them.
_MASKS = b"\0\0\xff\0" + b"\0\xff\0\0" + b"\xff\0\0\0"
_PLAIN, _MASKED = 0, 3
_ONE = np.int64(1)


def count_pixels(header: Header) -> tf.Tensor:
    """Counts the pixels of a BMP image, an int64 scalar."""
    height, width = _size(header)
    return tf.abs(height) * width


def is_indexed(header: Header) -> tf.Tensor:
    """Whether pixels are numbers of colors in a palette."""
    bits = header.number(28, 2)
    return (bits == 1) | (bits == 4) | (bits == 8)


def is_plain(header: Header) -> tf.Tensor:
    """Whether TensorFlow reads the colors of pixels as they are."""
    bits, packing = header.number(28, 2), header.number(30, 4)
    has_masks = (packing == _MASKED) & header.starts(_MASKS, position=54)
    is_of_three = (bits == 24) & (packing == _PLAIN)
    is_of_four = (bits == 32) & ((packing == _PLAIN) | has_masks)
    return _is_known(header) & (is_of_three | is_of_four)


def _is_known(header):
    # The header of 1985 has other fields.
    return header.number(14, 4) >= 40


def _size(header):
    """Height, negative from the top down, and width."""
    width, height = header.number(18, 4), header.number(22, 4)
    wrap = tf.where(height >= 2**31, tf.constant(2**32, "int64"), 0)
    return height - wrap, width


def decode_indexed(header: Header) -> tf.Tensor:
    """Decodes a BMP image with a palette.

    Args:
        header: `Header` of a BMP image that `is_indexed`.

    Returns:
        A uint8 tensor `[height, width, 3]`, without rows where the image is
        not whole, or is compressed.
    """
    height, width = _size(header)
    rows, bits = tf.abs(height), header.number(28, 2)
    stride = (width * bits + 31) // 32 * 4
    start, (_, end) = header.number(10, 4), _place_of_palette(header)
    is_whole = (
        _is_known(header)
        & (header.number(30, 4) == _PLAIN)
        & (width > 0)
        & (width < 2**31)
        & (end <= start)
        & (start + rows * stride <= header.length)
    )
    rows = tf.where(is_whole, rows, 0)
    octets = header.octets(start, rows * stride)
    octets = tf.reshape(octets, [rows, stride])
    # The highest bits of a byte are the first pixel.
    shifts = 8 - bits - bits * tf.range(8 // bits)
    parts = tf.bitwise.right_shift(
        octets[..., tf.newaxis], tf.cast(shifts, "uint8")
    )
    mask = tf.cast(tf.bitwise.left_shift(_ONE, bits) - 1, "uint8")
    indices = tf.reshape(
        tf.bitwise.bitwise_and(parts, mask), [rows, stride * (8 // bits)]
    )
    indices = tf.cast(indices[:, :width], "int32")
    image = tf.gather(_palette(header), indices)
    return tf.cond(height > 0, lambda: image[::-1], lambda: image)


def _palette(header):
    """The colors, uint8 `[256, 3]`; black where there are fewer."""
    start, end = _place_of_palette(header)
    octets = header.octets(start, tf.clip_by_value(end - start, 0, 1024))
    octets = tf.concat([octets, tf.zeros(1024, "uint8")], axis=0)[:1024]
    return tf.reshape(octets, [256, 4])[:, 2::-1]


def _place_of_palette(header):
    """Where the palette starts and ends."""
    bits, count = header.number(28, 2), header.number(46, 4)
    count = tf.where(count > 0, count, tf.bitwise.left_shift(_ONE, bits))
    start = 14 + header.number(14, 4)
    return start, start + 4 * tf.minimum(count, 256)
