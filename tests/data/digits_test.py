import collections

import numpy as np
from sklearn import datasets as sklearn_datasets

from keras_elastic.data.digits import load_digits

SPLITS = ("train", "held_out", "test")


def counts(images):
    return collections.Counter(image.tobytes() for image in images)


def test_digits_are_a_partition_of_the_scans():
    digits = load_digits(None)
    scans = np.rint(sklearn_datasets.load_digits().images * (255 / 16))
    scans = np.repeat(scans[..., np.newaxis], 3, axis=-1).astype("uint8")
    splits = [getattr(digits, name) for name in SPLITS]
    assert [split.size for split in splits] == [1293, 144, 360]
    found = np.concatenate([split.images for split in splits])
    assert counts(found) == counts(scans)
    assert digits.class_names == tuple("0123456789")
    per_class = np.bincount(digits.test.labels, minlength=10)
    assert per_class.min() >= 34 and per_class.max() <= 37


def test_digits_keep_their_labels():
    scans = sklearn_datasets.load_digits()
    gray = np.rint(scans.images * (255 / 16)).astype("uint8")
    labels = {
        image.tobytes(): label
        for image, label in zip(gray, scans.target, strict=True)
    }
    test = load_digits(None).test
    for image, label in zip(test.images, test.labels, strict=True):
        assert labels[image[..., 1].tobytes()] == label
