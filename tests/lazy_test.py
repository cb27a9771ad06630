import ast
import importlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import types

import forked
import pytest

import keras_elastic
from keras_elastic import lazy

FOLDER = pathlib.Path(keras_elastic.__file__).parent
PACKAGES = [
    "keras_elastic",
    "keras_elastic.data",
    "keras_elastic.export",
    "keras_elastic.selection",
    "keras_elastic.training",
    "keras_elastic.zoo",
]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of modules and a folder; one of them is broken."""
    folder = tmp_path / "shapes"
    folder.mkdir()
    (folder / "__init__.py").write_text("SIDES = 4\n")
    (folder / "circles.py").write_text("PI = 3\ndef area():\n    pass\n")
    (folder / "area.py").write_text("UNIT = 'm2'\ndef area():\n    return 12\n")
    (folder / "solids").mkdir()
    (folder / "solids" / "__init__.py").write_text("")
    (folder / "solids" / "cube.py").write_text("FACES = 6\n")
    (folder / "broken.py").write_text("import no_such_library\nX = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("shapes")
    yield package
    for name in [n for n in sys.modules if n.split(".")[0] == "shapes"]:
        del sys.modules[name]


def attach(package, *args, **kwargs):
    found = lazy.attach(package.__name__, *args, **kwargs)
    package.__getattr__, package.__dir__, package.__all__ = found


def test_names_are_imported_when_they_are_used(package):
    attach(package, {"circles": ["PI", "area"]})
    assert "shapes.circles" not in sys.modules
    assert package.PI == 3
    assert package.area is sys.modules["shapes.circles"].area


def test_a_name_is_kept(package):
    attach(package, {"circles": ["PI"]})
    assert package.PI == 3
    assert vars(package)["PI"] == 3


def test_modules_are_names_too(package):
    attach(package, {}, modules=["circles"])
    assert package.circles is sys.modules["shapes.circles"]


def test_names_can_be_imported_from_the_package(package):
    attach(package, {"circles": ["PI"]})
    namespace = {}
    exec("from shapes import PI, circles", namespace)
    assert namespace["PI"] == namespace["circles"].PI == 3


def test_all_names_can_be_imported_at_once(package):
    attach(package, {"circles": ["PI"]})
    namespace = {}
    exec("from shapes import *", namespace)
    assert namespace["PI"] == 3
    assert namespace["SIDES"] == 4


def test_all_names_are_listed_before_they_are_used(package):
    attach(package, {"circles": ["PI"]}, modules=["broken"])
    assert {"PI", "SIDES", "broken", "__name__"} <= set(dir(package))
    assert set(package.__all__) == {"PI", "SIDES", "broken"}


def test_an_unknown_name(package):
    attach(package, {"circles": ["PI"]})
    with pytest.raises(AttributeError, match="'shapes' has no .* 'TAU'"):
        _ = package.TAU
    with pytest.raises(ImportError, match="cannot import name 'TAU'"):
        exec("from shapes import TAU")


def test_a_missing_library_is_named(package):
    attach(package, {"broken": ["X"]})
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        _ = package.X


@pytest.mark.parametrize(
    "first",
    [
        "import shapes",
        "from shapes import area",
        "import shapes.area",
        "from shapes.area import UNIT",
        "import importlib; importlib.import_module('shapes.area')",
    ],
)
def test_a_name_may_be_that_of_its_module(package, first):
    attach(package, {"area": ["area", "UNIT"]})
    exec(first)
    namespace = {}
    exec("from shapes import area", namespace)
    assert namespace["area"] is package.area is vars(package)["area"]
    assert package.area() == 12
    assert "area" in package.__all__


def test_what_else_such_a_module_holds(package):
    attach(package, {"area": ["area", "UNIT"]})
    namespace = {}
    exec("from shapes.area import UNIT, area", namespace)
    assert namespace["UNIT"] == package.UNIT == "m2"
    assert namespace["area"] is package.area


def test_a_package_whose_names_are_apart_stays_as_it_is(package):
    attach(package, {"circles": ["PI"]})
    assert type(package) is types.ModuleType
    importlib.import_module("shapes.circles")
    assert package.circles is sys.modules["shapes.circles"]


def test_names_of_a_module_in_a_folder(package):
    attach(package, {"solids.cube": ["FACES"]})
    assert package.FACES == 6


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "import keras_elastic.export.{0}"])
def test_an_export_is_a_function(first):
    names = ["saved_model", "many_budgets", "litert"]
    words = run(
        "import keras_elastic.export\n"
        + "".join(
            f"{first.format(name)}\nexport = keras_elastic.export.{name}\n"
            "print(type(export).__name__, export.__name__)\n"
            for name in names
        )
    )
    assert words == [word for name in names for word in ("function", name)]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_listed_name_is_there(name):
    package = importlib.import_module(name)
    assert len(package.__all__) > 3
    for public in package.__all__:
        assert public in dir(package)
        assert hasattr(package, public)


def run(code, **variables):
    """What code prints, word by word, in a new process."""
    if variables:
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=FOLDER.parent,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )
    else:
        # With TensorFlow and Keras, and nothing of the package.
        result = forked.run("-c", code, cwd=FOLDER.parent)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def libraries_of(module):
    """Libraries that a module imports as soon as it is imported itself."""
    tree = ast.parse(pathlib.Path(module).read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


IMPORT = """
import sys
import keras_elastic
from keras_elastic import data, export, selection, training, zoo
dir(keras_elastic), dir(data), data.__all__
"""
FILES = """
names = [name for name in sys.modules if name.startswith("keras_elastic")]
print(*(sys.modules[name].__file__ for name in names))
"""


@pytest.mark.slow
def test_the_package_imports_only_what_layers_and_families_need():
    files = run(IMPORT + FILES)
    found = {library for file in files for library in libraries_of(file)}
    assert len(files) > 20
    assert found - set(sys.stdlib_module_names) == {"keras_elastic", "numpy"}


@pytest.mark.slow
def test_an_import_would_be_seen():
    files = run(f"{IMPORT}data.load_dataset\n{FILES}")
    found = {library for file in files for library in libraries_of(file)}
    assert "tensorflow" in found


@pytest.mark.slow
def test_what_keras_loads_is_registered_at_once():
    defined = {
        f"keras_elastic>{name}"
        for path in FOLDER.rglob("*.py")
        for name in re.findall(
            r"@keras\.saving\.register_keras_serializable\(.*\)\n"
            r"class (\w+)",
            path.read_text("utf-8"),
        )
    }
    assert len(defined) >= 9
    registered = run(
        "import keras, keras_elastic\nprint(*keras.saving.get_custom_objects())"
    )
    assert defined <= set(registered)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs torch"
)
def test_digits_need_no_tensorflow():
    words = run(
        f"{IMPORT}"
        "print(data.load_arrays('digits').train.size)\n"
        "print(keras_elastic.Supernet.__name__)\n"
        "print(*{'tensorflow', 'tensorflow_datasets'} & set(sys.modules))",
        KERAS_BACKEND="torch",
    )
    assert words == ["1293", "Supernet"]
