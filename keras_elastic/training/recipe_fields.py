"""Whether the fields of a recipe hold what their annotations say.

Recipes come from Python files, from JSON and from flags: a number that is none
must not be found after the training.
"""

import dataclasses
import math
import numbers
import types
import typing
from typing import Any

_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a finite number",
    str: "a string that is not empty",
    type(None): "None",
    Any: "values without a number that is not finite",
}


def normalize(recipe) -> None:
    """Replaces lists by tuples, and NumPy's numbers by Python's.

    So that equal recipes are equal values, and all are JSON.
    """
    for field, hint in typing.get_type_hints(type(recipe)).items():
        if typing.get_origin(hint) is typing.ClassVar:
            continue
        value = getattr(recipe, field)
        if isinstance(value, list) and _holds(hint, tuple):
            value = tuple(value)
        if isinstance(value, tuple):
            value = tuple(map(_plain, value))
        object.__setattr__(recipe, field, _plain(value))


def _holds(hint, kind):
    return any(
        typing.get_origin(option) is kind
        for option in (hint, *typing.get_args(hint))
    )


def _plain(value):
    if isinstance(value, (bool, int, float)):
        # NumPy's double is a `float` of Python's, too.
        return float(value) if type(value).__module__ == "numpy" else value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def check_kinds(recipe) -> None:
    """Raises a `ValueError` for the first field of a wrong kind."""
    hints = typing.get_type_hints(type(recipe))
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        hint = hints[field.name]
        if not _fits(value, hint):
            raise ValueError(
                f"`{field.name}` of the recipe {str(recipe.name)!r} must be "
                f"{_describe(hint)}. Received: {field.name}={value!r}."
            )


def check_ranges(recipe, ranges) -> None:
    """Raises a `ValueError` for the first number that is out of range.

    Args:
        recipe: `TrainingRecipe`.
        ranges: Dictionary from fields to the least and the most.
    """
    for field, (least, most) in ranges.items():
        value = getattr(recipe, field)
        if value is not None and not least <= value <= most:
            most = "" if most == math.inf else f" and at most {most}"
            raise ValueError(
                f"`{field}` of the recipe '{recipe.name}' must be at least "
                f"{least}{most}. Received: {field}={value}."
            )


def _fits(value, hint):
    if hint is Any:
        return _is_finite(value)
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return _fits_plain(value, hint)
    options = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(
            _fits(entry, options[0]) for entry in value
        )
    if typing.get_origin(hint) is dict:
        return isinstance(value, dict) and all(
            _fits(key, options[0]) and _fits(entry, options[1])
            for key, entry in value.items()
        )
    return any(_fits(value, option) for option in options)


def _fits_plain(value, kind):
    if kind in (int, float):
        return (
            isinstance(value, (int, kind))
            and not isinstance(value, bool)
            and math.isfinite(value)
        )
    # An empty string would be taken for none that was given.
    return isinstance(value, kind) and value != ""


def _is_finite(value):
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _describe(hint):
    if hint in _NAMES:
        return _NAMES[hint]
    options = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is tuple:
        return f"a tuple, each of it {_describe(options[0])}"
    if origin is dict:
        return (
            f"a dictionary from {_describe(options[0])} to "
            f"{_describe(options[1])}"
        )
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_describe, options))
    return str(hint)
