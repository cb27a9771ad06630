import collections

import numpy as np
import pytest
from sklearn import datasets

from keras_elastic.data.digits import load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def read(split):
    images, labels = zip(*split.images.as_numpy_iterator(), strict=True)
    return np.stack(images), np.array(labels)


def counts(images):
    """How often each image occurs: scans are told apart by their pixels."""
    return collections.Counter(image.tobytes() for image in images)


def test_splits_are_a_partition_of_the_scans(digits):
    scans = np.rint(datasets.load_digits().images * (255 / 16))
    scans = np.repeat(scans[..., np.newaxis], 3, axis=-1).astype("uint8")
    splits = [digits.train, digits.held_out, digits.test]
    assert [split.size for split in splits] == [1293, 144, 360]
    found = np.concatenate([read(split)[0] for split in splits])
    assert counts(found) == counts(scans)


def test_images_are_rgb_bytes(digits):
    images, labels = read(digits.held_out)
    assert images.shape == (144, 8, 8, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert (images.min(), images.max()) == (0, 255)
    np.testing.assert_array_equal(images[..., 0], images[..., 2])


def test_test_split_is_stratified(digits):
    _, labels = read(digits.test)
    per_class = np.bincount(labels, minlength=10)
    assert per_class.min() >= 34 and per_class.max() <= 37


def test_every_call_gives_the_same_splits(digits):
    again = load_digits()
    for split in ("train", "held_out", "test"):
        for first, second in zip(
            read(getattr(digits, split)),
            read(getattr(again, split)),
            strict=True,
        ):
            np.testing.assert_array_equal(first, second)


def test_class_names(digits):
    assert digits.name == "digits"
    assert digits.class_names == tuple("0123456789")
    assert digits.num_classes == 10


def test_limit_leaves_the_test_split_whole(digits):
    small = load_digits(limit=50)
    assert (small.train.size, small.held_out.size) == (45, 5)
    assert small.test.size == digits.test.size
    np.testing.assert_array_equal(
        read(small.train)[0], read(digits.train)[0][:45]
    )
