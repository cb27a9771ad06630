import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.augmentation import AUGMENTATIONS
from keras_elastic.data.windows import DRAW
from keras_elastic.data.windows import center_windows
from keras_elastic.data.windows import draw_crops

COUNT = 20_000
# The gap of two samples of one distribution exceeds this once in 10,000.
ALLOWED_GAP = 2.23 * np.sqrt(2 / COUNT)


def draw(name, size=(32, 32), patch_size=32, seed=0, count=COUNT):
    rng = np.random.default_rng(seed)
    return DRAW[name](rng, count, size, patch_size)


def tensorflow_crops(height, width, count=COUNT):
    """Crops as `crop_flip` draws them where TensorFlow makes the batches."""

    def crop(seed):
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            [height, width, 3],
            bounding_boxes=tf.zeros([1, 0, 4]),
            seed=tf.stack([seed, 0]),
            min_object_covered=0.0,
            aspect_ratio_range=(3 / 4, 4 / 3),
            area_range=(0.08, 1.0),
            max_attempts=100,
            use_image_if_no_bounding_boxes=True,
        )
        return tf.concat([begin[:2], size[:2]], axis=0)

    crops = tf.data.Dataset.range(count).map(crop).batch(count)
    return crops.get_single_element().numpy()


def largest_gap(first, second):
    """The statistic of the Kolmogorov-Smirnov test."""
    values = np.union1d(first, second)
    shares = [
        np.searchsorted(np.sort(sample), values, side="right") / len(sample)
        for sample in (first, second)
    ]
    return np.abs(shares[0] - shares[1]).max()


SIZES = pytest.mark.parametrize(
    "size", [(32, 32), (64, 64), (40, 100), (97, 30), (9, 7)]
)


@SIZES
def test_crops_have_the_distribution_of_tensorflow(size):
    found = draw_crops(np.random.default_rng(0), COUNT, *size)
    expected = tensorflow_crops(*size)
    measures = [
        *zip(found.T, expected.T, strict=True),
        (found[:, 2] * found[:, 3], expected[:, 2] * expected[:, 3]),
        (found[:, 2] / found[:, 3], expected[:, 2] / expected[:, 3]),
        (found[:, 0] + found[:, 2], expected[:, 0] + expected[:, 2]),
        (found[:, 1] + found[:, 3], expected[:, 1] + expected[:, 3]),
    ]
    for ours, theirs in measures:
        assert largest_gap(ours, theirs) < ALLOWED_GAP


def test_another_distribution_would_be_seen():
    expected = tensorflow_crops(64, 64)
    found = draw_crops(np.random.default_rng(0), COUNT, 64, 64)
    for column in range(4):
        moved = found[:, column] + 1
        assert largest_gap(moved, expected[:, column]) > ALLOWED_GAP


@SIZES
def test_crops_lie_in_the_image_and_keep_the_rules(size):
    height, width = size
    crops = draw_crops(np.random.default_rng(1), COUNT, height, width)
    top, left, rows, columns = crops.T
    assert crops.min() >= 0
    assert (top + rows <= height).all() and (left + columns <= width).all()
    assert (rows * columns >= 0.08 * height * width).all()
    # A width is the nearest whole number.
    assert ((columns - 0.5) / rows <= 4 / 3).all()
    assert ((columns + 0.5) / rows >= 3 / 4).all()


def test_a_narrow_image_is_taken_whole():
    crops = draw_crops(np.random.default_rng(0), 5, 2, 400)
    np.testing.assert_array_equal(crops, [[0, 0, 2, 400]] * 5)


@pytest.mark.parametrize("patch_size, margin", [(32, 4), (64, 8), (5, 1)])
def test_shifts_are_uniform_up_to_an_eighth(patch_size, margin):
    for name in ("shift", "shift_flip"):
        shifts = draw(name, patch_size=patch_size).shifts
        values, counts = np.unique(shifts, return_counts=True)
        assert values.tolist() == list(range(-margin, margin + 1))
        assert counts.min() > 0.8 * counts.mean()


@pytest.mark.parametrize("name", ["shift_flip", "crop_flip"])
def test_every_second_image_is_mirrored(name):
    assert 0.47 < draw(name).mirrored.mean() < 0.53


def test_what_is_not_augmented_is_central():
    for size in ((9, 6), (6, 9)):
        for name in ("none", "shift", "shift_flip"):
            boxes = draw(name, size).boxes
            side, rest = min(size), abs(size[0] - size[1]) // 2
            begin = [rest, 0] if size[0] > size[1] else [0, rest]
            np.testing.assert_array_equal(boxes[0], [*begin, side, side])
            np.testing.assert_array_equal(boxes, boxes[[0] * COUNT])
    assert not draw("none").shifts.any() and not draw("none").mirrored.any()
    assert not draw("shift").mirrored.any()


def test_only_unaugmented_windows_are_called_central():
    assert center_windows(2, 8, 8).are_central
    central = {name for name in DRAW if draw(name, count=4).are_central}
    assert central == {"none"}


@pytest.mark.parametrize("name", sorted(DRAW))
def test_generator_alone_decides(name):
    assert name in AUGMENTATIONS
    first, again, other = (draw(name, seed=seed) for seed in (3, 3, 4))
    for field in ("boxes", "shifts", "mirrored"):
        np.testing.assert_array_equal(
            getattr(first, field), getattr(again, field)
        )
    differs = [
        (getattr(first, field) != getattr(other, field)).any()
        for field in ("boxes", "shifts", "mirrored")
    ]
    assert any(differs) == (name != "none")
