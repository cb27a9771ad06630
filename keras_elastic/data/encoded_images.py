"""Decodes images alike in training, evaluation and served models."""

import functools

import tensorflow as tf

from keras_elastic.data import bmp_images
from keras_elastic.data import gif_images
from keras_elastic.data import image_headers
from keras_elastic.data.image_headers import Header

# Traced once, not anew for the batches of each epoch.
_once = functools.partial(
    tf.function, input_signature=[tf.TensorSpec((), "string")], autograph=False
)


@_once
def decode(contents: tf.Tensor) -> tf.Tensor:
    """Decodes an image as a person sees it.

    Of BMP (without compression), GIF (the first image), JPEG, PNG and, where
    this TensorFlow has it, WebP. Gray becomes RGB, palettes become their
    colors, 16 bits become 8, alpha is dropped. What a camera noted about how
    it was held (EXIF) is applied.

    Args:
        contents: String scalar, the encoded image.

    Returns:
        A uint8 tensor `[height, width, 3]`. When it runs,
        `tf.errors.InvalidArgumentError` if the image cannot be decoded.
    """
    header = Header(contents)
    kind = image_headers.kind_of(header)
    plain = [lambda: _decode_plain(contents)] * 6
    plain[image_headers.GIF] = lambda: gif_images.decode_gif(header)
    plain[image_headers.BMP] = lambda: bmp_images.decode_bmp(header)
    plain[image_headers.WEBP] = lambda: _decode_webp(header)
    image = tf.switch_case(kind, plain)
    image = tf.ensure_shape(image, [None, None, 3])
    return turn(image, image_headers.orientation_of(header, kind))


@_once
def jpeg_orientation(contents: tf.Tensor) -> tf.Tensor:
    """Returns the orientation of a JPEG image, an int32 scalar."""
    return image_headers.orientation_of(
        Header(contents), tf.constant(image_headers.JPEG)
    )


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


def _decode_plain(contents):
    return tf.io.decode_image(contents, channels=3, expand_animations=False)


def _decode_webp(header):
    is_animated = header.starts(b"VP8X", position=12) & (
        header.number(20, 1) // 2 % 2 == 1
    )
    # Of an animation TensorFlow would write all images into the memory of one,
    # and of an image with alpha refuse to return three channels.
    check = tf.debugging.Assert(
        ~is_animated, ["An animated WebP image is not read."]
    )
    # Run eagerly there is nothing to wait for.
    with tf.control_dependencies([] if check is None else [check]):
        contents = tf.identity(header.contents)
    image = tf.io.decode_image(contents, expand_animations=False)
    return image[..., :3]
