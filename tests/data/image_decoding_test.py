import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_elastic.data.image_decoding import decode_images


def noise(*shape):
    """Smooth noise: JPEG files of rough noise hide errors."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, [1, 4, 4, shape[-1]])
    image = tf.image.resize(coarse, shape[:2], "bilinear")[0]
    return np.rint(image).astype("uint8")


def encode(image, kind="PNG", mode=None, **options):
    file = io.BytesIO()
    picture = Image.fromarray(image.squeeze())
    picture.convert(mode or picture.mode).save(file, kind, **options)
    return file.getvalue()


def test_png():
    images = [noise(6, 9, 3) + value for value in range(5)]
    found = decode_images([encode(image) for image in images])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_is_decoded_as_tensorflow_decodes_it_accurately(subsampling):
    record = encode(noise(33, 20, 3), "JPEG", subsampling=subsampling)
    expected = tf.io.decode_jpeg(record, dct_method="INTEGER_ACCURATE")
    np.testing.assert_array_equal(decode_images([record])[0], expected)


def test_more_images_than_a_thread_takes_keep_their_order():
    images = [np.full([2, 2, 3], n % 256, "uint8") for n in range(1000)]
    found = decode_images([encode(image) for image in images])
    np.testing.assert_array_equal(found, images)


def test_grey_becomes_rgb():
    image = noise(5, 5, 1)
    for channels in (1, 3):
        [found] = decode_images([encode(image)], channels=channels)
        np.testing.assert_array_equal(found, np.repeat(image, 3, axis=-1))


def test_alpha_and_palette_become_rgb():
    # A colour of the palette that Pillow converts to.
    image = np.full([4, 4, 3], 51, "uint8")
    found = decode_images([encode(image, mode="RGBA"), encode(image, mode="P")])
    np.testing.assert_array_equal(found, [image, image])


@pytest.mark.parametrize("size", [(40, 40), (40, 61), (25, 18)])
def test_resizing_is_antialiased_and_bicubic(size):
    image = noise(*size, 3)
    height, width = size
    side = min(size)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    expected = tf.image.resize(square, [20, 20], "bicubic", antialias=True)
    [found] = decode_images([encode(image)], resize_to=20)
    # Pillow rounds twice, after the rows and after the columns.
    np.testing.assert_allclose(found, expected, atol=1.6)


def test_a_square_of_the_wanted_size_is_not_resized():
    image = noise(12, 16, 3)
    [found] = decode_images([encode(image)], resize_to=12)
    np.testing.assert_array_equal(found, image[:, 2:14])


def test_sizes_that_differ():
    records = [encode(noise(8, 6, 3)), encode(noise(8, 7, 3))]
    with pytest.raises(
        ValueError, match="one size.*Received: 8 x 6 and 8 x 7.*`resize_to`"
    ):
        decode_images(records)
    assert decode_images(records, resize_to=5).shape == (2, 5, 5, 3)


def test_no_image():
    with pytest.raises(ValueError, match="`encoded` must hold an image"):
        decode_images([])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_broken_images(kind):
    record = encode(noise(50, 50, 3), kind)
    with pytest.raises(ValueError, match="whole image file.*Received:"):
        decode_images([record, record[: len(record) // 2]])
    with pytest.raises(ValueError, match="whole image file.*Received: 5 bytes"):
        decode_images([b"image"])
