"""Writes data sets in TFDS form whose splits have several files."""

import json

import tensorflow as tf

TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"


def write(
    folder,
    splits,
    make_example,
    *,
    features,
    name="mini",
    template=TEMPLATE,
    **info,
):
    """Writes a data set.

    Args:
        folder: Path of the version's folder.
        splits: Dictionary from the name of a split to its shard lengths.
        make_example: Function from the number of an example in its split to
            the example.
        features: `tfds.features.FeaturesDict`.
        name: Name of the data set.
        template: Template of the file names.
        info: More entries of `dataset_info.json`.
    """
    folder.mkdir(parents=True)
    features.save_config(folder)
    for split, lengths in splits.items():
        number = 0
        for shard, length in enumerate(lengths):
            path = folder / _file(name, split, shard, len(lengths), template)
            path.parent.mkdir(parents=True, exist_ok=True)
            with tf.io.TFRecordWriter(str(path)) as writer:
                for _ in range(length):
                    example = features.encode_example(make_example(number))
                    writer.write(features.serialize_example(example))
                    number += 1
    _write_info(folder, splits, {"name": name, **info}, template)


def _file(name, split, shard, count, template):
    from tensorflow_datasets.core import naming

    return naming.ShardedFileTemplate(
        data_dir="",
        template=template,
        dataset_name=name,
        split=split,
        filetype_suffix="tfrecord",
    ).relative_filepath(shard_index=shard, num_shards=count)


def _write_info(folder, splits, info, template):
    entries = [
        {
            "name": split,
            "shardLengths": [str(length) for length in lengths],
            "numBytes": "1",
            "filepathTemplate": template,
        }
        for split, lengths in splits.items()
    ]
    defaults = {"version": folder.name, "fileFormat": "tfrecord"}
    text = json.dumps({**defaults, **info, "splits": entries})
    (folder / "dataset_info.json").write_text(text)
