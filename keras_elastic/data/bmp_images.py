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


def decode_bmp(header: Header) -> tf.Tensor:
    """Decodes a BMP image without compression.

    Args:
        header: `Header` of a BMP image.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    return tf.cond(
        is_indexed(header),
        lambda: _decode_indexed(header),
        lambda: _decode_colored(header),
    )


def _size(header):
    """Height, negative from the top down, and width."""
    width, height = header.number(18, 4), header.number(22, 4)
    wrap = tf.where(height >= 2**31, tf.constant(2**32, "int64"), 0)
    return height - wrap, width


def _decode_colored(header):
    bits, packing = header.number(28, 2), header.number(30, 4)
    has_masks = (packing == _MASKED) & header.starts(_MASKS, position=54)
    is_read = (bits == 24) & (packing == _PLAIN)
    is_read |= (bits == 32) & ((packing == _PLAIN) | has_masks)
    with tf.control_dependencies([_check(header, is_read)]):
        contents = tf.identity(header.contents)
    return tf.io.decode_image(contents, channels=3, expand_animations=False)


def _decode_indexed(header):
    height, width = _size(header)
    rows, bits = tf.abs(height), header.number(28, 2)
    stride = (width * bits + 31) // 32 * 4
    start, length = header.number(10, 4), header.length
    is_whole = (
        (header.number(30, 4) == 0)
        & (rows > 0)
        & (width > 0)
        & (width < 2**31)
        & (start + rows * stride <= length)
    )
    with tf.control_dependencies([_check(header, is_whole)]):
        rows = tf.identity(rows)
    octets = header.octets(start, rows * stride)
    octets = tf.reshape(octets, [rows, stride])
    # The highest bits of a byte are the first pixel.
    shifts = 8 - bits - bits * tf.range(8 // bits)
    parts = tf.bitwise.right_shift(
        octets[..., tf.newaxis], tf.cast(shifts, "uint8")
    )
    mask = tf.cast(tf.bitwise.left_shift(_ONE, bits) - 1, "uint8")
    indices = tf.reshape(tf.bitwise.bitwise_and(parts, mask), [rows, -1])
    indices = tf.cast(indices[:, :width], "int32")
    image = tf.gather(_palette(header), indices)
    return tf.cond(height > 0, lambda: image[::-1], lambda: image)


def _palette(header):
    """The colors, uint8 `[256, 3]`; black where there are fewer."""
    start, end = 14 + header.number(14, 4), header.number(10, 4)
    octets = header.octets(start, tf.clip_by_value(end - start, 0, 1024))
    octets = tf.concat([octets, tf.zeros(1024, "uint8")], axis=0)[:1024]
    return tf.reshape(octets, [256, 4])[:, 2::-1]


def _check(header, is_read):
    # The header of 1985 has other fields.
    is_read &= header.number(14, 4) >= 40
    check = tf.debugging.Assert(is_read, ["Such a BMP image is not read."])
    # Run eagerly there is nothing to wait for.
    return tf.no_op() if check is None else check
