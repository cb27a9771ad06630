"""How large an image of a request may be, told before it is decoded."""

import tensorflow as tf

from keras_elastic.data import bmp_images
from keras_elastic.data import gif_images
from keras_elastic.data import image_headers
from keras_elastic.data.image_headers import Header

# 300 MB of memory: an image of 10,000 by 10,000 pixels.
MOST_PIXELS = 100_000_000
# As many times the memory is needed by decoders that make room twice.
_MORE = 3


def refuse_large(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the contents of a file; an error where its image is too large.

    A file of a few hundred kilobytes can hold an image of one color that fills
    gigabytes. So the size is read from the header, before it is decoded; of a
    GIF, that of all frames; pixels of WebP, and of BMP with a palette, count
    three times, for their decoders need more memory. What is no JPEG, PNG, GIF,
    BMP or WebP is refused.

    Args:
        encoded: Scalar string tensor.
    """
    header = Header(encoded)
    kind = image_headers.kind_of(header)
    is_known = tf.debugging.Assert(
        kind != image_headers.UNKNOWN,
        ["`images` must be JPEG, PNG, GIF, BMP or WebP files."],
    )
    is_small = tf.debugging.assert_less_equal(
        _count_pixels(header, kind),
        tf.constant(MOST_PIXELS, "int64"),
        f"`images` must have at most {MOST_PIXELS} pixels each.",
    )
    # Run eagerly there is nothing to wait for.
    checks = [check for check in (is_known, is_small) if check is not None]
    with tf.control_dependencies(checks):
        return tf.identity(encoded)


def _count_pixels(header, kind):
    """Counts pixels. Of files that end too early the decoders complain."""
    return tf.switch_case(
        kind,
        [
            lambda: _of_jpeg(header),
            lambda: header.number(16, 4, True) * header.number(20, 4, True),
            lambda: gif_images.find_parts(header).pixels,
            lambda: _of_bmp(header),
            lambda: _of_webp(header),
            lambda: tf.constant(0, "int64"),
        ],
    )


def _of_jpeg(header):
    shape = tf.io.extract_jpeg_shape(header.contents)
    return tf.reduce_prod(tf.cast(shape[:2], "int64"))


def _of_bmp(header):
    # Until indices are colors they need more memory.
    weight = tf.where(bmp_images.is_indexed(header), _MORE, 1)
    return bmp_images.count_pixels(header) * tf.cast(weight, "int64")


def _of_webp(header):
    def of_canvas():
        return (header.number(24, 4) % 2**24 + 1) * (
            header.number(27, 4) % 2**24 + 1
        )

    def of_lossless():
        bits = header.number(21, 4)
        return (bits % 2**14 + 1) * (bits // 2**14 % 2**14 + 1)

    def of_lossy():
        return (header.number(26, 2) % 2**14) * (header.number(28, 2) % 2**14)

    pixels = tf.case(
        [
            (header.starts(b"VP8X", 12), of_canvas),
            (header.starts(b"VP8L", 12), of_lossless),
        ],
        default=of_lossy,
    )
    return pixels * _MORE
