"""Doors of `keras_elastic.data`."""

import numpy as np

import keras_elastic as ke
from wrong_calls.door import Door
from wrong_calls.values import digits
from wrong_calls.values import images


def doors():
    data = ke.data
    yield Door(
        "data.load_dataset",
        data.load_dataset,
        {"name": "digits"},
        {
            "name": "entry",
            "limit": "positive integer?",
            "test_limit": "positive integer?",
            "skip_corrupt": "boolean",
        },
    )
    yield Door(
        "data.load_arrays",
        data.load_arrays,
        {"name": "digits"},
        {
            "name": "entry",
            "limit": "positive integer?",
            "resize_to": "positive integer?",
        },
    )
    sizes = {"batch_size": 2, "patch_size": 8}
    yield Door(
        "data.evaluation_batches",
        data.evaluation_batches,
        lambda: {"split": digits().test, **sizes},
        {
            "split": "object",
            "batch_size": "positive integer",
            "patch_size": "positive integer",
            "count": "positive integer?",
        },
    )
    yield Door(
        "data.training_batches",
        data.training_batches,
        lambda: {"split": digits().train, **sizes, "seed": 0, "epoch": 0},
        {
            "split": "object",
            "batch_size": "positive integer",
            "patch_size": "positive integer",
            "seed": "count",
            "epoch": "count",
            "augmentation": "choice",
            "start_batch": "count",
            "shard_index": "count",
            "num_shards": "positive integer",
        },
    )
    yield Door(
        "data.steps_per_epoch",
        data.steps_per_epoch,
        lambda: {"split": digits().train, "batch_size": 2},
        {"split": "object", "batch_size": "positive integer"},
    )
    yield Door(
        "data.ArraySplit",
        data.ArraySplit,
        lambda: {
            "images": images().astype("uint8"),
            "labels": np.arange(6) % 3,
        },
        {"images": "images", "labels": "rows"},
    )
    yield Door(
        "data.center_patch",
        data.center_patch,
        lambda: {"image": images()[0], "patch_size": 8},
        {"patch_size": "positive integer"},
    )
