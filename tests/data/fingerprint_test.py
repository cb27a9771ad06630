import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import packed
from keras_elastic.data.datasets import load_dataset
from keras_elastic.data.fingerprint import differences
from keras_elastic.data.fingerprint import fingerprint
from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.splits import Split

pytestmark = pytest.mark.filterwarnings("ignore:Of . classes")


def remembered(dataset):
    """A fingerprint as a run reads it again."""
    return json.loads(json.dumps(fingerprint(dataset)))


@pytest.fixture
def photos(tmp_path, write_images):
    write_images(tmp_path / "photos" / "cat", 20)
    write_images(tmp_path / "photos" / "dog", 20, first=100)
    return tmp_path / "photos"


def changes(folder, change):
    """What `differences` says of a folder that is changed."""
    before = remembered(load_dataset(folder))
    change()
    return differences(before, remembered(load_dataset(folder)))


def test_the_same_folder_elsewhere(photos):
    elsewhere = photos.with_name("moved")
    before = remembered(load_dataset(photos))
    shutil.copytree(photos, elsewhere)
    assert differences(before, remembered(load_dataset(elsewhere))) == []


def test_an_added_file(photos, write_images):
    added = changes(photos, lambda: write_images(photos / "cat", 1, first=50))
    assert len(added) == 1
    assert "1 added to 'cat'" in added[0]


def test_a_removed_file(photos):
    removed = changes(photos, (photos / "dog" / "104.png").unlink)
    assert len(removed) == 1
    assert "1 removed from 'dog'" in removed[0]


def test_a_file_of_another_size(photos, write_images):
    def enlarge():
        write_images(photos / "dog", 1, first=104, size=(9, 9))

    assert len(changes(photos, enlarge)) == 1


def test_a_renamed_class(photos):
    found = changes(photos, lambda: (photos / "cat").rename(photos / "lion"))
    assert any("'lion'" in sentence for sentence in found)


def test_a_file_of_another_class(photos):
    def move():
        (photos / "cat" / "3.png").rename(photos / "dog" / "3.png")

    assert changes(photos, move)


def small(labels=(0, 1) * 10, names=("a", "b"), add=0):
    labels = np.array(labels)
    images = np.arange(12 * len(labels)).reshape(-1, 2, 2, 3) + add
    images = images.astype("uint8")
    parts = (slice(0, 16), slice(16, 18), slice(18, None))
    return ImageDataset(
        "small", names, *(ArraySplit(images[p], labels[p]) for p in parts)
    )


@pytest.mark.parametrize(
    "other, match",
    [
        (small(names=("b", "a")), "another order"),
        (small(names=("a", "c")), "'c' was 'b'"),
        (small(names=("a", "b", "c")), "3 classes, and were 2: 'c' are new"),
        (small(labels=(1, 0) * 10), "`train` has as many images"),
        (small(add=1), "`test` has as many images"),
        (small(labels=(0, 1) * 9), "`test` has 0 images, and had 2"),
    ],
)
def test_other_arrays(other, match):
    before = remembered(small())
    assert differences(before, remembered(small())) == []
    found = differences(before, remembered(other))
    assert match in " ".join(found)


def test_packed_and_unpacked_are_one(tmp_path):
    path = packed.save(load_dataset("digits"), tmp_path / "digits.npz")
    before = remembered(load_dataset("digits"))
    assert differences(before, remembered(load_dataset(path))) == []
    fewer = load_dataset(path, limit=500)
    assert len(differences(before, remembered(fewer))) == 2


def test_tfds(tmp_path, write_tfds):
    write_tfds(tmp_path)
    before = remembered(load_dataset("mini", tmp_path))
    assert differences(before, remembered(load_dataset("mini", tmp_path))) == []
    # The same files, read by their version.
    named = load_dataset("mini:1.0.0", tmp_path)
    assert differences(before, remembered(named)) == []
    write_tfds(tmp_path, version="1.0.1")
    newer = load_dataset("mini", tmp_path)
    assert len(differences(before, remembered(newer))) == 3
    limited = load_dataset("mini:1.0.0", tmp_path, limit=20)
    assert len(differences(before, remembered(limited))) == 2


def test_a_split_of_ones_own():
    def make(labels):
        images = np.zeros((len(labels), 2, 2, 3), "uint8")
        pairs = tf.data.Dataset.from_tensor_slices((images, labels))
        split = Split(pairs, len(labels))
        return ImageDataset("own", ("a", "b"), split, split, split)

    before = remembered(make([0, 1, 1]))
    assert differences(before, remembered(make([0, 1, 1]))) == []
    assert len(differences(before, remembered(make([1, 1, 0])))) == 3


def test_a_file_that_is_gone(photos):
    dataset = load_dataset(photos)
    (photos / "cat" / "3.png").unlink()
    with pytest.raises(ValueError, match=r"Received: .*3.png"):
        fingerprint(dataset)
