"""Doors of `keras_elastic.detection`."""

import keras_elastic as ke
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import folder


def made():
    return ke.detection.pasted_objects(image_size=(16, 16), train=1, test=1)


def doors():
    yield Door(
        "detection.retinanet",
        ke.detection.retinanet,
        lambda: {"model": child(), "classes": 3, "strides": (2,)},
        {
            "model": "model",
            "classes": "positive integer",
            "image_size": "integers?",
            "strides": "integers",
            "anchor_size": "positive",
            "head_layers": "count",
            "name": "string",
        },
        more={"image_size": ((7, 8), (0, 8), (8,)), "strides": ((4,), (3,))},
    )
    yield Door(
        "detection.load_dataset",
        ke.detection.load_dataset,
        lambda: {"name": "coco/2017", "data_dir": folder()},
        {"name": "name"},
    )
    yield Door(
        "detection.pasted_objects",
        ke.detection.pasted_objects,
        {"train": 1, "test": 1},
        {
            "name": "name",
            "image_size": "integers",
            "train": "positive integer",
            "test": "positive integer",
            "classes": "positive integer?",
            "seed": "count",
        },
        more={"classes": (11,)},
    )
    yield Door(
        "detection.detection_batches",
        ke.detection.detection_batches,
        lambda: {
            "examples": made().train,
            "image_size": (16, 16),
            "batch_size": 1,
            "classes": 10,
        },
        {
            "examples": "object",
            "image_size": "integers",
            "batch_size": "positive integer",
            "classes": "positive integer",
            "training": "boolean",
            "seed": "count",
            "max_boxes": "positive integer",
        },
    )
