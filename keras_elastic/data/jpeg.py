"""Decodes of a JPEG image only the window that is looked at."""

import tensorflow as tf

from keras_elastic.data.augmentation import cut
from keras_elastic.data.splits import Decode

# Colour is stored once for two by two pixels and interpolated between them: at
# the edge of what is decoded it comes out a little different.
_MARGIN = 2


def decode_window(
    contents: tf.Tensor, decode: Decode, draw: Decode, channels: int = 3
) -> tf.Tensor:
    """Decodes a window of an encoded image.

    Of a JPEG image nothing but the window is decoded; its pixels are those of
    the whole image, decoded and cut. Other images are decoded whole.

    Args:
        contents: String scalar, the encoded image.
        decode: Function from `contents` to the whole image.
        draw: Function from the shape of the image, an int32 tensor `[3]`, to
            the window: top, left, height and width, in pixels.
        channels: 3, or 1 to decode grey and repeat it in three channels.

    Returns:
        A uint8 tensor `[height, width, 3]`.
    """

    def part():
        shape = tf.image.extract_jpeg_shape(contents)
        window = tf.convert_to_tensor(draw(shape))
        outer = _widened(window, shape)
        crop = tf.image.decode_and_crop_jpeg(contents, outer, channels)
        begin = window[:2] - outer[:2]
        crop = cut(crop, tf.concat([begin, window[2:]], axis=0))
        return crop if channels == 3 else tf.image.grayscale_to_rgb(crop)

    def whole():
        image = decode(contents)
        return cut(image, draw(tf.shape(image)))

    crop = tf.cond(tf.io.is_jpeg(contents), part, whole)
    return tf.ensure_shape(crop, [None, None, 3])


def _widened(window: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    begin, end = window[:2], window[:2] + window[2:]
    begin = tf.maximum(begin - _MARGIN, 0)
    end = tf.minimum(end + _MARGIN, shape[:2])
    return tf.concat([begin, end - begin], axis=0)
