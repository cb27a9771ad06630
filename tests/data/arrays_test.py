import pathlib

import numpy as np
import pytest
import sharded_tfds

from keras_elastic.data.arrays import load_arrays
from keras_elastic.data.datasets import load_dataset

TFDS = pathlib.Path(__file__).parents[2] / ".." / "shared" / "tfds"
needs_tfds = pytest.mark.skipif(
    not TFDS.is_dir(), reason="needs prepared data sets in ../shared/tfds"
)
SPLITS = ("train", "held_out", "test")


@pytest.fixture
def write(tmp_path):
    """Writes a data set of noise."""

    def write_folder(splits, sizes=((5, 4),), channels=3, config="", **image):
        import tensorflow_datasets as tfds

        height, width = sizes[0] if len(sizes) == 1 else (None, None)
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(
                    shape=(height, width, channels), **image
                ),
                "label": tfds.features.ClassLabel(names=["cat", "dog", "owl"]),
            }
        )
        rng = np.random.default_rng(0)

        def example(number):
            size = (*sizes[number % len(sizes)], channels)
            noise = rng.integers(0, 256, size).astype("uint8")
            return {"image": noise, "label": int(rng.integers(3))}

        folder = tmp_path / "mini" / config / "1.0.0"
        info = {"configName": config} if config else {}
        sharded_tfds.write(folder, splits, example, features=features, **info)
        return tmp_path

    return write_folder


def read(split):
    """The images and labels of a split of `load_dataset`."""
    images, labels = zip(*split.images.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(labels)


def assert_equal(arrays, dataset):
    assert arrays.class_names == dataset.class_names
    assert arrays.num_classes == dataset.num_classes
    assert arrays.name == dataset.name
    for name in SPLITS:
        images, labels = read(getattr(dataset, name))
        split = getattr(arrays, name)
        np.testing.assert_array_equal(split.labels, labels)
        np.testing.assert_array_equal(split.images, images)
        assert split.size == getattr(dataset, name).size


@pytest.mark.parametrize("limit", [None, 100])
def test_digits_are_those_of_tensorflow(limit):
    assert_equal(
        load_arrays("digits", limit=limit), load_dataset("digits", limit=limit)
    )


# Twenty files: more than are read in turn. And one of them is empty.
LENGTHS = [30, 17, 0, *range(1, 30, 2), 40, 3]


@pytest.mark.parametrize("limit", [None, 50])
@pytest.mark.parametrize("channels", [1, 3])
def test_sharded_images_are_those_of_tensorflow(write, limit, channels):
    data_dir = write({"train": LENGTHS, "test": [20, 5]}, channels=channels)
    assert_equal(
        load_arrays("mini", data_dir, limit=limit),
        load_dataset("mini", data_dir, limit=limit),
    )


@pytest.mark.parametrize("name", ["mini", "mini/small", "mini/small:1.*.*"])
def test_configs_are_found_as_by_tensorflow(write, name):
    data_dir = write({"train": [12], "validation": [2]}, config="small")
    assert_equal(load_arrays(name, data_dir), load_dataset(name, data_dir))


def test_directory_of_the_environment(write, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(write({"train": [3], "test": [1]})))
    assert load_arrays("mini").train.size == 2


def test_jpeg_is_read(write):
    data_dir = write(
        {"train": [3], "test": [1]},
        sizes=[(16, 16)],
        encoding_format="jpeg",
    )
    found = load_arrays("mini", data_dir).test.images
    expected, _ = read(load_dataset("mini", data_dir).test)
    # TensorFlow decodes by the fast transform; noise is where it errs most.
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() < 20 and difference.mean() < 3


def test_sizes_that_differ_are_resized(write):
    data_dir = write({"train": [6], "test": [2]}, sizes=[(5, 4), (6, 8)])
    with pytest.raises(ValueError, match="Received: .*5 x 4.*`resize_to`"):
        load_arrays("mini", data_dir)
    dataset = load_arrays("mini", data_dir, resize_to=3)
    assert dataset.train.images.shape == (5, 3, 3, 3)
    assert dataset.test.images.shape == (2, 3, 3, 3)


@pytest.mark.parametrize("limit, match", [(0, "limit=0"), (1, "at least 2")])
def test_limit_that_keeps_too_little(write, limit, match):
    data_dir = write({"train": [6], "test": [2]})
    for name in ("digits", "mini"):
        with pytest.raises(ValueError, match=match):
            load_arrays(name, data_dir, limit=limit)


@pytest.mark.parametrize("name", ["absent", "", "mini:2.0.0", "../mini"])
def test_unknown_name(write, name):
    data_dir = write({"train": [6], "test": [2]})
    with pytest.raises(ValueError, match="`name`.*Received: .*holds: mini:1.0"):
        load_arrays(name, data_dir)


def test_absent_directory(tmp_path):
    with pytest.raises(
        ValueError, match="`data_dir` must be an existing.*none"
    ):
        load_arrays("mini", tmp_path / "none")


def test_resize_to(write):
    data_dir = write({"train": [6], "test": [2]})
    with pytest.raises(ValueError, match="`resize_to` must be.*resize_to=0"):
        load_arrays("mini", data_dir, resize_to=0)
    with pytest.raises(ValueError, match="`resize_to` must be `None`"):
        load_arrays("digits", resize_to=16)


@needs_tfds
def test_cifar10_is_that_of_tensorflow():
    limit = 3000
    arrays = load_arrays("cifar10", TFDS, limit=limit)
    dataset = load_dataset("cifar10", TFDS, limit=limit)
    assert arrays.class_names == dataset.class_names
    for name in SPLITS:
        images, labels = read(getattr(dataset, name))
        split = getattr(arrays, name)
        np.testing.assert_array_equal(split.labels, labels)
        # JPEG: TensorFlow decodes by the fast transform.
        difference = np.abs(split.images.astype(int) - images)
        assert difference.max() < 10 and difference.mean() < 1.5


@needs_tfds
@pytest.mark.slow
def test_tiny_imagenet():
    dataset = load_arrays("tiny_imagenet200", TFDS, limit=60)
    sizes = [getattr(dataset, name).size for name in SPLITS]
    assert sizes == [54, 6, 10_000]
    assert dataset.num_classes == 200
    assert dataset.test.images.shape == (10_000, 64, 64, 3)
