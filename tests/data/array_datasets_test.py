import numpy as np
import pytest

from keras_elastic.data import array_datasets
from keras_elastic.data import packed
from keras_elastic.data.array_datasets import load_arrays
from keras_elastic.data.datasets import load_dataset
from keras_elastic.data.splits import to_arrays

SPLITS = ("train", "held_out", "test")


def test_limit_leaves_the_test_split_whole():
    whole, small = load_arrays("digits"), load_arrays("digits", limit=50)
    assert (small.train.size, small.held_out.size) == (45, 5)
    for name, count in (("train", 45), ("held_out", 5), ("test", 360)):
        np.testing.assert_array_equal(
            getattr(small, name).images, getattr(whole, name).images[:count]
        )


def test_tensorflow_reads_the_same_digits():
    for name in SPLITS:
        found = getattr(load_arrays("digits"), name)
        expected = getattr(to_arrays(load_dataset("digits")), name)
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_with_tensorflow_all_data_sets_are_read(tmp_path, write_tfds):
    write_tfds(tmp_path)
    dataset = load_arrays("mini", tmp_path, limit=20)
    assert (dataset.train.size, dataset.held_out.size) == (18, 2)
    assert dataset.train.images[0, 0, 0].tolist() == [1, 1, 1]
    resized = load_arrays("mini", tmp_path, resize_to=3)
    assert resized.test.images.shape == (3, 3, 3, 3)


def test_resize_to(tmp_path):
    with pytest.raises(ValueError, match="`resize_to` must be.*resize_to=0"):
        load_arrays("digits", resize_to=0)
    path = packed.save(load_arrays("digits"), tmp_path / "digits.npz")
    for name in ("digits", path):
        with pytest.raises(ValueError, match="`resize_to` must be `None`"):
            load_arrays(name, resize_to=16)


@pytest.mark.parametrize("limit, match", [(0, "limit=0"), (1, "at least 2")])
def test_limit_that_keeps_too_little(limit, match):
    with pytest.raises(ValueError, match=match):
        load_arrays("digits", limit=limit)


@pytest.fixture
def without_tensorflow(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_without_tensorflow_other_names_are_refused(
    without_tensorflow, tmp_path
):
    packed.save(load_arrays("digits"), tmp_path / "small" / "one.npz")
    load = array_datasets.load_dataset
    assert load("small/one", tmp_path).train.size == 1293
    with pytest.raises(
        ValueError,
        match="Without TensorFlow.*'cifar10'.*holds: small/one. Pack it once",
    ):
        load("cifar10", tmp_path)
    with pytest.raises(ValueError, match="'cifar10', data_dir=None.*: nothing"):
        load("cifar10")


def test_without_tensorflow_no_file_is_skipped():
    with pytest.raises(ValueError, match="`skip_corrupt`.*skip_corrupt=True"):
        array_datasets.load_dataset("digits", skip_corrupt=True)
    with array_datasets.naming_corrupt_files():
        pass
