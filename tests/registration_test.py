import os
import pathlib
import subprocess
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


KERAS = """
import types
registered = {}
def register(package, name):
    return lambda kind: registered.setdefault(f"{package}>{name}", kind)
saving = types.SimpleNamespace(
    register_keras_serializable=register,
    get_registered_object=registered.get,
)
"""


@pytest.mark.parametrize(
    "before",
    [
        "import keras_elastic",
        "import keras, keras_elastic",
        # Whoever only asks whether Keras is installed changes nothing.
        "import importlib.util, keras_elastic; "
        "importlib.util.find_spec('keras')",
        # What fails once is imported again.
        "import os, keras_elastic\n"
        "os.environ['BROKEN'] = '1'\n"
        "try:\n    import keras\n"
        "except ValueError:\n    del os.environ['BROKEN']",
    ],
)
def test_classes_are_registered_once_keras_is_there(tmp_path, before):
    (tmp_path / "keras.py").write_text(
        "import os\nif 'BROKEN' in os.environ:\n    raise ValueError\n" + KERAS
    )
    code = (
        f"{before}\nimport sys, keras\n"
        "print(*keras.registered, file=sys.stdout)\n"
        "print(len(sys.meta_path))"
    )
    root = pathlib.Path(registration.__file__).parents[1]
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)]),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    names = shown[0].split()
    assert "keras_elastic>ElasticConv2D" in names
    assert "keras_elastic>DSNet" in names
    assert len(set(names)) == len(names) > 10


def test_the_package_alone_imports_no_keras():
    code = "import sys, keras_elastic; print('keras' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert shown == "False\n"
