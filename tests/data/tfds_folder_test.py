import json

import numpy as np
import pytest
import sharded_tfds
import tensorflow as tf

from keras_elastic.data.tfds_folder import TfdsFolder


def feature(shape=(2, 2, 3), dtype=np.uint8, label=("cat", "dog", "owl")):
    import tensorflow_datasets as tfds

    count = {"num_classes": label} if isinstance(label, int) else None
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=shape, dtype=dtype),
            "label": tfds.features.ClassLabel(**(count or {"names": label})),
        }
    )


@pytest.fixture
def write(tmp_path):
    """Writes a data set; the grey value and the label number the examples."""

    def write_folder(splits, *, features=None, labels=None, **kwargs):
        folder = tmp_path / "mini" / "1.0.0"
        features = features or feature()

        def example(number):
            image = features["image"]
            label = number % 3 if labels is None else labels
            value = np.full(image.shape, number % 256, image.np_dtype)
            return {"image": value, "label": label}

        sharded_tfds.write(folder, splits, example, features=features, **kwargs)
        return folder

    return write_folder


def values(records):
    return [int(tf.io.decode_png(r.image)[0, 0, 0]) for r in records]


def test_records_of_several_files_are_interleaved(write):
    folder = TfdsFolder(write({"train": [20, 17], "test": [3]}))
    found = values(folder.records("train"))
    assert found == [*range(16), *range(20, 36), *range(16, 20), 36]
    assert [r.label for r in folder.records("test")] == [0, 1, 2]
    assert (folder.size("train"), folder.size("test")) == (37, 3)
    assert folder.name == "mini"


@pytest.mark.parametrize(
    "template",
    [
        "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        "{SPLIT}/part-{SHARD_INDEX}-{NUM_SHARDS}.{FILEFORMAT}",
        "{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}",
    ],
)
def test_templates_of_file_names(write, template):
    path = write({"train": [2, 2], "test": [1]}, template=template)
    assert values(TfdsFolder(path).records("train")) == [0, 1, 2, 3]


def test_a_template_may_be_left_out(write):
    path = write({"train": [2], "test": [1]})
    info = json.loads((path / "dataset_info.json").read_text())
    for split in info["splits"]:
        del split["filepathTemplate"]
    (path / "dataset_info.json").write_text(json.dumps(info))
    assert values(TfdsFolder(path).records("train")) == [0, 1]


def test_class_names(write):
    folder = TfdsFolder(write({"train": [2], "test": [1]}))
    assert folder.class_names == ("cat", "dog", "owl")


def test_class_names_default_to_numbers(write):
    path = write({"train": [2], "test": [1]}, features=feature(label=3))
    (path / "label.labels.txt").unlink(missing_ok=True)
    assert TfdsFolder(path).class_names == ("0", "1", "2")


@pytest.mark.parametrize("channels", [1, 3])
def test_channels(write, channels):
    features = feature(shape=(2, 2, channels))
    path = write({"train": [2], "test": [1]}, features=features)
    assert TfdsFolder(path).channels == channels


def test_test_split_wins_over_validation(write):
    folder = TfdsFolder(write({"train": [2], "validation": [1], "test": [1]}))
    assert folder.test_split == "test"


def test_validation_stands_in_for_a_missing_test_split(write):
    folder = TfdsFolder(write({"train": [2], "validation": [1]}))
    assert folder.test_split == "validation"


def test_validation_stands_in_for_an_empty_test_split(write):
    folder = TfdsFolder(write({"train": [2], "validation": [1], "test": [0]}))
    assert folder.test_split == "validation"


def test_imagenet_test_files_are_not_needed(write):
    splits = {"train": [2], "validation": [1], "test": [1]}
    path = write(splits, name="imagenet2012")
    (path / "imagenet2012-test.tfrecord-00000-of-00001").unlink()
    assert TfdsFolder(path).test_split == "validation"


def test_no_labels(write):
    path = write({"train": [2], "test": [1]}, labels=-1)
    with pytest.raises(ValueError, match="`train` must have labels.*Received"):
        TfdsFolder(path)


def test_no_labels_to_test_with(write):
    path = write({"train": [2], "test": [1], "validation": [1]})
    for split in ("test", "validation"):
        _relabel(path / f"mini-{split}.tfrecord-00000-of-00001", -1)
    with pytest.raises(ValueError, match="`validation` must have labels.*Rec"):
        assert TfdsFolder(path).test_split


def _relabel(file, label):
    [record] = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    example = tf.train.Example.FromString(record)
    example.features.feature["label"].int64_list.value[:] = [label]
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(example.SerializeToString())


@pytest.mark.parametrize("present", ["train", "test"])
def test_missing_split(write, present):
    path = write({present: [2]})
    with pytest.raises(
        ValueError, match=rf"must have the split.*Received: .*\['{present}'\]"
    ):
        TfdsFolder(path)


@pytest.mark.parametrize(
    "features, found",
    [
        ({"shape": (2, 2, 4)}, "uint8 and 4 channels"),
        ({"dtype": np.uint16}, "uint16 and 3 channels"),
    ],
)
def test_images_that_are_not_read(write, features, found):
    path = write({"train": [2], "test": [1]}, features=feature(**features))
    with pytest.raises(ValueError, match=f"`image` must be.*Received.*{found}"):
        TfdsFolder(path)


@pytest.mark.parametrize("missing", ["image", "label"])
def test_missing_feature(write, missing):
    path = write({"train": [2], "test": [1]})
    info = json.loads((path / "features.json").read_text())
    del info["featuresDict"]["features"][missing]
    (path / "features.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match=f"have a feature `{missing}`.*Receiv"):
        TfdsFolder(path)


def test_another_file_format(write):
    path = write({"train": [2], "test": [1]}, fileFormat="riegeli")
    with pytest.raises(ValueError, match="TFRecords.*Received:.*'riegeli'"):
        TfdsFolder(path)


def test_broken_information(write):
    path = write({"train": [2], "test": [1]})
    (path / "dataset_info.json").write_text("{")
    with pytest.raises(ValueError, match="`dataset_info.json` must be.*Receiv"):
        TfdsFolder(path)


def test_another_number_of_records_names_the_file(write):
    path = write({"train": [3, 3], "test": [1]})
    first = path / "mini-train.tfrecord-00000-of-00002"
    second = path / "mini-train.tfrecord-00001-of-00002"
    second.write_bytes(first.read_bytes() * 2)
    with pytest.raises(ValueError, match="3 records.*Received:.*00001.*6"):
        list(TfdsFolder(path).records("train"))


def test_a_truncated_file_is_named(write):
    path = write({"train": [3, 3], "test": [1]})
    file = path / "mini-train.tfrecord-00001-of-00002"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="Received:.*train.tfrecord-00001"):
        list(TfdsFolder(path).records("train"))


def test_a_record_of_another_kind_names_the_file(write):
    path = write({"train": [1], "test": [1]})
    file = path / "mini-test.tfrecord-00000-of-00001"
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(b"\x0a\x05text")
    with pytest.raises(ValueError, match="Every record.*Received:.*mini-test"):
        list(TfdsFolder(path).records("test"))
