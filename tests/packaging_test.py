"""What is installed is what is there."""

import configparser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from keras_elastic.zoo import places

ROOT = pathlib.Path(__file__).parents[1]
# Bytes of a wheel.
MOST = 40e6


def declared_packages():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return set(parser["options"]["packages"].split())


def test_every_package_is_declared():
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "keras_elastic").rglob("__init__.py")
    }
    assert declared_packages() == folders


def test_the_readme_names_every_extra():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    extras = set(parser["options.extras_require"])
    readme = (ROOT / "README.md").read_text("utf-8")
    _, _, table = readme.partition("| extra | for |\n")
    rows = table.partition("\n\n")[0].splitlines()[1:]
    named = [re.findall("`(.*?)`", row.split("|")[1]) for row in rows]
    assert set(sum(named, [])) == extras


def test_hooks_run_what_ci_runs():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    commands = re.findall(r"^ +entry: (.+)$", hooks, re.MULTILINE)
    assert len(commands) == 4
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    # One of them runs beside the next.
    assert set(commands) <= {line.removesuffix(" &") for line in lines}


def test_a_copy_without_links_has_its_zoo(tmp_path, monkeypatch):
    assert places.zoo_folder() == ROOT / "zoo"
    # What some systems make of a link: a file with its target.
    entries = tmp_path / "entries"
    entries.write_text("../../zoo")
    monkeypatch.setattr(places, "_ENTRIES", entries)
    assert places.zoo_folder() == ROOT / "zoo"


@pytest.mark.slow
def test_a_wheel_carries_the_zoo(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "."]
        + [f"--wheel-dir={tmp_path}"],
        cwd=_copy(tmp_path / "source"),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    [wheel] = tmp_path.glob("*.whl")
    # Weights and all: what everyone downloads who installs the package.
    assert wheel.stat().st_size <= MOST
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "zoo").glob("*/*"):
        if path.is_file():
            name = path.relative_to(ROOT / "zoo").as_posix()
            assert f"keras_elastic/zoo/entries/{name}" in names
    for suffix in ("html", "css", "js"):
        assert f"keras_elastic/zoo/pages/explore.{suffix}" in names
    assert "keras_elastic/layers/elastic_conv2d.py" in names
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    # As in a fresh environment, far from the checkout.
    help_of_train = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); "
        "from keras_elastic import command_line; "
        "command_line.main(['list']); command_line.main(['train', '--help'])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", help_of_train],
        cwd=tmp_path,
        env={key: v for key, v in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "bignas_digits" in shown and "--smoke" in shown
    for script in ("train.py", "search.py"):
        copy = installed / "keras_elastic" / "commands" / "scripts" / script
        assert copy.read_text("utf-8") == (ROOT / script).read_text("utf-8")
    [points] = installed.glob("*.dist-info/entry_points.txt")
    assert "keras-elastic = keras_elastic.command_line:main" in (
        points.read_text("utf-8")
    )


@pytest.mark.slow
def test_a_checkout_does_not_hide_the_package(tmp_path):
    # A script beside a checkout sees a folder of the package's name.
    checkout = _copy(tmp_path / "keras_elastic")
    build = "from setuptools import build_meta as b; b.build_editable('..')"
    subprocess.run([sys.executable, "-c", build], cwd=checkout, check=True)
    [wheel] = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    find = (
        "import importlib.util, site; site.addsitedir('installed'); "
        "print(importlib.util.find_spec('keras_elastic').origin)"
    )
    # Without site-packages, where this very package is installed.
    run = subprocess.run(
        [sys.executable, "-S", "-c", find],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == str(checkout / "keras_elastic/__init__.py")


def _copy(source):
    """The sources without what building would leave among them."""
    for folder in ("keras_elastic", "zoo"):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True)
    for file in (
        *("setup.cfg", "pyproject.toml", "README.md", "LICENSE"),
        *("train.py", "search.py"),
    ):
        shutil.copy(ROOT / file, source)
    return source
