"""The parts of the package import each other in one direction only."""

import ast
import importlib.util
import pathlib
import subprocess
import sys
from typing import NamedTuple

import pytest

PACKAGE = "keras_elastic"
FOLDER = pathlib.Path(__file__).parents[1] / PACKAGE

LATE = {"lazy", "registration"}
READERS = LATE | {"checks", "spaces", "families", "layers", "models"}
TRACED = READERS | {"tracing"}
CALIBRATED = TRACED | {"calibration", "files", "scratch", "untrusted"}

# Which parts a part may import, besides itself.
MAY_IMPORT = {
    "checks": set(),
    "spaces": {"checks", "lazy"},
    "families": {"checks", "lazy", "spaces"},
    "layers": LATE | {"checks"},
    "models": READERS,
    "tracing": set(),
    "calibration": CALIBRATED,
    "training": CALIBRATED | {"data"},
    "selection": CALIBRATED | {"training"},
    # What is served is decoded as what is trained on.
    "export": CALIBRATED | {"data"},
    "data": {"checks", "files", "lazy"},
    "files": {"scratch"},
    "scratch": set(),
    "untrusted": set(),
    "lazy": set(),
    "registration": set(),
    "scripts": {"files", "untrusted"},
    "startup": set(),
    "evaluation": CALIBRATED | {"data", "selection", "zoo"},
    # Scripts that lie inside of the package.
    "commands": CALIBRATED
    | {"data", "evaluation", "export", "scripts", "selection", "startup"}
    | {"training", "untrusted", "zoo"},
    "command_line": {"commands", "untrusted"},
    "__main__": {"command_line"},
    "zoo": CALIBRATED | {"training", "selection", "export", "data"},
    # The wings: nothing but the package itself imports them.
    "conditional": CALIBRATED
    | {"training", "selection", "export", "data", "zoo"},
    "detection": CALIBRATED | {"training", "export", "data"},
}

# Libraries of parts that may not import every library.
MAY_IMPORT_LIBRARIES = {
    "checks": set(),
    "spaces": {"numpy"},
    "families": {"numpy"},
    "layers": {"keras"},
    "files": set(),
    "scratch": set(),
    "untrusted": set(),
    "lazy": set(),
    "registration": set(),
    "startup": set(),
}

# Libraries that a module may import inside its functions.
MAY_IMPORT_LATER = {
    f"{PACKAGE}.spaces.arithmetic": {"keras"},
    f"{PACKAGE}.layers.kernels": {"tensorflow"},
    f"{PACKAGE}.registration": {"keras"},
}

# Libraries that one module alone may import.
KEPT_APART = {
    "tensorflow_model_optimization": f"{PACKAGE}.export.quantization",
    "tf_keras": f"{PACKAGE}.export.quantization",
}

SCRIPTS = {"benchmarks", "search", "tests", "train"}


class Import(NamedTuple):
    """A dotted name that is imported, and whether a function does it."""

    name: str
    later: bool

    @property
    def library(self):
        return self.name.split(".")[0]


def find_modules():
    """Pairs of a module's name and its file."""
    for path in sorted(FOLDER.rglob("*.py")):
        if path.is_symlink():
            # A script of the root, which imports what it likes.
            continue
        parts = path.relative_to(FOLDER.parent).with_suffix("").parts
        yield ".".join(p for p in parts if p != "__init__"), path


