"""Decodes images alike in training, evaluation and served models."""

from collections.abc import Callable

import tensorflow as tf

from keras_elastic.data import bmp_images
from keras_elastic.data import gif_images
from keras_elastic.data import image_headers
from keras_elastic.data.image_headers import Header

Run = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
# The faster way, TensorFlow's default, is far off where steps are coarse.
DCT = "INTEGER_ACCURATE"
_ADOBE = b"\xff\xee\x00\x0eAdobe"
_MOST_SEARCHED = 2**18


def run_decoder(encoded: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    """Runs TensorFlow's decoder, which fails for what is no whole image.

    Args:
        encoded: String scalar.
        kind: int32 scalar, the number of its kind; see `image_headers`.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """

    def decode_jpeg():
        # Print colors are taken for inverted ones, as Adobe writes them.
        is_print = tf.io.extract_jpeg_shape(encoded)[2] == 4
        parts = tf.strings.split(
            tf.strings.substr(encoded, 0, _MOST_SEARCHED), _ADOBE
        )
        is_wrong = is_print & (tf.size(parts) < 2)
        return tf.io.decode_jpeg(
            tf.where(is_wrong, b"", encoded), 3, dct_method=DCT
        )

    def decode_webp():
        # Asked for three channels, it refuses an image that has alpha.
        return tf.io.decode_image(encoded, expand_animations=False)[..., :3]

    def decode_other():
        return tf.io.decode_image(encoded, 3, expand_animations=False)

    image = tf.case(
        [
            (kind == image_headers.JPEG, decode_jpeg),
            (kind == image_headers.WEBP, decode_webp),
        ],
        default=decode_other,
    )
    return tf.ensure_shape(image, [None, None, 3])


def decode(contents: tf.Tensor, run: Run = run_decoder) -> tf.Tensor:
    """Decodes an image as a person sees it.

    Of BMP (without compression), GIF (the first image), JPEG, PNG and, where
    this TensorFlow has it, WebP (of one image). Gray becomes RGB, palettes
    become their colors, 16 bits become 8, alpha is dropped. What a camera
    noted about how it was held (EXIF) is applied.

    Args:
        contents: String scalar, the encoded image.
        run: Function that runs the decoder; see `run_decoder`. It is given
            no bytes where the image is of a kind that is not read.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """
    header = Header(contents)
    kind = image_headers.kind_of(header)
    is_bmp, is_gif = kind == image_headers.BMP, kind == image_headers.GIF
    is_indexed = is_bmp & bmp_images.is_indexed(header)
    image = tf.case(
        [
            (is_indexed, lambda: bmp_images.decode_indexed(header)),
            (is_gif, lambda: gif_images.decode_gif(header, run)),
        ],
        default=lambda: run(_readable(header, kind), kind),
    )
    image = tf.ensure_shape(image, [None, None, 3])
    return turn(image, image_headers.orientation_of(header, kind))


def _readable(header, kind):
    """The contents, or nothing where TensorFlow would read them wrongly."""
    # Of an animation it would write all images into the memory of one.
    is_animated = header.starts(b"VP8X", 12) & (
        header.number(20, 1) // 2 % 2 == 1
    )
    is_wrong = tf.stack(
        [
            (kind == image_headers.WEBP) & is_animated,
            (kind == image_headers.BMP) & ~bmp_images.is_plain(header),
            kind == image_headers.UNKNOWN,
        ]
    )
    return tf.where(tf.reduce_any(is_wrong), b"", header.contents)


def turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns an image as it was seen.

    Args:
        image: Tensor `[height, width, channels]`.
        orientation: int32 scalar, from 1 to 8, as EXIF numbers them.
    """

    def turned():
        is_lying, axes = _parts(orientation)
        upright = tf.cond(
            is_lying, lambda: tf.transpose(image, [1, 0, 2]), lambda: image
        )
        return tf.reverse(upright, axes)

    result = tf.cond(orientation == 1, lambda: image, turned)
    return tf.ensure_shape(result, [None, None, image.shape[-1]])


def turned_shape(shape: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Returns the shape of an image that is turned."""
    is_lying, _ = _parts(orientation)
    return tf.where(is_lying, tf.gather(shape, [1, 0, 2]), shape)


def turned_back(
    window: tf.Tensor, shape: tf.Tensor, orientation: tf.Tensor
) -> tf.Tensor:
    """Returns where a window of a turned image lies in the stored one.

    Args:
        window: int32 tensor `[4]`: top, left, height and width.
        shape: int32 tensor `[3]`, the shape of the turned image.
        orientation: int32 scalar.
    """
    is_lying, axes = _parts(orientation)
    begin, size = window[:2], window[2:]
    is_reversed = tf.reduce_any(axes[:, tf.newaxis] == [0, 1], axis=0)
    begin = tf.where(is_reversed, shape[:2] - begin - size, begin)
    begin, size = (
        tf.where(is_lying, pair[::-1], pair) for pair in (begin, size)
    )
    return tf.concat([begin, size], axis=0)


def _parts(orientation):
    """Whether rows become columns, and which axes are then reversed."""
    of_rows = tf.reduce_any(orientation == [3, 4, 7, 8])
    of_columns = tf.reduce_any(orientation == [2, 3, 6, 7])
    return orientation >= 5, tf.boolean_mask([0, 1], [of_rows, of_columns])
