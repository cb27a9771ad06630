"""Every source file has its tests, where a reader looks for them.

The tests of `keras_elastic/a/b.py` are in `tests/a/b_test.py`, or in a file
whose docstring names `a/b.py`.
"""

import ast
import pathlib
import re

import pytest

TESTS = pathlib.Path(__file__).parent
PACKAGE = TESTS.parent / "keras_elastic"
SOURCES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if not path.name.startswith("__")
    # Links to what lies in the root.
    and PACKAGE / "zoo" / "entries" not in path.parents
    and not path.is_symlink()
)


def named_in_docstrings():
    """Sources that the docstring of a file of tests names."""
    docstrings = (
        ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        for path in TESTS.rglob("*_test.py")
        if path != pathlib.Path(__file__)
    )
    return {
        name for text in docstrings for name in re.findall(r"`(\S+\.py)`", text)
    }


NAMED = named_in_docstrings()


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_has_tests(source):
    own = TESTS / f"{source.removesuffix('.py')}_test.py"
    assert own.is_file() or source in NAMED


def test_names_in_docstrings_are_sources():
    """One that was moved is named where it was."""
    rooms = {source.split("/")[0] for source in SOURCES if "/" in source}
    named = {name for name in NAMED if name.split("/")[0] in rooms}
    assert named <= set(SOURCES)
