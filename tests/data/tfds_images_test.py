import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.datasets import load_dataset
from keras_elastic.data.pipeline import training_batches
from keras_elastic.data.prepared import find_prepared
from keras_elastic.data.tfds_images import load_builder

TFDS = pathlib.Path(__file__).parents[2] / ".." / "shared" / "tfds"
needs_tfds = pytest.mark.skipif(
    not TFDS.is_dir(), reason="needs prepared data sets in ../shared/tfds"
)


@pytest.fixture
def load(tmp_path, write_tfds):
    """Writes a data set, then loads it."""

    def write_and_load(*args, limit=None, name="mini", **kwargs):
        write_tfds(tmp_path, name, *args, **kwargs)
        builder = find_prepared(name, str(tmp_path))
        return load_builder(name, builder, limit)

    return write_and_load


def values(split):
    return [int(image[0, 0, 0]) for image, _ in split.images]


def labels(split):
    return [int(label) for _, label in split.images]


def test_training_split_is_divided(load):
    dataset = load()
    assert values(dataset.held_out) == [0, 10, 20]
    found = sorted(values(dataset.train) + values(dataset.held_out))
    assert found == list(range(30))
    assert labels(dataset.train)[:4] == [1, 2, 0, 1]
    assert dataset.test.size == 3
    assert dataset.class_names == ("cat", "dog", "owl")
    assert dataset.name == "mini"


def test_element_types(load):
    images = load().train.images
    assert images.element_spec == (
        tf.TensorSpec([6, 6, 3], tf.uint8),
        tf.TensorSpec([], tf.int64),
    )


def test_class_names_default_to_numbers(load):
    assert load(class_names=3).class_names == ("0", "1", "2")


def test_grey_becomes_rgb(load):
    dataset = load(shape=(6, 6, 1))
    image, _ = next(iter(dataset.train.images))
    assert image.shape == (6, 6, 3)
    assert np.unique(image).tolist() == [1]


def test_validation_stands_in_for_a_missing_test_split(load):
    dataset = load({"train": [0] * 20, "validation": [1, 2]})
    assert labels(dataset.test) == [1, 2]


def test_test_split_wins_over_validation(load):
    dataset = load({"train": [0] * 20, "validation": [1, 2], "test": [2]})
    assert labels(dataset.test) == [2]


def test_validation_stands_in_for_an_unlabelled_test_split(load):
    dataset = load({"train": [0] * 20, "validation": [1, 2], "test": [-1] * 4})
    assert labels(dataset.test) == [1, 2]


def test_imagenet_test_files_are_not_needed(tmp_path, write_tfds):
    splits = {"train": [0] * 20, "validation": [1, 2], "test": [-1] * 4}
    folder = write_tfds(tmp_path, "imagenet2012", splits)
    (folder / "imagenet2012-test.tfrecord-00000-of-00001").unlink()
    builder = find_prepared("imagenet2012", str(tmp_path))
    dataset = load_builder("imagenet2012", builder)
    assert labels(dataset.test) == [1, 2]


def test_limit(load):
    dataset = load(limit=11)
    found = sorted(values(dataset.train) + values(dataset.held_out))
    assert found == list(range(11))
    assert dataset.test.size == 3


def test_other_features_are_not_read(load):
    import tensorflow_datasets as tfds

    dataset = load(
        features={
            "image": tfds.features.Image(shape=(6, 6, 3)),
            "label": tfds.features.ClassLabel(num_classes=3),
            "mask": tfds.features.Image(shape=(6, 6, 1)),
        }
    )
    assert len(values(dataset.train)) == 27


def test_four_channels(load):
    with pytest.raises(
        ValueError,
        match="`image` must have 1 or 3 channels.*Received: .*4 channels",
    ):
        load(shape=(6, 6, 4))


def test_sixteen_bits(load):
    import tensorflow_datasets as tfds

    with pytest.raises(
        ValueError, match="`image` must be uint8.*Received: .*uint16"
    ):
        load(
            features={
                "image": tfds.features.Image(shape=(6, 6, 3), dtype=np.uint16),
                "label": tfds.features.ClassLabel(num_classes=3),
            }
        )


