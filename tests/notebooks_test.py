"""Notebooks are valid, hold no outputs, and are named where readers look.

Their code is run by `docs_test.py`, as that of every page.
"""

import json
import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
FIELDS = {
    "markdown": {"cell_type", "id", "metadata", "source"},
    "code": {
        *("cell_type", "id", "metadata", "source"),
        *("execution_count", "outputs"),
    },
}


def read(path):
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_of_format_4_5(path):
    notebook = read(path)
    # The first minor version whose cells have ids.
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["language"] == "python"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in notebook["cells"]:
        assert set(cell) == FIELDS[cell["cell_type"]]
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"])
        *lines, last = cell["source"]
        assert all(line.endswith("\n") for line in lines)
        assert last and not last.endswith("\n")
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs(path):
    cells = read(path)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    for cell in code:
        assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_as_a_page(path):
    notebook = read(path)
    assert notebook["cells"][0]["source"][0].startswith("# ")
    for cell in notebook["cells"]:
        # Where cells are, lines are cut off: no wider than a page.
        assert max(len(line.rstrip()) for line in cell["source"]) <= 88
        if cell["cell_type"] == "code":
            # Plain Python, which a reader can copy to a file.
            compile("".join(cell["source"]), str(path), "exec")


def test_the_page_of_notebooks_names_each():
    page = (DOCS / "notebooks.md").read_text("utf-8")
    linked = re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", page)
    assert sorted(linked) == [path.stem for path in NOTEBOOKS]
