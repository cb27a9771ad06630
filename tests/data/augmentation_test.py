import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.augmentation import AUGMENTATIONS
from keras_elastic.data.augmentation import CropAugmentation
from keras_elastic.data.augmentation import center_patch
from keras_elastic.data.augmentation import crop_flip
from keras_elastic.data.augmentation import cut
from keras_elastic.data.augmentation import jitter_flip
from keras_elastic.data.augmentation import none
from keras_elastic.data.augmentation import shift
from keras_elastic.data.augmentation import shift_flip

random_names = pytest.mark.parametrize(
    "name", sorted(set(AUGMENTATIONS) - {"none"})
)
all_names = pytest.mark.parametrize("name", sorted(AUGMENTATIONS))


def noise(*size):
    values = np.random.default_rng(0).integers(0, 256, [*size, 3])
    return values.astype("uint8")


def checkerboard(size):
    board = np.indices([size, size]).sum(axis=0) // 3 % 2 * 255
    return np.repeat(board[..., np.newaxis], 3, axis=-1).astype("uint8")


def seed(number):
    return tf.constant([7, number], tf.int64)


def patches(augment, image, patch_size, count):
    return [
        augment(image, seed(number), patch_size).numpy()
        for number in range(count)
    ]


def test_center_patch_returns_a_fitting_image_as_it_is():
    image = noise(8, 8)
    patch = center_patch(image, 8)
    assert patch.dtype == tf.float32
    np.testing.assert_array_equal(patch, image)


def test_center_patch_cuts_the_central_square():
    image = noise(8, 12)
    np.testing.assert_array_equal(center_patch(image, 8), image[:, 2:10])
    image = noise(13, 8)
    np.testing.assert_array_equal(center_patch(image, 8), image[2:10])


def test_center_patch_resizes_bicubically_with_antialiasing():
    image = noise(16, 16)
    expected = tf.image.resize(image, [6, 6], "bicubic", antialias=True)
    expected = np.clip(expected, 0, 255)
    np.testing.assert_allclose(center_patch(image, 6), expected, atol=1e-3)
    without = tf.image.resize(image, [6, 6], "bicubic")
    assert np.abs(center_patch(image, 6) - without).max() > 10


@pytest.mark.parametrize("patch_size", [13, 32])
def test_overshoot_is_clipped(patch_size):
    image = checkerboard(18)
    raw = tf.image.resize(image, [patch_size] * 2, "bicubic", antialias=True)
    assert raw.numpy().max() > 255 and raw.numpy().min() < 0
    patch = center_patch(image, patch_size).numpy()
    assert (patch.min(), patch.max()) == (0, 255)


@all_names
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (30, 20)])
def test_shape_type_and_range(name, size):
    image = noise(*size)
    for patch in patches(AUGMENTATIONS[name], image, 8, 3):
        assert patch.shape == (8, 8, 3)
        assert patch.dtype == np.float32
        assert patch.min() >= 0 and patch.max() <= 255


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        # The same distortions as with an erased part.
        pytest.param(name, marks=pytest.mark.exhaustive)
        if name == "rand_augment"
        else name
        for name in sorted(AUGMENTATIONS)
    ],
)
def test_shape_is_static_where_the_image_size_is_unknown(name):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([2], tf.int64),
        ]
    )
    def augment(image, seed):
        patch = AUGMENTATIONS[name](image, seed, 8)
        assert patch.shape == (8, 8, 3)
        return patch

    image = noise(9, 12)
    np.testing.assert_allclose(
        augment(image, seed(3)),
        AUGMENTATIONS[name](image, seed(3), 8),
        atol=1e-3,
    )


@pytest.mark.slow
@random_names
def test_seed_alone_decides(name):
    augment, image = AUGMENTATIONS[name], noise(16, 16)
    tf.random.set_seed(1)
    first = patches(augment, image, 16, 8)
    tf.random.set_seed(2)
    np.testing.assert_array_equal(first, patches(augment, image, 16, 8))
    assert len({patch.tobytes() for patch in first}) > 5


def test_none_ignores_the_seed():
    image = noise(9, 9)
    np.testing.assert_array_equal(
        none(image, seed(1), 6), center_patch(image, 6)
    )
    np.testing.assert_array_equal(
        none(image, seed(1), 6), none(image, seed(2), 6)
    )


def windows(image, margin):
    """All shifts of an image whose edges are repeated."""
    size = len(image)
    padded = np.pad(image, [(margin, margin), (margin, margin), (0, 0)], "edge")
    return {
        padded[top : top + size, left : left + size].astype("float32").tobytes()
        for top in range(2 * margin + 1)
        for left in range(2 * margin + 1)
    }


