"""The SavedModel decodes files of images as Pillow does."""

import io
import struct

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf
from served_child import build_model
from served_child import draw_images
from served_child import export
from served_child import load_signatures
from served_child import probabilities_of


@pytest.fixture(scope="module")
def model():
    return build_model()


@pytest.fixture(scope="module")
def signatures(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "child"
    yield from load_signatures(export(model, folder))


def encode(image, extension):
    return getattr(tf.io, f"encode_{extension}")(image).numpy()


def pillow(image, mode, extension):
    """The image in another mode, as a file and as RGB."""
    other = PIL.Image.fromarray(image).convert(mode)
    file = io.BytesIO()
    other.save(file, extension)
    return file.getvalue(), np.asarray(other.convert("RGB"))


def test_signature_of_bytes(signatures):
    signature = signatures["serve_bytes"]
    _, inputs = signature.structured_input_signature
    assert list(inputs) == ["images"]
    assert inputs["images"].dtype == tf.string
    assert inputs["images"].shape.as_list() == [None]
    expected = signatures["serving_default"].structured_outputs
    assert signature.structured_outputs.keys() == expected.keys()
    for name, spec in expected.items():
        assert signature.structured_outputs[name].dtype == spec.dtype
        assert signature.structured_outputs[name].shape == spec.shape


def test_bytes_of_all_sizes_in_one_batch(signatures):
    images = [draw_images(*size, seed=1) for size in [(16, 16), (40, 23)]]
    files = [encode(image, "png") for image in images]
    outputs = signatures["serve_bytes"](images=tf.constant(files))
    for number, image in enumerate(images):
        expected = signatures["serving_default"](
            images=tf.constant(image[np.newaxis])
        )
        for name in expected:
            actual = outputs[name][number : number + 1].numpy()
            if actual.dtype == object:
                assert (actual == expected[name].numpy()).all()
            else:
                np.testing.assert_allclose(actual, expected[name], atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_of_a_jpeg(signatures, model, channels):
    file = encode(draw_images(16, 16)[..., :channels], "jpeg")
    # The way that other decoders take, too.
    pixels = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE").numpy()
    pixels = pixels[np.newaxis]
    assert pixels.shape[-1] == channels
    pixels = np.broadcast_to(pixels, (1, 16, 16, 3))
    outputs = signatures["serve_bytes"](images=tf.constant([file]))
    np.testing.assert_allclose(
        outputs["probabilities"], probabilities_of(model, pixels), atol=1e-5
    )


@pytest.mark.parametrize(
    ("mode", "extension"),
    [
        ("L", "png"),
        ("LA", "png"),
        ("RGBA", "png"),
        ("P", "png"),
        ("1", "png"),
        ("L", "bmp"),
        ("RGB", "bmp"),
    ],
)
def test_bytes_become_rgb(signatures, model, mode, extension):
    file, pixels = pillow(draw_images(16, 16), mode, extension)
    outputs = signatures["serve_bytes"](images=tf.constant([file]))
    np.testing.assert_allclose(
        outputs["probabilities"],
        probabilities_of(model, pixels[np.newaxis]),
        rtol=0,
        atol=1e-5,
    )


def file_of(image, extension, **options):
    file = io.BytesIO()
    image.save(file, extension, **options)
    return file.getvalue()


def assert_seen_as(signatures, file, pixels, atol):
    """The answer to a file is that to an array."""
    outputs = signatures["serve_bytes"](images=tf.constant([file]))
    expected = signatures["serving_default"](
        images=tf.constant(pixels[np.newaxis])
    )
    np.testing.assert_allclose(
        outputs["probabilities"], expected["probabilities"], atol=atol
    )


def test_bytes_of_print_colors(signatures):
    # One color, for it is the colors that are compared, and not decoders.
    image = PIL.Image.new("RGB", (16, 16), (200, 40, 90))
    file = file_of(image.convert("CMYK"), "jpeg", quality=100)
    assert_seen_as(signatures, file, np.asarray(image), 1e-2)


def test_bytes_of_sixteen_bits_a_channel(signatures):
    pixels = draw_images(16, 16)
    file = tf.io.encode_png(pixels.astype("uint16") * 257).numpy()
    assert_seen_as(signatures, file, pixels, 1e-5)


def test_of_an_animation_the_first_image_counts(signatures):
    first, second = (PIL.Image.new("RGB", (16, 16), c) for c in ("red", "blue"))
    file = file_of(first, "gif", save_all=True, append_images=[second])
    assert_seen_as(signatures, file, np.asarray(first), 1e-5)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_noted_orientation_is_applied(signatures, orientation):
    image = PIL.Image.new("RGB", (12, 16), "red")
    image.paste("blue", (0, 0, 12, 8))
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    file = file_of(image, "jpeg", quality=100, exif=exif)
    upright = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(file)))
    assert_seen_as(signatures, file, np.asarray(upright), 1e-2)


@pytest.mark.parametrize("mode", ["P", "1"])
def test_bytes_of_a_bmp_with_a_palette(signatures, mode):
    image = PIL.Image.fromarray(draw_images(16, 16)).convert(mode)
    file = file_of(image, "bmp")
    assert_seen_as(signatures, file, np.asarray(image.convert("RGB")), 1e-5)


def test_bytes_of_a_webp(signatures):
    pixels = draw_images(16, 16)
    image = PIL.Image.fromarray(np.dstack([pixels, pixels[..., :1]]))
    file = file_of(image, "webp", lossless=True, exact=True)
    assert_seen_as(signatures, file, pixels, 1e-5)


def damaged_files():
    """Files that no client should get an answer for, by what is wrong."""
    image = draw_images(16, 16)
    png, jpeg = encode(image, "png"), encode(image, "jpeg")
    gif = file_of(PIL.Image.fromarray(image), "gif")
    bmp = file_of(PIL.Image.fromarray(image), "bmp")
    cut = {
        f"{name} cut at {where}": [file[:where]]
        for name, file in {"png": png, "jpeg": jpeg}.items()
        for where in (1, 3, 5, 17, len(file) // 2, len(file) - 20)
    }
    return {
        **cut,
        "jpeg without its end": [jpeg[:-2]],
        "gif cut": [gif[: len(gif) // 2]],
        "gif header cut": [gif[:7]],
        "bmp cut": [bmp[:-100]],
        "webp of several": [
            file_of(
                PIL.Image.fromarray(image),
                "webp",
                save_all=True,
                append_images=[PIL.Image.fromarray(image[::-1])],
            )
        ],
        "tiff": [file_of(PIL.Image.fromarray(image), "tiff")],
        "empty": [b""],
        "text": [b"no image"],
        "one of two": [png, b"no image"],
    }


@pytest.mark.parametrize("damage", damaged_files())
def test_malformed_bytes_fail_their_request_only(signatures, damage):
    serve = signatures["serve_bytes"]
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve(images=tf.constant(damaged_files()[damage]))
    whole = encode(draw_images(16, 16), "png")
    assert serve(images=tf.constant([whole]))["probabilities"].shape[0] == 1


def test_images_that_are_too_large_are_not_decoded(signatures):
    file = bytearray(encode(draw_images(16, 16), "png"))
    # Ten thousand pixels high, and one more wide.
    file[16:24] = struct.pack(">II", 10_001, 10_000)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="at most 100000000 pixels"
    ):
        signatures["serve_bytes"](images=tf.constant([bytes(file)]))


def test_a_wide_file(signatures):
    pixels = draw_images(20, 10_000)
    assert_seen_as(signatures, encode(pixels, "png"), pixels, 1e-5)
