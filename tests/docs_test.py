"""Examples in docstrings and in the README run as they stand."""

import doctest
import importlib
import pathlib
import pkgutil
import re
import runpy
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic

ROOT = pathlib.Path(__file__).parents[1]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(
        keras_elastic.__path__, "keras_elastic."
    )
]
# Libraries that one backend needs, and the others do without.
OPTIONAL = {"torch"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def load(name):
    """Imports a module, or skips the test that needs it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"needs {error.name}")


@pytest.fixture(scope="module")
def names():
    """What examples may use without making it."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 8, 8, 3)).astype("uint8")
    labels = rng.integers(0, 10, 32)
    return {
        "keras": keras,
        "keras_elastic": keras_elastic,
        "np": np,
        "tf": tf,
        "images": images,
        "held_out_batches": [(255 - images, labels)],
        "supernet": keras_elastic.Supernet("bignas_digits", classes=10),
    }


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = load(name)
    result = doctest.testmod(module, extraglobs=names, optionflags=FLAGS)
    assert result.failed == 0


def test_there_are_examples():
    parser = doctest.DocTestParser()
    examples = [
        example
        for path in (ROOT / "keras_elastic").rglob("*.py")
        for example in parser.get_examples(path.read_text("utf-8"))
    ]
    assert len(examples) > 20


@pytest.mark.slow
def test_the_readmes_python_runs_as_a_user_would_run_it(tmp_path):
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len(blocks) >= 3
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_readme_names_files_that_exist():
    readme = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", readme):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


def test_the_readmes_families_have_the_figures_of_the_code():
    table = runpy.run_path(str(ROOT / "benchmarks" / "families_table.py"))
    readme = (ROOT / "README.md").read_text()
    for name in keras_elastic.families.names():
        figures = " | ".join(table["figures"](name))
        [row] = re.findall(rf"^\| `{re.escape(name)}` \|.*M \|$", readme, re.M)
        assert row.endswith(f"| {figures} |")
