import numpy as np
from sklearn import datasets

from keras_elastic.data.digit_scans import read_digit_scans


def test_images_are_the_scans_as_rgb_bytes():
    scans = read_digit_scans()
    assert scans.images.shape == (1797, 8, 8, 3)
    assert scans.images.dtype == np.uint8
    grey = datasets.load_digits().images * (255 / 16)
    for channel in range(3):
        np.testing.assert_allclose(
            scans.images[..., channel], grey, atol=0.5001
        )


def test_division_is_fixed_and_stratified():
    scans = read_digit_scans()
    numbers = np.concatenate([scans.train, scans.test])
    assert sorted(numbers) == list(range(1797))
    per_class = np.bincount(scans.labels[scans.test], minlength=10)
    assert per_class.min() >= 34 and per_class.max() <= 37
    np.testing.assert_array_equal(scans.test, read_digit_scans().test)


def test_labels_and_names():
    scans = read_digit_scans()
    assert scans.labels.dtype == np.int64
    assert scans.class_names == tuple("0123456789")
    np.testing.assert_array_equal(scans.labels[:10], np.arange(10))
