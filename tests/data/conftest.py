"""Small data sets on disk, written anew for the tests that read them."""

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def write_images():
    """Writes `count` PNGs into a folder; the gray value numbers the image."""

    def write(folder, count, *, first=0, channels=3, size=(4, 4)):
        folder.mkdir(parents=True, exist_ok=True)
        for value in range(first, first + count):
            image = np.full([*size, channels], value, "uint8")
            png = tf.io.encode_png(image).numpy()
            (folder / f"{value}.png").write_bytes(png)

    return write


@pytest.fixture
def write_tfds():
    """Writes a data set in TFDS form, for which TFDS has no code.

    Each split is a list of labels. Image number i of it has the gray value i.
    It has one file, or files of the numbers of examples in `shards`.
    """

    def write(
        data_dir,
        name="mini",
        splits=None,
        *,
        config="",
        version="1.0.0",
        shape=(6, 6, 3),
        class_names=("cat", "dog", "owl"),
        features=None,
        shards=None,
    ):
        import tensorflow_datasets as tfds

        splits = splits or {"train": [0, 1, 2] * 10, "test": [0, 1, 2]}
        features = tfds.features.FeaturesDict(
            features
            or {
                "image": tfds.features.Image(shape=shape),
                "label": tfds.features.ClassLabel(
                    **(
                        {"num_classes": class_names}
                        if isinstance(class_names, int)
                        else {"names": class_names}
                    )
                ),
            }
        )
        folder = data_dir / name / config / version
        folder.mkdir(parents=True)
        features.save_config(folder)
        lengths = {
            split: (shards or {}).get(split, [len(labels)])
            for split, labels in splits.items()
        }
        for split, labels in splits.items():
            examples = enumerate(labels)
            count = len(lengths[split])
            for shard, length in enumerate(lengths[split]):
                file = f"{name}-{split}.tfrecord-{shard:05}-of-{count:05}"
                with tf.io.TFRecordWriter(str(folder / file)) as writer:
                    for index, label in itertools.islice(examples, length):
                        example = _example(features, index, label)
                        writer.write(features.serialize_example(example))
        _write_info(folder, name, lengths, config, version)
        return folder

    return write


def _example(features, index, label):
    example = {}
    for key, feature in features.items():
        if key == "label":
            example[key] = label
        else:
            example[key] = np.full(feature.shape, index, feature.np_dtype)
    return features.encode_example(example)


def _write_info(folder, name, lengths, config, version):
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    info = {
        "name": name,
        "version": version,
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": split,
                "shardLengths": [str(length) for length in shards],
                "numBytes": "1",
                "filepathTemplate": template,
            }
            for split, shards in lengths.items()
        ],
    }
    if config:
        info["configName"] = config
    (folder / "dataset_info.json").write_text(json.dumps(info))
