import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import augmentation
from keras_elastic.data.array_augmentation import AUGMENTATIONS
from keras_elastic.data.array_augmentation import draw_crops
from keras_elastic.data.array_augmentation import none

COUNT = 5000
SIZES = pytest.mark.parametrize(
    "size", [(32, 32), (64, 64), (40, 100), (97, 30), (9, 7)]
)


def noise(count, *size):
    values = np.random.default_rng(0).integers(0, 256, [count, *size, 3])
    return values.astype("uint8")


def augment(name, images, patch_size, seed=0):
    rng = np.random.default_rng(seed)
    return AUGMENTATIONS[name](images, rng, patch_size)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (30, 20)])
def test_shape_type_and_range(name, size):
    assert name in augmentation.AUGMENTATIONS
    patches = augment(name, noise(7, *size), 6)
    assert patches.shape == (7, 6, 6, 3)
    assert patches.dtype == np.float32
    assert patches.min() >= 0 and patches.max() <= 255


@pytest.mark.parametrize("patch_size", [1, 8, 24, 33, 64])
@pytest.mark.parametrize("size", [(40, 60), (24, 24), (30, 17)])
def test_central_squares_are_those_of_tensorflow(size, patch_size):
    images = noise(3, *size)
    found = none(images, None, patch_size)
    for image, patch in zip(images, found, strict=True):
        expected = augmentation.center_patch(image, patch_size)
        np.testing.assert_allclose(patch, expected, atol=1e-2)


@pytest.mark.parametrize("size, margin", [(32, 4), (5, 1)])
def test_shifts_are_uniform_and_repeat_the_edge(size, margin):
    [image] = noise(1, size, size)
    padded = np.pad(image, [(margin, margin), (margin, margin), (0, 0)], "edge")
    windows = {
        padded[top : top + size, left : left + size].astype("float32").tobytes()
        for top in range(2 * margin + 1)
        for left in range(2 * margin + 1)
    }
    images = np.stack([image] * 400)
    found = [patch.tobytes() for patch in augment("shift", images, size)]
    assert set(found) <= windows
    assert len(set(found)) > 0.9 * len(windows)


def test_every_second_image_is_mirrored_after_the_shift():
    images = noise(400, 8, 8)
    plain = augment("shift", images, 8)
    found = augment("shift_flip", images, 8)
    mirrored = [
        np.array_equal(patch, other[:, ::-1])
        for patch, other in zip(found, plain, strict=True)
    ]
    kept = [
        np.array_equal(patch, other)
        for patch, other in zip(found, plain, strict=True)
    ]
    assert 150 < sum(mirrored) < 250
    assert sum(mirrored) + sum(kept) == 400


def test_crops_are_resized_as_by_tensorflow():
    [image] = noise(1, 40, 60)
    images = np.stack([image] * 20)
    boxes = draw_crops(np.random.default_rng(0), 20, 40, 60)
    for patch, box in zip(augment("crop_flip", images, 16), boxes, strict=True):
        crop = augmentation.cut(tf.constant(image), tf.constant(box))
        expected = tf.image.resize(crop, [16, 16], "bicubic", antialias=True)
        expected = np.clip(expected, 0, 255)
        errors = [
            np.abs(patch - way).max() for way in (expected, expected[:, ::-1])
        ]
        assert min(errors) < 1e-2 < max(errors)


@SIZES
def test_crops_lie_in_the_image_and_keep_the_rules(size):
    height, width = size
    crops = draw_crops(np.random.default_rng(1), COUNT, height, width)
    top, left, rows, columns = crops.T
    assert crops.min() >= 0
    assert (top + rows).max() == height and (left + columns).max() == width
    cropped = (rows < height) | (columns < width)
    # Sides are the nearest whole numbers.
    rows, columns = rows[cropped], columns[cropped]
    assert ((rows + 0.5) * (columns + 0.5) >= 0.08 * height * width).all()
    assert ((columns - 0.5) / (rows + 0.5) <= 4 / 3).all()
    assert ((columns + 0.5) / (rows - 0.5) >= 3 / 4).all()


def test_areas_are_uniform():
    crops = draw_crops(np.random.default_rng(1), COUNT, 400, 560)
    areas = crops[:, 2] * crops[:, 3] / (400 * 560)
    # A uniform area is kept if a ratio, uniform in 3/4 to 4/3, lets it fit.
    area = np.linspace(0.08, 1, 10_001)
    fits = np.minimum(4 / 3, 1.4 / area) - np.maximum(3 / 4, 1.4 * area)
    fits = np.clip(fits, 0, None)
    for share in (0.2, 0.4, 0.6):
        expected = fits[area < share].sum() / fits.sum()
        # Three standard deviations.
        assert (areas < share).mean() == pytest.approx(expected, abs=0.03)


def test_a_narrow_image_is_taken_whole():
    crops = draw_crops(np.random.default_rng(0), 5, 2, 400)
    np.testing.assert_array_equal(crops, [[0, 0, 2, 400]] * 5)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_generator_alone_decides(name):
    images = noise(5, 12, 12)
    first, again, other = (augment(name, images, 9, s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name == "none")
