"""Doors of the root."""

import keras
import numpy as np

import keras_elastic as ke
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import folder
from wrong_calls.values import images
from wrong_calls.values import method
from wrong_calls.values import preset
from wrong_calls.values import smallest
from wrong_calls.values import supernet


def doors():
    budget = {
        "flops": "positive?",
        "params": "positive?",
        "memory": "positive?",
        "latency_ms": "positive?",
        "resolution": "positive integer?",
    }
    yield Door(
        "load",
        ke.load,
        {"name_or_folder": "bignas_digits", "weights": None},
        {
            "name_or_folder": "entry",
            **budget,
            "arch": "architecture?",
            "classes": "positive integer?",
            "multi_label": "boolean",
            "include_top": "boolean",
            "pooling": "choice?",
            "weights": "choice?",
            "calibration_images": "images?",
        },
        more={"classes": (1,)},
    )
    yield Door(
        "load (a preset)",
        lambda **a: ke.load(**a),
        lambda: {"name_or_folder": preset()},
        {"classes": "positive integer?", "multi_label": "boolean"},
        more={"classes": (1,)},
    )
    yield Door(
        "load_supernet",
        ke.load_supernet,
        {"name_or_folder": "bignas_digits", "weights": None},
        {
            "name_or_folder": "entry",
            "classes": "positive integer?",
            "weights": "choice?",
        },
    )
    yield Door(
        "select",
        ke.select,
        {"name_or_folder": "bignas_digits", "flops": 1e6},
        {
            "name_or_folder": "entry",
            **budget,
            "scorer": "function?",
            "search": "object?",
            "progress": "function?",
        },
    )
    yield Door(
        "save_preset",
        ke.save_preset,
        lambda: {
            "model": child(),
            "folder": folder() / "saved",
            "overwrite": True,
        },
        {
            "model": "model",
            "folder": "path",
            "class_names": "classes names",
            "card": "text",
            "overwrite": "boolean",
        },
    )
    yield Door(
        "calibrate",
        ke.calibrate,
        lambda: {
            "model": keras.models.clone_model(child()),
            "images": images(),
        },
        {
            "model": "model",
            "images": "images",
            "batch_size": "positive integer",
        },
    )
    yield Door(
        "is_calibrated",
        ke.is_calibrated,
        lambda: {"model": child()},
        {"model": "model"},
    )
    yield Door(
        "SubnetCalibrator",
        ke.SubnetCalibrator,
        lambda: {"supernet": supernet()},
        {"supernet": "supernet"},
    )
    yield Door(
        "SubnetCalibrator.measure",
        method(lambda: ke.SubnetCalibrator(supernet()), "measure"),
        lambda: {"arch": smallest(), "images": images()},
        {
            "arch": "architecture",
            "images": "images",
            "batch_size": "positive integer",
        },
    )
    yield Door(
        "decode_predictions",
        ke.decode_predictions,
        {"logits": np.zeros((2, 3)), "model": ["a", "b", "c"]},
        {
            "logits": "images",
            "model": "object",
            "top": "positive integer",
        },
        more={"logits": (np.zeros(3), np.zeros((2, 4)))},
    )
    yield Door(
        "finetune_recipe",
        ke.finetune_recipe,
        lambda: {"model": child()},
        {
            "model": "model",
            "epochs": "positive integer",
            "head_epochs": "count",
            "head": "name?",
            "learning_rate": "positive",
            "head_learning_rate": "positive",
            "weight_decay": "non-negative",
            "statistics": "choice",
        },
    )
