"""Packed sets against the readers that they take the place of."""

import numpy as np
import pytest
from arrays_test import LENGTHS
from arrays_test import SPLITS
from arrays_test import TFDS
from arrays_test import needs_tfds
from arrays_test import write as write

from keras_elastic.data import packed
from keras_elastic.data.arrays import load_arrays
from keras_elastic.data.datasets import load_dataset


def assert_equal(found, expected, most=0, mean=0.0):
    assert found.name == expected.name
    assert found.class_names == expected.class_names
    for name in SPLITS:
        ours, theirs = getattr(found, name), getattr(expected, name)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        difference = np.abs(ours.images.astype(int) - theirs.images)
        assert difference.max() <= most and difference.mean() <= mean


@pytest.mark.parametrize("limit", [None, 50])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_old_reader_reads_the_same(write, tmp_path, limit, channels):
    data_dir = write({"train": LENGTHS, "test": [20, 5]}, channels=channels)
    packed.save(load_dataset("mini", data_dir), tmp_path / "mini.npz")
    found = packed.load(tmp_path / "mini.npz", limit)
    assert_equal(found, load_arrays("mini", data_dir, limit=limit))


@pytest.mark.parametrize("limit", [None, 100])
def test_digits(tmp_path, limit):
    packed.save(load_dataset("digits"), tmp_path / "digits.npz")
    found = packed.load(tmp_path / "digits.npz", limit)
    assert_equal(found, load_arrays("digits", limit=limit))


@needs_tfds
@pytest.mark.slow
def test_cifar10(tmp_path):
    dataset = load_dataset("cifar10", TFDS)
    packed.save(dataset, tmp_path / "cifar10.npz")
    found = packed.load(tmp_path / "cifar10.npz")
    assert_equal(found, dataset.to_arrays())
    # The old reader decodes JPEG by the accurate transform.
    old = load_arrays("cifar10", TFDS)
    assert_equal(found, old, most=10, mean=1.5)
    packed.save(old, tmp_path / "old.npz")
    assert_equal(packed.load(tmp_path / "old.npz"), old)
    limited = packed.load(tmp_path / "old.npz", 3000)
    assert_equal(limited, load_arrays("cifar10", TFDS, limit=3000))
    print((tmp_path / "cifar10.npz").stat().st_size)
