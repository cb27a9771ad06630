"""What users may rely on, written down: a change here is a decision."""

import types

import keras_elastic

NAMES = {
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
}
MODULES = {
    "data",
    "export",
    "families",
    "layers",
    "selection",
    "spaces",
    "training",
}


def public(kind):
    return {
        name
        for name in dir(keras_elastic)
        if not name.startswith("_")
        and isinstance(getattr(keras_elastic, name), types.ModuleType)
        == (kind == "modules")
    }


def test_public_names():
    assert public("names") == NAMES


def test_public_modules():
    assert MODULES <= public("modules")
