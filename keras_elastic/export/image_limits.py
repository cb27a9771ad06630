"""A bound on what the file of an image may take when it is decoded.

A file of a few hundred kilobytes can hold an image of one colour that fills
gigabytes. So the size is read from the header first.
"""

import tensorflow as tf

# 300 MB of memory: an image of 10,000 by 10,000 pixels.
MOST_PIXELS = 100_000_000


def refuse_large(encoded):
    """Returns the contents of a file; an error where its image is too large.

    Looks at JPEG, PNG and GIF. A BMP is as large as its file, and what else
    TensorFlow decodes has bounds of its own.

    Args:
        encoded: Scalar string tensor.
    """
    pixels = _num_pixels(encoded)
    refused = tf.debugging.assert_less_equal(
        pixels,
        tf.constant(MOST_PIXELS, "int64"),
        f"`images` must have at most {MOST_PIXELS} pixels each.",
    )
    with tf.control_dependencies([refused]):
        return tf.identity(encoded)


def _num_pixels(encoded):
    # Of files that end too early the decoders complain, and in plain words:
    # `substr` would put the bytes into its message.
    start = tf.strings.join([tf.strings.substr(encoded, 0, 24), b"\0" * 24])
    return tf.case(
        [
            (
                tf.io.is_jpeg(encoded),
                lambda: _product(tf.io.extract_jpeg_shape(encoded)[:2]),
            ),
            (
                tf.equal(tf.strings.substr(start, 0, 4), b"\x89PNG"),
                lambda: _product_of_two(start, 16, "int32", "big"),
            ),
            (
                tf.equal(tf.strings.substr(start, 0, 4), b"GIF8"),
                lambda: _product_of_two(start, 6, "uint16", "little"),
            ),
        ],
        default=lambda: tf.constant(0, "int64"),
    )


def _product_of_two(start, position, dtype, order):
    """The product of two numbers that stand in a row."""
    length = 2 * tf.as_dtype(dtype).size
    numbers = tf.io.decode_raw(
        tf.strings.substr(start, position, length),
        dtype,
        little_endian=order == "little",
    )
    return _product(numbers)


def _product(numbers):
    return tf.reduce_prod(tf.cast(numbers, "int64"))
