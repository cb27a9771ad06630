"""Both ways to decode an image see what Pillow shows a person."""

import io
import struct

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf

from keras_elastic.data import encoded_images
from keras_elastic.data.image_decoding import decode_images

RNG = np.random.default_rng(0)
COLORS = np.kron(RNG.integers(0, 256, (4, 5, 3)), np.ones((9, 7, 1)))
IMAGE = PIL.Image.fromarray(COLORS.astype("uint8"))
ALPHA = IMAGE.copy()
ALPHA.putalpha(IMAGE.convert("L").rotate(180))
PALETTE = IMAGE.quantize(7)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noted(orientation, kind, order, **options):
    exif = PIL.Image.Exif()
    exif.endian = order
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    return encode(IMAGE, kind, exif=exif.tobytes(), **options)


def small_first_image():
    """A GIF whose first image leaves a part of the canvas."""
    file = bytearray(encode(PALETTE, "gif", interlace=0))
    place = file.index(b"\x2c\0\0\0\0")
    file[6:10] = (45).to_bytes(2, "little") + (40).to_bytes(2, "little")
    file[place + 1 : place + 5] = b"\x06\0\x03\0"
    return bytes(file)


FILES = {
    "jpeg": encode(IMAGE, "jpeg"),
    "gray jpeg": encode(IMAGE.convert("L"), "jpeg"),
    "print jpeg": encode(IMAGE.convert("CMYK"), "jpeg"),
    "progressive": encode(IMAGE, "jpeg", progressive=True),
    "png": encode(IMAGE, "png"),
    "alpha png": encode(ALPHA, "png"),
    "gray alpha png": encode(ALPHA.convert("LA"), "png"),
    "palette png": encode(PALETTE, "png", transparency=2),
    "bit png": encode(IMAGE.convert("1"), "png"),
    "gif": encode(PALETTE, "gif"),
    "transparent gif": encode(PALETTE, "gif", transparency=2),
    "several gif": encode(
        PALETTE, "gif", save_all=True, append_images=[PALETTE.rotate(180)]
    ),
    "small gif": small_first_image(),
    "bmp": encode(IMAGE, "bmp"),
    "alpha bmp": encode(ALPHA, "bmp"),
    "gray bmp": encode(IMAGE.convert("L"), "bmp"),
    "palette bmp": encode(PALETTE, "bmp"),
    "bit bmp": encode(IMAGE.convert("1"), "bmp"),
    "webp": encode(IMAGE, "webp"),
    "alpha webp": encode(ALPHA, "webp", lossless=True),
    **{
        f"{kind} held {orientation}": noted(
            orientation, kind, "<>"[orientation % 2]
        )
        for kind in ("jpeg", "png", "webp")
        for orientation in range(1, 9)
    },
}


@pytest.fixture(scope="module")
def decode():
    return tf.function(
        encoded_images.decode,
        input_signature=[tf.TensorSpec((), "string")],
        autograph=False,
    )


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_what_pillow_shows(decode, name):
    image = PIL.Image.open(io.BytesIO(FILES[name]))
    expected = np.asarray(PIL.ImageOps.exif_transpose(image).convert("RGB"))
    np.testing.assert_array_equal(decode(FILES[name]), expected)
    np.testing.assert_array_equal(decode_images([FILES[name]])[0], expected)


def palette_bmp(bits, height, indices, colors):
    """A BMP of as few bits a pixel as there are; Pillow writes 1 and 8."""
    numbers = (
        40,
        indices.shape[1],
        height,
        1,
        bits,
        0,
        0,
        0,
        0,
        len(colors),
        0,
    )
    start = 54 + 4 * len(colors)
    header = b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, start, *numbers)
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in colors)
    digits = np.unpackbits(indices[..., np.newaxis], axis=-1)[..., -bits:]
    rows = np.packbits(digits.reshape(len(indices), -1), axis=1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return header + palette + rows.tobytes()


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_palettes(decode, bits):
    colors = RNG.integers(0, 256, (2**bits, 3)).astype("uint8")
    indices = RNG.integers(0, 2**bits, (5, 11)).astype("uint8")
    upright = palette_bmp(bits, 5, indices, colors)
    np.testing.assert_array_equal(decode(upright), colors[indices[::-1]])
    image = PIL.Image.open(io.BytesIO(upright)).convert("RGB")
    np.testing.assert_array_equal(image, colors[indices[::-1]])
    from_the_top = palette_bmp(bits, -5, indices, colors)
    np.testing.assert_array_equal(decode(from_the_top), colors[indices])


def test_sixteen_bits():
    gray = np.arange(64, dtype="uint16").reshape(8, 8) * 1000
    file = encode(PIL.Image.fromarray(gray), "png")
    expected = np.repeat((gray >> 8)[..., np.newaxis], 3, -1)
    np.testing.assert_array_equal(decode_images([file])[0], expected)
    np.testing.assert_array_equal(encoded_images.decode(file), expected)


def compressed_bmp():
    file = bytearray(FILES["palette bmp"])
    file[30] = 1
    return bytes(file)


def plain_print_jpeg():
    return FILES["print jpeg"].replace(b"Adobe", b"other")


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"no image",
        encode(IMAGE, "tiff"),
        encode(IMAGE, "webp", save_all=True, append_images=[ALPHA]),
        compressed_bmp(),
        plain_print_jpeg(),
        *(file[: len(file) // 2] for file in list(FILES.values())[:20]),
    ],
)
def test_what_is_not_read_has_no_pixels(decode, file):
    try:
        assert decode(file).numpy().size == 0
    except tf.errors.InvalidArgumentError:
        pass


@pytest.mark.parametrize("file", [b"", b"no image", FILES["png"][:99]])
def test_an_image_that_is_not_whole_is_numbered(file):
    with pytest.raises(ValueError, match="Received: number 1, of which"):
        decode_images([FILES["png"], file])
