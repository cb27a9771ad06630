"""The public half has type hints, and type checkers find all of it.

Tests of `families/family.py`, too, which is for type checkers alone.
"""

import ast
import functools
import importlib
import inspect
import pathlib

import pytest
from public_names_test import MODULES
from public_names_test import NAMES

import keras_elastic

PACKAGE = "keras_elastic"
FOLDER = pathlib.Path(keras_elastic.__file__).parent
NAMESPACES = sorted({"", *MODULES})


def functions_of(value, package):
    """Functions that a public value is, or that its module or class has."""
    if inspect.isclass(value):
        kinds = [k for k in value.__mro__ if k.__module__.startswith(package)]
        members = [item for kind in kinds for item in vars(kind).items()]
    elif inspect.ismodule(value):
        members = vars(value).items()
    else:
        members = [(value.__class__.__name__, value)]
    for name, member in members:
        if not name.startswith("_") or name in ("__init__", "__call__"):
            function = inspect.unwrap(plain(member))
            if inspect.isfunction(function) and is_written(function, package):
                yield function


def plain(member):
    """The function behind a member of a class, or what else it is."""
    for kind, attribute in (
        (property, "fget"),
        (functools.cached_property, "func"),
        ((classmethod, staticmethod), "__func__"),
    ):
        if isinstance(member, kind):
            return getattr(member, attribute)
    return member


def is_written(function, package):
    """Whether a function is the package's, and could have hints."""
    # What `dataclasses` and `NamedTuple` write has no file.
    has_file = pathlib.Path(function.__code__.co_filename).exists()
    is_ours = function.__module__.startswith(package)
    return is_ours and has_file and function.__name__ != "<lambda>"


def missing(function):
    """Names of what a function lacks hints for: parameters, the result."""
    signature = inspect.signature(function)
    unsaid = [
        name
        for place, (name, parameter) in enumerate(signature.parameters.items())
        if parameter.annotation is inspect.Parameter.empty
        and not (place == 0 and name in ("self", "cls"))
    ]
    returned = signature.return_annotation
    if function.__name__ != "__init__" and returned is inspect.Signature.empty:
        unsaid.append("return")
    return unsaid


def all_missing(values, package=PACKAGE):
    found = [f for value in values for f in functions_of(value, package)]
    return {f.__qualname__: missing(f) for f in found if missing(f)}


@pytest.mark.parametrize("name", NAMESPACES)
def test_what_is_public_has_hints(name):
    module = importlib.import_module(f"{PACKAGE}.{name}".rstrip("."))
    assert all_missing(getattr(module, n) for n in NAMES[name]) == {}


class Unsaid:
    """A class without hints."""

    def __init__(self, size, *rest):
        self.size = size

    @property
    def half(self):
        return self.size / 2

    @functools.cached_property
    def third(self):
        return self.size / 3

    @classmethod
    def of(cls, sizes: list) -> "Unsaid":
        return cls(*sizes)

    @staticmethod
    def largest(sizes, **more: int) -> int:
        return max(sizes)


def test_a_missing_hint_would_be_seen():
    assert all_missing([Unsaid, all_missing], Unsaid.__module__) == {
        "Unsaid.__init__": ["size", "rest"],
        "Unsaid.half": ["return"],
        "Unsaid.third": ["return"],
        "Unsaid.largest": ["sizes"],
        "all_missing": ["values", "package", "return"],
    }


def names_for_checkers(path):
    """Names that a namespace imports for type checkers, each as itself."""
    for node in ast.parse(path.read_text("utf-8")).body:
        is_block = isinstance(node, ast.If)
        if is_block and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                # With `as`: without, it is none of the namespace's.
                yield from (alias.asname for alias in statement.names)


@pytest.mark.parametrize("name", NAMESPACES)
def test_type_checkers_find_every_public_name(name):
    found = list(names_for_checkers(FOLDER / name / "__init__.py"))
    assert sorted(found) == sorted(NAMES[name] | (set() if name else MODULES))


def test_type_checkers_are_told_that_there_are_hints():
    assert (FOLDER / "py.typed").is_file()