def find_imports(node, package, later=False):
    """Imports of a syntax tree, those in functions included."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, later)
    if isinstance(node, ast.ImportFrom):
        name = "." * node.level + (node.module or "")
        base = importlib.util.resolve_name(name, package)
        for alias in node.names:
            yield Import(f"{base}.{alias.name}", later)
    later = later or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for child in ast.iter_child_nodes(node):
        yield from find_imports(child, package, later)


def part_of(name):
    """The part of the package that a dotted name lies in, or the package."""
    parts = name.split(".")
    known = len(parts) > 1 and parts[1] in MAY_IMPORT
    return parts[1] if known else PACKAGE


def is_wrong(module, found):
    part = part_of(module)
    if found.library == PACKAGE:
        other = part_of(found.name)
        return other != part and other not in MAY_IMPORT[part]
    if found.library in KEPT_APART:
        return module != KEPT_APART[found.library]
    if found.library in sys.stdlib_module_names:
        return False
    if found.later and found.library in MAY_IMPORT_LATER.get(module, ()):
        return False
    anything = {found.library} - SCRIPTS
    return found.library not in MAY_IMPORT_LIBRARIES.get(part, anything)


def wrong_imports(module, source, package=None):
    """Names that `module` imports and must not."""
    package = package or module.rpartition(".")[0]
    imports = find_imports(ast.parse(source), package)
    return [found.name for found in imports if is_wrong(module, found)]


# The modules that can import anything of the package hold its public names.
MODULES = {n: path for n, path in find_modules() if n != PACKAGE}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    assert part_of(module) != PACKAGE, "Add the new part to `MAY_IMPORT`."
    path = MODULES[module]
    package = module if path.name == "__init__.py" else None
    assert wrong_imports(module, path.read_text("utf-8"), package) == []


def test_the_modules_were_found():
    assert f"{PACKAGE}.spaces" in MODULES
    assert f"{PACKAGE}.families.registry" in MODULES
    assert f"{PACKAGE}.calibration" in MODULES


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_no_two_parts_may_import_each_other(part):
    reached, ahead = set(), MAY_IMPORT[part] - {part}
    while ahead:
        reached |= ahead
        ahead = {o for r in ahead for o in MAY_IMPORT[r] - {r}} - reached
    assert part not in reached


@pytest.mark.parametrize(
    "module, source",
    [
        ("checks", "import numpy as np"),
        ("checks", "from keras_elastic import spaces"),
        ("spaces.plan", "import keras"),
        ("spaces.plan", "def f():\n    import keras"),
        ("spaces.arithmetic", "import keras"),
        ("spaces.arithmetic", "def f():\n    import tensorflow"),
        ("spaces.plan", "from keras_elastic import families"),
        ("spaces.plan", "from keras_elastic.families import get"),
        ("spaces.plan", "from ..families import get"),
        ("families.registry", "import tensorflow as tf"),
        ("families.registry", "from keras_elastic.models import Supernet"),
        ("layers.slicing", "from keras_elastic.spaces import where"),
        ("layers.slicing", "import numpy as np"),
        ("layers.slicing", "def f():\n    import tensorflow as tf"),
        ("layers.kernels", "import tensorflow as tf"),
        ("models.child", "if True:\n    import keras_elastic.training"),
        ("models.child", "import keras_elastic"),
        ("models.child", "from keras_elastic import Supernet"),
        ("models.child", "import tf_keras"),
        ("calibration", "from keras_elastic.training import Trainer"),
        ("training.trainer", "from keras_elastic.selection import Front"),
        ("data.digits", "from keras_elastic.training import Run"),
        ("selection.front", "class A:\n    from keras_elastic import zoo"),
        ("data.digits", "from keras_elastic.spaces import where"),
        ("lazy", "import numpy as np"),
        ("lazy", "from keras_elastic import data"),
        ("export.saved_model", "from keras_elastic.zoo import load"),
        ("export.saved_model", "import tensorflow_model_optimization"),
        ("zoo.loading", "import train"),
        ("zoo.loading", "from keras_elastic.conditional import DSNet"),
        ("models.pyramid", "from keras_elastic import detection"),
        ("training.recipe", "import keras_elastic.conditional.dsnet.recipe"),
    ],
)
def test_a_wrong_import_is_found(module, source):
    assert wrong_imports(f"{PACKAGE}.{module}", source)


@pytest.mark.parametrize(
    "module, source",
    [
        ("checks", "import numbers"),
        ("spaces.plan", "import dataclasses\nimport numpy as np"),
        ("spaces.plan", "from keras_elastic import checks"),
        ("spaces.arithmetic", "def f():\n    import keras"),
        ("families.registry", "from keras_elastic.spaces import where"),
        ("layers.slicing", "import keras\nfrom . import kernels"),
        ("layers.kernels", "def f():\n    import tensorflow as tf"),
        ("models.child", "from keras_elastic import families, layers"),
        ("data", "from keras_elastic import lazy"),
        ("export.saved_model", "from keras_elastic import calibration"),
        ("export.quantization", "import tf_keras"),
        ("zoo.loading", "from keras_elastic import data, export, selection"),
        ("conditional.dsnet.run", "from keras_elastic.zoo import evaluation"),
    ],
)
def test_a_right_import_is_let_through(module, source):
    assert wrong_imports(f"{PACKAGE}.{module}", source) == []


def run_python(code):
    """Runs code in a new process, with nothing but the package's folder."""
    stub = (
        "import sys, types\n"
        f"package = types.ModuleType({PACKAGE!r})\n"
        f"package.__path__ = [{str(FOLDER)!r}]\n"
        f"sys.modules[{PACKAGE!r}] = package\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", stub + code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


DEEP_LEARNING = (
    "print(*{'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules))"
)


def test_spaces_and_families_need_no_deep_learning_library():
    use_them = (
        "import numpy as np\n"
        "from keras_elastic import families\n"
        "from keras_elastic import spaces\n"
        "family = families.get('bignas')\n"
        "rng = np.random.default_rng(0)\n"
        "vectors = family.space.sample_encoded(rng, 10)\n"
        "for genes in (family.space.largest, family.space.unstack(vectors)):\n"
        "    spaces.costs(family.plan(genes, classes=10))\n"
    )
    assert run_python(use_them + DEEP_LEARNING) == []


def test_a_deep_learning_library_would_be_seen():
    stub = "sys.modules['keras'] = types.ModuleType('keras')\n"
    assert run_python(stub + DEEP_LEARNING) == ["keras"]
