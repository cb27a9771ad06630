import itertools

import numpy as np
import pytest

from keras_elastic import detection


def examples(split):
    return list(split.as_numpy_iterator())


@pytest.fixture(scope="module")
def made():
    return detection.pasted_objects(image_size=(40, 64), train=12, test=6)


def test_images_and_boxes(made):
    assert (made.train_size, made.test_size) == (12, 6)
    assert made.class_names == tuple("0123456789")
    for example in examples(made.train) + examples(made.test):
        boxes, labels = example["boxes"], example["labels"]
        assert example["image"].shape == (40, 64, 3)
        assert 1 <= len(boxes) <= 4
        detection.datasets.check_boxes(boxes, labels, 10)
        sides = (boxes[:, 2:] - boxes[:, :2]) * [40, 64]
        assert sides.min() >= 7 and sides.max() <= 22


def test_objects_do_not_overlap(made):
    for example in examples(made.train):
        for a, b in itertools.combinations(example["boxes"], 2):
            inner = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
            assert inner.min() < 1e-6


def test_an_object_is_in_its_box(made):
    example = examples(made.train)[0]
    top, left, bottom, right = np.rint(
        example["boxes"][0] * [40, 64, 40, 64]
    ).astype(int)
    inside = example["image"][top:bottom, left:right]
    # Digits are gray, and backgrounds are not.
    assert np.ptp(inside, axis=-1).max() == 0
    assert np.ptp(example["image"], axis=-1).max() > 50


def test_the_seed_makes_the_images(made):
    options = {"image_size": (40, 64), "train": 12, "test": 6}
    again = detection.pasted_objects(**options)
    other = detection.pasted_objects(**options, seed=1)
    first = examples(made.train)[3]["image"]
    np.testing.assert_array_equal(examples(again.train)[3]["image"], first)
    assert (examples(other.train)[3]["image"] != first).any()
    assert (examples(made.test)[3]["image"] != first).any()


def test_the_first_classes():
    made = detection.pasted_objects(train=9, test=2, classes=2)
    labels = np.concatenate([e["labels"] for e in examples(made.train)])
    assert set(labels) == {0, 1} and made.class_names == ("0", "1")


@pytest.mark.parametrize(
    "options",
    [{"classes": 11}, {"image_size": (0, 8)}, {"train": 0}, {"seed": -1}],
)
def test_wrong_arguments_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        detection.pasted_objects(**options)
