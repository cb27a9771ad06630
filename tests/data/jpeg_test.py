import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.jpeg import decode_window

WINDOWS = [(0, 0, 61, 47), (3, 5, 20, 17), (60, 46, 1, 1), (17, 8, 44, 33)]
decode_rgb = functools.partial(
    tf.io.decode_image, channels=3, expand_animations=False
)


def image():
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, [9, 7, 3])
    large = tf.image.resize(small, [61, 47], "bicubic")
    return tf.cast(tf.clip_by_value(large, 0, 255), tf.uint8)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    "encode",
    [
        tf.io.encode_jpeg,
        functools.partial(tf.io.encode_jpeg, progressive=True),
        functools.partial(tf.io.encode_jpeg, chroma_downsampling=False),
        tf.io.encode_png,
    ],
)
def test_window_is_a_part_of_the_image(encode, window):
    contents = encode(image())
    shapes = []

    def draw(shape):
        shapes.append(tuple(shape.numpy()))
        return tf.constant(window)

    top, left, height, width = window
    expected = decode_rgb(contents)[top : top + height, left : left + width]
    found = decode_window(contents, decode_rgb, draw)
    np.testing.assert_array_equal(found, expected)
    assert shapes == [(61, 47, 3)]


def test_jpeg_is_not_decoded_whole():
    def refuse(contents):
        raise AssertionError("the whole image must not be decoded")

    contents = tf.io.encode_jpeg(image())
    found = decode_window(contents, refuse, lambda shape: [1, 2, 3, 4])
    assert found.shape == (3, 4, 3)


def test_grey():
    contents = tf.io.encode_jpeg(image())

    def decode(contents):
        grey = tf.io.decode_image(contents, 1, expand_animations=False)
        return tf.image.grayscale_to_rgb(grey)

    found = decode_window(
        contents, decode, lambda shape: [3, 5, 20, 17], channels=1
    )
    np.testing.assert_array_equal(found, decode(contents)[3:23, 5:22])


def test_in_a_graph():
    contents = [tf.io.encode_jpeg(image()), tf.io.encode_png(image())]
    crops = tf.data.Dataset.from_tensor_slices(contents).map(
        lambda record: decode_window(
            record, decode_rgb, lambda shape: [3, 5, shape[0] // 2, 17]
        )
    )
    assert crops.element_spec.shape.as_list() == [None, None, 3]
    assert [crop.shape for crop in crops] == [(30, 17, 3)] * 2
