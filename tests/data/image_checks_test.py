import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import datasets
from keras_elastic.data.array_datasets import load_arrays
from keras_elastic.data.image_checks import check_images
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.splits import Split

pytestmark = pytest.mark.filterwarnings("ignore:Of . classes")


@pytest.fixture
def photos(tmp_path, write_images):
    for number, name in enumerate(["cat", "dog"]):
        write_images(tmp_path / "photos" / name, 20, first=100 * number)
    return tmp_path / "photos"


def test_whole_images_pass(photos, capsys):
    check_images(datasets.load_dataset(photos))
    assert capsys.readouterr().out == ""
    check_images(datasets.load_dataset(photos), progress=True)
    assert "40/40" in capsys.readouterr().out


def test_corrupt_files_are_named(photos):
    (photos / "cat" / "3.png").write_bytes(b"")
    whole = (photos / "dog" / "104.png").read_bytes()
    (photos / "dog" / "104.png").write_bytes(whole[: len(whole) // 2])
    dataset = datasets.load_dataset(photos)
    with pytest.raises(
        ValueError, match="2 that .*: cat/3.png, dog/104.png.*`skip_corrupt=Tr"
    ):
        check_images(dataset)


def test_only_some_splits_are_read(photos):
    dataset = datasets.load_dataset(photos)
    dataset.train.source.paths[0].write_text("no image")
    check_images(dataset, ["held_out", "test"])
    with pytest.raises(ValueError, match="1 that cannot be decoded"):
        check_images(dataset, ["train"])


def test_many_corrupt_files(photos):
    for path in photos.glob("cat/*"):
        path.write_text("no image")
    dataset = datasets.load_dataset(photos)
    with pytest.raises(ValueError, match="20 that cannot") as caught:
        check_images(dataset)
    assert str(caught.value).count(".png") == 10


@pytest.mark.parametrize("load", [load_arrays, datasets.load_dataset])
def test_images_in_memory_are_not_read(load, capsys):
    check_images(load("digits"), progress=True)
    assert capsys.readouterr().out == ""


def make_dataset(records, labels):
    pairs = tf.data.Dataset.from_tensor_slices((records, labels))
    split = Split.from_records(
        pairs, len(labels), lambda record: tf.io.decode_png(record, 3)
    )
    return ImageDataset("own", ("a", "b"), split, split, split)


PNG = tf.io.encode_png(np.zeros((2, 2, 3), "uint8")).numpy()


def test_corrupt_records_are_numbered():
    dataset = make_dataset([PNG, b"no image", PNG], [0, 1, 0])
    with pytest.raises(ValueError, match="Received: 1 .*number 1 of `test`"):
        check_images(dataset, ["test"])


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_of_no_class(label):
    dataset = make_dataset([PNG] * 3, [0, label, 1])
    with pytest.raises(ValueError, match=f"labels of `train`.*as {label}"):
        check_images(dataset)
