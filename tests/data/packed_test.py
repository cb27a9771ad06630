"""Packed sets are what `tf.data` reads, to the last bit."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import packed
from keras_elastic.data.array_datasets import load_arrays
from keras_elastic.data.datasets import load_dataset
from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset

TFDS = pathlib.Path(__file__).parents[2] / ".." / "shared" / "tfds"
SPLITS = ("train", "held_out", "test")

# Of a few images, none of a class may be held out.
pytestmark = pytest.mark.filterwarnings("ignore:Of . classes")


def read(split):
    """The images and labels that `tf.data` yields."""
    images, labels = zip(*split.images.as_numpy_iterator(), strict=True)
    return np.stack(images), np.stack(labels)


def assert_equal(arrays, dataset):
    assert arrays.name == dataset.name
    assert arrays.class_names == dataset.class_names
    for name in SPLITS:
        images, labels = read(getattr(dataset, name))
        split = getattr(arrays, name)
        assert split.size == getattr(dataset, name).size
        np.testing.assert_array_equal(split.labels, labels)
        np.testing.assert_array_equal(split.images, images)


def jpeg():
    import tensorflow_datasets as tfds

    return {
        "image": tfds.features.Image(shape=(40, 30, 3), encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(names=["cat", "dog", "owl"]),
    }


SETS = {
    "color": {},
    "gray": {"shape": (6, 6, 1)},
    "files": {"shards": {"train": [7, 0, 20, 3]}},
    "jpeg": {"features": jpeg},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, limit", [("gray", None), ("jpeg", None), ("files", 12)]
)
def test_packed_is_what_tfds_reads(tmp_path, write_tfds, kind, limit):
    options = {
        key: value() if callable(value) else value
        for key, value in SETS[kind].items()
    }
    write_tfds(tmp_path / "tfds", **options)
    dataset = load_dataset("mini", tmp_path / "tfds")
    path = packed.save(dataset, tmp_path / "mini.npz")
    expected = load_dataset("mini", tmp_path / "tfds", limit=limit)
    assert_equal(packed.load(path, limit), expected)
    # And where TensorFlow reads the packed set.
    assert_equal(
        load_arrays("mini", tmp_path / "tfds", limit=limit),
        load_dataset(path, limit=limit),
    )


@pytest.mark.slow
@pytest.mark.parametrize("limit", [None, 25])
def test_noise_of_an_image_folder_is_kept(tmp_path, limit):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number, encode in enumerate([tf.io.encode_jpeg] * 20):
            noise = rng.integers(0, 256, (9, 7, 3)).astype("uint8")
            file = tmp_path / "photos" / name / f"{number}.jpg"
            file.write_bytes(encode(noise).numpy())
    dataset = load_dataset(tmp_path / "photos")
    path = packed.save(dataset, tmp_path / "photos.npz")
    expected = load_dataset(tmp_path / "photos", limit=limit)
    assert_equal(packed.load(path, limit), expected)
    # And packed again.
    again = packed.save(packed.load(path, limit), tmp_path / "again.npz")
    assert_equal(packed.load(again), expected)


@pytest.mark.parametrize("limit", [None, 100])
def test_digits(tmp_path, limit):
    path = packed.save(load_arrays("digits"), tmp_path / "digits.npz")
    found = packed.load(path, limit)
    assert_equal(found, load_dataset("digits", limit=limit))
    assert (
        found.train.images == load_arrays(path, limit=limit).train.images
    ).all()


@pytest.mark.exhaustive
@pytest.mark.skipif(
    not TFDS.is_dir(), reason="needs prepared data sets in ../shared/tfds"
)
def test_cifar10(tmp_path):
    dataset = load_dataset("cifar10", TFDS)
    path = packed.save(dataset, tmp_path / "cifar10.npz")
    assert_equal(packed.load(path), dataset)
    assert_equal(
        packed.load(path, limit=3000),
        load_dataset("cifar10", TFDS, limit=3000),
    )


@pytest.fixture
def path(tmp_path):
    """A small packed set."""
    images = np.arange(20 * 12).reshape(20, 2, 2, 3).astype("uint8")
    [held, train, test] = (
        ArraySplit(images[own], np.arange(len(images[own])) % 2)
        for own in (slice(0, 1), slice(1, 10), slice(10, 20))
    )
    dataset = ImageDataset("small", ("a", "b"), train, held, test)
    return packed.save(dataset, tmp_path / "small.npz")


def test_images_of_several_sizes_are_refused(tmp_path, write_images):
    write_images(tmp_path / "photos" / "a", 5, size=(4, 4))
    write_images(tmp_path / "photos" / "b", 5, size=(5, 4))
    dataset = load_dataset(tmp_path / "photos")
    with pytest.raises(ValueError, match=r"one size.*\(4, 4\) and \(5, 4\)"):
        packed.save(dataset, tmp_path / "photos.npz")
    resized = load_arrays(tmp_path / "photos", resize_to=3)
    path = packed.save(resized, tmp_path / "photos.npz")
    found = packed.load(path).train.images
    np.testing.assert_array_equal(found, resized.train.images)
    assert found.shape[1:] == (3, 3, 3)


def test_another_division_is_refused(path, tmp_path):
    found = packed.load(path)
    swapped = ImageDataset(
        "small", ("a", "b"), found.held_out, found.train, found.test
    )
    with pytest.raises(ValueError, match="divided as.*1 are held.*Received: 9"):
        packed.save(swapped, tmp_path / "other.npz")


def test_the_suffix_is_needed(path):
    with pytest.raises(ValueError, match="`path` must end in '.npz'.*Received"):
        packed.save(packed.load(path), path.with_suffix(".zip"))


def test_a_failed_save_leaves_what_was_there(path, monkeypatch):
    before = path.read_bytes()
    dataset = packed.load(path)

    def fail(file, **contents):
        file.write_bytes(b"half")
        raise OSError("The disk is full.")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk is full"):
        packed.save(dataset, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def refuse(path, match):
    with pytest.raises(ValueError, match=f"that `packed.save` wrote.*{match}"):
        packed.load(path)


def test_a_broken_file_is_refused(path):
    whole = path.read_bytes()
    for broken in (b"", whole[:-1], whole[:100], b"no zip" * 99):
        path.write_bytes(broken)
        refuse(path, "Received: .*small.npz")
    flipped = bytearray(whole)
    flipped[whole.index(b"\x89PNG") + 1] ^= 1
    path.write_bytes(flipped)
    refuse(path, "small.npz")
    refuse(path.with_name("absent.npz"), "absent.npz")


@pytest.mark.parametrize("name", ["train_labels", "class_names", "name"])
def test_changed_contents_are_refused(path, name):
    with np.load(path) as file:
        contents = dict(file)
    contents[name] = contents[name][::-1] if contents[name].ndim else "other"
    np.savez(path, **contents)
    refuse(path, "digest")


def test_another_file_of_numpy_is_refused(path):
    np.savez(path, train_labels=np.arange(3))
    refuse(path, "name")
    with open(path, "wb") as file:
        np.save(file, np.arange(3))
    refuse(path, "small.npz")


def test_a_packed_set_is_found(path):
    assert packed.find(path, None) == path
    assert packed.find("small", path.parent) == path
    assert packed.find("small", None) is None
    assert packed.find("other", path.parent) is None
    assert packed.find("", path.parent) is None
    assert load_dataset("small", path.parent).train.size == 9
