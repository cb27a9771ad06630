"""The size of an image is read from its header, and bounded."""

import struct

import pytest
import tensorflow as tf

from keras_elastic.export import signatures


@pytest.fixture(scope="module")
def refuse_large():
    return tf.function(
        signatures.refuse_large,
        input_signature=[tf.TensorSpec((), "string")],
    )


IMAGE = tf.zeros((16, 16, 3), "uint8")


def png(height, width):
    """A small file whose header speaks of another size."""
    file = bytearray(tf.io.encode_png(IMAGE).numpy())
    file[16:24] = struct.pack(">II", width, height)
    return bytes(file)


def jpeg(height, width):
    file = bytearray(tf.io.encode_jpeg(IMAGE).numpy())
    # After the marker of the frame, its length and the precision.
    start = file.index(b"\xff\xc0") + 5
    file[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(file)


def gif(height, width):
    return b"GIF89a" + struct.pack("<HH", width, height) + b"and so on"


@pytest.mark.parametrize("file", [png, jpeg, gif])
@pytest.mark.parametrize(
    "size", [(16, 16), (10_000, 10_000), (1, 60_000), (60_000, 1_600)]
)
def test_allowed_files_come_back(refuse_large, file, size):
    encoded = file(*size)
    assert refuse_large(tf.constant(encoded)).numpy() == encoded


@pytest.mark.parametrize("file", [png, jpeg, gif])
@pytest.mark.parametrize(
    "size", [(10_000, 10_001), (65_000, 65_000), (60_000, 1_700)]
)
def test_larger_images_are_refused(refuse_large, file, size):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="at most 100000000 pixels"
    ):
        refuse_large(tf.constant(file(*size)))


def test_a_png_beyond_32_bits(refuse_large):
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most"):
        refuse_large(tf.constant(png(2**31 - 1, 2**31 - 1)))


@pytest.mark.parametrize(
    "encoded", [b"", b"a", b"BM" + bytes(90), png(9, 9)[:20], gif(9, 9)[:7]]
)
def test_what_else_is_wrong_the_decoder_says(refuse_large, encoded):
    assert refuse_large(tf.constant(encoded)).numpy() == encoded
