import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data import tfds_images
from keras_elastic.data.datasets import load_dataset
from keras_elastic.data.pipeline import training_batches
from keras_elastic.data.tfds_images import find_prepared
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


def test_gray_becomes_rgb(load):
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


def test_validation_stands_in_for_an_unlabeled_test_split(load):
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


def test_examples_of_several_files_are_interleaved(tmp_path, write_tfds):
    # Sixteen of each file in turn: every tenth of this order is held out.
    splits = {"train": [0, 1, 2] * 12 + [0], "test": [0]}
    write_tfds(tmp_path, splits=splits, shards={"train": [20, 17]})
    dataset = load_dataset("mini", tmp_path)
    order = [*range(16), *range(20, 36), *range(16, 20), 36]
    assert values(dataset.held_out) == order[::10]
    assert values(dataset.train) == [n for i, n in enumerate(order) if i % 10]


def version_of(builder):
    return str(builder.version)


def test_data_set_without_code_is_found(tmp_path, write_tfds):
    write_tfds(tmp_path, "mini")
    builder = tfds_images.find_prepared("mini", str(tmp_path))
    assert builder.info.splits["train"].num_examples == 30


def test_files_win_over_the_code_of_another_version(tmp_path, write_tfds):
    write_tfds(tmp_path, "mnist", version="0.0.7")
    assert tfds_images.is_registered("mnist")
    builder = tfds_images.find_prepared("mnist", str(tmp_path))
    assert version_of(builder) == "0.0.7"


def test_newest_version_is_the_default(tmp_path, write_tfds):
    for version in ("2.0.0", "10.0.0", "9.1.0"):
        write_tfds(tmp_path, "mini", version=version)
    find = tfds_images.find_prepared
    assert version_of(find("mini", str(tmp_path))) == "10.0.0"
    assert version_of(find("mini:2.0.0", str(tmp_path))) == "2.0.0"
    assert version_of(find("mini:9.*.*", str(tmp_path))) == "9.1.0"
    assert find("mini:3.0.0", str(tmp_path)) is None


def test_config_must_be_named_where_there_are_several(tmp_path, write_tfds):
    write_tfds(tmp_path, "mini", config="small")
    find = tfds_images.find_prepared
    assert find("mini", str(tmp_path)).info.config_name == "small"
    write_tfds(tmp_path, "mini", config="large", version="2.0.0")
    assert find("mini", str(tmp_path)) is None
    builder = find("mini/large:2.0.0", str(tmp_path))
    assert builder.info.config_name == "large"
    assert find("mini/other", str(tmp_path)) is None


@pytest.mark.parametrize("name", ["absent", "", "../mini", "/mini", "a b"])
def test_absent(tmp_path, write_tfds, name):
    write_tfds(tmp_path / "data", "mini")
    assert tfds_images.find_prepared(name, str(tmp_path / "data")) is None


def test_list_prepared(tmp_path, write_tfds):
    write_tfds(tmp_path, "mini", version="2.0.0")
    write_tfds(tmp_path, "mini", version="1.0.0")
    write_tfds(tmp_path, "other", config="small")
    (tmp_path / "unfinished" / "1.0.0").mkdir(parents=True)
    (tmp_path / "file.txt").write_text("")
    assert tfds_images.list_prepared(str(tmp_path)) == [
        "mini:1.0.0",
        "mini:2.0.0",
        "other/small:1.0.0",
    ]


def test_unknown_name_is_not_registered():
    assert not tfds_images.is_registered("no_such_set")
    assert tfds_images.find_registered("no_such_set") is None
    assert tfds_images.find_registered("/no/such/folder") is None
    assert tfds_images.is_registered("imagenet_resized/64x64:0.1.0")


class FakeBuilder:
    def __init__(self, is_prepared, error=None):
        self.prepared = is_prepared
        self.error = error
        self.downloads = 0

    def is_prepared(self):
        return self.prepared

    def download_and_prepare(self):
        self.downloads += 1
        if self.error:
            raise self.error


@pytest.mark.parametrize("is_prepared, downloads", [(True, 0), (False, 1)])
def test_only_missing_data_is_downloaded(monkeypatch, is_prepared, downloads):
    import tensorflow_datasets as tfds

    fake = FakeBuilder(is_prepared)
    monkeypatch.setattr(tfds, "builder", lambda name: fake)
    assert tfds_images.find_registered("mnist") is fake
    assert fake.downloads == downloads


@pytest.mark.parametrize("kind", [ConnectionError, AssertionError])
def test_a_failed_download_is_explained(monkeypatch, kind):
    import tensorflow_datasets as tfds

    fake = FakeBuilder(False, kind("No route to host."))
    monkeypatch.setattr(tfds, "builder", lambda name: fake)
    with pytest.raises(ValueError, match="'mnist'.*No route.*\n.*`data_dir`"):
        tfds_images.find_registered("mnist")


@pytest.mark.parametrize(
    "is_found, proxies, retries",
    [(True, {}, 10), (False, {}, 0), (False, {"https": "proxy:80"}, 10)],
)
def test_without_a_network_nothing_is_tried_for_minutes(
    monkeypatch, is_found, proxies, retries
):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    monkeypatch.setattr(downloader, "MAX_RETRIES", 10)
    seen = []

    class Builder(FakeBuilder):
        def download_and_prepare(self):
            seen.append(downloader.MAX_RETRIES)

    def find(*arguments):
        if not is_found:
            raise OSError("Name or service not known")

    monkeypatch.setattr(tfds_images.socket, "getaddrinfo", find)
    monkeypatch.setattr(
        tfds_images.urllib.request, "getproxies", lambda: proxies
    )
    monkeypatch.setattr(tfds, "builder", lambda name: Builder(False))
    tfds_images.find_registered("mnist")
    assert seen == [retries]
    assert downloader.MAX_RETRIES == 10


def test_written_info_is_what_tfds_reads(tmp_path, write_tfds):
    folder = write_tfds(tmp_path, "mini")
    info = json.loads((folder / "dataset_info.json").read_text())
    builder = tfds_images.find_prepared("mini", str(tmp_path))
    assert builder.info.name == info["name"] == "mini"
