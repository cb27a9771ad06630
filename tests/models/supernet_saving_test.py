"""What a supernet's files hold, and what its weights are called."""

import json

import contracts
import keras
import numpy as np
import pytest

from keras_elastic.models import Supernet

IMAGES = contracts.random_images(6, 10)


@pytest.mark.parametrize("mode", ["sliced", "masked"])
def test_config_round_trip(attentive_family, mode):
    supernet = Supernet(
        attentive_family, 3, mode=mode, name="mine", dtype="mixed_bfloat16"
    )
    config = json.loads(json.dumps(supernet.get_config()))
    assert contracts.constructor_arguments(supernet) <= set(config)
    again = Supernet.from_config(config)
    assert again.family == attentive_family
    assert again.get_config() == supernet.get_config()
    serialized = json.loads(
        json.dumps(keras.saving.serialize_keras_object(supernet))
    )
    assert serialized["registered_name"] == "keras_elastic>Supernet"
    loaded = keras.saving.deserialize_keras_object(serialized)
    assert loaded.get_config() == supernet.get_config()
    assert loaded.dtype_policy.name == "mixed_bfloat16"


def test_keras_file_round_trip(random_digits, tmp_path):
    path = tmp_path / "supernet.keras"
    random_digits.save(path)
    loaded = keras.saving.load_model(path)
    arch = random_digits.space.smallest
    np.testing.assert_array_equal(
        loaded(IMAGES, arch), random_digits(IMAGES, arch)
    )


def test_weights_round_trip(pair, tmp_path):
    path = tmp_path / "supernet.weights.h5"
    pair.sliced.save_weights(path)
    # The masked supernet has the same weights under the same names.
    for mode in ("sliced", "masked"):
        other = Supernet(pair.sliced.family, pair.sliced.classes, mode=mode)
        other.load_weights(path)
        for one, two in zip(
            other.get_weights(), pair.sliced.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, two)


def test_weights_are_named_by_the_plan(digits):
    plan = digits.family.plan(digits.space.largest, digits.classes)
    names = {op.name for block in plan.blocks for op in block.operations}
    names |= {block.shortcut[0].name for block in plan.blocks if block.shortcut}
    assert {layer.name for layer in digits.layers} <= names
    for layer in digits.layers:
        assert getattr(digits, layer.name) is layer


def test_supernet_has_exactly_the_weights_of_its_largest_child(digits):
    # Projections excepted, which other widths than the largest need.
    child = digits.child(digits.space.largest)
    projections = sum(
        layer.count_params()
        for layer in digits.layers
        if layer.name.endswith("_shortcut")
    )
    in_child = sum(
        layer.count_params()
        for layer in child.layers
        if layer.name.endswith("_shortcut")
    )
    assert digits.count_params() - projections == (
        contracts.count_params(child) - in_child
    )
    assert all(variable.trainable for variable in digits.variables)
