"""The site: its pages, and the reference of every public name."""

import importlib
import pathlib
import pkgutil
import re
import shutil
import subprocess
import sys
import types
import zlib

import pytest

import keras_elastic
from keras_elastic.zoo import places
from keras_elastic.zoo.pages import exploring

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
# What a site is made of. The pages of changes and contributing include files.
_BROKEN = '    docstring += "\\n\\nArgs:\\n    nothing\\n"\n'
SOURCES = ("docs", ".ci", "zensical.toml", "CHANGELOG.md", "CONTRIBUTING.md")


def namespaces():
    """Public namespaces: the package, and the packages that it offers."""
    found = pkgutil.iter_modules(keras_elastic.__path__)
    offered = [
        f"keras_elastic.{module.name}"
        for module in found
        if module.ispkg and module.name in keras_elastic.__all__
    ]
    return ["keras_elastic", *offered]


def public(namespace):
    """Names of the classes and functions that a namespace offers."""
    module = importlib.import_module(namespace)
    values = {name: getattr(module, name) for name in dir(module)}
    return {
        f"{namespace}.{name}"
        for name, value in values.items()
        if not name.startswith("_")
        and isinstance(value, type | types.FunctionType)
    }


def pages():
    return [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]


def test_every_page_is_in_the_navigation_once():
    config = (ROOT / "zensical.toml").read_text("utf-8")
    assert sorted(re.findall(r'= "([\w/]+\.md)"', config)) == sorted(pages())


@pytest.mark.parametrize("namespace", namespaces())
def test_a_namespace_has_its_page(namespace):
    page = DOCS / "reference" / f"{namespace.rpartition('.')[2]}.md"
    assert f"::: {namespace}\n" in page.read_text("utf-8")


def test_every_trained_entry_has_its_page():
    """Written again by `python -m keras_elastic explore NAME --out=...`."""
    entries = map(places.find_entry, places.entry_names())
    names = {entry.name for entry in entries if entry.is_trained}
    assert {path.stem for path in (DOCS / "explore").iterdir()} == names
    listed = (DOCS / "zoo.md").read_text("utf-8")
    assert all(f"(explore/{name}.html)" in listed for name in names)


@pytest.mark.parametrize("name", places.entry_names())
def test_the_page_of_an_entry_is_up_to_date(name):
    entry = places.find_entry(name)
    if entry.is_trained:
        page = DOCS / "explore" / f"{name}.html"
        assert page.read_text("utf-8") == exploring.render(entry, name)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built elsewhere from the same files."""
    pytest.importorskip("zensical")
    folder = tmp_path_factory.mktemp("site")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder)
    (folder / "keras_elastic").symlink_to(ROOT / "keras_elastic")
    built = build(folder)
    assert built.returncode == 0, (built.stdout + built.stderr)[-3000:]
    return folder


def build(folder):
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def read(site, page):
    return (site / "site" / page / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_the_reference_has_every_public_name(site):
    inventory = (site / "site" / "objects.inv").read_bytes()
    listed = zlib.decompress(inventory.split(b"zlib.\n", 1)[1]).decode()
    known = {line.split(" ", 1)[0] for line in listed.splitlines()}
    for namespace in namespaces():
        assert public(namespace) <= known, public(namespace) - known


@pytest.mark.slow
def test_docstrings_are_read(site):
    page = read(site, "reference/layers")
    start = page.index('id="keras_elastic.layers.ElasticConv2D"')
    end = page.index('id="keras_elastic.layers.ElasticDense"')
    text = re.sub(r"<[^>]+>", "", page[start:end])
    # Arguments in a list, call arguments too, and examples as code.
    # Between them stands its type.
    assert re.search(
        r"Parameters:\s+filters\b[^–]*–\s+Integer\. The larg", text
    )
    assert re.search(r"Call arguments:\s+inputs: Tensor\.", text)
    assert re.search(r"Example:\s+&gt;&gt;&gt; layer = ElasticConv2D\(", text)
    assert "<blockquote>" not in page


@pytest.mark.slow
def test_changes_and_contributing_are_included(site):
    assert "Keep a Changelog" in read(site, "changes")
    assert "Add a family" in read(site, "contributing")


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["explore", "notebooks"])
def test_what_is_no_page_is_copied(site, folder):
    for file in (DOCS / folder).iterdir():
        copied = site / "site" / folder / file.name
        assert copied.read_text("utf-8") == file.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "file, old, new",
    [
        ("docs/index.md", "(export.md)", "(exports.md)"),
        # Docstrings that end in a section without names, as all would.
        (".ci/reference.py", "    return _LIST", _BROKEN + "    return _LIST"),
    ],
)
def test_a_warning_is_an_error(site, file, old, new):
    path = site / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    assert build(site).returncode != 0
    path.write_text(text, "utf-8")
