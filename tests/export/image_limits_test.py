"""The size of an image is read from its header, and bounded."""

import io
import struct

import PIL.Image
import pytest
import tensorflow as tf

from keras_elastic.data import gif_images
from keras_elastic.data.image_headers import Header
from keras_elastic.export import image_limits


@pytest.fixture(scope="module")
def refuse_large():
    return tf.function(
        image_limits.refuse_large,
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
    "encoded", [b"BM" + bytes(90), png(9, 9)[:20], gif(9, 9)[:7]]
)
def test_what_else_is_wrong_the_decoder_says(refuse_large, encoded):
    assert refuse_large(tf.constant(encoded)).numpy() == encoded


@pytest.mark.parametrize("extension", ["tiff", "ico", "ppm"])
def test_other_kinds_are_refused(refuse_large, extension):
    file = io.BytesIO()
    PIL.Image.new("RGB", (16, 16)).save(file, extension)
    for encoded in (file.getvalue(), b"", b"a", b"RIFF\0\0\0\0WAVEfmt "):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match="must be JPEG, PNG, GIF, BMP"
        ):
            refuse_large(tf.constant(encoded))


def webp(chunk, contents):
    size = struct.pack("<I", len(contents))
    return b"RIFF\0\0\0\0WEBP" + chunk + size + contents


def lossy(height, width):
    frame = b"\0\0\0\x9d\x01*" + struct.pack("<HH", width, height)
    return webp(b"VP8 ", frame)


def lossless(height, width):
    bits = width - 1 | (height - 1) << 14
    return webp(b"VP8L", b"/" + struct.pack("<I", bits))


def extended(height, width):
    canvas = (width - 1 | (height - 1) << 24).to_bytes(6, "little")
    return webp(b"VP8X", bytes(4) + canvas)


@pytest.mark.parametrize("file", [lossy, lossless, extended])
def test_sizes_of_webp(refuse_large, file):
    encoded = file(3_333, 10_000)
    assert refuse_large(tf.constant(encoded)).numpy() == encoded
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most"):
        refuse_large(tf.constant(file(3_334, 10_000)))


def bmp(bits, height, width):
    header = struct.pack("<IiiHH", 40, width, height, 1, bits)
    return b"BM" + bytes(12) + header + bytes(24)


@pytest.mark.parametrize("bits, most", [(24, 10_000), (1, 3_333), (8, 3_333)])
def test_sizes_of_bmp(refuse_large, bits, most):
    for sign in (-1, 1):
        encoded = bmp(bits, sign * most, 10_000)
        assert refuse_large(tf.constant(encoded)).numpy() == encoded
        with pytest.raises(tf.errors.InvalidArgumentError, match="at most"):
            refuse_large(tf.constant(bmp(bits, sign * (most + 1), 10_000)))


def frames_of_gif(count, size):
    """One color, whose code takes blocks of full length and another."""
    images = [PIL.Image.new("L", size, 40 * n) for n in range(count)]
    file = io.BytesIO()
    images[0].save(file, "gif", save_all=True, append_images=images[1:])
    return file.getvalue()


def test_all_frames_of_a_gif_count(refuse_large):
    encoded = frames_of_gif(5, (300, 200))

    @tf.function(autograph=False)
    def find_parts(encoded):
        parts = gif_images.find_parts(Header(encoded))
        return parts.pixels, parts.end

    pixels, end = find_parts(tf.constant(encoded))
    assert int(pixels) == 5 * 300 * 200
    header = bytearray(encoded)
    # The second image becomes a large one.
    second = header.index(b"\x2c", int(end))
    header[second + 5 : second + 9] = struct.pack("<HH", 20_000, 5_000)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most"):
        refuse_large(tf.constant(bytes(header)))


def test_a_gif_of_countless_blocks_is_refused(refuse_large):
    image = frames_of_gif(1, (8, 8))
    notes = b"!\xfe" + b"\1a" * 30_000 + b"\0"
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most"):
        refuse_large(tf.constant(image[:-1] + notes + image[-1:]))
