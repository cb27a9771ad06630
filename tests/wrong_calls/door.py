"""A public callable, the wrong values of its arguments, and what they do."""

import contextlib
import dataclasses
import io
import re
import types
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_elastic as ke
from keras_elastic import families
from keras_elastic import spaces

SIZE = 8


class Anything:
    """An object that is nothing."""

    def __repr__(self):
        return "<anything>"


NAN = float("nan")


ODD = (Anything(), Anything)


NO_NUMBERS = (None, "3", "", [3], {}, *ODD)


NO_INTEGERS = (*NO_NUMBERS, 2.5, NAN, True)


NO_OBJECTS = (None, "no such thing", 3, 2.5, True, [], {}, *ODD)


NO_IMAGES = (
    None,
    "images",
    3,
    np.zeros((SIZE, SIZE, 3), "float32"),
    np.zeros((2, SIZE, SIZE, 1), "float32"),
    np.zeros((2, SIZE, SIZE, 4), "float32"),
    np.zeros((2, 5), "float32"),
    [],
    *ODD,
)


# What a kind of argument rules out.
KINDS = {
    "positive integer": (*NO_INTEGERS, 0, -1),
    "count": (*NO_INTEGERS, -1),
    "integer": NO_INTEGERS,
    "positive": (*NO_NUMBERS, 0, -1.0, NAN, True),
    "non-negative": (*NO_NUMBERS, -0.5, NAN, True),
    "number": (*NO_NUMBERS, NAN, True),
    "fraction": (*NO_NUMBERS, -0.5, 1.5, NAN, True),
    "boolean": ("yes", "", None, 2, 2.5, [], [True], {}, *ODD),
    "choice": ("no such choice", "", None, 3, True, [], {}, *ODD),
    "string": (None, 3, 2.5, True, [], {}, b"bytes", *ODD),
    "text": (None, 3, 2.5, True, [], {}, b"bytes", *ODD),
    "name": (None, "no such name", "", 3, 2.5, True, [], {}, *ODD),
    "path": (None, "", 3, 2.5, True, [], {}, *ODD),
    "strings": (None, 3, True, [3], [None], {"a": 1}, *ODD),
    "integers": (None, "3", 3, [2.5], ["3"], [None], [True], *ODD),
    "function": ("function", 3, 2.5, True, [], {}, Anything()),
    "mapping": (None, "mapping", 3, True, [], *ODD),
    "model": (*NO_OBJECTS, keras.Model, keras.layers.Dense(3)),
    "family": (*NO_OBJECTS, families.EfficientNet),
    "space": (*NO_OBJECTS, spaces.SearchSpace),
    "supernet": (*NO_OBJECTS, ke.Supernet),
    "architecture": (*NO_OBJECTS, spaces.Architecture),
    "plan": (*NO_OBJECTS, spaces.Plan),
    "entry": (*NO_OBJECTS, ""),
    "images": NO_IMAGES,
    "object": NO_OBJECTS,
    "rows": (None, "rows", 3, [[1, 2]], np.zeros(3), *ODD),
    "statistics": (
        "statistics",
        3,
        [],
        {},
        {"stem_norm": np.zeros((2, 3))},
        *ODD,
    ),
    "classes names": (
        "cat",
        3,
        {"a", "b", "c"},
        {"a": 0},
        ["a", "b"],
        ["a", "a", "b"],
        ["a", "b\nc", "d"],
        ["a", "b", ""],
        ["a", "b", 3],
        *ODD,
    ),
}


@dataclasses.dataclass
class Door:
    """A public callable, right arguments, and their kinds.

    Args:
        name: The public name.
        call: Function of the arguments.
        right: Dictionary of arguments, or a function that makes it.
        kinds: Dictionary from arguments to kinds of `KINDS`; one that ends in
            "?" may be `None`.
        but: Values that are right nevertheless, by argument.
        more: Further wrong values, by argument.
    """

    name: str
    call: Callable
    right: Any
    kinds: dict[str, str]
    but: dict[str, tuple] = dataclasses.field(default_factory=dict)
    more: dict[str, tuple] = dataclasses.field(default_factory=dict)

    def wrong_values(self, argument):
        """Yields what an argument must not be."""
        kind = self.kinds[argument]
        values = KINDS[kind.removesuffix("?")]
        right = [repr(value) for value in self.but.get(argument, ())]
        for value in (*values, *self.more.get(argument, ())):
            is_none = value is None and kind.endswith("?")
            if not is_none and repr(value) not in right:
                yield value

    def results(self):
        """Yields the argument, the value and what became of each call."""
        for argument in self.kinds:
            for value in self.wrong_values(argument):
                right = self.right() if callable(self.right) else self.right
                yield (
                    argument,
                    value,
                    *outcome(self.call, {**right, argument: value}, argument),
                )


def outcome(call, arguments, argument):
    """Returns "clear", "raw" or "wrong", and the error."""
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            result = call(**arguments)
            if isinstance(result, types.GeneratorType):
                next(result)
    except Exception as error:
        # An `OSError` is clear if it names the path.
        value = arguments[argument]
        is_path = isinstance(error, OSError) and str(value) in str(error)
        is_clear = isinstance(error, ValueError) or is_path
        is_named = is_path or re.search(rf"\b{argument}\b", str(error))
        kind = "clear" if is_clear and is_named else "raw"
        return kind, f"{type(error).__name__}: {error}"
    return "wrong", ""
