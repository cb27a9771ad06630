import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from PIL import ImageEnhance
from PIL import ImageOps

from keras_elastic.data import image_operations as operations

GREY = (128, 128, 128)


def photo(height=37, width=52):
    """Smooth colors with some noise, over a part of the range of values."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [
        np.sin(rows / 7 + channel) + np.cos(columns / 11 - channel)
        for channel in range(3)
    ]
    values = 120 + 40 * np.stack(waves, axis=-1)
    values = values + rng.normal(0, 6, values.shape)
    return np.clip(values, 20, 230).astype("uint8")


def noise(height=24, width=24):
    values = np.random.default_rng(0).integers(0, 256, [height, width, 3])
    return values.astype("uint8")


images = pytest.mark.parametrize("image", [photo(), noise()])


def pillow(image, operation, *args):
    return np.asarray(operation(Image.fromarray(image), *args)).astype(int)


def run(operation, image, *args):
    result = operation(tf.constant(image), *args)
    assert result.dtype == tf.uint8
    assert result.shape == image.shape
    return result.numpy().astype(int)


@images
@pytest.mark.parametrize("name", ["autocontrast", "equalize", "invert"])
def test_without_argument(name, image):
    found = run(getattr(operations, name), image)
    expected = pillow(image, getattr(ImageOps, name))
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found - image).max() > 0


@pytest.mark.parametrize("name", ["autocontrast", "equalize"])
def test_one_color_stays_as_it_is(name):
    image = np.broadcast_to(np.uint8([0, 90, 255]), [8, 8, 3])
    np.testing.assert_array_equal(run(getattr(operations, name), image), image)


def test_equalize_of_few_pixels():
    # Fewer pixels than levels: Pillow leaves the image as it is.
    image = noise(9, 9)
    np.testing.assert_array_equal(
        run(operations.equalize, image), pillow(image, ImageOps.equalize)
    )


@images
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_posterize(image, bits):
    np.testing.assert_array_equal(
        run(operations.posterize, image, bits),
        pillow(image, ImageOps.posterize, bits),
    )


@images
@pytest.mark.parametrize("threshold", [0, 51, 128, 230, 256])
def test_solarize(image, threshold):
    np.testing.assert_array_equal(
        run(operations.solarize, image, threshold),
        pillow(image, ImageOps.solarize, threshold),
    )


@images
@pytest.mark.parametrize("addition", [0, 33, 110])
def test_solarize_add(image, addition):
    raised = np.minimum(image.astype(int) + addition, 255)
    expected = np.where(image < 128, raised, image)
    found = run(operations.solarize_add, image, addition)
    np.testing.assert_array_equal(found, expected)


@images
@pytest.mark.parametrize("factor", [0.0, 0.1, 0.46, 1.0, 1.72, 1.9])
@pytest.mark.parametrize(
    "name", ["color", "contrast", "brightness", "sharpness"]
)
def test_factor(name, image, factor):
    enhance = getattr(ImageEnhance, name.capitalize())
    expected = pillow(image, lambda image: enhance(image).enhance(factor))
    found = run(getattr(operations, name), image, factor)
    # A product that is whole up to its last bit may be cut off either way.
    assert np.abs(found - expected).max() <= 1
    assert (found == expected).mean() > 0.99
    if factor == 1:
        np.testing.assert_array_equal(found, image)


def affine(image, *matrix):
    return pillow(
        image,
        lambda image: image.transform(
            image.size, Image.Transform.AFFINE, matrix, fillcolor=GREY
        ),
    )


def assert_almost_everywhere(found, expected):
    # A pixel that comes from between two others may take either.
    assert (found == expected).all(axis=-1).mean() > 0.985


@images
@pytest.mark.parametrize("degrees", [-30.0, -3.0, 0.0, 12.0, 27.0, 45.0])
def test_rotate(image, degrees):
    expected = pillow(
        image, lambda image: image.rotate(degrees, fillcolor=GREY)
    )
    found = run(operations.rotate, image, degrees)
    assert_almost_everywhere(found, expected)


@images
@pytest.mark.parametrize("slope", [-0.3, -0.06, 0.0, 0.15, 0.27])
def test_shear(image, slope):
    assert_almost_everywhere(
        run(operations.shear_x, image, slope),
        affine(image, 1, slope, 0, 0, 1, 0),
    )
    assert_almost_everywhere(
        run(operations.shear_y, image, slope),
        affine(image, 1, 0, 0, slope, 1, 0),
    )


@images
@pytest.mark.parametrize("pixels", [-7.0, 0.0, 3.0, 10.2, 100.0])
def test_translate(image, pixels):
    np.testing.assert_array_equal(
        run(operations.translate_x, image, pixels),
        affine(image, 1, 0, pixels, 0, 1, 0),
    )
    np.testing.assert_array_equal(
        run(operations.translate_y, image, pixels),
        affine(image, 1, 0, 0, 0, 1, pixels),
    )


@pytest.mark.parametrize(
    "row, column, half_side", [(8, 9, 4), (0, 23, 5), (23, 0, 40), (5, 5, 0)]
)
def test_cutout(row, column, half_side):
    image = noise()
    expected = image.copy()
    top, left = max(row - half_side, 0), max(column - half_side, 0)
    expected[top : row + half_side, left : column + half_side] = GREY
    found = run(operations.cutout, image, row, column, half_side)
    np.testing.assert_array_equal(found, expected)
