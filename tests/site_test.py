"""The site: its pages, and the reference of every public name."""

import importlib
import pathlib
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
import types
import zlib

import exploring_pages
import pytest

import keras_elastic
from keras_elastic import zoo

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


def trained():
    entries = map(zoo.find_entry, zoo.entry_names())
    return {entry.name: entry for entry in entries if entry.is_trained}


def test_every_trained_entry_is_in_the_navigation_once():
    config = (ROOT / "zensical.toml").read_text("utf-8")
    listed = re.findall(r'"(\w+)" = "explore/(\w+)\.html"', config)
    assert sorted(listed) == [(name, name) for name in sorted(trained())]


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
    runpy.run_path(str(folder / ".ci" / "pages.py"))
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
def test_notebooks_are_copied(site):
    for file in (DOCS / "notebooks").iterdir():
        copied = site / "site" / "notebooks" / file.name
        assert copied.read_text("utf-8") == file.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", [".", "zoo", "reference/zoo"])
def test_every_page_leads_to_those_of_the_entries(site, page):
    links = re.findall(r'href="([^"]*explore/[^"]*)"', read(site, page))
    assert len(links) == len(trained())
    for link in links:
        assert (site / "site" / page / link).is_file()


@pytest.mark.slow
def test_the_page_of_an_entry_has_its_front(site):
    for name, entry in trained().items():
        page = site / "site" / "explore" / f"{name}.html"
        shown = exploring_pages.read(page)["rows"]
        assert [
            (row["flops"], row["held_out"], row["test"]) for row in shown
        ] == [
            (row.flops, row.held_out_top1, row.test_top1)
            for row in entry.front.rows
        ]


@pytest.mark.exhaustive
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
