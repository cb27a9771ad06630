import sys
import types

import keras
import pytest

from keras_elastic import registration


@pytest.fixture
def module(monkeypatch):
    """A module that would register a class when it is imported."""

    class Twice(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    module = types.ModuleType("late_package.late_module")
    module.RegisteredLate = Twice
    package = types.ModuleType("late_package")
    monkeypatch.setitem(sys.modules, "late_package", package)
    monkeypatch.setitem(sys.modules, "late_package.late_module", module)
    yield module
    keras.saving.get_custom_objects().pop("keras_elastic>RegisteredLate", None)


def test_a_class_is_found_by_its_name(module):
    found = registration.find(("late_package.late_module", "RegisteredLate"))
    assert found is module.RegisteredLate


def test_a_stand_in_makes_objects_of_the_class(module):
    registration.register_late(
        "late_package", {"late_module": ["RegisteredLate"]}
    )
    stand_in = keras.saving.get_registered_object(
        "keras_elastic>RegisteredLate"
    )
    assert stand_in is not module.RegisteredLate
    layer = stand_in.from_config({"name": "doubling"})
    assert isinstance(layer, module.RegisteredLate)
    assert layer.name == "doubling"


def test_a_class_that_is_registered_keeps_its_place():
    from keras_elastic.layers import ElasticDense

    registration.register_late(
        "keras_elastic.layers", {"elastic_dense": ["ElasticDense"]}
    )
    name = "keras_elastic>ElasticDense"
    assert keras.saving.get_registered_object(name) is ElasticDense


def test_recipes_and_builders_are_where_they_are_said_to_be():
    places = [
        *registration.RECIPES.values(),
        *registration.BUILDERS.values(),
    ]
    assert all(callable(registration.find(place)) for place in places)
