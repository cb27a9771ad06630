"""What users may rely on, written down: a change here is a decision."""

import importlib

import pytest

import keras_elastic

NAMES = {
    "": {
        "Architecture",
        "BasisNet",
        "DSNet",
        "SearchSpace",
        "SubnetCalibrator",
        "Supernet",
        "build",
        "calibrate",
        "decode_predictions",
        "elastic",
        "feature_pyramid",
        "finetune_recipe",
        "is_calibrated",
        "list_models",
        "load",
        "load_supernet",
        "save_preset",
        "select",
        "sort_channels",
    },
}
MODULES = {
    "conditional",
    "data",
    "export",
    "families",
    "layers",
    "models",
    "selection",
    "spaces",
    "training",
    "zoo",
}


def public(module):
    return {name for name in dir(module) if not name.startswith("_")}


def test_public_names():
    assert public(keras_elastic) == NAMES[""] | MODULES


@pytest.mark.parametrize("name", sorted(MODULES))
def test_public_names_of_a_module(name):
    module = importlib.import_module(f"keras_elastic.{name}")
    assert public(module) == NAMES[name]