@pytest.mark.parametrize("missing", ["image", "label"])
def test_missing_feature(load, missing):
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=(6, 6, 3)),
        "label": tfds.features.ClassLabel(num_classes=3),
    }
    del features[missing]
    with pytest.raises(
        ValueError, match=f"must have a feature `{missing}`.*Received: "
    ):
        load(features=features)


def test_label_must_be_a_class(load):
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=(6, 6, 3)),
        "label": tfds.features.Scalar(np.int64),
    }
    with pytest.raises(ValueError, match="`label` of type ClassLabel"):
        load(features=features)


@pytest.mark.parametrize("present", ["train", "test"])
def test_missing_split(load, present):
    with pytest.raises(
        ValueError, match=rf"must have the split.*Received: .*\['{present}'\]"
    ):
        load({present: [0, 1, 2]})


def test_no_labels_to_test_with(load):
    with pytest.raises(
        ValueError, match="`test` and `validation` must have.*name='mini'"
    ):
        load({"train": [0] * 9, "test": [-1, -1]})


def test_no_labels_in_either_test_split(load):
    splits = {"train": [0] * 9, "test": [-1], "validation": [-1, -1]}
    with pytest.raises(ValueError, match="`test` and `validation` must have"):
        load(splits)


def test_no_labels_to_train_with(load):
    with pytest.raises(
        ValueError, match="`train` must have labels.*Received: name='mini'"
    ):
        load({"train": [-1] * 9, "test": [0, 1]})


def jpeg_features(channels=3):
    import tensorflow_datasets as tfds

    return {
        "image": tfds.features.Image(
            shape=(40, 30, channels), encoding_format="jpeg"
        ),
        "label": tfds.features.ClassLabel(num_classes=3),
    }


def test_imagenet(tmp_path, write_tfds):
    splits = {
        "train": [0, 1, 2] * 10,
        "validation": [1, 2],
        "test": [-1] * 4,
    }
    write_tfds(tmp_path, "imagenet2012", splits, features=jpeg_features())
    dataset = load_dataset("imagenet2012", tmp_path)
    assert values(dataset.held_out) == [0, 10, 20]
    assert labels(dataset.test) == [1, 2]
    batches = training_batches(
        dataset.train,
        batch_size=9,
        patch_size=16,
        seed=0,
        epoch=0,
        augmentation="crop_flip",
    )
    for images, numbers in batches:
        for image, label in zip(images, numbers, strict=True):
            assert np.ptp(image) < 0.1
            assert np.rint(image[0, 0, 0]) % 3 == int(label)


@pytest.mark.parametrize("channels", [1, 3])
def test_window_is_a_part_of_the_image(load, channels):
    split = load(features=jpeg_features(channels)).train
    record, _ = next(iter(split.records))
    assert tf.io.is_jpeg(record)
    whole = split.decode(record)
    found = split.decode_window(record, lambda shape: [3, 5, 20, 10])
    assert found.shape == (20, 10, 3)
    np.testing.assert_array_equal(found, whole[3:23, 5:15])


def test_limit_must_be_positive(load):
    with pytest.raises(ValueError, match="`limit` must be.*limit=0"):
        load(limit=0)


@needs_tfds
def test_cifar10():
    dataset = load_dataset("cifar10", TFDS)
    sizes = dataset.train.size, dataset.held_out.size, dataset.test.size
    assert sizes == (45_000, 5_000, 10_000)
    assert dataset.class_names[:2] == ("airplane", "automobile")
    image, label = next(iter(dataset.test.images))
    assert image.shape == (32, 32, 3)
    assert 0 <= int(label) < 10


@needs_tfds
def test_tiny_imagenet():
    dataset = load_dataset("tiny_imagenet200", TFDS, limit=60)
    sizes = dataset.train.size, dataset.held_out.size, dataset.test.size
    assert sizes == (54, 6, 10_000)
    assert dataset.num_classes == 200
    shapes = {tuple(image.shape) for image, _ in dataset.train.images}
    assert shapes == {(64, 64, 3)}