@pytest.mark.parametrize("size, margin", [(8, 1), (16, 2), (5, 1)])
def test_shift_is_by_up_to_an_eighth(size, margin):
    image = noise(size, size)
    found = {p.tobytes() for p in patches(shift, image, size, 60)}
    allowed = windows(image, margin)
    assert found <= allowed
    assert len(found) > len(allowed) * 0.6


def test_shift_fills_with_the_edge_and_not_with_zeros():
    image = np.full([16, 16, 3], 200, "uint8")
    for patch in patches(shift, image, 16, 10):
        np.testing.assert_array_equal(patch, image)


def test_shift_flip_mirrors_every_second_image():
    image = noise(8, 8)
    plain, mirrored = windows(image, 1), windows(image[:, ::-1], 1)
    found = [p.tobytes() for p in patches(shift_flip, image, 8, 80)]
    assert set(found) <= plain | mirrored
    assert 25 < sum(patch in mirrored for patch in found) < 55
    assert len(set(found)) > 9


def coordinates(height, width):
    """An image whose channels say where a pixel comes from, in percent."""
    rows = np.linspace(0, 100, height)[:, np.newaxis] * np.ones([1, width])
    columns = np.linspace(0, 100, width)[np.newaxis] * np.ones([height, 1])
    image = np.stack([rows, columns, 0 * rows], axis=-1)
    return np.rint(image).astype("uint8")


def test_crop_flip_crops_from_the_whole_image():
    image = coordinates(101, 101)
    areas, ratios, mirrored = [], [], 0
    for patch in patches(crop_flip, image, 32, 80):
        height = patch[-1, 0, 0] - patch[0, 0, 0]
        width = patch[0, -1, 1] - patch[0, 0, 1]
        mirrored += width < 0
        areas.append(height * abs(width) / 1e4)
        ratios.append(abs(width) / height)
    assert 0.06 < min(areas) < 0.2 and max(areas) > 0.8
    assert 0.72 < min(ratios) < 0.85 and 1.2 < max(ratios) < 1.38
    assert 25 < mirrored < 55


def test_window_and_finish_are_the_augmentation():
    image = noise(30, 20)
    for name in ("crop_flip", "jitter_flip", "rand_augment_erase"):
        augment = AUGMENTATIONS[name]
        top, left, height, width = augment.window([30, 20, 3], seed(4)).numpy()
        crop = image[top : top + height, left : left + width]
        np.testing.assert_array_equal(
            augment.finish(crop, seed(4), 8), augment(image, seed(4), 8)
        )


def test_jitter_flip_takes_larger_crops():
    shares = [
        np.prod(jitter_flip.window([100, 100, 3], seed(number))[2:]) / 1e4
        for number in range(60)
    ]
    assert 0.22 < min(shares) < 0.4 and max(shares) > 0.8


@pytest.mark.parametrize(
    "name, before",
    [
        ("jitter_flip", CropAugmentation(0.25)),
        ("auto_augment", crop_flip),
        ("rand_augment", crop_flip),
        ("rand_augment_erase", crop_flip),
    ],
)
def test_distortion_follows_the_crop(name, before):
    image = noise(16, 16)
    changed = 0
    for number in range(12):
        plain = before(image, seed(number), 16)
        patch = AUGMENTATIONS[name](image, seed(number), 16)
        _, _, distort_seed = tf.unstack(tf.random.split(seed(number), 3))
        rounded = tf.cast(tf.round(plain), tf.uint8)
        expected = AUGMENTATIONS[name].distort(rounded, distort_seed)
        np.testing.assert_array_equal(patch, tf.cast(expected, tf.float32))
        changed += np.abs(patch - plain).max() > 1
    assert changed > 6


def test_cut():
    image = noise(9, 7)
    crop = cut(image, tf.constant([2, 1, 4, 5]))
    np.testing.assert_array_equal(crop, image[2:6, 1:6])


def test_crop_flip_does_not_begin_with_a_central_square():
    image = coordinates(50, 200)
    columns = np.concatenate(
        [patch[..., 1].ravel() for patch in patches(crop_flip, image, 16, 40)]
    )
    assert columns.min() < 10 and columns.max() > 90


def test_crop_flip_takes_a_narrow_image_whole():
    patch = crop_flip(coordinates(2, 400), seed(0), 8).numpy()
    columns = sorted([patch[0, 0, 1], patch[0, -1, 1]])
    assert columns[0] < 10 and columns[1] > 90
