"""Checks of arguments, for the public doors of all parts of the package.

Each takes arguments by their names, returns nothing, and raises a `ValueError`
that names the first one that is wrong: `checks.positive_integer(steps=steps)`.
What is peculiar to one thing, such as "calibrated", is checked beside it.
"""

import numbers
from collections.abc import Collection
from typing import Any


def is_integer(value: Any) -> bool:
    """Whether a value is an integer, of Python's or NumPy's, no boolean."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a real number, of Python's or NumPy's, no boolean."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def integer_from(least: int, /, **values: Any) -> None:
    """Raises a `ValueError` unless values are integers of at least `least`.

    Args:
        least: Integer.
        **values: What was received, by the names of the arguments.
    """
    kind, fix = f"an integer of at least {least}", f"Pass {least} or more."
    for name, value in values.items():
        fits = is_integer(value) and value >= least
        _check(fits, name, value, kind, fix)


def positive_integer(**values: Any) -> None:
    """Raises a `ValueError` unless values are integers of at least 1."""
    for name, value in values.items():
        fits = is_integer(value) and value >= 1
        _check(fits, name, value, "a positive integer", "Pass 1 or more.")


def non_negative_integer(**values: Any) -> None:
    """Raises a `ValueError` unless values are integers of at least 0."""
    integer_from(0, **values)


def positive_number(**values: Any) -> None:
    """Raises a `ValueError` unless values are numbers above 0."""
    for name, value in values.items():
        fits = is_number(value) and value > 0
        _check(fits, name, value, "a positive number")


def non_negative_number(**values: Any) -> None:
    """Raises a `ValueError` unless values are numbers of at least 0."""
    for name, value in values.items():
        fits = is_number(value) and value >= 0
        _check(fits, name, value, "a number of at least 0")


def fraction(**values: Any) -> None:
    """Raises a `ValueError` unless values are numbers from 0 to 1."""
    for name, value in values.items():
        fits = is_number(value) and 0 <= value <= 1
        _check(fits, name, value, "a number from 0 to 1")


def fraction_below_one(**values: Any) -> None:
    """Raises a `ValueError` unless values are numbers of [0, 1)."""
    for name, value in values.items():
        fits = is_number(value) and 0 <= value < 1
        _check(fits, name, value, "a number of at least 0 and below 1")


def one_of(choices: Collection, /, **values: Any) -> None:
    """Raises a `ValueError` unless values are among some choices.

    Args:
        choices: Collection of what is allowed; the message lists them.
        **values: What was received, by the names of the arguments.
    """
    listed = ", ".join(map(repr, choices))
    for name, value in values.items():
        # Equal only where the types are: an array would be compared in parts.
        fits = any(isinstance(value, type(c)) and value == c for c in choices)
        _check(fits, name, value, f"one of {listed}")


def instance_of(kinds: Any, /, **values: Any) -> None:
    """Raises a `ValueError` unless values are instances of a class.

    Args:
        kinds: Class, or tuple of classes.
        **values: What was received, by the names of the arguments.
    """
    classes = kinds if isinstance(kinds, tuple) else (kinds,)
    listed = " or ".join(f"`{kind.__name__}`" for kind in classes)
    for name, value in values.items():
        _check(isinstance(value, kinds), name, value, f"of type {listed}")


def boolean(**values: Any) -> None:
    """Raises a `ValueError` unless values are `True` or `False`."""
    for name, value in values.items():
        # NumPy has one of its own.
        fits = type(value).__name__ in ("bool", "bool_")
        _check(fits, name, value, "True or False")


def strings(**values: Any) -> None:
    """Raises a `ValueError` unless values are lists or tuples of strings."""
    for name, value in values.items():
        fits = isinstance(value, (list, tuple)) and all(
            isinstance(entry, str) for entry in value
        )
        _check(fits, name, value, "a list or tuple of strings")


def string(**values: Any) -> None:
    """Raises a `ValueError` unless values are strings, not empty."""
    for name, value in values.items():
        fits = isinstance(value, str) and bool(value)
        _check(fits, name, value, "a string")


def callable_(**values: Any) -> None:
    """Raises a `ValueError` unless values can be called."""
    for name, value in values.items():
        _check(callable(value), name, value, "a function")


def _check(
    fits: bool, name: str, value: Any, expected: str, fix: str = ""
) -> None:
    if not fits:
        message = f"`{name}` must be {expected}. Received: {name}={value!r}."
        raise ValueError(f"{message} {fix}".rstrip())


def check_images(images: Any) -> None:
    """Raises a `ValueError` unless `images` is a batch of RGB images."""
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) == 4 and shape[-1] == 3:
        return
    fix = "Add a batch axis or stack the images."
    if len(shape) == 4 and shape[-1] == 1:
        fix = "Make grayscale images RGB with `np.repeat(images, 3, axis=-1)`."
    elif len(shape) == 4 and shape[-1] == 4:
        fix = "Drop the alpha channel with `images[..., :3]`."
    raise ValueError(
        "`images` must be RGB, of shape (batch, height, width, 3). "
        f"Received: images.shape={shape}. {fix}"
    )
