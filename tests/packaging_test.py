"""What is installed is what is there."""

import configparser
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]


def declared_packages():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return set(parser["options"]["packages"].split())


def test_every_package_is_declared():
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "keras_elastic").rglob("__init__.py")
    }
    assert declared_packages() == folders | {"keras_elastic_zoo"}


@pytest.mark.slow
def test_a_wheel_carries_the_zoo(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "."]
        + [f"--wheel-dir={tmp_path}"],
        cwd=_copy(tmp_path),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "zoo").glob("*/*"):
        if path.is_file():
            name = path.relative_to(ROOT / "zoo").as_posix()
            assert f"keras_elastic_zoo/{name}" in names
    assert "keras_elastic/layers/elastic_conv2d.py" in names


def _copy(tmp_path):
    """The sources without what building would leave among them."""
    source = tmp_path / "source"
    for folder in ("keras_elastic", "zoo"):
        shutil.copytree(ROOT / folder, source / folder)
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    return source
